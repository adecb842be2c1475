"""The page about the smallest networks for MNIST: all published figures and ours in one picture, with three kinds of ratio.

    python tutorials/papers/smallest_page.py

Makes smallest.md and results/smallest.svg from results/smallest.json and results/smallest-fashion-mnist.json, which
`smallest.py ship` writes, and from the files in artifacts/. What is not there yet is left out.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from nnlite import plot

HERE = Path(__file__).resolve().parent
NETWORKS = {"lenet-300-100": ("LeNet-300-100", 266_610), "lenet-5": ("LeNet-5", 431_080)}  # name, parameters
KINDS = {"parameters": "parameters kept", "format": "bits of an assumed format", "bytes": "bytes"}
NAMES_AT = {"right": ((6, -3), "left"), "left": ((-6, -3), "right"), "below": ((0, -12), "center"),
            "above": ((0, 6), "center")}  # offset in points
CONDITIONS = {"-plain": "no augmentation, no teacher", "": "shifted images, teacher", "-tiny": "shifted images, teacher"}


class Published(NamedTuple):
    """A figure of a paper: which network, what is counted, how many times less, the test error (%); where its name goes."""

    network: str
    method: str
    kind: str
    times: float
    error: float
    source: str
    name_at: str = "right"


PUBLISHED = [
    Published("lenet-300-100", "Deep Compression", "bytes", 40, 1.58, "1510.00149", "above"),
    Published("lenet-300-100", "soft weight sharing", "format", 64, 1.94, "1702.04008"),
    Published("lenet-300-100", "variational dropout", "parameters", 68, 1.92, "1701.05369"),
    *[Published("lenet-300-100", f"momentum, {density} %", "parameters", 100 / density, error, "1907.04840",
                name_at)
      for density, error, name_at in ((1, 2.36, "right"), (2, 1.99, "left"), (5, 1.53, "left"), (8.3, 1.43, "left"))],
    Published("lenet-300-100", "entropy-penalised", "bytes", 124, 1.9, "1906.06624"),
    Published("lenet-5", "Deep Compression", "bytes", 39, 0.74, "1510.00149"),
    Published("lenet-5", "soft weight sharing", "format", 162, 0.97, "1702.04008", "left"),
    Published("lenet-5", "variational dropout", "parameters", 280, 0.75, "1701.05369", "left"),
    Published("lenet-5", "Bayesian, GNJ", "format", 361, 1.0, "1705.08665", "left"),
    Published("lenet-5", "Bayesian, GHS", "format", 419, 1.0, "1705.08665"),
    Published("lenet-5", "entropy-penalised", "bytes", 606, 1.0, "1906.06624", "left"),
    Published("lenet-5", "MIRACLE, 3.03 kB", "format", 4 * 431_080 / 3030, 0.69, "1810.00440", "left"),
    Published("lenet-5", "MIRACLE, 1.52 kB", "format", 4 * 431_080 / 1520, 0.96, "1810.00440", "below"),
]


def network_of(name):
    """The network that a run such as lenet-5-tiny is of."""
    return max((network for network in NETWORKS if name.startswith(network)), key=len)


def ours(run, kind):
    """(times less, test error in percent) of a run in one kind of ratio; None for the format, which our files do not assume."""
    parameters = NETWORKS[network_of(run["name"])][1]
    counted = {"parameters": parameters / run["stages"][-1]["nonzero"], "bytes": 4 * parameters / run["bytes"]}
    return (counted[kind], run["test_errors"] / 100) if kind in counted else None


@plot.styled()
def picture(runs):
    """A row of panels for each network, a panel for each kind of ratio; further right and lower is better."""
    figure = plot.figure(10, 6.4)
    for axes_of_row, (network, (title, _)) in zip(figure.subplots(2, 3, sharey="row"), NETWORKS.items(), strict=True):
        for axes, (kind, counted) in zip(axes_of_row, KINDS.items(), strict=True):
            published = [each for each in PUBLISHED if (each.network, each.kind) == (network, kind)]
            axes.plot([each.times for each in published], [each.error for each in published], "s", color=plot.GREY, ms=6,
                      label="published")
            for each in published:
                offset, align = NAMES_AT[each.name_at]
                axes.annotate(each.method, (each.times, each.error), offset, textcoords="offset points", ha=align, fontsize=7)
            found = [ours(run, kind) for run in runs if network_of(run["name"]) == network and ours(run, kind)]
            if found:
                axes.plot(*zip(*found, strict=True), "o", color=plot.BLUE, ms=6, label="ours, every run")
            axes.set(xscale="log", title=counted, xlabel="times less", xlim=(0.4, 6000))
            axes.margins(y=0.12)
            axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
        axes_of_row[0].set_ylabel(f"{title}: test error (%)")
    figure.axes[2].legend(loc="upper left")
    return figure


def published_table(network):
    """The figures of the papers, the kinds in three columns."""
    lines = ["| method | parameters kept | assumed format | bytes | test error | paper |", "|---|--:|--:|--:|--:|---|"]
    for each in (each for each in PUBLISHED if each.network == network):
        columns = [f"{each.times:.0f} times less" if each.kind == kind else "" for kind in KINDS]
        lines.append(f"| {each.method} | {' | '.join(columns)} | {each.error} % | "
                     f"[{each.source}](https://arxiv.org/abs/{each.source}) |")
    return "\n".join(lines)


def our_table(runs):
    """Every run: one of each name is the shipped file."""
    lines = ["| file | training | seed | bytes | times smaller | not 0 | validation | test error | |",
             "|---|---|--:|--:|--:|--:|--:|--:|---|"]
    for run in runs:
        network = network_of(run["name"])
        times, error = ours(run, "bytes")
        lines.append(f"| {run['name']} | {CONDITIONS[run['name'].removeprefix(network)]} | {run['seed']} | {run['bytes']:,} | "
                     f"{times:.0f} | {run['stages'][-1]['nonzero']:,} | {run['validation_errors']} of 5,000 | {error:.2f} % | "
                     f"{'shipped' if run['shipped'] else ''} |")
    return "\n".join(lines)


def fashion_table(record):
    """Every file beside the dense network of the same seed."""
    lines = ["| budget | seed | bytes | times smaller | not 0 | validation | test error | dense: validation | test error | "
             "lost | |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"]
    dense = {row["seed"]: row for row in record["dense"]}
    for run in record["runs"]:
        without = dense[run["seed"]]
        budget = f"1/{run['settings']['ratio']:g}" if "ratio" in run["settings"] else f"{run['settings']['weights']:,} weights"
        cells = [budget, run["seed"], f"{run['bytes']:,}", f"{without['bytes'] / run['bytes']:.0f}",
                 f"{run['stages'][-1]['nonzero']:,}", *scores(run), *scores(without),
                 f"{(run['test_errors'] - without['test_errors']) / 100:+.2f}", "shipped" if run["shipped"] else ""]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def scores(row):
    """The errors of a run as two cells."""
    return f"{row['validation_errors']} of 5,000", f"{row['test_errors'] / 100:.2f} %"


def commands(record):
    """The commands of the runs, each for any seed."""
    return "\n".join(dict.fromkeys(row["command"].replace(f"--seed {row['seed']}", "--seed SEED")
                                   for row in record["runs"] + record["dense"]))


def files(folder):
    """The commands that count the test images on the files that are there."""
    paths = sorted((folder / "artifacts").glob("*.nnz"))
    of = {path: "fashion-mnist" if path.name.startswith("fashion-mnist") else "mnist" for path in paths}
    return "\n".join(f"nnlite evaluate tutorials/papers/artifacts/{path.name} --data {of[path]} --json" for path in paths)


def text(runs, fashion, evaluations):
    """The page."""
    parts = [INTRODUCTION]
    if runs:
        parts += ["## Ours", OURS, our_table(runs)]
    if fashion:
        parts += [FASHION.format(commands=commands(fashion)), fashion_table(fashion)]
    if evaluations:
        parts += ["## Count them yourself", EVALUATE, f"```sh\n{evaluations}\n```"]
    parts += ["## Published", PAPERS]
    for network, (name, parameters) in NETWORKS.items():
        parts += [f"{name}, {parameters:,} parameters, {4 * parameters:,} bytes as 32-bit floats:", published_table(network)]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """# The smallest networks for MNIST

<!-- made by smallest_page.py: change it there -->

How few bytes does a network need to read handwritten digits? The papers count three different things, and a ratio of one kind
says little about the others:

* **Parameters kept**: how many weights are not 0. A weight that is left still has a place and a value, and both cost bits.
* **Bits of an assumed format**: a formula says what a file would take. Tables, headers or biases may be missing.
* **Bytes**: of what was written.

So the picture has a panel for each kind. Further right and further down is better.

![Test error against how many times less: published figures and ours, for two networks and three kinds of
ratio](results/smallest.svg)"""

OURS = """Every run is in the table. 55,000 of MNIST's training images train, 5,000 choose settings and the shipped seed. The
10,000 test images were counted after the settings were fixed; no setting changed after that. Bytes are those of the whole
`.nnz` file: architecture, scales, biases and a checksum are in it. Errors are those of the decoded file, in integers.

"Plain" trainings see the 55,000 images as they are. They use dropout on hidden layers and on the input's pixels, and weight
decay. The teacher is four CNNs, trained on turned and shifted images. For LeNet-5, shifts by one pixel instead of two gave
one validation error less in two seeds; their third seed did not finish, so the complete set with two pixels is shown. Times
were measured on a machine that did other work as well, so they are upper bounds."""

FASHION = """## Fashion-MNIST, with nothing tuned

The same program on other images, ten kinds of clothes, with the settings that were chosen for MNIST:

```sh
{commands}
```

MNIST's 13,000 weights are too few for clothes if one point is all that may be lost. With `--ratio 40` the run keeps as many
weights as fit into 1/40 of the float32 bytes, and nothing else changes. Every seed that has run is in the table.

What compression costs is measured against the same training without it: same LeNet-5, first weights, dropout, optimizer, rate
and epochs (`dense` in place of `train`). The last 5,000 training images validate; the test images were read once. "Lost" is in
points of test error."""

EVALUATE = """The files are in [artifacts](artifacts). Each command decodes one and counts the 10,000 test images:"""

PAPERS = """Errors and ratios as the papers give them. Where a paper gives bytes, the ratio is that to 32-bit floats.
"Momentum" is sparse momentum, with the part of the weights that is kept."""


def write(folder):
    """Make the page and its picture from what is there."""
    results = folder / "results"
    results.mkdir(exist_ok=True)
    runs, fashion = (json.loads(path.read_text()) if path.exists() else {}
                     for path in (results / "smallest.json", results / "smallest-fashion-mnist.json"))
    runs = runs.get("runs", [])
    plot.save(picture(runs), results / "smallest.svg")
    (folder / "smallest.md").write_text(text(runs, fashion, files(folder)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE, help="with results/ and artifacts/ (default: this one)")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
