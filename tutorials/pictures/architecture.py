"""Draws architecture.svg, the picture of CONTRIBUTING.md: the rooms, which way imports run, and the five uses of the graph.

Run:  python tutorials/pictures/architecture.py
"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

BLUE, ORANGE, GREY, DARK = "#0072b2", "#d55e00", "#eef3f7", "#333333"


def room(axes, x, y, width, title, text, colour=BLUE):
    axes.add_patch(FancyBboxPatch(
        (x, y), width, 1.5, boxstyle="round,pad=0.06,rounding_size=0.12", facecolor=GREY, edgecolor=colour, linewidth=1.6))
    axes.text(x + width / 2, y + 1.13, title, ha="center", va="center", fontsize=11, fontweight="bold", color=colour)
    axes.text(x + width / 2, y + 0.5, text, ha="center", va="center", fontsize=8.5, color=DARK, linespacing=1.35)


def arrow(axes, start, end, colour=DARK):
    line = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=line)


def draw():
    figure = Figure((11, 5.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(-0.2, 13.2), ylim=(-2.9, 4.0))
    axes.set_axis_off()

    axes.text(0, 3.75, "An arrow points from the importer to what it imports", fontsize=9, color=DARK, style="italic")
    room(axes, 0.0, 0.9, 1.9, "kernels", "loops: to read\nfast: what runs\nsimd, machine")
    room(axes, 2.6, 0.9, 2.1, "functional", "one operation:\nforward + backward\nformula, on the tape")
    room(axes, 5.4, 0.9, 2.5, "nn, optim, data,\ntrain, inference", "\n\nwhat a user composes")
    room(axes, 8.6, 1.9, 2.1, "nncompress", "pruning, int8,\ncoding, .nnz", ORANGE)
    room(axes, 8.6, -0.1, 2.1, "nntransfer", "distillation,\nfine-tuning", ORANGE)
    room(axes, 11.3, 0.9, 1.6, "nnlite.cli", "the commands")
    for start, end in (((2.5, 1.65), (2.0, 1.65)), ((5.3, 1.65), (4.8, 1.65)), ((8.5, 2.4), (8.0, 2.0)),
                       ((8.5, 0.9), (8.0, 1.3)), ((11.2, 1.9), (10.8, 2.4)), ((11.2, 1.4), (10.8, 0.9))):
        arrow(axes, start, end)
    axes.text(9.65, 1.65, "never import each other", ha="center", va="center", fontsize=8, color=ORANGE)

    room(axes, 0.0, -2.6, 2.4, "model(example)", "leaves the tape;\nnnlite.trace returns\nit as one Graph")
    uses = [
        "1. backward:\ngradients",
        "2. structured\npruning: what\nshrinks together",
        "3. lowering: plans\nfor float32\nand int8",
        "4. summary:\nparameters,\nMACs, bytes",
        "5. export:\nan ONNX file",
    ]
    for i, use in enumerate(uses):
        x = 3.5 + 1.95 * i
        axes.add_patch(FancyBboxPatch(
            (x, -2.6), 1.6, 1.1, boxstyle="round,pad=0.06,rounding_size=0.1", facecolor="white", edgecolor=BLUE, linewidth=1.2))
        axes.text(x + 0.8, -2.05, use, ha="center", va="center", fontsize=8, color=DARK)
    arrow(axes, (2.5, -1.95), (3.4, -1.95))
    axes.text(3.5, -1.25, "one graph, five uses", fontsize=9.5, fontweight="bold", color=BLUE)
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_name("architecture.svg"), metadata={"Date": None})
