"""Mean Teacher on MNIST with 100 labels: what 59,900 images without labels are worth.

    python tutorials/papers/mean_teacher.py                three label sets
    python tutorials/papers/mean_teacher.py --quick        the bundled digits with 20 labels, some seconds

alone          ten labelled images of each class, moved by up to two pixels and blurred by noise
mean-teacher   the same, and as consistency loss the squared distance from the running average of the weights, on all images

Both see the same augmentation. Each seed draws other labels, other first weights and another order. The largest weight of the
consistency was chosen among 3, 10 and 40 on the last 5,000 training images, with 1,500 steps. The test images are read once for
each row.

Prints a table, writes results/mean_teacher.json and puts the table into mean_teacher.md.
Source: Tarvainen & Valpola 2017 (arXiv 1703.01780).
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, models, nn, optim
from nnlite.train import evaluate, fit
from nntransfer.distill import InStep, Labels, MeanTeacher, OnLogits, TwoViews, consistency_loss, distill, ramp_up

HERE = Path(__file__).resolve().parent
LABELLED, UNLABELLED = 32, 96  # images of a batch


@dataclass(frozen=True)
class Setting:
    """How long each of the two trains, and how."""

    labels: int  # of each class
    steps: int
    steps_alone: int
    lr: float = 2e-3
    weight: float = 3.0  # the largest of the consistency loss
    decay: float = 0.99
    shift: int = 2
    noise: float = 0.15
    prepare: tuple = (data.ToFloat(),)


FULL = Setting(labels=10, steps=3_500, steps_alone=1_000)
QUICK = Setting(labels=2, steps=460, steps_alone=200, lr=3e-3, decay=0.95, shift=0, noise=0.3,
                prepare=tuple(data.preprocessing("digits")))


def build(seed, side):
    """A small CNN with dropout for MNIST; for the digits, which are 8×8, a network of 64 hidden units."""
    if side == 8:
        return models.mlp(64, 64, dropout=0.3, seed=seed)
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2, rng=rng), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1, rng=rng), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, padding=1, rng=rng), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.5, rng=rng.spawn(1)[0]), nn.Linear(32 * 7 * 7, 128, rng=rng), nn.ReLU(),
        nn.Dropout(0.5, rng=rng.spawn(1)[0]), nn.Linear(128, 10, rng=rng))


def views_of(setting):
    """The transforms of a view: moved, prepared, and with noise."""

    def blur(images, rng):
        return images + setting.noise * rng.standard_normal(images.shape, np.float32)

    return [data.RandomShift(setting.shift), *setting.prepare, blur]


class Steps:
    """The first so many batches of a loader that begins anew as often as needed, as one epoch."""

    def __init__(self, loader, count):
        self.loader, self.count = loader, count

    def __len__(self):
        return self.count

    def __iter__(self):
        left = self.count
        while left > 0:
            for _, batch in zip(range(left), self.loader, strict=False):
                yield batch
                left -= 1


def training_of(model, setting, steps):
    optimizer = optim.Adam(model.parameters(), lr=setting.lr)
    return optimizer, optim.CosineAnnealingLR(optimizer, steps)


def repeated(few):
    """The labelled images again and again, 50 batches of them: a pass is not over after three."""
    return few[np.resize(np.arange(len(few)), 50 * LABELLED)]


def alone(training, setting, seed):
    """The network that knows the labelled images only."""
    few, model = training.few(setting.labels, rng=seed), build(seed, training.images.shape[2])
    loader = data.DataLoader(repeated(few), LABELLED, shuffle=True, seed=seed, transform=views_of(setting))
    optimizer, schedule = training_of(model, setting, setting.steps_alone)
    fit(model, Steps(loader, setting.steps_alone), optimizer, 1, schedule=schedule)
    return model


def with_mean_teacher(training, setting, seed):
    """The running average of a student that agrees with it on all images."""
    few, model = training.few(setting.labels, rng=seed), build(seed, training.images.shape[2])
    both = InStep(data.DataLoader(repeated(few), LABELLED, shuffle=True, seed=seed, drop_last=True),
                  data.DataLoader(training, UNLABELLED, shuffle=True, drop_last=True))
    views, mean = views_of(setting), MeanTeacher(model, setting.decay)
    losses = [(1, Labels()), (ramp_up(setting.weight, round(0.3 * setting.steps)), OnLogits(consistency_loss))]
    optimizer, schedule = training_of(model, setting, setting.steps)
    distill(model, mean.teacher, Steps(TwoViews(both, views, views), setting.steps), optimizer, 1, losses, noisy=True,
            schedule=schedule, after_step=mean.update)
    return mean.teacher


METHODS = {"alone": alone, "mean-teacher": with_mean_teacher}


def measure(training, test, setting, seed):
    """The rows of one label set."""
    rows = []
    for method, train in METHODS.items():
        started = time.time()
        model = train(training, setting, seed)
        errors = evaluate(model, data.DataLoader(test, 500, transform=setting.prepare))["errors"]
        rows.append({"seed": seed, "method": method, "errors": errors, "n": len(test),
                     "seconds": round(time.time() - started, 1)})
    return rows


def table(rows):
    """Errors of each label set, and their mean in percent."""
    lines = ["| | test errors of each label set | mean |", "|---|--:|--:|"]
    for method, words in (("alone", "the labelled images alone"), ("mean-teacher", "Mean Teacher")):
        errors = [row["errors"] for row in rows if row["method"] == method]
        lines.append(f"| {words} | {', '.join(map(str, errors))} of {rows[0]['n']:,} | "
                     f"{100 * np.mean(errors) / rows[0]['n']:.2f} % |")
    return "\n".join(lines)


def main():
    parser = program_parser(__doc__)
    add_seeds(parser, seeds="how many label sets")
    arguments = read(parser, "mean_teacher", quick="the bundled digits")
    started, rows, out = time.time(), [], arguments.out
    training, test = data.load("digits" if arguments.quick else "mnist", arguments.data_dir)
    setting = QUICK if arguments.quick else FULL
    for seed in seeds_of(arguments):
        rows += measure(training, test, setting, seed)
        if out is not None:  # after each label set: a run that is stopped has lost one at most
            done = sorted({row["seed"] for row in rows})
            result = {"setting": asdict(setting) | {"prepare": repr(setting.prepare)}, "rows": rows}
            write_result(out, result, seed=done, started=started)
    print(table(rows))
    if out == HERE / "results" / "mean_teacher.json":
        fill(HERE / "mean_teacher.md", {"errors": table(rows)})


if __name__ == "__main__":
    main()
