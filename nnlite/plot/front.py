"""Many networks on one picture: errors against bytes, and the front that none of them beats."""

from nnlite.plot.size import size_text
from nnlite.plot.style import BLUE, GREY, figure, finished, styled


@styled()
def errors_against_bytes(points, front, target=None):
    """Errors against size on disk (both logarithmic), with the front as a staircase.

    points: pairs (bytes, errors), at least 1 and at least 0.   front: indices of points, from the smallest file to the largest.
    Errors: ValueError for no points, bytes below 1 and errors below 0. A network without an error stands at half an error.
    """
    if not points:
        raise ValueError("errors_against_bytes: there are no points")
    for size, errors in points:
        if not (size >= 1 and errors >= 0):
            raise ValueError(f"errors_against_bytes: a point has {size} bytes and {errors} errors, expected at least 1 and 0")
    picture = figure()
    axes = picture.add_subplot()
    x, y = [size for size, _ in points], [max(errors, 0.5) for _, errors in points]
    axes.plot(x, y, "o", color=GREY, markersize=5, label="all runs")
    axes.plot([x[i] for i in front], [y[i] for i in front], "o-", drawstyle="steps-post", color=BLUE, markersize=8,
              label="nothing smaller is better")
    axes.set(xscale="log", yscale="log", xlabel="← smaller   ·   size on disk (logarithmic)", ylabel="errors (logarithmic)",
             title="Errors against size on disk")
    axes.xaxis.set_major_formatter(lambda value, _: size_text(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis(lambda value, _: f"{value:g}")
    axes.legend()
    return finished(picture, target)
