"""nnlite demo: the whole project once, on the bundled digits, in half a minute.

A network is trained, pruned, shrunk, retrained, quantized and coded into a file of a few kilobytes, which a fresh process
loads and runs in integers; a small student is distilled from it; and what it learned on the digits 0 to 4 is carried over to
5 to 9. Every row of the table is measured from a file: accuracy on test images that no training has seen.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
from tqdm import tqdm

import nncompress
import nnlite
from nncompress.pruning import magnitude_masks, shrink
from nnlite import plot, train
from nnlite.cli.common import Recipe, build_model, make_task, make_training, measure, retrain
from nnlite.cli.distill import distill
from nnlite.cli.finetune import finetune
from nnlite.cli.report import write_report
from nnlite.files import write_atomically
from nntransfer import replace_head

ROWS = 10
FEW_LABELS, SEEDS = 10, 3


def run(arguments):
    started = time.perf_counter()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tqdm(total=ROWS, desc="demo", disable=None, leave=False) as bar:
        rows = [*compression_rows(arguments.out, arguments.seed, bar), *distillation_rows(arguments.out, arguments.seed, bar),
                *transfer_rows(arguments.out, arguments.seed, bar)]
    points = [{"step": row["step"], "accuracy": row["accuracy"], "bytes": row["file_bytes"]} for row in rows[:5] + rows[6:8]]
    plot.accuracy_against_bytes(points, arguments.out / "accuracy-against-bytes.png")
    files = [arguments.out / name for name in ("cnn.npz", "retrained.npz", "cnn.nnz", "student.npz")]
    write_report(files, make_task("digits"), arguments.out / "report.html")
    result = {"rows": rows, "seconds": round(time.perf_counter() - started, 1), "out": str(arguments.out)}
    write_atomically(arguments.out / "results.json", lambda stream: stream.write(json.dumps(result, indent=1).encode()))
    return result, text(result)


def compression_rows(out, seed, bar):
    """train → prune → shrink → retrain → quantize and code → run in a fresh process."""
    task, recipe = make_task("digits"), Recipe(epochs=20, lr=0.05, seed=seed)

    bar.set_postfix_str("training the network")
    model = build_model("cnn", task, seed=seed)
    loader = task.loader(recipe.batch_size, seed)
    optimizer, schedule = make_training(model.parameters(), loader, recipe)
    history = train.fit(model, loader, optimizer, recipe.epochs, schedule=schedule)
    nnlite.save(out / "cnn.npz", model, history=history)
    yield step_row(bar, "train the articles' CNN", out / "cnn.npz", task)

    masks = magnitude_masks(model, 0.5, "global")
    masks.apply()
    nnlite.save(out / "pruned.npz", model, masks=masks)
    yield step_row(bar, "prune: half of the weights are 0", out / "pruned.npz", task)

    shrink(model, task.example(), 0.5, masks=masks)
    nnlite.save(out / "shrunk.npz", model, masks=masks)
    yield step_row(bar, "shrink: half of the filters go", out / "shrunk.npz", task)

    bar.set_postfix_str("retraining what is left")
    history = retrain(model, masks, task, Recipe(epochs=20, lr=0.05, seed=seed))
    nnlite.save(out / "retrained.npz", model, history=history, masks=masks)
    yield step_row(bar, "retrain what is left", out / "retrained.npz", task)

    bar.set_postfix_str("quantizing and coding")
    nncompress.save(out / "cnn.nnz", nncompress.quantize(model, task.calibration(seed)))
    yield step_row(bar, "quantize to int8, code", out / "cnn.nnz", task)

    bar.set_postfix_str("running the file in a fresh process")
    yield {"step": "… the same in a fresh process", **evaluate_in_fresh_process(out / "cnn.nnz")}
    bar.update()


def step_row(bar, step, path, task):
    """One row of the table: a file, measured."""
    row = {"step": step, **measure(path, task)}
    bar.update()
    return row


def evaluate_in_fresh_process(path):
    """What `nnlite evaluate FILE --json` prints."""
    command = [sys.executable, "-m", "nnlite", "evaluate", str(path), "--data", "digits", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"a fresh process could not evaluate {path}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def distillation_rows(out, seed, bar):
    """A student of less than a tenth of the size, trained by itself and with the network as its teacher."""
    task = make_task("digits")
    teacher = nnlite.compile(nnlite.load(out / "cnn.npz"), task.example())
    bar.set_postfix_str("distilling a student")
    for step, name, alpha in (("student: a small CNN alone", "student-alone.npz", 0.0),
                              ("student: the same, distilled", "student.npz", 0.9)):

        def train_student(s, alpha=alpha):
            student = build_model("cnn", task, width=0.25, seed=s)
            distill(student, teacher, task, Recipe(epochs=30, lr=0.02, seed=s), temperature=4.0, alpha=alpha)
            return student

        yield mean_row(step, out / name, task, train_student, seed)
        bar.update()


def transfer_rows(out, seed, bar):
    """The digits 5 to 9 from a few labels each: from scratch, and fine-tuned from a network that knows 0 to 4."""
    low, high = make_task("digits", classes=[0, 1, 2, 3, 4]), make_task("digits", classes=[5, 6, 7, 8, 9])
    bar.set_postfix_str("pretraining on 0 to 4, fine-tuning on 5 to 9")
    pretrained, recipe = build_model("cnn", low, seed=seed), Recipe(epochs=15, lr=0.05, seed=seed)
    loader = low.loader(recipe.batch_size, seed)
    optimizer, schedule = make_training(pretrained.parameters(), loader, recipe)
    train.fit(pretrained, loader, optimizer, recipe.epochs, schedule=schedule)
    nnlite.save(out / "digits-0-to-4.npz", pretrained)

    def start_from_scratch(s):
        return build_model("cnn", high, seed=s)

    def start_from_pretrained(s):
        model = nnlite.load(out / "digits-0-to-4.npz")
        replace_head(model, classes=5, rng=s)
        return model

    for way, start in (("from scratch", start_from_scratch), ("fine-tuned", start_from_pretrained)):

        def train_on_few(s, start=start):
            model, few = start(s), replace(high, train=high.train.few(FEW_LABELS, np.random.default_rng(s)))
            finetune(model, few, Recipe(epochs=40, lr=0.05, seed=s), strategy="all")
            return model

        path = out / f"digits-5-to-9-{way.replace(' ', '-')}.npz"
        yield mean_row(f"5–9 from {FEW_LABELS} labels a class: {way}", path, high, train_on_few, seed)
        bar.update()


def mean_row(step, path, task, make_model, seed):
    """A row whose accuracy is the mean over some seeds, for what depends on chance; the file is the last seed's."""
    measured = []
    for s in range(seed, seed + SEEDS):
        nnlite.save(path, make_model(s))
        measured.append(measure(path, task))
    accuracies = [row["accuracy"] for row in measured]
    return {"step": step, **measured[-1], "accuracy": float(np.mean(accuracies)), "accuracies": accuracies}


def text(result):
    """The table and what to try next."""
    lines = [f"{'step':42} {'accuracy':>8} {'parameters':>10} {'not 0':>7} {'MACs':>8} {'bytes':>8} {'µs/image':>8}"]
    for row in result["rows"]:
        lines.append(f"{row['step']:42} {row['accuracy']:8.1%} {row['parameters']:10,} {row['nonzero']:7,} {row['macs']:8,} "
                     f"{row['file_bytes']:8,} {1000 * row['ms_per_image']:8.1f}")
    first, last = result["rows"][0], next(row for row in result["rows"] if row["file"].endswith(".nnz"))
    out = result["out"]
    return "\n".join([
        *lines, "",
        f"Accuracy: on test images that no training has seen; in the last four rows the mean of {SEEDS} seeds.",
        f"The file became {first['file_bytes'] / last['file_bytes']:.1f} times smaller, with {last['accuracy']:.1%} right "
        f"instead of {first['accuracy']:.1%}. {result['seconds']} s in all.", "",
        f"Look at   {out}/report.html and {out}/accuracy-against-bytes.png",
        f"Try next  nnlite inspect {out}/cnn.nnz",
        f"          nnlite compress {out}/retrained.npz --sparsity 0.7 --bits 5",
        "          nnlite train --model lenet-5 --data mnist --out lenet.npz",
    ])
