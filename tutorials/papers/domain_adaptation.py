"""Adaptation without labels: a network knows MNIST, and is to read inverted, turned, printed-over and foreign digits.

    python tutorials/papers/domain_adaptation.py --work WORK         three seeds; WORK keeps each finished run
    python tutorials/papers/domain_adaptation.py --quick             the bundled digits, some seconds

source     32,000 images of MNIST with labels
targets    25,000 other images of MNIST, without labels: inverted; turned by 30°; over patches of a photograph (an MNIST-M in
           grey); and the bundled digits, of other writers and another scanner, enlarged from 8 × 8 pixels
methods    source only; AdaBN; CORAL, MMD and DANN, with AdaBN at their end

No label of a target is looked at before the test. The weight of each loss, and whether both domains pass as one batch, are
chosen on a fourth shift (turned by −20°, faded, noisy), on 3,000 labelled images that nothing has trained on.

Prints the tables, writes results/domain_adaptation.json and .svg, and puts the tables into domain_adaptation.md.
Source: Ganin et al. 2016 (arXiv 1505.07818), §5.2; Sun & Saenko 2016 (arXiv 1607.01719); Long et al. 2015 (arXiv 1502.02791);
Li et al. 2016 (arXiv 1603.04779).
"""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, nn, optim, plot
from nnlite.sweep import sweep
from nnlite.train import evaluate, fit
from nntransfer.domains import (
    Adversary,
    Enlarged,
    Faded,
    Inverted,
    OnPhotograph,
    Rotated,
    adapt,
    coral_loss,
    shifted,
    squared_mmd,
)
from nntransfer.finetune import reestimate_statistics

HERE = Path(__file__).resolve().parent
METHODS = {"source": "source only", "adabn": "AdaBN", "coral": "CORAL", "mmd": "MMD", "dann": "DANN"}
WEIGHTS = {"coral": (1000, 3000, 10_000), "mmd": (2, 5, 15), "dann": (0.3, 1, 3)}  # to choose from


class Task(NamedTuple):
    """The source, the targets, and how large and how long."""

    source: data.Dataset
    others: data.Dataset  # of the source's kind, never with labels
    held_out: data.Dataset  # of the source's kind, to choose the settings
    test: data.Dataset
    targets: dict  # {name: transforms, or a pair of Datasets (without labels, test)}
    choosing: tuple  # transforms of the shift on which settings are chosen
    preprocessing: list
    channels: tuple  # of the two convolutions
    features: int
    batch: int
    epochs: int
    choosing_epochs: int


def mnist(data_dir):
    training, test = data.load("mnist", data_dir)
    digits = tuple(shifted(part, [Enlarged()]) for part in data.load("digits"))
    return Task(training[:32_000], training[32_000:57_000], training[57_000:], test,
                {"inverted": (Inverted(),), "turned": (Rotated(30),), "photograph": (OnPhotograph(),), "digits": digits},
                (Rotated(-20), Faded()), data.preprocessing("mnist"), (16, 32), 64, batch=64, epochs=3, choosing_epochs=1)


def small_digits():
    training, test = data.load("digits")
    return Task(training[:640], training[640:1280], training[1280:], test,
                {"inverted": (Inverted(),), "turned": (Rotated(30),)},
                (Rotated(-20), Faded()), data.preprocessing("digits"), (4, 8), 16, batch=32, epochs=4, choosing_epochs=1)


def network(task, seed):
    """Convolution, pooling, BatchNorm, ReLU; once more; a layer of features "relu3"; the head."""
    rng, (a, b) = np.random.default_rng(seed), task.channels
    model = nn.Sequential()
    model.conv1 = nn.Conv2d(1, a, 5, padding=2, bias=False, rng=rng)
    model.pool1, model.bn1, model.relu1 = nn.MaxPool2d(2), nn.BatchNorm2d(a), nn.ReLU()
    model.conv2 = nn.Conv2d(a, b, 3, padding=1, bias=False, rng=rng)
    model.pool2, model.bn2, model.relu2, model.flatten = nn.MaxPool2d(2), nn.BatchNorm2d(b), nn.ReLU(), nn.Flatten()
    size = task.test.images.shape[-1] // 4
    model.fc1 = nn.Linear(b * size**2, task.features, bias=False, rng=rng)
    model.bn3, model.relu3, model.head = nn.BatchNorm1d(task.features), nn.ReLU(), nn.Linear(task.features, 10, rng=rng)
    return model


class Domains:
    """The images of each target, made once: `of(name)` -> Datasets (without labels, test)."""

    def __init__(self, task):
        self.task = task
        self.of = cache(self._of)

    def _of(self, name):
        if name == "choosing":
            return shifted(self.task.others, self.task.choosing, 0), shifted(self.task.held_out, self.task.choosing, 1)
        target = self.task.targets[name]
        if isinstance(target[0], data.Dataset):
            return target
        return shifted(self.task.others, target, 0), shifted(self.task.test, target, 1)


def optimization(task, parameters, epochs, steps):
    optimizer = optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=5e-4)
    return optimizer, optim.CosineAnnealingLR(optimizer, epochs * steps)


def loader(task, dataset, seed=None):
    """Shuffled training batches with a seed; large batches in order without one."""
    if seed is None:
        return data.DataLoader(dataset, 500, transform=task.preprocessing)
    return data.DataLoader(dataset, task.batch, shuffle=True, seed=seed, drop_last=True, transform=task.preprocessing)


def source_only(task, domains, seed):
    """Train on the source -> accuracy on itself, and {target: {"source", "adabn"}} before and after AdaBN."""
    model, batches = network(task, seed), loader(task, task.source, seed)
    optimizer, schedule = optimization(task, model.parameters(), task.epochs, len(batches))
    fit(model, batches, optimizer, task.epochs, schedule=schedule)
    kept, found = model.state_dict(), {"itself": evaluate(model, loader(task, task.test))["accuracy"]}
    for name in task.targets:
        images, test = domains.of(name)
        model.load_state_dict(kept)
        before = evaluate(model, loader(task, test))["accuracy"]
        reestimate_statistics(model, loader(task, images))
        found[name] = {"source": before, "adabn": evaluate(model, loader(task, test))["accuracy"]}
    return found


def adapted(task, domains, method, target, weight, together, epochs, seed):
    """Adapt a network to a target -> its accuracy there, with the running statistics of both domains and with AdaBN."""
    model, batches = network(task, seed), loader(task, task.source, seed)
    images, test = domains.of(target)
    adversary = Adversary(task.features, rng=seed + 99)
    loss = {"coral": coral_loss, "mmd": squared_mmd, "dann": adversary}[method]
    parameters = model.parameters() + (adversary.parameters() if method == "dann" else [])
    optimizer, schedule = optimization(task, parameters, epochs, len(batches))
    adapt(model, batches, loader(task, images, seed), optimizer, epochs, layer="relu3", loss=loss, weight=weight,
          together=together, schedule=schedule)
    before = evaluate(model, loader(task, test))["accuracy"]
    reestimate_statistics(model, loader(task, images))
    return {"before": before, "accuracy": evaluate(model, loader(task, test))["accuracy"]}


def choose(task, run):
    """The best setting of each method on the fourth shift, with seed 0 -> rows of all that was tried, {method: setting}."""
    rows, chosen = [], {}
    for method, weights in WEIGHTS.items():
        settings = {f"choose-{method}-{weight}-{'together' if together else 'apart'}": {
            "method": method, "target": "choosing", "weight": weight, "together": together, "epochs": task.choosing_epochs}
            for weight in weights for together in (False, True)}
        done = run(settings, [0])
        rows += [{**row["setting"], "accuracy": row["result"]["accuracy"]} for row in done]
        best = max(done, key=lambda row: row["result"]["accuracy"])["setting"]
        chosen[method] = {"method": method, "weight": best["weight"], "together": best["together"]}
    return rows, chosen


def measure(task, work, seeds, report):
    """All runs -> what the tables need; `report(found)` after each seed."""
    domains, executor = Domains(task), ThreadPoolExecutor(1)
    run = partial(sweep, partial(adapted, task, domains), folder=work, executor=executor)
    tried, chosen = choose(task, run)
    found = {"tried": tried, "chosen": chosen, "itself": [], "rows": []}
    for seed in seeds:
        (alone,) = sweep(partial(source_only, task, domains), {"source": {}}, [seed], work, executor)
        found["itself"].append(alone["result"]["itself"])
        for target in task.targets:
            settings = {f"{target}-{method}": setting | {"target": target, "epochs": task.epochs}
                        for method, setting in chosen.items()}
            accuracies = dict(alone["result"][target])
            accuracies |= {row["setting"]["method"]: row["result"]["accuracy"] for row in run(settings, [seed])}
            found["rows"].append({"seed": seed, "target": target, **accuracies})
        report(found)
    return found


def accuracies(found, target, method):
    """In percent, one for each seed."""
    return [100 * row[method] for row in found["rows"] if row["target"] == target]


def targets_of(found):
    return list(dict.fromkeys(row["target"] for row in found["rows"]))


def gains_table(found):
    """Mean accuracy, its lowest and highest seed, and the gain over the source's networks of the same seeds."""
    lines = [f"| target | {' | '.join(METHODS.values())} |", "|---|" + "--:|" * len(METHODS)]
    for target in targets_of(found):
        alone, cells = np.array(accuracies(found, target, "source")), []
        for method in METHODS:
            values = np.array(accuracies(found, target, method))
            gain = "" if method == "source" else f", {(values - alone).mean():+.1f}"
            cells.append(f"{values.mean():.1f} ({values.min():.1f}–{values.max():.1f}){gain}")
        lines.append(f"| {target} | {' | '.join(cells)} |")
    return "\n".join(lines)


def tried_table(found):
    """What was tried on the fourth shift; the chosen ones are marked."""
    lines = ["| loss | weight | each domain alone | both in one batch |", "|---|--:|--:|--:|"]
    for method, weights in WEIGHTS.items():
        for weight in weights:
            cells = []
            for together in (False, True):
                row = next(row for row in found["tried"] if (row["method"], row["weight"], row["together"]) ==
                           (method, weight, together))
                best = found["chosen"][method] == {"method": method, "weight": weight, "together": together}
                cells.append(f"**{100 * row['accuracy']:.1f}**" if best else f"{100 * row['accuracy']:.1f}")
            lines.append(f"| {METHODS[method]} | {weight:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


@plot.styled()
def picture(found):
    """A panel for each target: the accuracy of each method, a point for each seed, the mean as a bar."""
    names = targets_of(found)
    figure = plot.figure(2.6 * len(names) + 1.2, 3.2)
    for k, (axes, target) in enumerate(zip(np.atleast_1d(figure.subplots(1, len(names), sharey=True)), names, strict=True)):
        for i, method in enumerate(METHODS):
            values = accuracies(found, target, method)
            axes.barh(i, np.mean(values), color=plot.GREY if method == "source" else plot.BLUE, height=0.65)
            axes.plot(values, [i] * len(values), "o", color=plot.ORANGE, ms=3)
        axes.set_yticks(range(len(METHODS)), METHODS.values())
        axes.set(title=target, xlim=(0, 100))
        if k == 0:
            axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    figure.supxlabel("accuracy without a label of the target (%)", fontsize=10)
    return figure


def main():
    parser = program_parser(__doc__)
    parser.add_argument("--work", type=Path, help="folder that keeps each finished run")
    add_seeds(parser)
    arguments = read(parser, "domain_adaptation", quick="a small network on the bundled digits", keeps="the runs")
    started, out = time.time(), arguments.out

    def report(found):
        if out is not None:  # after each seed: a run that is stopped has lost one seed at most
            write_result(out, found, seed=sorted({row["seed"] for row in found["rows"]}), started=started)
            plot.save(picture(found), out.with_suffix(".svg"))

    task = small_digits() if arguments.quick else mnist(arguments.data_dir)
    found = measure(task, arguments.work, seeds_of(arguments), report)
    gains, tried = gains_table(found), tried_table(found)
    print(gains, tried, sep="\n\n")
    if out == HERE / "results" / "domain_adaptation.json":
        shown = "![Accuracy of the five methods on each target](results/domain_adaptation.svg)"
        fill(HERE / "domain_adaptation.md", {"gains": f"{gains}\n\n{shown}", "tried": tried})


if __name__ == "__main__":
    main()
