"""Sensitivity: accuracy against the sparsity of one layer at a time."""

import numpy as np

from nnlite.plot.style import BLUE, DARK, GREY, ORANGE, as_written, figure, finished, styled

GREEN, SKY, PURPLE, YELLOW = "#009e73", "#56b4e9", "#cc79a7", "#e69f00"  # more of Okabe & Ito 2008
COLOURS = (ORANGE, BLUE, GREEN, DARK, SKY, PURPLE, YELLOW, GREY)
LINES = ("-", "--", ":", "-.")  # of the 9th layer on, the colours begin again with another line


@styled()
def sensitivity_curves(sparsities, scores, dense, target=None):
    """Accuracy in percent against the removed weights of one layer, a line for each layer; a dotted line for the whole model.

    sparsities: (S,) from 0 to 1.   scores: {layer's name: (S,) accuracies from 0 to 1}.   dense: the whole model's accuracy.
    The legend is sorted by the last point, the sensitive layers at the bottom.
    Errors: ValueError for no curve, and for one of another length than the sparsities.
    """
    if not scores:
        raise ValueError("sensitivity_curves: there are no curves")
    for name, values in scores.items():
        if len(values) != len(sparsities):
            raise ValueError(f"sensitivity_curves: {name} has {len(values)} accuracies for {len(sparsities)} sparsities")
    picture = figure()
    axes = picture.add_subplot()
    x = 100 * np.asarray(sparsities)
    axes.axhline(100 * dense, color=GREY, linestyle=":", label=f"whole: {100 * dense:.4g}")
    for i in sorted(range(len(scores)), key=lambda i: -list(scores.values())[i][-1]):
        name, values = list(scores.items())[i]
        axes.plot(x, 100 * np.asarray(values), LINES[i // len(COLOURS) % len(LINES)], marker="o", markersize=4,
                  color=COLOURS[i % len(COLOURS)], label=as_written(name))
    axes.set(title="Sensitivity of the layers", xlabel="% of this layer's weights removed, all other layers whole",
             ylabel="accuracy (%)")
    axes.legend(loc="lower left")
    return finished(picture, target)
