"""What a smaller file costs: accuracy against bytes."""

import math

from nnlite.plot.labels import label_points
from nnlite.plot.style import BLUE, SIZE, figure, finished, styled

SPAN = 8  # the axis of sizes ends at so many times its beginning, or more: so it has two labels at least

LABEL = 0.7  # inches that a label of this axis takes


@styled()
def accuracy_against_bytes(rows, target=None, size=SIZE):
    """Test accuracy against size on disk (logarithmic) for each step of a compression run.

    rows: dicts with step (its name), accuracy (0 to 1) and bytes.   size: (width, height) in inches.
    Errors: ValueError for no rows or bytes below 1.
    """
    if not rows:
        raise ValueError("accuracy_against_bytes: there are no rows")
    for row in rows:
        if not row["bytes"] >= 1:
            raise ValueError(f"accuracy_against_bytes: step {row['step']!r} has {row['bytes']} bytes, expected at least 1")
    from matplotlib.ticker import LogLocator

    picture = figure(*size)
    axes = picture.add_subplot()
    x, y = [row["bytes"] for row in rows], [100 * row["accuracy"] for row in rows]
    axes.plot(x, y, "o", color=BLUE, markersize=8, zorder=4)
    axes.set_xscale("log", subs=[])
    axes.margins(0.15, 0.25)
    low, high = axes.get_xlim()
    wider = max(1, SPAN / (high / low)) ** 0.5
    low, high = axes.set_xlim(low / wider, high * wider)
    decades, room = math.log10(high / low), (size[0] - 1) / LABEL
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if 3 * decades < room else (1,), numticks=20))
    axes.set(xlabel="← smaller   ·   size on disk (logarithmic)", ylabel="test accuracy (%)",
             title="Accuracy against size on disk")
    axes.xaxis.set_major_formatter(lambda value, _: size_text(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < 100 + 1e-9 else "")
    labels = [f"{row['step']}\n{100 * row['accuracy']:.1f} %, {size_text(row['bytes'])}" for row in rows]
    label_points(axes, list(zip(x, y, strict=True)), labels)
    return finished(picture, target)


def size_text(bytes):
    """Bytes in three digits, in powers of 1000.

    >>> size_text(950), size_text(27_432), size_text(1_070_000)
    ('950 B', '27.4 kB', '1.07 MB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if bytes >= 0.9995 * unit:
            return f"{bytes / unit:.3g} {name}"
    return f"{bytes:.3g} B"
