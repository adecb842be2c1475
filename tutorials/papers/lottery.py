"""The lottery ticket hypothesis on MNIST: early-stop iteration and accuracy against the weights that are left.

    python tutorials/papers/lottery.py                     LeNet-300-100, three seeds
    python tutorials/papers/lottery.py --seed 2 --seeds 1  one seed more: the others stay in the file
    python tutorials/papers/lottery.py --seeds 0           draws what is there
    python tutorials/papers/lottery.py --quick             the bundled digits, some seconds

Each round trains the network, removes 20 % of the weights that are left (10 % in the output layer), and goes back to the first
weights. The control trains each round's structure from other first weights. 55,000 images train, 5,000 say when to
stop: at the step of their lowest loss. The test images are only read there.

Prints a table, writes results/lottery.json, draws results/lottery.svg and fills the table of lottery.md.
Source: Frankle & Carbin 2019 (arXiv 1803.03635), §2.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from options import add_seeds, program_parser, read
from pages import fill
from result import write_result

from nncompress.pruning import find_tickets, train_from
from nnlite import data, models, optim, plot
from nnlite.train import evaluate, fit

HERE = Path(__file__).resolve().parent
FRACTIONS = {"fc1.weight": 0.2, "fc2.weight": 0.2, "fc3.weight": 0.1}
BATCH, LR = 60, 1.2e-3
LABELS = {"ticket": "first weights again", "control": "other weights"}


class Task(NamedTuple):
    """What a run trains on: three parts of a data set, the transforms for every image, and how to build the network."""

    training: data.Dataset
    validation: data.Dataset
    test: data.Dataset
    preprocessing: list
    build: object

    def held_out(self, part):
        return data.DataLoader(part, 500, transform=self.preprocessing)


def mnist(data_dir):
    whole, test = data.load("mnist", data_dir)
    return Task(whole[:55_000], whole[55_000:], test, data.preprocessing("mnist"), models.lenet_300_100)


def digits():
    whole, test = data.load("digits")
    return Task(whole[:1200], whole[1200:], test, data.preprocessing("digits"),
                lambda: models.lenet_300_100(64, width=0.2))


def first_weights(task, seed):
    """The network's weights from N(0, 2/(inputs + outputs)), its biases 0: Glorot's normal initialisation, as in the paper."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, np.sqrt(2 / sum(w.shape)), w.shape).astype(np.float32) if w.ndim > 1 else np.zeros_like(w)
            for name, w in task.build().state_dict().items()}


class Steps:
    """So many batches of a loader, which begins anew as often as needed."""

    def __init__(self, loader, count):
        self.loader, self.count = loader, count

    def __iter__(self):
        left = self.count
        while left > 0:
            for batch in self.loader:
                if left > 0:
                    yield batch
                left -= 1


def trainer(task, model, steps, every, seed):
    """train(masks): one training with Adam -> [{"step", "loss", "accuracy"} of validation, and "test" at the stop]."""

    def train(masks):
        loader = data.DataLoader(task.training, BATCH, shuffle=True, seed=seed, transform=task.preprocessing)
        curve, best = [], {}

        def after_step():
            masks.apply()
            after_step.count += 1
            if after_step.count % every == 0 or after_step.count == steps:
                scores = evaluate(model, task.held_out(task.validation))
                curve.append({"step": after_step.count, "loss": scores["loss"], "accuracy": scores["accuracy"]})
                if scores["loss"] <= min(point["loss"] for point in curve):
                    best.clear()
                    best.update(model.state_dict())
                model.train()

        after_step.count = 0
        fit(model, Steps(loader, steps), optim.Adam(model.parameters(), lr=LR), 1, after_step=after_step)
        end = model.state_dict()
        model.load_state_dict(best)
        stop = min(curve, key=lambda point: point["loss"])
        stop["test"] = evaluate(model, task.held_out(task.test))["accuracy"]
        model.load_state_dict(end)  # the weights to rank are those of the whole training
        return curve

    return train


def run(task, seed, rounds, steps, every):
    """One seed -> rows {"seed", "kind", "round", "left", "stop", "accuracy", "test"}, for tickets and controls."""
    model = task.build()
    model.load_state_dict(first_weights(task, seed))
    train = trainer(task, model, steps, every, seed)
    tickets = find_tickets(model, train, rounds=rounds, fraction=FRACTIONS)
    rows = [row_of("ticket", seed, each.number, each.masks, each.history) for each in tickets]
    for each in tickets[1:]:
        curve = train_from(each.masks, first_weights(task, 1000 * (seed + 1) + each.number), train)
        rows.append(row_of("control", seed, each.number, each.masks, curve))
    return rows


def row_of(kind, seed, number, masks, curve):
    stop = next(point for point in curve if "test" in point)
    return {"seed": seed, "kind": kind, "round": number, "left": 1 - masks.sparsity(), "stop": stop["step"],
            "accuracy": stop["accuracy"], "test": stop["test"]}


def summary(rows):
    """Means over the seeds: {kind: [(left, (lowest, mean, highest) stop, (…) test error in percent)]}."""
    found = {}
    for kind in ("ticket", "control"):
        for number in sorted({row["round"] for row in rows if row["kind"] == kind}):
            same = [row for row in rows if (row["kind"], row["round"]) == (kind, number)]
            stops, errors = [row["stop"] for row in same], [100 * (1 - row["test"]) for row in same]
            spread = [(min(values), float(np.mean(values)), max(values)) for values in (stops, errors)]
            found.setdefault(kind, []).append((same[0]["left"], *spread))
    return found


def table(rows):
    """Means over the seeds, lowest and highest in brackets."""
    lines = ["| weights left | ticket: stop at step | test error (%) | control: stop at step | test error (%) |",
             "|--:|--:|--:|--:|--:|"]
    means = summary(rows)
    controls = {left: cells for left, *cells in means.get("control", [])}
    for left, *cells in means["ticket"]:
        written = [written_out(*pair) if pair else "– | –" for pair in (cells, controls.get(left))]
        lines.append(f"| {100 * left:.1f} % | {written[0]} | {written[1]} |")
    return "\n".join(lines)


def written_out(stops, errors):
    """Two cells of the table."""
    return f"{spread(stops, ',.0f')} | {spread(errors, '.2f')}"


def spread(values, form):
    """mean (lowest … highest), or the one number that all three are."""
    low, mean, high = (format(value, form) for value in values)
    return mean if low == high else f"{mean} ({low} … {high})"


@plot.styled()
def picture(rows):
    """Stop and test error against the weights left: means as lines, all seeds within the bands."""
    figure = plot.figure(9, 3.8)
    panels = zip(figure.subplots(1, 2), (1, 2), ("Step of the lowest validation loss", "Test error there (%)"), strict=True)
    for axes, column, title in panels:
        for (kind, points), colour in zip(summary(rows).items(), (plot.BLUE, plot.ORANGE), strict=False):
            left = [100 * point[0] for point in points]
            low, mean, high = zip(*[point[column] for point in points], strict=True)
            axes.fill_between(left, low, high, color=colour, alpha=0.2, lw=0)
            axes.plot(left, mean, "o-", color=colour, ms=4, label=LABELS[kind])
        axes.set_xscale("log", subs=[])
        axes.set_xticks([100, 50, 20, 10, 5, 2], ["100", "50", "20", "10", "5", "2"])
        axes.set_xlim(108, 90 * min(row["left"] for row in rows))
        axes.set(title=title, xlabel="weights left (%)")
    axes.legend()
    return figure


def main():
    parser = program_parser(__doc__)
    add_seeds(parser)
    parser.add_argument("--rounds", type=int, help="how often to prune (default: 16, which leaves 3 %%; 2 with --quick)")
    parser.add_argument("--steps", type=int, help="of each training (default: 12000; 120 with --quick)")
    parser.add_argument("--every", type=int, help="steps between two looks at the validation images (default: 100; 40)")
    arguments = read(parser, "lottery", quick="a small network on the bundled digits")
    defaults = {"seeds": 1, "rounds": 2, "steps": 120, "every": 40} if arguments.quick else \
        {"seeds": 3, "rounds": 16, "steps": 12_000, "every": 100}
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    settings = {name: getattr(arguments, name) for name in ("rounds", "steps", "every")}
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    started, rows = time.time(), earlier_rows(arguments.out, settings, seeds)
    task = digits() if arguments.quick else mnist(arguments.data_dir)
    for seed in seeds:
        rows += run(task, seed, arguments.rounds, arguments.steps, arguments.every)
        if arguments.out is not None:  # after each seed: a run that is stopped has lost one seed at most
            write_result(arguments.out, settings | {"rows": rows}, seed=sorted({row["seed"] for row in rows}), started=started)
    print(table(rows))
    if arguments.out is not None:
        plot.save(picture(rows), arguments.out.with_suffix(".svg"))
    if arguments.out == HERE / "results" / "lottery.json":
        fill(HERE / "lottery.md", {"stops": table(rows)})


def earlier_rows(out, settings, seeds):
    """The rows of other seeds in the file; of other settings there are none."""
    record = json.loads(out.read_text()) if out is not None and out.exists() else {"rows": []}
    if seeds and any(record.get(name, value) != value for name, value in settings.items()):
        found = ", ".join(f"{name} {record.get(name)}" for name in settings)
        raise SystemExit(f"{out} has {found}: name another file with --out")
    return [row for row in record["rows"] if row["seed"] not in seeds]


if __name__ == "__main__":
    main()
