"""The smallest networks for MNIST on record, made step by step and written as `.nnz` files.

    python tutorials/papers/smallest.py teacher --work WORK               four CNNs, and their logits under all shifts
    python tutorials/papers/smallest.py train lenet-5 --seed 0 --work WORK     one run: a file and its validation errors
    python tutorials/papers/smallest.py ship lenet-5 --work WORK          tests the runs, and copies the best by validation
    python tutorials/papers/smallest.py dense lenet-5-plain --seed 0 --work WORK   the same training without compression

WORK is a folder for teachers, logits and runs. Images 0 to 54,999 of MNIST's training part train, 55,000 to 59,999 validate.
Settings and seeds are chosen by validation: `train` never reads the test images, `ship` reads them once for each run. The
shipped file goes to `artifacts/`, all runs to `results/smallest.json`.

With `--data fashion-mnist` the plain runs train on Fashion-MNIST, with MNIST's settings. `ship` then needs the `dense` runs
too: they say what is lost. With `--ratio 40` a file may have 1/40 of the float32 bytes, in place of a number of weights.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

import nncompress
from nncompress.search import Budget, Settings, compress
from nncompress.search.run import WARM_UP
from nnlite import data, models, nn, optim, save, train
from nnlite import functional as F
from nnlite import load as load_checkpoint
from nnlite.bench.machine import describe
from nnlite.checkpoint import load_state, resume
from nnlite.files import write_atomically
from nntransfer.distill import WithCachedTeacher, cached_logits, softened

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tutorials/, where git_commit is

from git_commit import commit  # noqa: E402

ARTIFACTS, RESULTS = HERE / "artifacts", HERE / "results"
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


def images(of="mnist"):
    """(training images, validation images) as Datasets of bytes."""
    whole, _ = data.load(of)
    return whole[:TRAINING], whole[TRAINING:]


def held_out(images):
    return data.DataLoader(images, 500, transform=[data.ToFloat()])


def teacher_path(work, member):
    return work / f"teacher-{member}.npz"


def train_teacher(work, member):
    """One CNN, trained on images that are turned by up to 12 degrees and shifted by up to 2 pixels."""
    training, validation = images()
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
    return cached_logits(work / "teacher-logits.npz", teachers, images()[0], SHIFTS, [data.ToFloat()])


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
    loader = data.DataLoader(images(run["data"])[0], BATCH, shuffle=True, seed=seed, drop_last=True,
                             transform=[data.ToFloat()], indices=run["T"] is not None, shift=shift)
    if run["T"] is None:
        return loader, (lambda logits, labels, *_: F.cross_entropy(logits, labels))
    return WithCachedTeacher(loader, teacher(work)), softened(run["T"])


def stem(name, run):
    """What the files of a run are called before their seed: lenet-5, fashion-mnist-lenet-5-plain-40x."""
    of = "" if run["data"] == "mnist" else f"{run['data']}-"
    return f"{of}{name}" + (f"-{run['ratio']:g}x" if "ratio" in run else "")


def dense_stem(name, run):
    return stem(f"{name}-dense", {"data": run["data"]})


def train_run(name, seed, work, run):
    """One run -> WORK/NAME-seedSEED.nnz and .json, without a look at the test images."""
    training, loss = batches(run, seed, work)
    path, (_, validation) = work / f"{stem(name, run)}-seed{seed}.nnz", images(run["data"])
    budget = Budget(ratio=run["ratio"]) if "ratio" in run else Budget(weights=run["weights"])
    found = compress(build(run, seed), (training, held_out(validation)), budget, loss=loss,
                     settings=Settings(**run["settings"]), checkpoint=path.with_suffix(".npz"))
    nncompress.save(path, found.plan)
    row = row_of("train", name, seed, run, found.report.stages[-1].errors, load_state(path.with_suffix(".npz")).history)
    row |= {"bytes": path.stat().st_size, "stages": [asdict(stage) for stage in found.report.stages]}
    write_json(path.with_suffix(".json"), row)
    print(f"{name} seed {seed}: {row['bytes']:,} bytes, {row['validation_errors']} of 5,000 validation images wrong, "
          f"{row['seconds']:.0f} s", flush=True)


def train_dense(name, seed, work, run):
    """The training of a run without compression -> WORK/NAME-dense-seedSEED.npz and .json."""
    training, loss = batches(run, seed, work)
    path, (_, validation) = work / f"{dense_stem(name, run)}-seed{seed}.npz", images(run["data"])
    model, settings = build(run, seed), Settings(**run["settings"])
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.decay)
    steps = settings.epochs * len(training)
    warm_up = min(WARM_UP, steps // 10 + 1)
    falling = optim.CosineAnnealingLR(optimizer, max(1, steps - warm_up))
    schedule = optim.LinearWarmup(optimizer, warm_up, then=falling, start_factor=0.01)
    history = resume(path, model, optimizer, schedule, training) if path.exists() else []
    train.fit(model, training, optimizer, settings.epochs, loss, schedule=schedule, checkpoint=path, history=history)
    row = row_of("dense", name, seed, run, train.evaluate(model, held_out(validation))["errors"], load_state(path).history)
    write_json(path.with_suffix(".json"), row | {"bytes": 4 * sum(p.size for p in model.parameters())})
    print(f"{name} seed {seed}, dense: {row['validation_errors']} of 5,000 validation images wrong, {row['seconds']:.0f} s")


def row_of(command, name, seed, run, errors, history):
    """What is recorded of every run."""
    words = [command, name, "--seed", seed, "--work", "WORK"]
    words += ["--data", run["data"]] if run["data"] != "mnist" else []
    words += ["--ratio", f"{run['ratio']:g}"] if "ratio" in run else []
    return {"name": name, "seed": seed, "validation_errors": errors, "data": run["data"],
            "seconds": round(sum(epoch["seconds"] for epoch in history), 1),
            "command": " ".join(["python tutorials/papers/smallest.py", *map(str, words)]), "settings": run,
            "commit": commit(), "machine": describe()}


def recorded(stem, seeds, work):
    """The rows of the first seeds."""
    rows = [json.loads(path.read_text()) for path in sorted(work.glob(f"{stem}-seed*.json"))]
    if len(rows) < seeds:
        raise SystemExit(f"{work} has {len(rows)} runs of {stem}, {seeds} are to be reported")
    return rows[:seeds]


def ship(name, seeds, work, run):
    """Test every run of WORK/NAME once, and copy the file of the fewest validation errors to artifacts/."""
    found, test = stem(name, run), held_out(data.load(run["data"])[1])
    rows = recorded(found, seeds, work)
    best = min(rows, key=lambda row: (row["validation_errors"], row["bytes"], row["seed"]))
    for row in rows:
        plan = nncompress.load(work / f"{found}-seed{row['seed']}.nnz")
        row |= {"test_errors": train.evaluate(plan, test)["errors"], "shipped": row is best}
        print(f"{found} seed {row['seed']}: {row['bytes']:,} bytes, {row['validation_errors']} of 5,000 validation and "
              f"{row['test_errors']} of 10,000 test images wrong{', shipped' if row is best else ''}")
    path = work / f"{found}-seed{best['seed']}.nnz"
    ARTIFACTS.mkdir(exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    write_atomically(ARTIFACTS / f"{found}.nnz", lambda stream: stream.write(path.read_bytes()))
    dense = {} if run["data"] == "mnist" else {"dense": tested_dense(name, seeds, work, run, test)}
    path = RESULTS / ("smallest.json" if run["data"] == "mnist" else f"smallest-{run['data']}.json")
    earlier = json.loads(path.read_text())["runs"] if path.exists() else []
    write_json(path, {"runs": sorted([row for row in earlier if kind(row) != kind(rows[0])] + rows, key=kind_and_seed)} | dense)


def kind(row):
    """The place of a run's name among all, and its ratio."""
    return list(RUNS).index(row["name"]), row["settings"].get("ratio", 0)


def kind_and_seed(row):
    return *kind(row), row["seed"]


def tested_dense(name, seeds, work, run, test):
    """The rows of the dense runs, each tested once."""
    found = dense_stem(name, run)
    rows = recorded(found, seeds, work)
    for row in rows:
        model = load_checkpoint(work / f"{found}-seed{row['seed']}.npz", build(row["settings"], row["seed"]))
        row["test_errors"] = train.evaluate(model, test)["errors"]
        print(f"{found} seed {row['seed']}: {row['validation_errors']} of 5,000 validation and {row['test_errors']} of 10,000 "
              "test images wrong")
    return rows


def write_json(path, content):
    write_atomically(path, lambda stream: stream.write((json.dumps(content, indent=1) + "\n").encode()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("teacher", "train", "dense", "ship"))
    parser.add_argument("name", nargs="?", choices=RUNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many runs `ship` reports (default: %(default)s)")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", choices=("mnist", "fashion-mnist"), default="mnist")
    parser.add_argument("--ratio", type=float, help="how many times smaller than float32, in place of a number of weights")
    parser.add_argument("--change", type=json.loads, default={}, help="settings to try, as JSON: {\"weights\": 5000}")
    arguments = parser.parse_args()
    if arguments.command == "teacher":
        teacher(arguments.work)
    elif arguments.command == "ship":
        ship(arguments.name, arguments.seeds, arguments.work, run_of(arguments))
    else:
        {"train": train_run, "dense": train_dense}[arguments.command](
            arguments.name, arguments.seed, arguments.work, run_of(arguments))


def run_of(arguments):
    """The run that the command line asks for."""
    run = RUNS[arguments.name]
    if arguments.data != "mnist" and run["T"] is not None:
        raise SystemExit(f"{arguments.name} learns from teachers, and these know MNIST only: name a plain run")
    change = dict(arguments.change)
    run = run | {"data": arguments.data, "settings": run["settings"] | change.pop("settings", {})} | change
    return run if arguments.ratio is None else run | {"ratio": arguments.ratio}


if __name__ == "__main__":
    main()
