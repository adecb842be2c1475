"""A byte budget with a teacher: when should a network that becomes small learn from a large one?

    python tutorials/papers/byte_budget.py --work WORK         both data sets, three seeds; WORK keeps what is finished
    python tutorials/papers/byte_budget.py --quick             the bundled digits, some seconds

Every file goes through the same three phases, of as many epochs for all, each with a rate of its own that falls to 0:

    dense        784-150-50-10 learns, 125,810 weights and biases: LeNet-300-100 with half of its neurons
    compression  `compress` prunes, rounds and codes it, down to 4, 8 or 16 KB
    tuning       `train_further` trains what is left: the masks and the grid stay, the file is within its budget again

What differs is the phase in which the loss is that of a teacher: none, before (dense), during (compression), after (tuning),
or throughout. All other phases have the labels alone. A seed draws the weights and the order of the images. The dense network
of a seed serves all budgets, and a compression serves all tunings that go on from it.

The teacher of each data set is a CNN, trained on images that are moved by up to 2 pixels. It serves all seeds; the students see
the images as they are. The last 5,000 training images choose the settings; the test images are read once for each run.

Prints the tables, writes results/byte_budget.json and results/byte_budget.svg, and puts the tables into byte_budget.md.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nncompress.search import Budget, Settings, compress, train_further
from nnlite import data, load, models, optim, plot, save
from nnlite import functional as F
from nnlite.sweep import sweep
from nnlite.train import evaluate, fit
from nntransfer.distill import CachedLogits, WithCachedTeacher, cached_logits, distillation

HERE = Path(__file__).resolve().parent
PHASES = ("dense", "compression", "tuning")
TAUGHT = {"none": (), "after": ("tuning",), "before": ("dense",), "during": ("compression",), "throughout": PHASES}
LINES = {"none": (plot.GREY, "s-"), "before": (plot.ORANGE, "v-"), "during": (plot.BLUE, "o-"), "after": ("#009e73", "^-"),
         "throughout": (plot.DARK, "D--")}  # in the order of the columns
SETS = (("mnist", 4, 0.9), ("fashion-mnist", 1, 0.9))  # temperature, and the teacher's share of the loss
DENSE_LR, TUNING_LR = 2e-3, 1e-2
TEACHER_LR = 3e-3


@dataclass(frozen=True, eq=False)
class Task:
    """What the networks learn from, how large they are, and how long each phase is."""

    name: str
    training: data.Dataset
    held_out: data.Dataset
    test: data.Dataset
    width: float
    budgets: tuple  # bytes
    epochs: tuple  # of the three phases
    batch: int
    every: int  # steps between two prunings
    teacher_epochs: int
    shift: int  # pixels
    temperature: float
    alpha: float  # the teacher's share of the loss
    cached: CachedLogits | None = None  # the teacher's logits of the training images

    def student(self, seed):
        return models.lenet_300_100(in_features=self.training.images[0].size, width=self.width, seed=seed)

    def batches(self, seed, phase, taught):
        """(training loader, loss) of a phase."""
        loader = data.DataLoader(self.training, self.batch, shuffle=True, seed=3 * seed + PHASES.index(phase), drop_last=True,
                                 transform=[data.ToFloat()], indices=taught)
        if not taught:
            return loader, F.cross_entropy
        return WithCachedTeacher(loader, self.cached), distillation(self.temperature, self.alpha)


def large(name, temperature, alpha, data_dir):
    whole, test = data.load(name, data_dir and data_dir / name)
    return Task(name, whole[:-5_000], whole[-5_000:], test, width=0.5, budgets=(4096, 8192, 16384), epochs=(6, 6, 3),
                batch=128, every=40, teacher_epochs=15, shift=2, temperature=temperature, alpha=alpha)


def digits():
    whole, test = data.load("digits")
    return Task("digits", whole[:-200], whole[-200:], test, width=0.3, budgets=(500, 1000), epochs=(6, 8, 3),
                batch=32, every=10, teacher_epochs=8, shift=1, temperature=4, alpha=0.9)


def ordered(part):
    return data.DataLoader(part, 500, transform=[data.ToFloat()])


def teacher(task, work):
    """The teacher of a task, from the folder `work`, or trained."""
    path = work / f"{task.name}-teacher.npz"
    if path.exists():
        return load(path)
    model = models.cnn(in_channels=1, image_size=task.training.images.shape[-1])
    loader = data.DataLoader(task.training, task.batch, shuffle=True, transform=[data.RandomShift(task.shift), data.ToFloat()])
    optimizer = optim.AdamW(model.parameters(), lr=TEACHER_LR)
    schedule = optim.OneCycle(optimizer, max_lr=TEACHER_LR, total_steps=task.teacher_epochs * len(loader))
    fit(model, loader, optimizer, task.teacher_epochs, schedule=schedule)
    save(path, model)
    return model


@lru_cache(2)
def dense(task, seed, taught):
    """The first phase -> a Module."""
    (loader, loss), model, epochs = task.batches(seed, "dense", taught), task.student(seed), task.epochs[0]
    optimizer = optim.Adam(model.parameters(), lr=DENSE_LR)
    fit(model, loader, optimizer, epochs, loss, schedule=optim.CosineAnnealingLR(optimizer, epochs * len(loader)))
    return model


@lru_cache(1)
def compressed(task, seed, budget, taught_dense, taught):
    """The first two phases -> Compressed."""
    loader, loss = task.batches(seed, "compression", taught)
    settings = Settings(epochs=task.epochs[1], share=1.0, levels=1.2, every=task.every)
    return compress(dense(task, seed, taught_dense), (loader, ordered(task.held_out)), Budget(bytes=budget), loss=loss,
                    settings=settings)


def run(tasks, seed, data_set, budget, order):
    """One file -> its bytes, weights and errors."""
    task, (first, second, third) = tasks[data_set], [phase in TAUGHT[order] for phase in PHASES]
    loader, loss = task.batches(seed, "tuning", third)
    found = train_further(compressed(task, seed, budget, first, second), (loader, ordered(task.held_out)),
                          Budget(bytes=budget), epochs=task.epochs[2], lr=TUNING_LR, loss=loss)
    return {"bytes": len(found.data), "nonzero": found.plan.nonzero, "held_out_errors": found.report.stages[-1].errors,
            "dense_errors": evaluate(dense(task, seed, first), ordered(task.test))["errors"],
            "errors": evaluate(found.plan, ordered(task.test))["errors"]}


def measure(tasks, work, seeds, report):
    """All runs, the first seed first; `report(found)` after each seed.   tasks: {name: Task}"""
    found, settings = {"sets": {}, "rows": []}, {}
    for name, task in tasks.items():
        taught = teacher(task, work)
        logits = cached_logits(work / f"{name}-logits.npz", [taught], task.training, 0, [data.ToFloat()])
        tasks[name] = replace(task, cached=logits)
        found["sets"][name] = {"n": len(task.test), "epochs": dict(zip(PHASES, task.epochs, strict=True)),
                               "temperature": task.temperature, "alpha": task.alpha,
                               "teacher": evaluate(taught, ordered(task.test))["errors"]}
        settings |= {f"{name}-{budget}-{order}": {"data_set": name, "budget": budget, "order": order}
                     for budget in task.budgets for order in TAUGHT}
    for seed in seeds:
        rows = sweep(partial(run, tasks), settings, [seed], work / "runs", ThreadPoolExecutor(1))
        found["rows"] += [{"seed": seed} | row["setting"] | row["result"] for row in rows]
        report(found)
    return found


def errors_of(found, data_set, budget, order):
    """Test errors of one order, seed by seed."""
    return np.array([row["errors"] for row in found["rows"]
                     if (row["data_set"], row["budget"], row["order"]) == (data_set, budget, order)])


def budgets_of(found, data_set):
    return sorted({row["budget"] for row in found["rows"] if row["data_set"] == data_set})


def spread(numbers, form="g"):
    """"mean (least … most)"; of one number, the number."""
    mean = f"{np.mean(numbers):{form if form != 'g' else '.0f'}}"
    return mean if len(numbers) == 1 else f"{mean} ({min(numbers):{form}} … {max(numbers):{form}})"


def errors_table(found, data_set):
    """Test errors for each budget and order; then what the teacher takes away, over all budgets and seeds."""
    lines = [f"| budget | {' | '.join(LINES)} |", "|--:|" + "--:|" * len(LINES)]
    for budget in budgets_of(found, data_set):
        cells = [spread(errors_of(found, data_set, budget, order)) for order in LINES]
        lines.append(f"| {budget:,} bytes | {' | '.join(cells)} |")
    gains = [spread(gains_of(found, data_set, order), "+.0f") if TAUGHT[order] else "" for order in LINES]
    rows = [row for row in found["rows"] if row["data_set"] == data_set]
    used = [np.mean([row["bytes"] / row["budget"] for row in rows if row["order"] == order]) for order in LINES]
    return "\n".join([*lines, f"| fewer than none | {' | '.join(gains)} |",
                      f"| part of the budget that is used | {' | '.join(f'{part:.0%}' for part in used)} |"])


def gains_of(found, data_set, order):
    """How many errors fewer than with no teacher: one number for each budget and seed."""
    return np.concatenate([errors_of(found, data_set, budget, "none") - errors_of(found, data_set, budget, order)
                           for budget in budgets_of(found, data_set)])


def networks_table(found):
    """The large networks beside the small ones: the teacher, and the dense student of both kinds."""
    lines = ["| | test images | teacher | dense, by labels | dense, distilled |", "|---|--:|--:|--:|--:|"]
    for name, each in found["sets"].items():
        rows = [row for row in found["rows"] if row["data_set"] == name]
        kinds = [{row["seed"]: row["dense_errors"] for row in rows if row["order"] == order} for order in ("none", "before")]
        lines.append(f"| {name} | {each['n']:,} | {each['teacher']} | "
                     f"{' | '.join(spread(list(kind.values())) for kind in kinds)} |")
    return "\n".join(lines)


@plot.styled()
def picture(found):
    """Test errors against the size of the file, a panel for each data set; bars reach from the best seed to the worst."""
    figure = plot.figure(4.8 * len(found["sets"]), 4.2)
    for axes, name in zip(figure.subplots(1, len(found["sets"]), squeeze=False)[0], found["sets"], strict=True):
        budgets = budgets_of(found, name)
        for number, (order, (colour, line)) in enumerate(LINES.items()):
            errors = [errors_of(found, name, budget, order) for budget in budgets]
            x = np.array(budgets) * 1.03 ** (number - 2)  # beside each other, so that the bars can be told apart
            axes.plot(x, [np.mean(each) for each in errors], line, color=colour, ms=5, lw=1.5, label=order)
            axes.vlines(x, [min(each) for each in errors], [max(each) for each in errors], color=colour, lw=1.2)
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
        axes.set(title=f"{name}: test errors of {found['sets'][name]['n']:,}", xlabel="budget in bytes")
    figure.axes[-1].legend(title="the teacher speaks", loc="upper right")
    return figure


def tables(found):
    """{mark of the page: table}"""
    return {"networks": networks_table(found)} | {name: errors_table(found, name) for name in found["sets"]}


def main():
    parser = program_parser(__doc__)
    parser.add_argument("--work", type=Path, help="folder for the teachers, their logits and finished runs")
    add_seeds(parser)
    arguments = read(parser, "byte_budget", quick="small networks on the bundled digits", keeps="the teachers and the runs",
                     data_dir="folder with the folders mnist and fashion-mnist")
    started, out = time.time(), arguments.out

    def report(found):
        if out is not None:  # after each seed: a run that is stopped has lost one seed at most
            write_result(out, found, seed=sorted({row["seed"] for row in found["rows"]}), started=started)
            plot.save(picture(found), out.with_suffix(".svg"))

    every = [digits()] if arguments.quick else [large(*each, arguments.data_dir) for each in SETS]
    found = measure({task.name: task for task in every}, arguments.work, seeds_of(arguments), report)
    print(*tables(found).values(), sep="\n\n")
    if out == HERE / "results" / "byte_budget.json":
        fill(HERE / "byte_budget.md", tables(found))


if __name__ == "__main__":
    main()
