"""nnlite report: one HTML page about some model files, complete in itself."""

import html
from pathlib import Path

import nncompress
from nncompress.pruning import prunable_weights
from nnlite import __version__, load, plot, train
from nnlite.checkpoint import load_state
from nnlite.cli.common import check_out, is_nnz, load_plan, load_task, measure
from nnlite.files import write_atomically

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left }
svg { max-width: 100%; height: auto } pre { background: #f5f5f5; padding: 1rem; overflow-x: auto; font-size: 13px }"""


def run(arguments):
    check_out(arguments.out, ".html", arguments.files)
    rows = write_report(arguments.files, load_task(arguments), arguments.out)
    return {"out": str(arguments.out), "rows": rows}, f"{arguments.out}: a report on {len(rows)} files"


def write_report(files, task, out):
    """Measure the files, write the page, and return the measurements."""
    rows = [measure(path, task) for path in files]
    sections = [comparison(rows), *(about_file(path, task) for path in files), histograms(files)]
    head = f'<head><meta charset="utf-8"><title>nnlite report</title><style>{STYLE}</style></head>'
    body = f"<body><h1>nnlite report</h1>{''.join(sections)}<p>nnlite {__version__}</p></body>"
    page = f'<!DOCTYPE html><html lang="en">{head}{body}</html>'
    write_atomically(out, lambda stream: stream.write(page.encode(errors="replace")))
    return rows


def comparison(rows):
    """All files in one table and one picture."""
    cells = [[row["file"], row["arithmetic"], f"{row['accuracy']:.2%}", f"{row['parameters']:,}", f"{row['nonzero']:,}",
              f"{row['macs']:,}", f"{row['file_bytes']:,}", f"{1000 * row['ms_per_image']:.1f}"] for row in rows]
    head = ["file", "arithmetic", "test accuracy", "parameters", "not 0", "MACs per image", "bytes", "µs per image"]
    names = short_names([row["file"] for row in rows])
    points = [{"step": name, "accuracy": row["accuracy"], "bytes": row["file_bytes"]}
              for name, row in zip(names, rows, strict=True)]
    return f"<h2>Comparison</h2>{table(head, cells)}{plot.svg(plot.accuracy_against_bytes(points))}"


def about_file(path, task):
    """One file: its training curves or its bytes, and its confusion matrix."""
    plan, _ = load_plan(path, task)
    matrix = plot.confusion(*train.predict(plan, task.for_plan(plan).test_loader()), task.test.classes)
    parts = [f"<h2>{html.escape(str(path))}</h2>"]
    if is_nnz(path):
        parts.append(f"<pre>{html.escape(str(nncompress.inspect(path)))}</pre>")
    elif history := load_state(path).history:
        parts.append(plot.svg(plot.training_curves(history)))
    return "".join([*parts, plot.svg(plot.confusion_matrix(matrix))])


def histograms(files):
    """The weights of each layer in each file, side by side."""
    weights = {name: real_weights(path) for name, path in zip(short_names(files), files, strict=True)}
    return f"<h2>Weights</h2>{plot.svg(plot.weight_histograms(weights))}"


def short_names(files):
    """The names of the files without their directories; with them, if two names are equal."""
    names = [Path(file).name for file in files]
    return names if len(set(names)) == len(names) else [str(file) for file in files]


def real_weights(path):
    """{layer: weights} of a file as real numbers; the integers of an .nnz file are multiplied by their scales."""
    if not is_nnz(path):
        return {name.removesuffix(".weight"): w for name, w in prunable_weights(load(path)).items()}
    layers = [step for step in nncompress.load(path).steps if step.w is not None]
    return {step.name: step.w * step.w_scale.reshape(-1, *[1] * (step.w.ndim - 1)) for step in layers}


def table(head, rows):
    """An HTML table."""
    line = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{line}</tr></thead><tbody>{body}</tbody></table>"
