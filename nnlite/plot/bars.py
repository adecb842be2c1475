"""Bars: one number for each of several names."""

import math

from nnlite.plot.style import BLUE, as_written, figure, finished, styled


@styled()
def horizontal_bars(values, title, label, target=None):
    """A horizontal bar for each name, in the order given from the top down, with its number at its end.

    With a number below 0 there are points in place of bars: a bar to the left would be the longer, the lower its number is.
    values: {name: number}.   title, label: of the picture and of its axis.
    Errors: ValueError for no names and for numbers that are NaN or infinite.
    """
    if not values:
        raise ValueError("horizontal_bars: there are no values")
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"horizontal_bars: {name} is {value}")
    picture = figure(2.9 + 0.07 * max(map(len, values)), 1.1 + 0.35 * len(values))
    axes = picture.add_subplot()
    numbers, places = list(values.values()), range(len(values))
    if min(numbers) < 0:
        axes.plot(numbers, places, "o", color=BLUE, markersize=8)
    else:
        axes.barh(places, numbers, color=BLUE, height=0.6)
    for number, place in zip(numbers, places, strict=True):
        axes.annotate(f"{number:.4g}", (number, place), (7, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, list(map(as_written, values)))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.margins(x=0.25)
    axes.grid(axis="y", visible=False)
    axes.set(title=title, xlabel=label)
    return finished(picture, target)
