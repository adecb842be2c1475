"""SNIP's Table 1 on MNIST: which weights to remove, at the table's sparsities, on both LeNets.

    python tutorials/papers/snip.py                        both networks, all methods
    python tutorials/papers/snip.py --network lenet-300-100 --method snip
    python tutorials/papers/snip.py --quick                the bundled digits, some seconds
    python tutorials/papers/snip.py --draw                 the table of snip.md, from results/snip-*.json

before training     random, snip: masks at the first weights, then one whole training
after training      magnitude, obd: rounds of pruning and retraining; l-obs: at once, where the other weights make up for it
during training     variational: the training removes what is noise; its sparsity is found, not set

Everything trains with SGD, momentum 0.9, a batch of 100 and a rate that falls along a cosine; only `variational` takes Adam,
as its paper does. The test images are read once for each row.

Prints a table, writes results/snip-NETWORK.json and fills the table of snip.md.
Source: Lee, Ajanthan & Torr 2019 (arXiv 1810.02340), table 1; `variational`: Molchanov et al. 2017 (arXiv 1701.05369), table 1.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

from pages import fill
from result import write_result

from nncompress.pruning import (
    Masks,
    VariationalLoss,
    add_noise,
    collect,
    criterion_masks,
    magnitude_scores,
    obd_scores,
    prunable_weights,
    prune_in_rounds,
    random_scores,
    remove_noise,
    snip_scores,
    surgeon_masks,
)
from nnlite import data, models, optim
from nnlite.train import evaluate, fit

HERE = Path(__file__).resolve().parent
BATCH, ROUNDS = 100, 6
TABLE = {  # network: [(method, sparsity in percent, the paper's test error in percent, None where it has none)]
    "lenet-300-100": [("reference", 0, 1.7), ("random", 95, None), ("random", 98, None), ("snip", 95, 1.6), ("snip", 98, 2.4),
                      ("magnitude", 91.7, 1.6), ("obd", 92, 2.0), ("l-obs", 98.5, 2.0), ("variational", 98.5, 1.92)],
    "lenet-5": [("reference", 0, 0.9), ("random", 98, None), ("random", 99, None), ("snip", 98, 0.8), ("snip", 99, 1.1),
                ("magnitude", 91.7, 0.8), ("obd", 92, 2.7), ("l-obs", 99, 2.1), ("variational", 99.6, 0.75)],
}


class Task(NamedTuple):
    """What a row trains on, how to build its network, and how long to train from the beginning and again."""

    training: data.Dataset
    test: data.Dataset
    preprocessing: list
    build: object
    epochs: int
    again: int
    evidence: int  # how many images OBD looks at
    seed: int
    dense: dict  # the weights of `reference`, once they are trained

    def loader(self, part=None):
        return data.DataLoader(part or self.training, BATCH, shuffle=True, seed=self.seed, transform=self.preprocessing)


def train(task, model, masks, epochs, lr):
    """One training that keeps the masks -> its history."""
    loader, optimizer = task.loader(), optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    schedule = optim.CosineAnnealingLR(optimizer, epochs * len(loader))
    masks.apply()
    return fit(model, loader, optimizer, epochs, schedule=schedule, after_step=masks.apply)


def reference(task, model, sparsity):
    if not task.dense:
        train(task, model, Masks(model, {}), task.epochs, 0.05)
        task.dense.update(model.state_dict())
    model.load_state_dict(task.dense)
    return Masks(model, {name: w != 0 for name, w in prunable_weights(model).items()})


def random(task, model, sparsity):
    masks = criterion_masks(model, random_scores(task.seed), sparsity)
    train(task, model, masks, task.epochs, 0.05)
    return masks


def snip(task, model, sparsity):
    evidence = collect(model, [next(iter(task.loader()))], what=["gradient"])
    masks = criterion_masks(model, snip_scores(prunable_weights(model), evidence), sparsity, evidence, scope="global")
    train(task, model, masks, task.epochs, 0.05)
    return masks


def magnitude(task, model, sparsity):
    reference(task, model, 0)
    return in_rounds(task, model, sparsity, magnitude_scores, None)


def obd(task, model, sparsity):
    reference(task, model, 0)
    some = task.training[: task.evidence]
    return in_rounds(task, model, sparsity, obd_scores, lambda: collect(model, task.loader(some), what=["curvature"]))


def in_rounds(task, model, sparsity, criterion, evidence):
    """Rounds that remove the same part of what is left, over all layers together: ROUNDS of them reach the sparsity."""
    fraction = 1 - (1 - sparsity) ** (1 / ROUNDS)
    return prune_in_rounds(model, lambda masks: train(task, model, masks, task.again, 0.01), rounds=ROUNDS, fraction=fraction,
                           criterion=criterion, evidence=evidence, scope="global")[-1].masks


def l_obs(task, model, sparsity):
    reference(task, model, 0)
    masks = surgeon_masks(model, sparsity, collect(model, task.loader(), what=["input_moments"]), damping=1e-3)
    train(task, model, masks, ROUNDS * task.again, 0.01)
    return masks


def variational(task, model, sparsity):
    add_noise(model, task.seed)
    loader = task.loader()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    epochs = 2 * task.epochs
    steps = epochs * len(loader)
    loss = VariationalLoss(model, examples=len(task.training), start=steps // 40, end=steps // 10 + 1)
    fit(model, loader, optimizer, epochs, loss, schedule=optim.CosineAnnealingLR(optimizer, steps))
    return remove_noise(model)


METHODS = {"reference": reference, "random": random, "snip": snip, "magnitude": magnitude, "obd": obd, "l-obs": l_obs,
           "variational": variational}


def row(network, method, sparsity, paper, task):
    """Train one network by one method -> a row of the table."""
    model, started = task.build(task.seed), time.time()
    masks = METHODS[method](task, model, sparsity / 100)
    scores = evaluate(model, data.DataLoader(task.test, 500, transform=task.preprocessing))
    return {"network": network, "method": method, "sparsity": round(100 * masks.sparsity(), 2), "paper_sparsity": sparsity,
            "error": round(100 * (1 - scores["accuracy"]), 2), "paper_error": paper, "errors": scores["errors"],
            "seed": task.seed, "seconds": round(time.time() - started, 1)}


NAMES = {"lenet-300-100": "LeNet-300-100", "lenet-5": "LeNet-5"}


def table(rows):
    """The paper's sparsity and error beside ours; one wrong image of 10,000 is 0.01 %."""
    lines = ["| network | method | paper: sparsity | test error | ours: sparsity | test error | difference |",
             "|---|---|--:|--:|--:|--:|--:|"]
    for each in rows:
        known = each["paper_error"] is not None
        paper = f"{each['paper_error']} %" if known else "–"
        difference = f"{each['error'] - each['paper_error']:+.2f}" if known else "–"
        lines.append(f"| {NAMES[each['network']]} | {each['method']} | {each['paper_sparsity']} % | {paper} | "
                     f"{each['sparsity']:.1f} % | {each['error']:.2f} % | {difference} |")
    return "\n".join(lines)


def recipe(records):
    """How long each network trained."""
    lines = []
    for network, record in records.items():
        epochs = "1 epoch" if record["again"] == 1 else f"{record['again']} epochs"
        lines.append(f"* {NAMES[network]}: seed {record['seed']}, {record['epochs']} epochs of a training from the beginning, "
                     f"{ROUNDS} rounds of pruning with {epochs} each, {2 * record['epochs']} epochs of variational dropout")
    return "\n".join(lines)


def read(folder):
    """{network: record} of the results that are there."""
    paths = {network: folder / f"snip-{network}.json" for network in TABLE}
    return {network: json.loads(path.read_text()) for network, path in paths.items() if path.exists()}


def draw():
    """Fill the page from the recorded results."""
    records = read(HERE / "results")
    fill(HERE / "snip.md", {"recipe": recipe(records), "errors": table([row for r in records.values() for row in r["rows"]])})


def run(network, arguments):
    """The rows of one network, written to its JSON file after each: a run that is stopped has lost one row at most."""
    started, rows, quick = time.time(), [], arguments.quick
    name = "digits" if quick else "mnist"
    training, test = data.load(name, arguments.data_dir)
    task = Task(training, test, data.preprocessing(name), builder(network, quick), arguments.epochs, arguments.again,
                50 if quick else 1000, arguments.seed, {})
    for method, sparsity, paper in TABLE[network]:
        if method in arguments.method:
            rows.append(row(network, method, round(0.8 * sparsity, 1) if quick else sparsity, paper, task))
            if arguments.out is not None:
                record = {"epochs": arguments.epochs, "again": arguments.again, "rows": rows}
                write_result(arguments.out / f"snip-{network}.json", record, seed=arguments.seed, started=started)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=TABLE, nargs="*", default=list(TABLE))
    parser.add_argument("--method", choices=METHODS, nargs="*", default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="of a training from the beginning (default: 30; 15 with --quick)")
    parser.add_argument("--again", type=int, help="epochs of a retraining (default: 3; 1 with --quick)")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's four files")
    parser.add_argument("--out", type=Path, help="folder of the JSON files (default: results/; none with --quick)")
    parser.add_argument("--quick", action="store_true", help="small networks on the bundled digits")
    parser.add_argument("--draw", action="store_true", help="train nothing, fill the page")
    arguments = parser.parse_args()
    arguments.epochs = arguments.epochs or (15 if arguments.quick else 30)
    arguments.again = arguments.again or (1 if arguments.quick else 3)
    arguments.out = arguments.out or (None if arguments.quick else HERE / "results")
    if not arguments.draw:
        print(table([each for network in arguments.network for each in run(network, arguments)]))
    if arguments.draw or arguments.out == HERE / "results":
        draw()


def builder(network, quick):
    """The network of a seed; a small one for digits, whose images a LeNet-5 is too large for."""
    if network == "lenet-300-100":
        return (lambda seed: models.lenet_300_100(64, width=0.1, seed=seed)) if quick else \
            (lambda seed: models.lenet_300_100(seed=seed))
    return (lambda seed: models.cnn(1, 8, width=0.25, seed=seed)) if quick else (lambda seed: models.lenet_5(seed=seed))


if __name__ == "__main__":
    main()
