"""FitNets on MNIST: a thin and deep student of 30,000 parameters, by labels, by its teacher's outputs, and by a hint first.

    python tutorials/papers/fitnets.py --work WORK         three seeds; WORK keeps the teacher and each finished run
    python tutorials/papers/fitnets.py --quick             the bundled digits, some seconds

plain    the labels alone
kd       Hinton's loss with T = 4 and alpha = 0.9
hints    first the student's fourth convolution learns what the teacher's second pooling gives, through a convolution 1×1 that
         learns, too; then as kd. Both stages together are as long as the other two trainings

The teacher is a wide and shallow CNN with dropout, on images that are moved by up to 2 pixels; it serves all seeds. The
student's weights begin as He et al. 2015 have them, and its rate rises during the first epoch, so that all arms start: T² makes
the first gradients of Hinton's loss large. Each arm has the rate that is best on the last 5,000 training images, in one run. If
a student dies at that rate with one of the seeds, the table has the second best rate, too. The test images are read once for
each run.

Prints a table, writes results/fitnets.json and puts the table into fitnets.md.
Source: Romero et al. 2015 (arXiv 1412.6550), §3.3.
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

from nnlite import data, load, nn, optim, save
from nnlite.sweep import sweep
from nnlite.train import evaluate, fit
from nntransfer.distill import Hints, Labels, SoftTargets, cached_logits, distill

HERE = Path(__file__).resolve().parent
ARMS = ("plain", "kd", "hints")
PAPER = {"plain": 1.9, "kd": 0.65, "hints": 0.51}  # test errors in percent
RATES = (0.03, 0.01, 0.003)
KD = [(0.1, Labels()), (0.9, SoftTargets(4))]


class Task(NamedTuple):
    """What the runs train on, how large the networks are, and how long they train."""

    training: data.Dataset
    test: data.Dataset
    held_out: int
    width: float
    batch: int
    teacher_epochs: int
    epochs: int
    hint_epochs: int  # of the epochs

    @property
    def side(self):
        return self.training.images.shape[2]


def mnist(data_dir):
    return Task(*data.load("mnist", data_dir), held_out=5_000, width=1, batch=100, teacher_epochs=12, epochs=15, hint_epochs=3)


def digits():
    return Task(*data.load("digits"), held_out=200, width=0.25, batch=50, teacher_epochs=4, epochs=2, hint_epochs=1)


def build_teacher(task):
    """conv 32, pool, conv 64, pool, fc 128, with dropout."""
    rng, side = np.random.default_rng(0), task.side // 4
    first, second, hidden = (round(task.width * size) for size in (32, 64, 128))
    model = nn.Sequential()
    model.conv1, model.relu1, model.pool1 = nn.Conv2d(1, first, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)
    model.conv2, model.relu2, model.pool2 = nn.Conv2d(first, second, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)
    model.flatten, model.dropout1 = nn.Flatten(), nn.Dropout(0.25, rng=rng.spawn(1)[0])
    model.fc1, model.relu3 = nn.Linear(second * side * side, hidden, rng=rng), nn.ReLU()
    model.dropout2, model.fc2 = nn.Dropout(0.5, rng=rng.spawn(1)[0]), nn.Linear(hidden, 10, rng=rng)
    return model


def build_student(task, seed):
    """Six convolutions 3×3, thin: 16, 16, 16, pool, 24, 24, 24, pool, fc; He's initial weights."""
    rng, model, before = np.random.default_rng(seed), nn.Sequential(), 1
    thin, wide = (max(2, round(task.width * size)) for size in (16, 24))
    for i, size in enumerate((thin, thin, thin, wide, wide, wide), 1):
        stride = 2 if i == 1 and task.side == 28 else 1
        setattr(model, f"conv{i}", nn.Conv2d(before, size, 3, stride=stride, padding=1, rng=rng))
        setattr(model, f"relu{i}", nn.ReLU())
        if i in (3, 6):
            setattr(model, f"pool{i}", nn.MaxPool2d(2))
        before = size
    model.flatten = nn.Flatten()
    model.fc = nn.Linear(wide * (task.side // (8 if task.side == 28 else 4)) ** 2, 48, rng=rng)
    model.relu7, model.out = nn.ReLU(), nn.Linear(48, 10, rng=rng)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            fan_in = parameter.size // len(parameter)
            parameter.data = rng.normal(0, np.sqrt(2 / fan_in), parameter.shape).astype(np.float32)
        else:
            parameter.data = np.zeros_like(parameter.data)
    return model


def prepared(part, batch, seed):
    return data.DataLoader(part, batch, shuffle=True, seed=seed, transform=data.ToFloat(), indices=True)


def errors_of(model, part):
    return evaluate(model, data.DataLoader(part, 500, transform=data.ToFloat()))["errors"]


def descent(model, loader, epochs, lr, warm_up=0):
    """SGD, and its rate: for `warm_up` steps it rises to lr, then it falls to 0 along a cosine."""
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)
    falling = optim.CosineAnnealingLR(optimizer, epochs * len(loader) - warm_up)
    return optimizer, optim.LinearWarmup(optimizer, warm_up, then=falling, start_factor=0.01) if warm_up else falling


def teacher(task, work):
    """The teacher, its weights from the folder `work`, or trained."""
    model, path = build_teacher(task), work / "teacher.npz"
    if path.exists():
        return load(path, model)
    augmentation = data.RandomShift(2 if task.side == 28 else 0)
    loader = data.DataLoader(task.training, task.batch, shuffle=True, transform=[augmentation, data.ToFloat()])
    optimizer, schedule = descent(model, loader, task.teacher_epochs, lr=0.05)
    fit(model, loader, optimizer, task.teacher_epochs, schedule=schedule)
    save(path, model)
    return model


def student(task, taught, cached, seed, arm, lr, choosing=False):
    """Train one student -> {"errors", "n"}, on held-out training images with `choosing`, else on the test images."""
    kept = len(task.training) - (task.held_out if choosing else 0)
    unseen, cached = task.training[kept:] if choosing else task.test, cached.part(slice(kept))
    model, loader, epochs = build_student(task, seed), prepared(task.training[:kept], task.batch, seed=seed), task.epochs
    if arm == "hints":
        epochs -= task.hint_epochs
        hints = Hints({"relu4": "pool2"}, model, taught, np.zeros((1, 1, task.side, task.side), np.float32), seed)
        adam = optim.Adam([*model.parameters(), *hints.parameters()])
        distill(model, taught, loader, adam, task.hint_epochs, [(1, hints)])
    optimizer, schedule = descent(model, loader, epochs, lr, warm_up=min(len(loader), epochs * len(loader) // 4))
    try:
        distill(model, cached, loader, optimizer, epochs, [(1, Labels())] if arm == "plain" else KD, schedule=schedule)
    except FloatingPointError:  # the rate was too high; a net that says nothing is wrong everywhere
        return {"errors": len(unseen), "n": len(unseen)}
    return {"errors": errors_of(model, unseen), "n": len(unseen)}


def measure(task, work, seeds):
    """The teacher's errors, and for each arm its rate and its errors for each seed."""
    taught = teacher(task, work)
    cached = cached_logits(work / "teacher-logits.npz", [taught], task.training, 0, [data.ToFloat()])
    run = partial(sweep, partial(student, task, taught, cached), folder=work / "runs", executor=ThreadPoolExecutor(1))
    found = {"teacher": errors_of(taught, task.test), "n": len(task.test), "arms": [],
             "parameters": sum(parameter.size for parameter in build_student(task, 0).parameters())}
    for arm in ARMS:
        tried = run({f"{arm}-lr{lr}": {"arm": arm, "lr": lr, "choosing": True} for lr in RATES}, seeds[:1])
        best, second, *_ = (row["setting"]["lr"] for row in sorted(tried, key=lambda row: row["result"]["errors"]))
        found["arms"].append(errors_at(run, f"{arm}-final", arm, best, seeds))
        if max(found["arms"][-1]["errors"]) > found["n"] / 2:  # with one of the seeds nothing was learnt
            found["arms"].append(errors_at(run, f"{arm}-lr{second}-final", arm, second, seeds))
    return found


def errors_at(run, name, arm, lr, seeds):
    """The row of an arm at a rate: test errors of each seed."""
    return {"arm": arm, "lr": lr,
            "errors": [row["result"]["errors"] for row in run({name: {"arm": arm, "lr": lr}}, seeds)]}


def table(found):
    lines = [f"| | rate | test errors of each seed, of {found['n']:,} | mean | published |", "|---|--:|--:|--:|--:|",
             f"| teacher | 0.05 | {found['teacher']} | {100 * found['teacher'] / found['n']:.2f} % | 0.55 % |"]
    lines += [f"| student, {row['arm']} | {row['lr']} | {', '.join(map(str, row['errors']))} | "
              f"{100 * np.mean(row['errors']) / found['n']:.2f} % | {PAPER[row['arm']]} % |" for row in found["arms"]]
    return "\n".join(lines)


def main():
    parser = program_parser(__doc__)
    parser.add_argument("--work", type=Path, help="folder for the teacher and finished runs")
    add_seeds(parser)
    arguments = read(parser, "fitnets", quick="small networks on the bundled digits", keeps="the teacher and the runs")
    started, out, seeds = time.time(), arguments.out, seeds_of(arguments)
    found = measure(digits() if arguments.quick else mnist(arguments.data_dir), arguments.work, seeds)
    print(table(found))
    if out is not None:
        write_result(out, found, seed=seeds, started=started)
    if out == HERE / "results" / "fitnets.json":
        fill(HERE / "fitnets.md", {"errors": table(found)})


if __name__ == "__main__":
    main()
