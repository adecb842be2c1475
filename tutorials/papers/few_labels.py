"""Fine-tuning from 1 to 50 labels a class: does a pretrained network help, and which strategy helps most?

    python tutorials/papers/few_labels.py                  both targets, three seeds
    python tutorials/papers/few_labels.py --labels 1 10    these numbers of labels a class only
    python tutorials/papers/few_labels.py --quick          the bundled digits, some seconds

digits     the source knows MNIST's 0 to 4, the target is 5 to 9
fashion    the source knows all of MNIST, the target is Fashion-MNIST

The network is the first article's with half of its filters. Each strategy, and training from the beginning ("scratch"), takes
as many steps. The rate of each, for each number of labels, is chosen from RATES by held-out training images, on labels that are
drawn with another seed than those of the table. A seed draws the source's weights, the labels and the new head, the same for
all strategies. The test images are read once for each run.

Prints the tables, writes results/few_labels.json and .svg, and puts the tables into few_labels.md.
"""

import copy
import math
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, models, optim, plot
from nnlite.train import evaluate, fit
from nntransfer import Tuning, fine_tune, replace_head

HERE = Path(__file__).resolve().parent
STRATEGIES = {"scratch": "all", "head only": "features", "all": "all", "rates": "rates", "gradual": "gradual", "l2sp": "l2sp",
              "lora": "lora", "lp-ft": "lp-ft"}  # "features" is the head alone, with features that are computed once
RATES = (0.001, 0.004, 0.016, 0.064)
BATCH, HELD_OUT, CHOOSING_SEED = 25, 2000, 1000


class Domain(NamedTuple):
    """Images to train on and to test on, and how they are prepared."""

    training: data.Dataset
    test: data.Dataset
    preprocessing: list

    def loader(self, part, batch, seed=0, shuffle=False):
        return data.DataLoader(part, batch, shuffle=shuffle, seed=seed, transform=self.preprocessing)

    def of(self, classes):
        return self._replace(training=self.training.of_classes(classes), test=self.test.of_classes(classes))

    def accuracy(self, model, part):
        return evaluate(model, self.loader(part, 500))["accuracy"]


class Task(NamedTuple):
    """A source and a target, and how long each trains."""

    name: str
    source: Domain
    target: Domain
    width: float
    source_steps: int
    steps: int

    def build(self, classes, seed):
        size = self.target.training.images.shape[-1]
        return models.cnn(in_channels=1, image_size=size, classes=classes, width=self.width, seed=seed)

    def split(self):
        """(training images that labels are drawn from, held-out ones) of the target."""
        images = self.target.training
        held_out = min(HELD_OUT, len(images) // 4)
        return images[:-held_out], images[-held_out:]


def domain(name, data_dir=None):
    return Domain(*data.load(name, data_dir), data.preprocessing(name))


def tasks(quick, data_dir=None):
    digits = domain("digits" if quick else "mnist", data_dir)
    width, source_steps, steps = (0.25, 150, 40) if quick else (0.5, 1500, 200)
    found = [Task("digits", digits.of(range(5)), digits.of(range(5, 10)), width, source_steps, steps)]
    return found if quick else [*found, Task("fashion", digits, domain("fashion-mnist"), width, source_steps, steps)]


def pretrained(source, model, steps, seed):
    """Train a model on the source; returns it."""
    loader = source.loader(source.training[: 64 * steps], 64, seed, shuffle=True)
    epochs = max(1, round(steps / len(loader)))
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    fit(model, loader, optimizer, epochs, schedule=optim.CosineAnnealingLR(optimizer, epochs * len(loader)), progress=False)
    return model


def tuned(task, base, labels, strategy, lr, seed):
    """The model of one run: `labels` labelled images of each class, one strategy, one rate."""
    few = task.split()[0].few(labels, np.random.default_rng(seed))
    if strategy == "scratch":
        model = task.build(few.classes, seed)
    else:
        model = copy.deepcopy(base)
        replace_head(model, few.classes, rng=seed)
    loader = task.target.loader(few, BATCH, seed, shuffle=True)
    epochs = math.ceil(task.steps / len(loader))
    fine_tune(model, STRATEGIES[strategy], Tuning(loader, epochs, lr, seed=seed, progress=False))
    return model


def accuracy_after(train, target, images):
    """The accuracy on images of the target of the model that train() returns; 0 if the loss becomes nan at a rate too high."""
    try:
        return target.accuracy(train(), images)
    except FloatingPointError:
        return 0.0


def chosen_rates(task, base, labels):
    """{strategy: [the rate with the best held-out accuracy, for each number of labels]}"""
    def score(strategy, n, lr):
        return accuracy_after(partial(tuned, task, base, n, strategy, lr, CHOOSING_SEED), task.target, task.split()[1])

    return {strategy: [max(RATES, key=partial(score, strategy, n)) for n in labels] for strategy in STRATEGIES}


def run(task, labels, seeds):
    """All runs of one task, seed by seed -> (rows of the seed, the rates)"""
    rates = None
    for seed in seeds:
        rows = []
        base = pretrained(task.source, task.build(task.source.training.classes, seed), task.source_steps, seed)
        rates = rates or chosen_rates(task, base, labels)
        for i, n in enumerate(labels):
            for strategy in STRATEGIES:
                train = partial(tuned, task, base, n, strategy, rates[strategy][i], seed)
                rows.append({"task": task.name, "labels": n, "strategy": strategy, "seed": seed,
                             "accuracy": round(accuracy_after(train, task.target, task.target.test), 6)})
        yield rows, rates


def accuracies(rows, task, strategy, labels):
    """Test accuracies in percent, by seed."""
    return [100 * row["accuracy"] for row in rows if (row["task"], row["strategy"], row["labels"]) == (task, strategy, labels)]


def table(rows, task):
    """Mean and standard deviation of each strategy; in the last row, how much the best of them gains over scratch, by seed."""
    counts = sorted({row["labels"] for row in rows if row["task"] == task})
    lines = ["| strategy | " + " | ".join(f"{n} label{'s' * (n > 1)}" for n in counts) + " |", "|---|" + "--:|" * len(counts)]
    for strategy in STRATEGIES:
        cells = [accuracies(rows, task, strategy, n) for n in counts]
        lines.append(f"| {strategy} | " + " | ".join(f"{np.mean(a):.1f} ± {np.std(a):.1f}" for a in cells) + " |")
    gains = []
    for n in counts:
        scratch = np.array(accuracies(rows, task, "scratch", n))
        best = max((s for s in STRATEGIES if s != "scratch"), key=lambda s: np.mean(accuracies(rows, task, s, n)))
        gain = accuracies(rows, task, best, n) - scratch
        gains.append(f"{best} {gain.mean():+.1f} ({gain.min():+.1f} … {gain.max():+.1f})")
    return "\n".join([*lines, "| best − scratch | " + " | ".join(gains) + " |"])


@plot.styled()
def picture(rows):
    """Accuracy against labels: scratch, the best strategy, and the others in grey."""
    names = list(dict.fromkeys(row["task"] for row in rows))
    figure = plot.figure(5 * len(names), 4)
    for axes, task in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        counts = sorted({row["labels"] for row in rows if row["task"] == task})
        mean = {s: [np.mean(accuracies(rows, task, s, n)) for n in counts] for s in STRATEGIES}
        best = max((s for s in STRATEGIES if s != "scratch"), key=lambda s: np.mean(mean[s]))
        for strategy, curve in mean.items():
            colour = {"scratch": plot.ORANGE, best: plot.BLUE}.get(strategy, plot.GREY)
            named = strategy in ("scratch", best)
            axes.plot(counts, curve, "o-", color=colour, ms=4, zorder=3 if named else 2, lw=2 if named else 1,
                      label={"scratch": "from the beginning", best: f"{best}, the best strategy"}.get(strategy, "_"))
        axes.plot([], [], "o-", color=plot.GREY, ms=4, lw=1, label="other strategies")
        axes.set_xscale("log", subs=[])
        axes.set_xticks(counts, [str(n) for n in counts])
        axes.set(title={"digits": "Digits 0–4 → 5–9", "fashion": "MNIST → Fashion-MNIST"}[task],
                 xlabel="labels of each class", ylabel="test accuracy (%)")
        axes.legend(loc="lower right")
    return figure


def main():
    parser = program_parser(__doc__)
    add_seeds(parser)
    parser.add_argument("--labels", type=int, nargs="+", help="of each class (default: 1 2 5 10 20 50; 1 5 with --quick)")
    arguments = read(parser, "few_labels", quick="a small network on the bundled digits")
    labels = arguments.labels or ([1, 5] if arguments.quick else [1, 2, 5, 10, 20, 50])
    started, out, done, rates = time.time(), arguments.out, [], {}
    for task in tasks(arguments.quick, arguments.data_dir):
        for rows, chosen in run(task, labels, seeds_of(arguments)):
            rates[task.name] = chosen
            done += rows
            if out is not None:  # after each seed: a run that is stopped has lost one seed at most
                write_result(out, {"rates": rates, "rows": done}, seed=sorted({row["seed"] for row in done}), started=started)
                plot.save(picture(done), out.with_suffix(".svg"))
    tables = {task: table(done, task) for task in rates}
    if out is not None and out.parent == HERE / "results":
        fill(HERE / "few_labels.md", tables)
    print("\n\n".join(tables.values()))


if __name__ == "__main__":
    main()
