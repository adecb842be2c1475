"""The smallest networks for MNIST on record, made step by step and written as `.nnz` files.

    python tutorials/papers/smallest.py teacher --work WORK               four CNNs, and their logits under all shifts
    python tutorials/papers/smallest.py train lenet-5 --seed 0 --work WORK     one run: a file and its validation errors
    python tutorials/papers/smallest.py ship lenet-5 --work WORK          tests the runs, and copies the best by validation

WORK is a folder for teachers, logits and runs. Images 0 to 54,999 of MNIST's training part train, 55,000 to 59,999 validate.
Settings and seeds are chosen by validation: `train` never reads the test images, `ship` reads them once for each run. The
shipped file goes to `artifacts/`, all runs to `results/smallest.json`.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

import nncompress
from nncompress.search import Budget, Settings, compress
from nnlite import data, models, nn, optim, save, train
from nnlite import functional as F
from nnlite import load as load_checkpoint
from nnlite.bench.machine import describe
from nnlite.checkpoint import load_state
from nnlite.files import write_atomically
from nntransfer.distill import WithCachedTeacher, cached_logits, softened

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tutorials/, where git_commit is

from git_commit import commit  # noqa: E402

ARTIFACTS, RESULTS = HERE / "artifacts", HERE / "results" / "smallest.json"
TRAINING, BATCH, SEEDS = 55_000, 128, 3
MEMBERS, TEACHER_EPOCHS, TEACHER_LR, SHIFTS = 4, 20, 3e-3, 2

FC = {"model": "lenet_300_100", "shift": 1, "T": 3.0, "dropout": {"input": 0.1}, "settings": {
    "epochs": 48, "levels": 1.0, "share": 1.0, "decay": 0.1}}
CONV = {"model": "lenet_5", "shift": 2, "T": 3.0, "dropout": {}, "settings": {
    "epochs": 36, "levels": {"conv1": 3.0, "conv2": 1.5, "fc1": 1.2, "fc2": 1.5},
    "start": 0.06, "end": 0.5, "freeze": 0.6, "quantize": 0.5}}
PLAIN = {"shift": 0, "T": None}


def filters(*sizes):
    """{group: how many stay} of LeNet-5."""
    return dict(zip(("conv1", "conv2", "fc1"), sizes, strict=True))


RUNS = {
    "lenet-300-100-plain": FC | PLAIN | {
        "weights": 10_500, "dropout": {"input": 0.2, "relu1": 0.4, "relu2": 0.25},
        "settings": FC["settings"] | {"epochs": 44, "levels": 1.2, "decay": 0.15}},
    "lenet-300-100": FC | {"weights": 6_300},
    "lenet-300-100-tiny": FC | {"weights": 4_250, "dropout": {"input": 0.05}, "settings": FC["settings"] | {
        "epochs": 56, "gamma": 1.5}},
    "lenet-5-plain": CONV | PLAIN | {
        "weights": 13_000, "dropout": {"input": 0.1, "pool2": 0.3, "relu1": 0.5}, "settings": CONV["settings"] | {
            "epochs": 36, "decay": 0.1, "channels": {1: filters(18, 44, 300), 2: filters(16, 40, 220)}}},
    "lenet-5": CONV | {"weights": 4_800, "dropout": {"input": 0.1}, "settings": CONV["settings"] | {
        "epochs": 40, "decay": 0.1, "channels": {1: filters(14, 36, 200), 2: filters(13, 32, 140)}}},
    "lenet-5-tiny": CONV | {"weights": 2_050, "shift": 1, "dropout": {"input": 0.1}, "settings": CONV["settings"] | {
        "decay": 0.1, "channels": {1: filters(14, 36, 200), 2: filters(10, 22, 90)}}},
}


def mnist():
    """(training images, validation images) as Datasets of bytes."""
    whole, _ = data.load("mnist")
    return whole[:TRAINING], whole[TRAINING:]


def held_out(images):
    return data.DataLoader(images, 500, transform=[data.ToFloat()])


def teacher_path(work, member):
    return work / f"teacher-{member}.npz"


def train_teacher(work, member):
    """One CNN, trained on images that are turned by up to 12 degrees and shifted by up to 2 pixels."""
    training, validation = mnist()
    loader = data.DataLoader(training, BATCH, shuffle=True, seed=member,
                             transform=[data.RandomRotation(12), data.RandomShift(SHIFTS), data.ToFloat()])
    model = models.cnn(in_channels=1, image_size=28, seed=member)
    optimizer = optim.AdamW(model.parameters(), lr=TEACHER_LR)
    schedule = optim.OneCycle(optimizer, max_lr=TEACHER_LR, total_steps=TEACHER_EPOCHS * len(loader))
    history = train.fit(model, loader, optimizer, TEACHER_EPOCHS, schedule=schedule)
    scores = train.evaluate(model, held_out(validation))
    save(teacher_path(work, member), model, history=history, metadata={"validation": scores})
    print(f"teacher {member}: {scores['errors']} of {scores['n']} validation images wrong", flush=True)


def teacher(work):
    """The teachers' logits of every training image under every shift; what is missing is made first."""
    for member in range(MEMBERS):
        if not teacher_path(work, member).exists():
            train_teacher(work, member)
    teachers = [load_checkpoint(teacher_path(work, member)) for member in range(MEMBERS)]
    return cached_logits(work / "teacher-logits.npz", teachers, mnist()[0], SHIFTS, [data.ToFloat()])


class FadingDropout(nn.Dropout):
    """Dropout whose probability falls from p to 0 along a line, in so many training steps: what is pruned needs its neurons."""

    def __init__(self, p, steps, rng):
        super().__init__(p, rng)
        self.steps, self.seen = steps, nn.Buffer(np.zeros(1))

    def forward(self, x):
        if self.training:
            self.seen.data[0] += 1
        p = self.p * max(0.0, 1 - float(self.seen.data[0]) / self.steps)
        return F.dropout(x, p, self.training, self.rng)


def build(run, seed):
    """The network of a run, with the run's dropout: {name of the layer after which it comes, or "input": probability}."""
    model, run_steps = getattr(models, run["model"])(seed=seed), run["settings"]["epochs"] * (TRAINING // BATCH)
    layers = dict(model.named_children())
    with_dropout = nn.Sequential()
    for number, (name, layer) in enumerate([("input", None), *layers.items()]):
        if layer is not None:
            setattr(with_dropout, name, layer)
        if name in run["dropout"]:
            rng = np.random.default_rng([seed, number])
            setattr(with_dropout, f"dropout_{name}", FadingDropout(run["dropout"][name], run_steps, rng))
    return with_dropout


def batches(run, seed, work):
    """(training loader, loss) of a run."""
    shift = data.RandomShift(run["shift"]) if run["shift"] or run["T"] else None
    loader = data.DataLoader(mnist()[0], BATCH, shuffle=True, seed=seed, drop_last=True, transform=[data.ToFloat()],
                             indices=run["T"] is not None, shift=shift)
    if run["T"] is None:
        return loader, (lambda logits, labels, *_: F.cross_entropy(logits, labels))
    return WithCachedTeacher(loader, teacher(work)), softened(run["T"])


def train_run(name, seed, work, run):
    """One run -> WORK/NAME-seedSEED.nnz and .json, without a look at the test images."""
    training, loss = batches(run, seed, work)
    path = work / f"{name}-seed{seed}.nnz"
    found = compress(build(run, seed), (training, held_out(mnist()[1])), Budget(weights=run["weights"]), loss=loss,
                     settings=Settings(**run["settings"]), checkpoint=path.with_suffix(".npz"))
    nncompress.save(path, found.plan)
    row = {"name": name, "seed": seed, "bytes": path.stat().st_size, "validation_errors": found.report.stages[-1].errors,
           "seconds": round(sum(epoch["seconds"] for epoch in load_state(path.with_suffix(".npz")).history), 1),
           "command": f"python tutorials/papers/smallest.py train {name} --seed {seed} --work WORK",
           "stages": [asdict(stage) for stage in found.report.stages], "settings": run, "commit": commit(),
           "machine": describe()}
    write_json(path.with_suffix(".json"), row)
    print(f"{name} seed {seed}: {row['bytes']:,} bytes, {row['validation_errors']} of 5,000 validation images wrong, "
          f"{row['seconds']:.0f} s", flush=True)


def ship(name, work):
    """Test every run of WORK/NAME once, and copy the file of the fewest validation errors to artifacts/."""
    rows = [json.loads(path.read_text()) for path in sorted(work.glob(f"{name}-seed*.json"))]
    if len(rows) < SEEDS:
        raise SystemExit(f"{work} has {len(rows)} runs of {name}, {SEEDS} are to be reported")
    best = min(rows, key=lambda row: (row["validation_errors"], row["bytes"], row["seed"]))
    test = held_out(data.load("mnist")[1])
    for row in rows:
        path = work / f"{name}-seed{row['seed']}.nnz"
        row |= {"test_errors": train.evaluate(nncompress.load(path), test)["errors"], "shipped": row is best}
        print(f"{name} seed {row['seed']}: {row['bytes']:,} bytes, {row['validation_errors']} of 5,000 validation and "
              f"{row['test_errors']} of 10,000 test images wrong{', shipped' if row is best else ''}")
    path = work / f"{name}-seed{best['seed']}.nnz"
    ARTIFACTS.mkdir(exist_ok=True)
    RESULTS.parent.mkdir(exist_ok=True)
    write_atomically(ARTIFACTS / f"{name}.nnz", lambda stream: stream.write(path.read_bytes()))
    others = [row for row in json.loads(RESULTS.read_text())["runs"] if row["name"] != name] if RESULTS.exists() else []
    order = list(RUNS)
    write_json(RESULTS, {"runs": sorted(others + rows, key=lambda row: (order.index(row["name"]), row["seed"]))})


def write_json(path, content):
    write_atomically(path, lambda stream: stream.write((json.dumps(content, indent=1) + "\n").encode()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("teacher", "train", "ship"))
    parser.add_argument("name", nargs="?", choices=RUNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--change", type=json.loads, default={}, help="settings to try, as JSON: {\"weights\": 5000}")
    arguments = parser.parse_args()
    if arguments.command == "teacher":
        teacher(arguments.work)
    elif arguments.command == "train":
        run = RUNS[arguments.name]
        change = dict(arguments.change)
        settings = run["settings"] | change.pop("settings", {})
        train_run(arguments.name, arguments.seed, arguments.work, run | change | {"settings": settings})
    else:
        ship(arguments.name, arguments.work)


if __name__ == "__main__":
    main()
