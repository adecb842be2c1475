"""Soups: five fine-tunings of one pretrained network become one network, or an ensemble, or the ensemble's student.

    python tutorials/papers/soups.py                       MNIST, then MNIST over a photograph; three pretrained networks
    python tutorials/papers/soups.py --quick               the bundled digits, some seconds

A convolutional network with BatchNorm learns from 30,000 images of MNIST. Then it is fine-tuned five times, with five rates and
in five orders, on 1,000 labelled images of another domain: digits over patches of a photograph (`OnPhotograph`). What becomes
of the five:

best        the one that is best on 2,000 held-out images of the new domain
uniform     the mean of all weights
greedy      the mean of those that do no harm, in the order of their held-out accuracy
ensemble    the mean of all five probabilities
distilled   one network, trained from the pretrained one on what the ensemble says of the 1,000 labelled images; labels unseen
with more   the same with 10,000 further images that have no labels

The held-out images choose; the test images are read once for each row.

Prints a table, writes results/soups.json, and puts the table into soups.md.
Source: Wortsman et al. 2022 (arXiv 2203.05482); Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §3 for the student.
"""

import copy
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, nn, optim
from nnlite.train import evaluate, fit
from nntransfer.distill import WithTeacher, distillation
from nntransfer.domains import OnPhotograph, shifted
from nntransfer.fusion import Ensemble, average_weights, greedy_soup

HERE = Path(__file__).resolve().parent
RATES = (0.005, 0.01, 0.02, 0.03, 0.05)
ARMS = ("best", "uniform", "greedy", "ensemble", "distilled", "with more")


class Task(NamedTuple):
    """The parts of the data, and how long to train."""

    source: data.Dataset
    labelled: data.Dataset
    more: data.Dataset  # the labelled ones, and others whose labels nobody looks at
    held_out: data.Dataset
    test: data.Dataset
    preprocessing: list
    epochs: int  # of the pretraining
    again: int   # of a fine-tuning

    def batches(self, part, seed):
        return data.DataLoader(part, 50, shuffle=True, seed=seed, transform=self.preprocessing)

    def whole(self, part):
        return data.DataLoader(part, 500, transform=self.preprocessing)


def make_task(quick, folder):
    """Four parts of the training images that have no image in common; all but the first lie in the new domain."""
    name = "digits" if quick else "mnist"
    training, test = data.load(name, folder)
    sizes = (700, 200, 300, 200) if quick else (30_000, 1_000, 10_000, 2_000)
    *cuts, _ = np.cumsum((0, *sizes, 0))
    source, *target = (training[a:b] for a, b in zip(cuts, cuts[1:], strict=False))
    labelled, unlabelled, held_out = (shifted(part, [OnPhotograph()], seed) for seed, part in enumerate(target))
    more = data.Dataset(np.concatenate([labelled.images, unlabelled.images]),
                        np.concatenate([labelled.labels, unlabelled.labels]), labelled.classes)
    return Task(source, labelled, more, held_out, shifted(test, [OnPhotograph()], 3), data.preprocessing(name),
                *((8, 8) if quick else (2, 12)))


def network(image_size, seed):
    """Two convolutions and a hidden layer, each with BatchNorm; images are pooled first, so that BatchNorm has less to do."""
    rng, model = np.random.default_rng(seed), nn.Sequential()
    model.conv1, model.pool1 = nn.Conv2d(1, 16, 5, padding=2, rng=rng), nn.MaxPool2d(2)
    model.bn1, model.relu1 = nn.BatchNorm2d(16), nn.ReLU()
    model.conv2, model.pool2 = nn.Conv2d(16, 32, 3, padding=1, rng=rng), nn.MaxPool2d(2)
    model.bn2, model.relu2 = nn.BatchNorm2d(32), nn.ReLU()
    model.flatten, model.fc1 = nn.Flatten(), nn.Linear(32 * (image_size // 4) ** 2, 64, rng=rng)
    model.bn3, model.relu3 = nn.BatchNorm1d(64), nn.ReLU()
    model.fc2 = nn.Linear(64, 10, rng=rng)
    return model


def train(model, batches, epochs, lr, **options):
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    fit(model, batches, optimizer, epochs, schedule=optim.CosineAnnealingLR(optimizer, epochs * len(batches)), **options)
    return model.eval()


def student(task, pretrained, teacher, part, epochs, seed):
    """The pretrained network, trained on what the teacher says of the images of a part."""
    batches = WithTeacher(task.batches(part, seed), teacher)
    return train(copy.deepcopy(pretrained), batches, epochs, 0.02, loss=distillation(temperature=2, alpha=1))


def run(task, seed):
    """One pretrained network and all that is made of it -> {"singles", each arm: accuracies of test and held-out images}."""
    started = time.time()
    pretrained = train(network(task.source.images.shape[2], seed), task.batches(task.source, seed), task.epochs, 0.05)
    tuned = [train(copy.deepcopy(pretrained), task.batches(task.labelled, 10 * seed + i), task.again, lr)
             for i, lr in enumerate(RATES)]

    def held_out(model):
        return evaluate(model, task.whole(task.held_out))["accuracy"]

    images = task.whole(task.labelled)  # for BatchNorm's statistics
    greedy, members, _ = greedy_soup(tuned, held_out, images)
    teacher = Ensemble(tuned)
    further = max(1, round(task.again * 3 * len(task.labelled) / len(task.more)))
    made = {"best": max(tuned, key=held_out), "uniform": average_weights(tuned, loader=images), "greedy": greedy,
            "ensemble": teacher, "distilled": student(task, pretrained, teacher, task.labelled, task.again, seed),
            "with more": student(task, pretrained, teacher, task.more, further, seed)}
    accuracy = {name: {"test": evaluate(model, task.whole(task.test))["accuracy"], "held_out": held_out(model)}
                for name, model in made.items()}
    singles = [evaluate(model, task.whole(task.test))["accuracy"] for model in tuned]
    return {"seed": seed, "singles": singles, "members": members, **accuracy, "seconds": round(time.time() - started, 1)}


def table(rows):
    lines = ["| pretrained network | five fine-tunings | " + " | ".join(ARMS) + " | in the greedy soup |",
             "|--:|--:|" + "--:|" * len(ARMS) + "--:|"]
    for row in rows:
        lines.append(f"| {row['seed']} | {min(row['singles']):.2%} to {max(row['singles']):.2%} | "
                     + " | ".join(f"{row[arm]['test']:.2%}" for arm in ARMS) + f" | {len(row['members'])} of 5 |")
    gains = [np.mean([100 * (row[arm]["test"] - row["best"]["test"]) for row in rows]) for arm in ARMS]
    lines.append("| mean gain over the best single one, points | | " + " | ".join(f"{gain:+.2f}" for gain in gains) + " | |")
    return "\n".join(lines)


def main():
    parser = program_parser(__doc__)
    add_seeds(parser, "of the first pretrained network", "how many pretrained networks")
    arguments = read(parser, "soups", quick="the bundled digits")
    started, out, seeds = time.time(), arguments.out, seeds_of(arguments)
    rows, task = [], make_task(arguments.quick, arguments.data_dir)
    for seed in seeds:
        rows.append(run(task, seed))
        if out is not None:  # after each network: a run that is stopped has lost one at most
            write_result(out, {"rows": rows}, seed=seeds, started=started)
    print(table(rows))
    if out == HERE / "results" / "soups.json":
        fill(HERE / "soups.md", {"soups": table(rows)})


if __name__ == "__main__":
    main()
