"""Bars: one number for each of several names."""

import math

from nnlite.plot.style import BLUE, figure, finished, styled


@styled()
def horizontal_bars(values, title, label, target=None):
    """A horizontal bar for each name, in the order given from the top down, with its number at its end.

    values: {name: number}.   title, label: of the picture and of its axis.
    Errors: ValueError for no names and for numbers that are NaN or infinite.
    """
    if not values:
        raise ValueError("horizontal_bars: there are no values")
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"horizontal_bars: {name} is {value}")
    picture = figure(8, 1.2 + 0.4 * len(values))
    axes = picture.add_subplot()
    bars = axes.barh(range(len(values)), list(values.values()), color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{value:.4g}" for value in values.values()], padding=4)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(axis="y", visible=False)
    axes.set(title=title, xlabel=label)
    return finished(picture, target)
