"""Distillation on MNIST as in Hinton, Vinyals & Dean 2015: a student without jitter learns what its teacher knows.

    python tutorials/papers/hinton.py --work WORK              everything, three seeds; WORK keeps what is finished
    python tutorials/papers/hinton.py --work WORK --part students
    python tutorials/papers/hinton.py --quick                  the bundled digits, some seconds

teacher        784-1200-1200-10 with dropout, on images that are moved by up to 2 pixels. One teacher serves all seeds
students       784-800-800-10 on images as they are: by the labels alone, and on the teacher's soft targets
no-three       the same without a single 3 in its transfer set; then the bias of class 3 is raised
temperatures   30 and 300 units a layer, T from 1 to 20, each with the rate that suits it

The last 5,000 training images choose every rate and the raised bias; the test images are read once for each run. Everything
trains with Nesterov's momentum 0.9, a batch of 100, pixels in [0, 1], and a rate that falls to 0 along a cosine.

Prints the tables, writes results/hinton.json and results/hinton.svg, and puts the tables into hinton.md.
Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §3.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, load, models, optim, plot, save
from nnlite.checkpoint import resume
from nnlite.sweep import sweep
from nnlite.train import evaluate, fit, logits
from nntransfer.distill import WithCachedTeacher, cached_logits, distillation

HERE = Path(__file__).resolve().parent
PARTS = ("teacher", "students", "no-three", "temperatures")
TEMPERATURES = (1, 2.5, 4, 8, 20)
ALPHA = 0.9


class Task(NamedTuple):
    """What the runs train on, and how large and how long."""

    training: data.Dataset
    test: data.Dataset
    held_out: int  # so many of the last training images choose the settings
    teacher: tuple  # hidden units of each layer
    teacher_epochs: int
    shift: int  # pixels
    student: tuple
    epochs: int
    no_three_epochs: int
    sizes: tuple  # units a layer in the sweep of temperatures
    sweep_epochs: int
    batch: int

    @property
    def pixels(self):
        return self.training.images[0].size


def mnist(data_dir):
    return Task(*data.load("mnist", data_dir), held_out=5_000, teacher=(1200, 1200), teacher_epochs=60, shift=2,
                student=(800, 800), epochs=40, no_three_epochs=15, sizes=(30, 300), sweep_epochs=10, batch=100)


def digits():
    return Task(*data.load("digits"), held_out=200, teacher=(100, 100), teacher_epochs=12, shift=1,
                student=(40, 40), epochs=10, no_three_epochs=12, sizes=(10,), sweep_epochs=2, batch=20)


def training_of(model, loader, epochs, lr):
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)
    return optimizer, optim.CosineAnnealingLR(optimizer, epochs * len(loader))


def whole(part):
    return data.DataLoader(part, 500, transform=data.ToFloat())


def teacher(task, work):
    """The teacher, from the folder `work`, or trained; a training that was stopped goes on after its last whole epoch."""
    path, running = work / "teacher.npz", work / "teacher-running.npz"
    if path.exists():
        return load(path)
    model = models.mlp(task.pixels, task.teacher, dropout=0.3)
    loader = data.DataLoader(task.training, task.batch, shuffle=True, transform=[data.RandomShift(task.shift), data.ToFloat()])
    optimizer, schedule = training_of(model, loader, task.teacher_epochs, lr=0.05)
    history = resume(running, model, optimizer, schedule, loader) if running.exists() else []
    fit(model, loader, optimizer, task.teacher_epochs, schedule=schedule, checkpoint=running, history=history)
    save(path, model, history=history)
    return model


def student(task, cached, seed, hidden, lr, epochs, temperature=None, without=None, choosing=False):
    """Train one student -> its errors; `temperature` None: by the labels alone.

    without: a class that its transfer set does not have.   choosing: leave the held-out images out, and count errors there.
    """
    dataset = task.training
    kept = np.arange(len(dataset) - task.held_out if choosing else len(dataset))
    kept = kept[dataset.labels[kept] != without]
    loader = data.DataLoader(dataset[kept], task.batch, shuffle=True, seed=seed, transform=data.ToFloat(), indices=True)
    loader, loss = WithCachedTeacher(loader, cached.part(kept)), distillation(temperature or 1, ALPHA if temperature else 0)
    model = models.mlp(task.pixels, hidden, seed=seed)
    optimizer, schedule = training_of(model, loader, epochs, lr)
    fit(model, loader, optimizer, epochs, loss, schedule=schedule)
    unseen = dataset[-task.held_out :] if choosing else task.test
    result = {"errors": evaluate(model, whole(unseen))["errors"], "n": len(unseen)}
    return result | (with_raised_bias(task, model, without) if without is not None else {})


def with_raised_bias(task, model, missing):
    """Errors before and after the bias of the missing class is raised by what is best on the last training images."""
    z, labels = logits(model, whole(task.training[-task.held_out :]))
    raises = np.arange(0, 8.01, 0.25)
    best = raises[np.argmin([wrong(z, labels, missing, by).sum() for by in raises])]
    z, labels = logits(model, whole(task.test))
    rows = {}
    for name, by in (("as_trained", 0.0), ("raised", float(best))):
        errors = wrong(z, labels, missing, by)
        rows[name] = {"by": by, "errors": int(errors.sum()), "of_the_missing": int(errors[labels == missing].sum())}
    return rows | {"missing": missing, "n_missing": int((labels == missing).sum())}


def wrong(z, labels, missing, by):
    """Which images are wrong with the bias of one class raised: a bias is added to the logit."""
    return (z + by * (np.arange(z.shape[1]) == missing)).argmax(1) != labels


def rates(temperature):
    """The rates to choose from: a high temperature needs smaller steps."""
    return (0.03, 0.01, 0.003) if temperature and temperature >= 8 else (0.1, 0.03, 0.01)


def temperatures(task, run, seeds):
    """For each size and temperature the errors at the best rate, which one run on held-out images chooses."""
    rows = []
    for units in task.sizes:
        for T in (None, *TEMPERATURES):
            setting = {"hidden": [units, units], "epochs": task.sweep_epochs, "temperature": T}
            name = f"units{units}-T{T or 'none'}"
            tried = {f"{name}-lr{lr}": setting | {"lr": lr, "choosing": True} for lr in rates(T)}
            chosen = min(run(tried, seeds[:1]), key=lambda row: row["result"]["errors"])["setting"]["lr"]
            done = run({f"{name}-final": setting | {"lr": chosen}}, seeds)
            rows.append({"units": units, "temperature": T, "lr": chosen, "errors": [row["result"]["errors"] for row in done]})
    return rows


def mean_of(values):
    return f"{np.mean(values):.0f} ({', '.join(map(str, values))})"


def students_table(found):
    n = found["n"]
    lines = [f"| of {n:,} test images | errors, mean (each seed) | published |", "|---|--:|--:|",
             f"| teacher | {found['teacher']} (one seed) | 67 |"]
    for name, published in (("plain", 146), ("distilled", 74)):
        lines.append(f"| student, {name} | {mean_of(found[name])} | {published} |")
    return "\n".join(lines)


def no_three_table(rows):
    lines = ["| bias of class 3 | errors, mean (each seed) | of them on threes | published |", "|---|--:|--:|--:|"]
    for name, words, published in (("as_trained", "as trained", "206, 133"), ("raised", "raised", "109, 14")):
        errors, threes = ([row[name][key] for row in rows] for key in ("errors", "of_the_missing"))
        by = ", ".join(f"{row[name]['by']:.2f}" for row in rows)
        lines.append(f"| {words}{f' by {by}' if name == 'raised' else ''} | {mean_of(errors)} | {mean_of(threes)} of "
                     f"{rows[0]['n_missing']:,} | {published} |")
    return "\n".join(lines)


def temperatures_table(rows):
    lines = ["| units a layer | T | rate | errors, mean (each seed) |", "|--:|--:|--:|--:|"]
    lines += [f"| {row['units']} | {row['temperature'] or 'labels alone'} | {row['lr']} | {mean_of(row['errors'])} |"
              for row in rows]
    return "\n".join(lines)


@plot.styled()
def picture(rows):
    """Test errors against the temperature, one panel for each size; the line of dashes is the student without a teacher."""
    sizes = list(dict.fromkeys(row["units"] for row in rows))
    figure = plot.figure(4.2 * len(sizes), 3.4)
    for axes, units in zip(figure.subplots(1, len(sizes), squeeze=False)[0], sizes, strict=True):
        taught = [row for row in rows if row["units"] == units and row["temperature"]]
        alone = next(row["errors"] for row in rows if row["units"] == units and row["temperature"] is None)
        T = [row["temperature"] for row in taught]
        axes.fill_between(T, *zip(*[(min(row["errors"]), max(row["errors"])) for row in taught], strict=True),
                          color=plot.BLUE, alpha=0.2, lw=0)
        axes.plot(T, [np.mean(row["errors"]) for row in taught], "o-", color=plot.BLUE, ms=4, label="with a teacher")
        axes.axhline(np.mean(alone), color=plot.GREY, ls="--", label="labels alone")
        axes.set_xscale("log")
        axes.set_xticks(T, [f"{t:g}" for t in T])
        axes.minorticks_off()
        axes.set(title=f"{units} units a layer: test errors", xlabel="temperature T")
        axes.legend()
    return figure


def measure(task, work, seeds, parts, report):
    """Run the parts -> what the tables need; `report(found)` after each part."""
    dataset, executor = task.training, ThreadPoolExecutor(1)
    taught = teacher(task, work)
    found = {"n": len(task.test), "teacher": evaluate(taught, whole(task.test))["errors"]}
    report(found)
    cached = cached_logits(work / "teacher-logits.npz", [taught], dataset, 0, [data.ToFloat()])
    run = partial(sweep, partial(student, task, cached), folder=work / "runs", executor=executor)
    wide = {"hidden": list(task.student), "epochs": task.epochs}
    soft = {"temperature": 20, "lr": 0.03}
    if "students" in parts:
        settings = {"plain": wide | {"lr": 0.1}, "distilled": wide | soft}
        for name in settings:
            found[name] = [row["result"]["errors"] for row in run({name: settings[name]}, seeds)]
        report(found)
    if "no-three" in parts:
        setting = wide | soft | {"epochs": task.no_three_epochs, "without": 3}
        found["no_three"] = [row["result"] for row in run({"no-three": setting}, seeds)]
        report(found)
    if "temperatures" in parts:
        found["temperatures"] = temperatures(task, run, seeds)
        report(found)
    return found


def tables(found):
    """{mark of the page: table} of what has been measured."""
    made = {"students": students_table(found)} if "distilled" in found else {}
    made |= {"no-three": no_three_table(found["no_three"])} if "no_three" in found else {}
    return made | ({"temperatures": temperatures_table(found["temperatures"])} if "temperatures" in found else {})


def main():
    parser = program_parser(__doc__)
    parser.add_argument("--work", type=Path, help="folder for the teacher, its logits and finished runs")
    parser.add_argument("--part", choices=PARTS, nargs="*", default=list(PARTS))
    add_seeds(parser)
    arguments = read(parser, "hinton", quick="small networks on the bundled digits", keeps="the teacher and the runs")
    started, out, seeds = time.time(), arguments.out, seeds_of(arguments)

    def report(found):
        if out is not None:  # after each part: a run that is stopped has lost one part at most
            write_result(out, found, seed=seeds, started=started)

    task = digits() if arguments.quick else mnist(arguments.data_dir)
    found = measure(task, arguments.work, seeds, arguments.part, report)
    print(f"teacher: {found['teacher']} errors", *tables(found).values(), sep="\n\n")
    if out is not None and "temperatures" in found:
        plot.save(picture(found["temperatures"]), out.with_suffix(".svg"))
    if out == HERE / "results" / "hinton.json":
        fill(HERE / "hinton.md", tables(found))


if __name__ == "__main__":
    main()
