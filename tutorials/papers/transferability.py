"""Which pretrained network suits a task? Three scores that need no training, against what fine-tuning then reaches.

    python tutorials/papers/transferability.py               ten sources, two targets, three seeds
    python tutorials/papers/transferability.py --quick       the bundled digits, some seconds

Sources know MNIST's 0 to 4 (as they are; as even and odd; with shuffled labels; with permuted pixels; turned by 90°; inverted),
the bundled digits 0 to 4, Fashion-MNIST's 0 to 4 (as they are; with permuted pixels), or nothing. Targets are 5 to 9 of MNIST
and of Fashion-MNIST, with 10 labels a class. LEEP, LogME and the H-score see these 50 images ("few", the mean over the draws of
the labels) or 2,000 labelled ones ("many").

Each source is fine-tuned on each draw: all its layers, and the new head alone. The rate of each is chosen by held-out training
images, on another draw. Spearman's rank correlation then says whether a higher score goes with a higher test accuracy.

Prints the table, writes results/transferability.json and .svg, and puts the table into transferability.md.
"""

import copy
import math
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from few_labels import accuracy_after, domain, pretrained
from options import add_seeds, program_parser, read, seeds_of
from pages import fill
from result import write_result

from nnlite import data, models, plot
from nnlite import functional as F
from nnlite.plot.labels import label_points
from nntransfer import Tuning, fine_tune, replace_head
from nntransfer.domains import h_score, leep_score, logme_score
from nntransfer.finetune import head_inputs

HERE = Path(__file__).resolve().parent
SCORES = ("LEEP", "LogME", "H-score")
TUNINGS = {"all layers": ("all", (0.003, 0.01, 0.03)), "head only": ("features", (0.03, 0.1))}
LABELS, BATCH, MANY, HELD_OUT = 10, 25, 2000, 1000


class Size(NamedTuple):
    """How large and how long."""

    width: float
    source_steps: int
    epochs: int  # of fine-tuning
    draws: int  # of the target's labels


def changed(source, images=None, labels=None, classes=None):
    """A Domain whose training and test part have other images or labels: each a function of the old ones."""
    def part(old):
        return data.Dataset(old.images if images is None else images(old.images),
                            old.labels if labels is None else labels(old.labels), classes or old.classes)

    return source._replace(training=part(source.training), test=part(source.test))


def permuted(images):
    """The same permutation of the pixels for all images."""
    order = np.random.default_rng(0).permutation(images[0].size)
    return images.reshape(len(images), -1)[:, order].reshape(images.shape)


def enlarged(images):
    """8×8 -> 28×28: each pixel three times in both directions, and two black ones around."""
    large = np.repeat(np.repeat(images, 3, axis=2), 3, axis=3)
    return np.pad(large, ((0, 0), (0, 0), (2, 2), (2, 2)))


def sources(digits, fashion):
    """{name: Domain, or None for a network that has learned nothing}"""
    low = digits.of(range(5))
    found = {"0–4": low, "even or odd": changed(low, labels=lambda y: y % 2, classes=2),
             "labels shuffled": changed(low, labels=np.random.default_rng(0).permutation),
             "pixels permuted": changed(low, permuted),
             "turned": changed(low, lambda images: np.ascontiguousarray(np.rot90(images, axes=(2, 3)))),
             "inverted": changed(low, lambda images: 255 - images), "untrained": None}
    if fashion is not None:
        clothes = fashion.of(range(5))
        found |= {"Fashion 0–4": clothes, "Fashion, permuted": changed(clothes, permuted),
                  "digits 8×8": changed(domain("digits").of(range(5)), enlarged)}
    return found


def targets(digits, fashion):
    return {"digits": digits.of(range(5, 10))} | ({} if fashion is None else {"fashion": fashion.of(range(5, 10))})


def build(image_size, classes, width, seed):
    return models.cnn(in_channels=1, image_size=image_size, classes=classes, width=width, seed=seed)


def scores(model, target, part):
    """{score: what it says of the source} from a part of the target's labelled images."""
    features, logits, labels = head_inputs(model, target.loader(part, 500))
    return {"LEEP": leep_score(F.softmax(logits).data, labels), "LogME": logme_score(features, labels),
            "H-score": h_score(features, labels)}


def fine_tuned(base, target, few, strategy, lr, size):
    model = copy.deepcopy(base)
    replace_head(model, few.classes, rng=0)
    fine_tune(model, strategy, Tuning(target.loader(few, BATCH, shuffle=True), size.epochs, lr, progress=False))
    return model


def rows_of(base, target, size, seed):
    """One source and one target -> for each way to tune: {"tuned", "lr", "accuracy", "few": scores, "many": scores}."""
    last = min(HELD_OUT, len(target.training) // 4)
    images, held_out = target.training[:-last], target.training[-last:]
    draws = [images.few(LABELS, np.random.default_rng((seed, draw))) for draw in range(size.draws + 1)]
    each = [scores(base, target, few) for few in draws[1:]]
    known = {"few": {name: float(np.mean([score[name] for score in each])) for name in SCORES},
             "many": scores(base, target, images[:MANY])}
    for tuned, (strategy, rates) in TUNINGS.items():
        train = partial(fine_tuned, base, target, strategy=strategy, size=size)
        tried = [accuracy_after(partial(train, draws[0], lr=lr), target, held_out) for lr in rates]
        lr = rates[int(np.argmax(tried))]
        reached = [accuracy_after(partial(train, few, lr=lr), target, target.test) for few in draws[1:]]
        yield {"tuned": tuned, "lr": lr, "accuracy": float(np.mean(reached)), **known}


def run(digits, fashion, size, seed):
    """All rows of one seed."""
    rows, side = [], digits.training.images.shape[-1]
    for source, known in sources(digits, fashion).items():
        base = build(side, 5 if known is None else known.training.classes, size.width, seed)
        if known is not None:
            pretrained(known, base, size.source_steps, seed)
        for name, target in targets(digits, fashion).items():
            rows += [{"seed": seed, "source": source, "target": name, **row} for row in rows_of(base, target, size, seed)]
    return rows


def ranks(values):
    """1 for the smallest; equal values share the mean of their ranks.

    >>> ranks([5, 1, 5, 7]).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    values = np.asarray(values, np.float64)
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def rank_correlation(a, b):
    """Spearman's: the correlation of the ranks; 0 where all values of one side are equal.

    >>> rank_correlation([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    a, b = ranks(a) - ranks(a).mean(), ranks(b) - ranks(b).mean()
    size = math.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size else 0.0


def table(rows):
    """Rank correlations: the mean of the seeds, and in brackets the lowest and the highest."""
    lines = ["| target | tuned | test accuracy of the sources | images | " + " | ".join(SCORES) + " |",
             "|---|---|--:|---|" + "--:|" * len(SCORES)]
    for target, tuned in dict.fromkeys((row["target"], row["tuned"]) for row in rows):
        chosen = [row for row in rows if (row["target"], row["tuned"]) == (target, tuned)]
        reached = [100 * row["accuracy"] for row in chosen]
        for images in ("few", "many"):
            cells = []
            for score in SCORES:
                r = []
                for seed in sorted({row["seed"] for row in chosen}):
                    same = [row for row in chosen if row["seed"] == seed]
                    r.append(rank_correlation([row[images][score] for row in same], [row["accuracy"] for row in same]))
                cells.append(f"{np.mean(r):+.2f} ({min(r):+.2f} … {max(r):+.2f})")
            lines.append(f"| {target} | {tuned} | {min(reached):.1f} … {max(reached):.1f} % | {images} | {' | '.join(cells)} |")
    return "\n".join(lines)


@plot.styled()
def picture(rows):
    """Accuracy of the tuned head against LogME of many images: one point for each source, the mean of the seeds."""
    names = list(dict.fromkeys(row["target"] for row in rows))
    figure = plot.figure(6 * len(names), 4.6)
    for axes, target in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        chosen = [row for row in rows if (row["target"], row["tuned"]) == (target, "head only")]
        labels = list(dict.fromkeys(row["source"] for row in chosen))
        points = [np.mean([(row["many"]["LogME"], 100 * row["accuracy"]) for row in chosen if row["source"] == label], axis=0)
                  for label in labels]
        axes.plot(*zip(*points, strict=True), "o", color=plot.BLUE, ms=6, zorder=4)
        axes.margins(0.2, 0.2)
        axes.set(title={"digits": "Target: digits 5–9", "fashion": "Target: Fashion-MNIST 5–9"}[target],
                 xlabel="LogME of the source's features", ylabel="test accuracy of a new head (%)")
        label_points(axes, points, labels)
    return figure


def main():
    parser = program_parser(__doc__)
    add_seeds(parser)
    parser.add_argument("--draws", type=int, help="of the target's labels (default: 4; 1 with --quick)")
    arguments = read(parser, "transferability", quick="small networks on the bundled digits")
    size = Size(0.25, 100, 10, arguments.draws or 1) if arguments.quick else Size(0.5, 1500, 40, arguments.draws or 4)
    digits = domain("digits" if arguments.quick else "mnist", arguments.data_dir)
    fashion = None if arguments.quick else domain("fashion-mnist")
    started, out, rows = time.time(), arguments.out, []
    for seed in seeds_of(arguments):
        rows += run(digits, fashion, size, seed)
        if out is not None:  # after each seed: a run that is stopped has lost one seed at most
            write_result(out, {"draws": size.draws, "rows": rows}, seed=sorted({row["seed"] for row in rows}), started=started)
            plot.save(picture(rows), out.with_suffix(".svg"))
            if out.parent == HERE / "results":
                fill(HERE / "transferability.md", {"correlations": table(rows)})
    print(table(rows))


if __name__ == "__main__":
    main()
