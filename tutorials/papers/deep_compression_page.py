"""The page about Deep Compression: paper, ours and the difference for each cell of its tables 2 and 3, and pictures.

`write(folder)` makes folder/deep_compression.md and its pictures in folder/results from the recorded
folder/results/deep_compression-NETWORK.json. Every number of the page comes from these files or from the paper.
"""

import json

import numpy as np

from nnlite import plot

NETWORKS = {"lenet-300-100": "LeNet-300-100", "lenet-5": "LeNet-5"}
TABLES = {"lenet-300-100": 2, "lenet-5": 3}
ERRORS = {"lenet-300-100": (1.64, 1.58), "lenet-5": (0.80, 0.74)}  # the paper's table 1, in percent: before and after
KILOBYTES = {"lenet-300-100": (1070, 27), "lenet-5": (1720, 44)}
COLUMNS = ("weights left (%)", "bits of a weight", "the same, coded", "bits of a gap", "the same, coded",
           "size, shared (%)", "size, coded (%)")
PAPER = {  # tables 2 and 3: the columns above, layer by layer; the paper calls our fc1, fc2, fc3 ip1, ip2, ip3
    "lenet-300-100": {"fc1": (8, 6, 4.4, 5, 3.7, 3.1, 2.32), "fc2": (9, 6, 4.4, 5, 4.3, 3.8, 3.04),
                      "fc3": (26, 6, 4.3, 5, 3.2, 15.7, 12.70), "total": (8, 6, 5.1, 5, 3.7, 3.1, 2.49)},
    "lenet-5": {"conv1": (66, 8, 7.2, 5, 1.5, 78.5, 67.45), "conv2": (12, 8, 7.2, 5, 3.9, 6.0, 5.28),
                "fc1": (8, 5, 4.5, 5, 4.5, 2.7, 2.45), "fc2": (19, 5, 5.2, 5, 3.7, 6.9, 6.13),
                "total": (8, 5.3, 4.1, 5, 4.4, 3.05, 2.55)},
}
DIGITS = (1, 1, 2, 0, 2, 2, 2)  # after the point, in each column


def total(rows):
    """The row of all layers: counts and bytes are sums, bits are means over the stored entries."""
    sums = {name: sum(row[name] for row in rows) for name in ("weights", "kept", "entries", "quantized", "coded")}
    means = {name: sum(row["entries"] * row[name] for row in rows) / sums["entries"]
             for name in ("bits", "coded_bits", "index_bits", "coded_index_bits")}
    return {"layer": "total", **sums, **means}


def cells(row):
    """The seven columns of a row."""
    dense = 4 * row["weights"]
    return (100 * row["kept"] / row["weights"], row["bits"], row["coded_bits"], row["index_bits"], row["coded_index_bits"],
            100 * row["quantized"] / dense, 100 * row["coded"] / dense)


def table(network, record):
    """The paper's table with three lines a layer, paper, ours and difference; ours alone where the paper has no such layer."""
    lines = ["| layer | weights | | " + " | ".join(COLUMNS) + " |", "|---|--:|---|" + "--:|" * len(COLUMNS)]
    for row in [*record["layers"], total(record["layers"])]:
        ours, paper = cells(row), PAPER.get(network, {}).get(row["layer"])
        written = {"ours": [f"{value:.{digits}f}" for value, digits in zip(ours, DIGITS, strict=True)]}
        if paper is not None:
            differences = zip(ours, paper, DIGITS, strict=True)
            written = {"paper": [f"{value:g}" for value in paper], **written,
                       "difference": [f"{value - other:+.{digits}f}" for value, other, digits in differences]}
        for number, (name, values) in enumerate(written.items()):
            first = f"| {row['layer']} | {row['weights']:,} |" if number == 0 else "| | |"
            lines.append(f"{first} {name} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def pruned_bytes(row):
    """A layer with a 32-bit float for each stored entry, and its gaps with a fixed width."""
    return 4 * row["entries"] + row["streams"]["gaps"]


def bytes_table(network, record):
    """Bytes of each layer after each step. Those of the paper follow from its percentages of 4 bytes a weight."""
    lines = ["| layer | trained | pruned | shared: paper | ours | difference | coded: paper | ours | difference |",
             "|---|" + "--:|" * 8]
    whole = total(record["layers"])
    for row in [*record["layers"], whole]:
        dense, paper = 4 * row["weights"], PAPER.get(network, {}).get(row["layer"])
        pruned = sum(map(pruned_bytes, record["layers"])) if row is whole else pruned_bytes(row)
        written = [f"{dense:,}", f"{pruned:,}"]
        for ours, column in ((row["quantized"], -2), (row["coded"], -1)):
            theirs = None if paper is None else round(paper[column] / 100 * dense)
            written += ["–", f"{ours:,}", "–"] if paper is None else [f"{theirs:,}", f"{ours:,}", f"{ours - theirs:+,}"]
        lines.append(f"| {row['layer']} | " + " | ".join(written) + " |")
    return "\n".join(lines)


def stages(network, record):
    """What each of the three steps leaves: bytes of the weights, the ratio, and the wrong test images."""
    rows, errors, images = record["layers"], record["errors"], record["images"]
    dense = sum(4 * row["weights"] for row in rows)
    pruned = sum(map(pruned_bytes, rows))
    lines = ["| step | bytes of the weights | times smaller | test error |", "|---|--:|--:|--:|"]
    for name, size, wrong in (
            ("trained: 32 bits a weight", dense, errors["trained"]),
            ("pruned: 32 bits a weight that is left, 5 bits a gap", pruned, errors["pruned"]),
            ("shared: a number for each weight, 5 bits a gap, values", total(rows)["quantized"], errors["shared, trained"]),
            ("coded: numbers and gaps in Huffman's code, with its tables", total(rows)["coded"], errors["shared, trained"])):
        lines.append(f"| {name} | {size:,} | {dense / size:.1f} | {100 * wrong / images:.2f} % |")
    return "\n".join(lines)


def summary(records):
    """Table 1 of the paper, with ours beside it; bytes with the biases as 32-bit floats."""
    lines = ["| network | | error before | after | bytes before | after | times smaller |", "|---|---|--:|--:|--:|--:|--:|"]
    for network, record in records.items():
        before, after = (100 * record["errors"][name] / record["images"] for name in ("trained", "shared, trained"))
        whole, biases = total(record["layers"]), 4 * record["biases"]
        dense, coded = 4 * whole["weights"] + biases, whole["coded"] + biases
        big, small = KILOBYTES[network]
        paper = ERRORS[network]
        lines += [f"| {NETWORKS[network]} | paper | {paper[0]:.2f} % | {paper[1]:.2f} % | {big} KB | {small} KB | "
                  f"{big / small:.0f} |",
                  f"| | ours | {before:.2f} % | {after:.2f} % | {dense:,} | {coded:,} | {dense / coded:.1f} |"]
    return "\n".join(lines)


@plot.styled()
def tradeoff_picture(record):
    """Han's curve: the loss of accuracy against the part of the weights that is gone."""
    figure = plot.figure(7, 4.2)
    axes = figure.add_subplot()
    curve = record["curve"]
    gone = [100 * row["sparsity"] for row in curve]
    for name, colour, label in (("pruned", plot.GREY, "pruned"), ("retrained", plot.ORANGE, "pruned at once, retrained"),
                                ("in rounds", plot.BLUE, "pruned in rounds, retrained after each")):
        lost = [-100 * (row[name] - curve[0][name]) / record["images"] for row in curve]
        axes.plot(gone, lost, "o-", color=colour, ms=4, label=label)
    axes.axhline(0, color=plot.DARK, lw=0.8)
    axes.set(title="Pruning alone breaks early, rounds of it late", xlabel="weights removed (%)", xlim=(45, 100),
             ylabel="change of accuracy (points)", ylim=(-4, 0.5))
    axes.legend(loc="lower left")
    return figure


@plot.styled()
def weights_picture(record):
    """The weights of the largest layer: trained, pruned at once, and after the rounds."""
    figure = plot.figure(9, 3.2)
    edges = np.linspace(-0.3, 0.3, 61)
    titles = ("trained", "pruned at once", "in rounds, retrained")
    for axes, (name, line), title in zip(figure.subplots(1, 3), record["spread"].items(), titles, strict=True):
        colour = plot.GREY if name == "trained" else plot.BLUE
        axes.stairs([int(count) for count in line.split()], edges, fill=True, color=colour)
        axes.set(title=title, xlabel=f"weight of {record['spread_of']}")
    figure.axes[0].set_ylabel("how many (not 0)")
    return figure


@plot.styled()
def pixels_picture(record):
    """How many neurons of the first layer still look at each pixel."""
    figure = plot.figure(4.8, 4)
    axes = figure.add_subplot()
    counts = np.array([line.split() for line in record["pixels"]], int)
    drawn = axes.imshow(counts, cmap="Blues", vmin=0)
    axes.set(xticks=[], yticks=[], title="Neurons that look at each pixel")
    axes.grid(False)
    figure.colorbar(drawn, ax=axes)
    return figure


def trained_for(record):
    """How long a network was trained, as a sentence."""
    recipe = record["recipe"]
    return (f"Seed {record['seed']}: {recipe['epochs']} epochs of training, {recipe['rounds']} rounds of pruning with "
            f"{_epochs(recipe['again'])} each, {_epochs(recipe['codebook'])} of training the shared values.")


def _epochs(count):
    return f"{count} epoch{'s' * (count != 1)}"


def text(records):
    """The page, with a section for each network that is recorded."""
    parts = [INTRODUCTION, summary(records), ERRORS_COUNTED]
    for network, record in records.items():
        shared, images = record["errors"]["shared"], record["images"]
        parts += [f"## {NETWORKS[network]}", trained_for(record), stages(network, record),
                  f"Right after sharing, before the shared values are trained, the error is {100 * shared / images:.2f} %.\n\n"
                  f"The same network as an `.nnz` file, with weights of 8 bits and everything else that a network needs,\n"
                  f"takes {record['nnz']['bytes']:,} bytes. Run in integers, its error is "
                  f"{100 * record['nnz']['errors'] / images:.2f} %.",
                  f"Table {TABLES[network]} of the paper, ours, and the difference:", table(network, record),
                  "The same in bytes:", bytes_table(network, record),
                  f"![The weights of {record['spread_of']}: trained, pruned at once, and after the rounds of pruning]"
                  f"(results/deep_compression-weights-{network}.svg)", WEIGHTS]
        if record["curve"]:
            parts += [CURVE, curve_table(record), CURVE_COUNTED]
        if record["pixels"]:
            parts.append(PIXELS)
    return "\n\n".join([*parts, DIFFERENCES, RUN]) + "\n"


def curve_table(record):
    """Wrong test images against sparsity."""
    lines = ["| weights removed | pruned | pruned at once, retrained | in rounds |", "|--:|--:|--:|--:|"]
    for row in record["curve"]:
        errors = " | ".join(f"{100 * row[name] / record['images']:.2f} %" for name in ("pruned", "retrained", "in rounds"))
        lines.append(f"| {100 * row['sparsity']:.0f} % | {errors} |")
    return "\n".join(lines)


INTRODUCTION = """# Deep Compression, cell by cell

<!-- made by deep_compression_page.py: change it there -->

Han, Mao and Dally made networks 35 to 49 times smaller in three steps ([arXiv 1510.00149](https://arxiv.org/abs/1510.00149)):
**prune** the smallest weights and retrain; let the weights that are left **share** a few values, and train these; write what
is left in Huffman's **code**. This page does the same with MNIST's two LeNets and compares each cell of the paper's tables 2
and 3. The bytes are those of real streams, which are decoded again."""

ERRORS_COUNTED = """Errors are counted on MNIST's 10,000 test images, so one image is 0.01 points. No setting was chosen on
these images. Our figures are those of one seed. Bytes are those of weights and biases; the biases stay 32-bit floats."""

WEIGHTS = """Pruning at once leaves a hole around 0, with a cliff on each side. In the rounds of pruning and retraining, the
weights that are left move. The cliffs become slopes, and a hill stands on each side of 0."""

CURVE = """How many weights can go? Here the smallest weights of all layers together are removed in three ways: without
retraining, with one retraining, and in rounds, in which each row of the table goes on from the row above. So the rounds have
trained longer.

![Change of accuracy against the part of the weights that is removed](results/deep_compression-tradeoff.svg)"""

CURVE_COUNTED = """Han et al. 2015 ([arXiv 1506.02626](https://arxiv.org/abs/1506.02626)) draw this curve in figure
5. Here it has our network and the test errors of MNIST."""

PIXELS = """Which pixels does the first layer still look at?

![A map of 28 × 28 pixels: how many of the first layer's neurons look at each](results/deep_compression-pixels.svg)

Nobody told the method where a digit is. The paper shows the mask itself, 300 rows of 784 pixels, whose 28 bands are the rows of
this map."""

DIFFERENCES = """## What is counted differently

* **Weights left**: we remove exactly the paper's part of each layer, rounded to whole weights, so this column says nothing new.
* **Values**: a filler between two distant weights is an entry of its own and needs a code. So at most 2^bits − 1 values are
  left for the weights. The values are stored as 32-bit floats.
* **Bits, coded**: the mean length of Huffman's code over all stored entries, fillers included, without its table.
* **Size, coded**: the tables of both codes are included. They hardly matter in a large layer, but in one of a thousand weights.
* **Total**: sums of bytes, and means over all stored entries. The paper's table 2 says 5.1 bits for a coded weight of all
  layers together, though each layer has 4.4 or fewer; table 3 says 5.2 bits for a weight of `fc2`, which has 5 before coding.
  Both contradict the rest of their table, and we leave them as they are."""

RUN = """## Run it

```sh
python tutorials/papers/deep_compression.py lenet-300-100
python tutorials/papers/deep_compression.py lenet-5
python tutorials/papers/deep_compression.py --quick             # the bundled digits, some seconds
python tutorials/papers/deep_compression.py --draw              # this page, from results/deep_compression-*.json
```"""


def read(folder):
    """{network: record} of the results that are there, in the paper's order."""
    paths = {network: folder / "results" / f"deep_compression-{network}.json" for network in NETWORKS}
    return {network: json.loads(path.read_text()) for network, path in paths.items() if path.exists()}


def write(folder):
    """Make the page and its pictures from the recorded results."""
    records = read(folder)
    for network, record in records.items():
        plot.save(weights_picture(record), folder / "results" / f"deep_compression-weights-{network}.svg")
        if record["curve"]:
            plot.save(tradeoff_picture(record), folder / "results" / "deep_compression-tradeoff.svg")
        if record["pixels"]:
            plot.save(pixels_picture(record), folder / "results" / "deep_compression-pixels.svg")
    (folder / "deep_compression.md").write_text(text(records))
