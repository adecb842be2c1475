"""The roofline: how fast kernels are, and what limits them."""

import numpy as np

from nnlite.plot.labels import label_points
from nnlite.plot.style import BLUE, ORANGE, as_written, figure, finished, styled

ABOVE = "Kernels above the slope found their arrays in a cache, or the memory was busy when it was measured."


@styled()
def roofline(points, roofs, bandwidth, target=None, machine=""):
    """How fast kernels are, and what holds them back: operations per second against operations per byte, both logarithmic.

    A kernel that computes I operations for each byte of its arrays, which come from memory, cannot be faster than

        min(peak, I · bandwidth)

    The slope is the memory's roof, the level that of the multiply-add units. A kernel far below both roofs waits for something
    else. A kernel that is faster than the measured peak shows that the peak was measured while the machine was busy; then the
    level is drawn at this kernel. A kernel above the slope found its arrays in a cache, or the memory was busy when it was
    measured; a line of the picture says so.

    points: (name, kind, I, GOP/s) of each kernel; roofs: {kind: peak in GOP/s}, at most two kinds; bandwidth in GB/s.
    Errors: ValueError for no points, or a bandwidth that is not a number above 0.
    Source: Williams, Waterman & Patterson 2009 (CACM 52(4)).
    """
    if not points:
        raise ValueError("roofline: there are no points")
    if not 0 < bandwidth < np.inf:
        raise ValueError(f"roofline: expects a bandwidth above 0 GB/s, got {bandwidth}")
    from matplotlib.patheffects import withStroke

    picture = figure()
    axes = picture.add_subplot(xscale="log", yscale="log")
    places = [(x, y) for _, _, x, y in points]
    roofs = {kind: max(peak, *(y for _, k, _, y in points if k == kind), 0) for kind, peak in roofs.items()}
    left, right = 0.1 * min(x for x, _ in places), 4 * max(x for x, _ in places)
    for (kind, peak), colour in zip(roofs.items(), (BLUE, ORANGE), strict=False):
        x = np.geomspace(left, right, 500)
        axes.plot(x, np.minimum(peak, x * bandwidth), color=colour)
        axes.annotate(f"{kind}: {peak:,.0f} GOP/s", (right, peak), (0, 4), textcoords="offset points", ha="right",
                      color=colour, fontweight="bold")
        axes.plot([x for _, k, x, _ in points if k == kind], [y for _, k, _, y in points if k == kind], "o", color=colour)
    bottom = 0.4 * min(*(y for _, y in places), right * bandwidth)  # so that the memory's roof is seen, however low
    start = max(left, bottom / bandwidth)  # where it enters the picture
    axes.text(1.1 * start, 1.3 * start * bandwidth, f"memory: {bandwidth:.1f} GB/s", fontweight="bold", va="bottom",
              rotation=np.degrees(np.arctan(bandwidth)), rotation_mode="anchor", transform_rotates_text=True)
    if any(y > x * bandwidth for x, y in places):
        axes.text(0.99, 0.02, ABOVE, transform=axes.transAxes, ha="right", fontsize=8)
    axes.set_xlim(left / 1.5, 1.2 * right)
    axes.set_ylim(bottom, 2.5 * max(roofs.values()))
    axes.set(xlabel="operations per byte of the kernel's arrays (logarithmic)", ylabel="GOP/s (logarithmic)",
             title="Kernels under the machine's measured roofs")
    axes.set_title(as_written(machine), loc="right", fontsize=8, fontweight="normal")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_major_formatter("{x:,g}")
    label_points(axes, places, [name for name, *_ in points])
    for text in axes.texts:  # readable where a line runs below it
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    return finished(picture, target)
