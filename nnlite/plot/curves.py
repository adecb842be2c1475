"""Training curves: loss, accuracy and learning rate after each epoch."""

import numpy as np

from nnlite.plot.style import BLUE, DARK, GREY, ORANGE, figure, finished, styled


@styled()
def training_curves(history, target=None, columns=3):
    """Loss and accuracy after each epoch, for training and validation, and the learning rate where it changes.

    history: the list of dicts that `train.fit` returns. Keys epoch, loss, accuracy, validation_loss,
    validation_accuracy, lr; each may be missing in any row.   columns: how many panels stand side by side.
    Errors: ValueError for a history without loss and accuracy.
    """
    panels = []
    for title, name, unit in (("Loss", "loss", 1), ("Accuracy (%)", "accuracy", 100)):
        lines = [(label, *_series(history, key, unit)) for label, key in
                 (("training", name), ("validation", f"validation_{name}"))]
        panels.append((title, [line for line in lines if line[1]]))
    rates = _series(history, "lr", 1)
    if len(set(rates[1])) > 1:
        panels.append(("Learning rate", [("learning rate", *rates)]))
    panels = [panel for panel in panels if panel[1]]
    if not any(title != "Learning rate" for title, _ in panels):
        raise ValueError(f"training_curves: none of the {len(history)} epochs has a loss or an accuracy")

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    picture = figure(3.7 * columns, 3.2 if rows == 1 else 2.3 * rows)
    for i, (title, lines) in enumerate(panels, 1):
        _curves(picture.add_subplot(rows, columns, i), title, lines)
    return finished(picture, target)


def _series(history, key, unit):
    """The epochs that have a finite number under this key, and these numbers."""
    rows = [(row.get("epoch", i), row[key] * unit) for i, row in enumerate(history, 1) if np.isfinite(row.get(key, np.nan))]
    return [epoch for epoch, _ in rows], [value for _, value in rows]


def _curves(axes, title, lines):
    from matplotlib.ticker import MaxNLocator

    colours = {"training": GREY, "validation": BLUE, "learning rate": DARK}
    for label, epochs, values in lines:
        axes.plot(epochs, values, color=colours[label], label=label, marker="o" if len(epochs) == 1 else None)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    drawn = [epoch for _, epochs, _ in lines for epoch in epochs]
    axes.set_xlim(min(drawn) - 0.5, max(drawn) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if title == "Learning rate":
        axes.set_ylim(bottom=0)
        return
    _, epochs, values = lines[-1]
    best = int(np.argmin(values) if title == "Loss" else np.argmax(values))
    name = "lowest" if title == "Loss" else "highest"
    axes.plot(epochs[best], values[best], "o", color=ORANGE, label=f"{name}: {values[best]:.4g} in epoch {epochs[best]}")
    axes.legend()
