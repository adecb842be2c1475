"""nnlite report: one HTML page about some model files, complete in itself."""

import html
import time
from pathlib import Path

from tqdm import tqdm

import nncompress
from nncompress.pruning import prunable_weights
from nnlite import __version__, plot, train
from nnlite.bench.machine import cpu_name
from nnlite.checkpoint import load_state
from nnlite.cli.common import BATCH, REPEATS, check_out, is_nnz, load_plan, load_task, measure, named
from nnlite.cli.origin import stored_origin
from nnlite.cli.own_model import read_model
from nnlite.cli.page import listing, page, pictures, table
from nnlite.files import write_atomically
from nnlite.kernels.machine.threads import most_threads

NARROW = (3.7, 3.6)  # inches: readable on a phone
BARS = "Accuracy on test images"
LONG = 24  # letters of a name on a picture


def run(arguments):
    check_out(arguments.out, ".html", arguments.files)
    rows = write_report(arguments.files, load_task(arguments), arguments.out)
    return {"out": str(arguments.out), "rows": rows}, f"{arguments.out}: a report on {len(rows)} file{'s' * (len(rows) != 1)}"


def write_report(files, task, out):
    """Measure the files, write the page, and return the measurements."""
    rows = [measure(path, task) for path in tqdm(files, "measure", leave=False, disable=None)]
    sections = [conditions(rows, task), comparison(rows), *about_files(files, rows, task), histograms(files, task)]
    text = page("nnlite report", sections)
    write_atomically(out, lambda stream: stream.write(text.encode(errors="replace")))
    return rows


def conditions(rows, task):
    """Data, machine, threads, batch, version and date."""
    measured = f"Measured on the {rows[0]['n']:,} test images of {named(task.name, task.classes)}, by nnlite {__version__} on"
    timed = (f"The time per image is the median of {REPEATS} runs of a batch of {min(BATCH, rows[0]['n'])} images, on "
             f"{cpu_name()} with up to {most_threads()} threads.")
    date = f"<time>{time.strftime('%Y-%m-%d')}</time>"
    return f'<p class="soft">{html.escape(measured)} {date}. {html.escape(timed)}</p>'


def comparison(rows):
    """All files in one table and one picture."""
    cells = [[row["file"], row["arithmetic"], f"{row['accuracy']:.2%}", f"{row['parameters']:,}", f"{row['nonzero']:,}",
              f"{row['macs']:,}", f"{row['file_bytes']:,}", f"{1000 * row['ms_per_image']:.1f}"] for row in rows]
    head = ["file", "arithmetic", "test accuracy", "parameters", "not 0", "MACs per image", "bytes", "µs per image"]
    names = short_names([row["file"] for row in rows])
    points = [{"step": name, "accuracy": row["accuracy"], "bytes": row["file_bytes"]}
              for name, row in zip(names, rows, strict=True)]
    alt = "Test accuracy against size on disk: " + "; ".join(
        f"{p['step']} {p['accuracy']:.1%}, {plot.size_text(p['bytes'])}" for p in points)
    picture = plot.accuracy_against_bytes(points, size=NARROW)
    return f"<h2>Comparison</h2>{table(head, cells)}{pictures((picture, alt))}"


def about_files(files, rows, task):
    """A section for each file. Pictures of one kind have the same scales in all sections."""
    parts = [(origin_of(path, task), [*drawn_origin(path, row, task), *curves(path), matrix(path, task)])
             for path, row in zip(tqdm(files, "draw", leave=False, disable=None), rows, strict=True)]
    axes = [a for _, drawn in parts for figure, _ in drawn for a in figure.axes]
    for title, direction in (("Loss", "xy"), ("Accuracy (%)", "xy"), ("Learning rate", "xy"), (BARS, "x")):
        plot.same_scales([a for a in axes if a.get_title("left") == title], direction)
    return [f"<h2>{html.escape(str(path))}</h2>{text}{pictures(*drawn)}"
            for path, (text, drawn) in zip(files, parts, strict=True)]


def origin_of(path, task):
    """How the file was made, in a sentence, or for an .nnz file what its bytes are spent on."""
    if is_nnz(path):
        return listing(str(nncompress.inspect(path)))
    made = stored_origin(path)
    if made is None:
        return ""
    sources = html.escape(", ".join(map(str, made["sources"])))
    options = ", ".join(f"{name.replace('_', '-')} {shown(value)}" for name, value in made["options"].items())
    elsewhere = made["accuracies"] and not same_data(made, task)
    return (f"<p>Made by <code>nnlite {html.escape(made['command'])}</code> from {sources} on {html.escape(made['data'])}: "
            f"{html.escape(options)}.{' Its accuracies were compared there, so they are not shown here.' * elsewhere}</p>")


def shown(value):
    """An option's value, as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def same_data(made, task):
    return (made["data"], made["classes"]) == (task.name, task.classes)


def drawn_origin(path, row, task):
    """Bars for the accuracies that the file's own is to be compared with, and for the scores that chose its source."""
    made = None if is_nnz(path) else stored_origin(path)
    if made is None:
        return
    if made["accuracies"] and same_data(made, task):
        yield bars({"this file": row["accuracy"]} | made["accuracies"], BARS, "test accuracy (%)", 100)
    for name, of in made["scores"].items():
        yield bars(of, "Which source suits best", f"{name} on {made['data']} (higher is better)")


def bars(values, title, label, unit=1):
    """A picture and what it shows in words."""
    values = {name: unit * value for name, value in zip(short_names(values), values.values(), strict=True)}
    alt = f"{title}, {label}: " + "; ".join(f"{name} {value:.4g}" for name, value in values.items())
    return plot.horizontal_bars(values, title, label), alt


def curves(path):
    """The training curves, where the file has a history."""
    history = [] if is_nnz(path) else load_state(path).history
    if history:
        ends = [f"{name} {history[0][name]:.4g} in the first epoch, {history[-1][name]:.4g} in the last"
                for name in ("loss", "accuracy") if name in history[0] and name in history[-1]]
        yield plot.training_curves(history, columns=1), f"Training over {len(history)} epochs: {'; '.join(ends)}"


def matrix(path, task):
    """The confusion matrix, and what it shows in words."""
    plan, _ = load_plan(path, task)
    counts = plot.confusion(*train.predict(plan, task.for_plan(plan).test_loader()), task.test.classes)
    names = task.names()
    wrong = sorted(((counts[i, j], i, j) for i, j in zip(*counts.nonzero(), strict=True) if i != j), reverse=True)
    most = "; ".join(f"{names[i]} taken for {names[j]} ({n})" for n, i, j in wrong[:3])
    told = f"Confusion matrix: {counts.trace():,} of {counts.sum():,} right; most mistakes: {most or 'none'}"
    return plot.confusion_matrix(counts, class_names=names), told


def histograms(files, task):
    """The weights of each layer in all files, on the same scales."""
    weights = {name: real_weights(path, task) for name, path in zip(short_names(files), files, strict=True)}
    layers = list(dict.fromkeys(layer for of in weights.values() for layer in of))
    limit = max((abs(w).max(initial=0) for of in weights.values() for w in of.values()), default=0) or 1.0
    drawn = []
    for layer in layers:
        states = {name: {layer: of[layer]} for name, of in weights.items() if layer in of}
        facts = "; ".join(f"{name} {of[layer].size:,} weights, {(of[layer] == 0).mean():.0%} of them 0"
                          for name, of in states.items())
        drawn.append((plot.weight_histograms(states, limit=limit), f"How many weights of {layer} have which value: {facts}"))
    plot.same_scales([axes for figure, _ in drawn for axes in figure.axes])
    return f"<h2>Weights of each layer</h2>{pictures(*drawn)}"


def short_names(files):
    """Names for pictures: without directories and the middle of long names, as far as they stay different."""
    names = [Path(file).name for file in files]
    names = names if len(set(names)) == len(names) else [str(file) for file in files]
    shorter = [name if len(name) <= LONG else f"{name[: LONG // 2]}…{name[-LONG // 2 + 1 :]}" for name in names]
    return shorter if len(set(shorter)) == len(names) else names


def real_weights(path, task):
    """{layer: weights} of a file as real numbers; the integers of an .nnz file are multiplied by their scales."""
    if not is_nnz(path):
        return {name.removesuffix(".weight"): w for name, w in prunable_weights(read_model(path, task.own)).items()}
    layers = [step for step in nncompress.load(path).steps if step.w is not None]
    return {step.name: step.w * step.w_scale.reshape(-1, *[1] * (step.w.ndim - 1)) for step in layers}
