"""Where to write labels beside points so that none covers another."""

import numpy as np

from nnlite.plot.style import GREY, as_written, lay_out


def label_centres(points, sizes, bounds, mark=10):
    """Where to write labels of these sizes (width, height): each in turn where it covers least, and then nearest.

    points (n, 2), sizes (n, 2), bounds (left, bottom, right, top), mark the radius of a point, all in pixels -> (n, 2)
    """
    taken = [(x - mark, y - mark, x + mark, y + mark) for x, y in points]
    centres = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        candidates = []
        for gap in mark * np.array([1.5, 3, 5, 8, 12, 16]):
            for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False) + np.pi / 2:
                centre = x + (width / 2 + gap) * np.cos(angle), y + (height / 2 + gap) * np.sin(angle)
                box = (centre[0] - width / 2, centre[1] - height / 2, centre[0] + width / 2, centre[1] + height / 2)
                covered = width * height - _common_area(box, bounds) + sum(_common_area(box, other) for other in taken)
                candidates.append((round(covered), gap, len(candidates), centre, box))
        _, _, _, centre, box = min(candidates)
        centres.append(centre)
        taken.append(box)
    return np.array(centres)


def _common_area(a, b):
    """Of two boxes (left, bottom, right, top)."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def label_points(axes, points, labels):
    """Write each label near its point, clear of the others, with a thin line between the two."""
    lay_out(axes.figure)
    pixels = axes.transData.transform(points)
    texts = [axes.annotate(as_written(label), point, xytext=(0, 0), textcoords="offset points", ha="center", va="center",
                           fontsize=9, arrowprops={"arrowstyle": "-", "color": GREY, "shrinkA": 0, "shrinkB": 0})
             for point, label in zip(points, labels, strict=True)]
    sizes = [text.get_tightbbox().size for text in texts]
    bounds = axes.get_window_extent().extents
    for text, centre, pixel in zip(texts, label_centres(pixels, sizes, bounds), pixels, strict=True):
        text.set_position((centre - pixel) * 72 / axes.figure.dpi)  # in points: a picture may be drawn at another dpi
