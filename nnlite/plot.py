"""Pictures: training curves, confusion matrix, filters, histograms of weights, accuracy against bytes, the roofline.

Every plot function returns a matplotlib Figure and, where a `target` is given, writes it there: to a path that ends in
.png or .svg (whole or not at all), or as PNG to a binary stream. `svg(figure)` is for HTML pages.
No display is needed or touched. The colours are those that the colour-blind tell apart (Okabe & Ito 2008).
"""

import functools
import io
from pathlib import Path

import numpy as np

from nnlite.files import write_atomically
from nnlite.plot_labels import label_centres

BLUE, ORANGE, LIGHT, GREY, DARK = "#0072b2", "#d55e00", "#e4e4e4", "#999999", "#333333"
STYLE = {
    "figure.dpi": 150, "savefig.dpi": 150, "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left",
    "axes.titleweight": "bold", "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": DARK, "text.color": DARK, "xtick.color": DARK, "ytick.color": DARK, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": LIGHT, "legend.frameon": False, "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1, "svg.hashsalt": "nnlite",
}


def confusion(predictions, labels, classes):
    """The confusion matrix: matrix[i, j] images of class i were taken for class j.

    predictions, labels: whole numbers (N,) in [0, classes) -> int64 (classes, classes). Errors: ValueError for others.

    >>> confusion([0, 1, 1, 1], [0, 0, 1, 1], classes=2)
    array([[1, 1],
           [0, 2]])
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or labels.ndim != 1:
        raise ValueError(f"confusion: predictions {predictions.shape} and labels {labels.shape} are not both (N,)")
    for name, values in (("predictions", predictions), ("labels", labels)):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= classes):
            raise ValueError(f"confusion: {name} from {values.min()} to {values.max()} ({values.dtype}), "
                             f"expected whole numbers from 0 to {classes - 1}")
    cells = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def _styled(draw):
    """Draw in this file's style, whatever the user's own matplotlib settings are, and leave those as they were."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return styled


def _lay_out(figure):
    """Give everything its place on the paper and leave it there: laid out again, it would move by fractions of a pixel."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _print(figure, stream, kind):
    _lay_out(figure)
    nothing_that_varies = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    figure.savefig(stream, format=kind, metadata=nothing_that_varies[kind])


def picture_kind(path):
    """"png" or "svg", as the path ends.   Errors: ValueError for another ending."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"plot: the picture {path} has to end in .png or .svg")
    return kind


@_styled
def save(figure, target):
    """Write a Figure to a path that ends in .png or .svg, or as PNG to a binary stream; same figure, same bytes.

    Errors: ValueError for another ending; OSError where the file cannot be written.
    """
    if hasattr(target, "write"):
        _print(figure, target, "png")
        return
    kind = picture_kind(target)
    write_atomically(target, lambda stream: _print(figure, stream, kind))


@_styled
def svg(figure):
    """A Figure as the text of one <svg> element, to stand inside an HTML page."""
    stream = io.BytesIO()
    _print(figure, stream, "svg")
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def _figure(width, height):
    """An empty Figure of width × height inches, with a canvas of its own instead of pyplot's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _floats(weight):
    """A Tensor or an array -> float64 array."""
    return np.asarray(weight if isinstance(weight, np.ndarray) else getattr(weight, "data", weight), np.float64)


def _finished(figure, target):
    if target is not None:
        save(figure, target)
    return figure


@_styled
def filters(weight, target=None):
    """The kernels of a convolution, side by side on one scale of colours.

    weight (O, C, kh, kw): Tensor or array. With several input channels, each column is a filter and each row an input
    channel. Errors: ValueError for another number of axes, or no numbers.
    """
    weight = _floats(weight)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(f"filters: expects weight (O, C, kh, kw), got shape {weight.shape}")
    O, C, kh, kw = weight.shape
    columns = O if C > 1 else min(O, int(np.ceil(np.sqrt(2 * O))))
    mosaic = _mosaic(weight, columns)
    height, width = mosaic.shape
    inches = min(0.6 / max(kh, kw), 11 / width)  # for one weight
    figure = _figure(max(4.5, inches * width + 1.6), inches * height + 1)
    axes = figure.add_subplot(facecolor=LIGHT)
    limit = np.abs(weight).max() or 1.0
    image = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    line = min(1.5, 4 * inches * kw)
    axes.vlines(np.arange(0, width + 1, kw) - 0.5, -0.5, height - 0.5, DARK, linewidth=line)
    axes.hlines(np.arange(0, height + 1, kh) - 0.5, -0.5, width - 0.5, DARK, linewidth=line)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if C > 1:
        axes.set(xlabel="filter", ylabel="input channel")
        _number_tiles(axes.set_xticks, O, kw)
        _number_tiles(axes.set_yticks, C, kh)
    else:
        axes.set(xticks=[], yticks=[])
    axes.set_title(f"{O} filters of {kh}×{kw} weights" if C == 1 else f"{O} filters of {C}×{kh}×{kw} weights")
    figure.colorbar(image, label="weight", aspect=figure.get_figheight() / 0.18)
    return _finished(figure, target)


def _mosaic(weight, columns):
    """weight (O, C, kh, kw) -> the kernels beside each other; C > 1: a row for each channel, else rows of `columns` filters."""
    O, C, kh, kw = weight.shape
    rows = C if C > 1 else -(-O // columns)
    mosaic = np.full((rows * kh, columns * kw), np.nan)
    for o, c in np.ndindex(O, C):
        row, column = (c, o) if C > 1 else divmod(o, columns)
        mosaic[row * kh : (row + 1) * kh, column * kw : (column + 1) * kw] = weight[o, c]
    return mosaic


def _number_tiles(set_ticks, tiles, size):
    """Ticks 0, 1, 2, … in the middle of the tiles, at most about 16."""
    numbers = np.arange(0, tiles, -(-tiles // 16))
    set_ticks(numbers * size + (size - 1) / 2, numbers)


@_styled
def training_curves(history, target=None):
    """Loss and accuracy after each epoch, for training and validation, and the learning rate where it changes.

    history: the list of dicts that `train.fit` returns. Keys epoch, loss, accuracy, validation_loss,
    validation_accuracy, lr; each may be missing in any row. Errors: ValueError for a history without loss and accuracy.
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

    figure = _figure(4.2 * len(panels), 3.4)
    for axes, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _curves(axes, title, lines)
    return _finished(figure, target)


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


@_styled
def confusion_matrix(matrix, target=None, class_names=None):
    """How many images of each class (row) were taken for which (column): right ones blue, mistakes orange.

    The colour is the share of the row, for mistakes relative to the largest.
    matrix: whole numbers (classes, classes) as from `confusion`. Errors: ValueError for another shape, or other names.
    """
    matrix = np.atleast_1d(matrix)
    classes = len(matrix)
    if matrix.shape != (classes, classes) or classes == 0 or matrix.dtype.kind not in "iu":
        raise ValueError(f"confusion_matrix: expects whole numbers (classes, classes), got {matrix.dtype} {matrix.shape}")
    names = [str(name) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"confusion_matrix: {len(names)} names for {classes} classes")

    figure = _figure(max(4.2, 0.48 * classes + 2), 0.48 * classes + 1.3)
    axes = figure.add_subplot(anchor="W")
    axes.imshow(_confusion_colours(matrix))
    for i, j in zip(*matrix.nonzero(), strict=True):
        axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", color="white" if i == j else DARK)
    axes.set_xticks(range(classes), names, rotation=45 if max(map(len, names)) > 4 else 0)
    axes.set_yticks(range(classes), names)
    axes.set(xlabel="taken for", ylabel="true class")
    axes.set_xticks(np.arange(classes) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    right, total = np.trace(matrix), matrix.sum()
    axes.set_title(f"{right:,} of {total:,} right ({100 * right / max(total, 1):.1f} %)")
    return _finished(figure, target)


def _confusion_colours(matrix):
    """RGB (classes, classes, 3): white for 0, to blue on the diagonal, to orange beside it."""
    from matplotlib.colors import to_rgb

    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(matrix), dtype=bool)
    mistakes = np.where(right, 0, share)
    mistakes = mistakes / (mistakes.max() or 1)
    strength = np.where(matrix == 0, 0, np.where(right, 0.35 + 0.65 * share, 0.15 + 0.65 * mistakes))[..., None]
    return 1 - strength + strength * np.where(right[..., None], to_rgb(BLUE), to_rgb(ORANGE))


BINS = 81  # odd, so that 0 has a bin of its own


@_styled
def weight_histograms(states, target=None):
    """The weights of each layer (rows) in each state (columns), such as before and after pruning and quantization.

    The y axis is logarithmic: one weight is still seen beside the thousands at 0, which are orange.
    states: {label: {layer: array or Tensor}}, quantized weights as the real numbers that they stand for; a state need not
    have all layers. Errors: ValueError for no weights.
    """
    states = {label: {layer: _floats(w).reshape(-1) for layer, w in state.items()} for label, state in states.items()}
    layers = list(dict.fromkeys(layer for state in states.values() for layer in state))
    if not layers:
        raise ValueError("weight_histograms: there are no weights")
    figure = _figure(3.3 * len(states) + 0.1 * max(map(len, layers)) + 0.8, 1.7 * len(layers) + 1.1)
    grid = figure.subplots(len(layers), len(states), squeeze=False, sharex="row", sharey="row")
    for layer, row in zip(layers, grid, strict=True):
        limit = max(np.abs(state[layer]).max(initial=0) for state in states.values() if layer in state) or 1.0
        highest = 1
        for state, axes in zip(states.values(), row, strict=True):
            if layer in state:
                highest = max(highest, _histogram(axes, state[layer], limit))
            else:
                axes.set_axis_off()
        row[0].set_ylim(0.7, 2 * highest)  # from 0.7, so that a bar of 1 is seen
        row[0].set_yscale("log")
        row[0].yaxis.set_major_formatter("{x:,g}")
        row[0].yaxis.set_minor_formatter("")
        row[0].set_ylabel(layer, fontweight="bold", rotation=0, ha="right", va="center")
    for label, axes in zip(states, grid[0], strict=True):
        axes.annotate(label, (0, 1), (0, 22), "axes fraction", "offset points", fontsize=12, fontweight="bold")
    figure.supxlabel("weight (orange: exactly 0)", fontsize=10)
    figure.supylabel("number of weights (logarithmic)", fontsize=10)
    return _finished(figure, target)


def _histogram(axes, w, limit):
    """Draw it; how many weights are in the largest bin."""
    edges = np.linspace(-limit, limit, BINS + 1)
    kept = w[w != 0]
    zeros, different = w.size - kept.size, len(np.unique(kept))
    counts, _ = np.histogram(kept, edges)
    axes.stairs(counts, edges, fill=True, color=BLUE)
    axes.stairs([zeros], edges[BINS // 2 : BINS // 2 + 2], fill=True, color=ORANGE)
    facts = [f"{w.size:,} weights"]
    if zeros:
        facts.append(f"{100 * zeros / w.size:.0f} % zero")
    if different < kept.size / 2:
        facts.append(f"{different} other values" if zeros else f"{different} values")
    axes.set_title(" · ".join(facts), loc="right", fontsize=8, fontweight="normal")
    return max(zeros, counts.max())


@_styled
def accuracy_against_bytes(rows, target=None):
    """Test accuracy against size on disk (logarithmic) for each step of a compression run.

    rows: dicts with step (its name), accuracy (0 to 1) and bytes. Errors: ValueError for no rows or bytes below 1.
    """
    if not rows:
        raise ValueError("accuracy_against_bytes: there are no rows")
    for row in rows:
        if not row["bytes"] >= 1:
            raise ValueError(f"accuracy_against_bytes: step {row['step']!r} has {row['bytes']} bytes, expected at least 1")
    from matplotlib.ticker import LogLocator

    figure = _figure(8, 4.8)
    axes = figure.add_subplot()
    x, y = [row["bytes"] for row in rows], [100 * row["accuracy"] for row in rows]
    axes.plot(x, y, "o", color=BLUE, markersize=8, zorder=4)
    axes.set_xscale("log", subs=[])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axes.margins(0.15, 0.25)
    axes.set(xlabel="← smaller     size on disk (logarithmic)", ylabel="test accuracy (%)",
             title="Accuracy against size on disk")
    axes.xaxis.set_major_formatter(lambda value, _: size_text(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value <= 100 else "")
    labels = [f"{row['step']}\n{100 * row['accuracy']:.1f} %, {size_text(row['bytes'])}" for row in rows]
    _label_points(axes, list(zip(x, y, strict=True)), labels)
    return _finished(figure, target)


def size_text(bytes):
    """Bytes in three digits, in powers of 1000.

    >>> size_text(950), size_text(27_432), size_text(1_070_000)
    ('950 B', '27.4 kB', '1.07 MB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if bytes >= 0.9995 * unit:
            return f"{bytes / unit:.3g} {name}"
    return f"{bytes:.3g} B"


@_styled
def roofline(points, roofs, bandwidth, target=None, machine=""):
    """How fast kernels are, and what holds them back: operations per second against operations per byte, both logarithmic.

    A kernel that computes I operations for each byte of its arrays, which come from memory, cannot be faster than

        min(peak, I · bandwidth)

    The slope is the memory's roof, the level that of the multiply-add units. A point above the slope found its arrays in a
    cache, one far below both roofs waits for something else.

    points: (name, kind, I, GOP/s) of each kernel; roofs: {kind: peak in GOP/s}, at most two kinds; bandwidth in GB/s.
    Errors: ValueError for no points.   Source: Williams, Waterman & Patterson 2009 (CACM 52(4)).
    """
    if not points:
        raise ValueError("roofline: there are no points")
    from matplotlib.patheffects import withStroke

    figure = _figure(8, 5.2)
    axes = figure.add_subplot(xscale="log", yscale="log")
    places = [(x, y) for _, _, x, y in points]
    left, right = 0.1 * min(x for x, _ in places), 4 * max(x for x, _ in places)
    for (kind, peak), colour in zip(roofs.items(), (BLUE, ORANGE), strict=False):
        x = np.geomspace(left, right, 500)
        axes.plot(x, np.minimum(peak, x * bandwidth), color=colour)
        axes.annotate(f"{kind}: {peak:,.0f} GOP/s", (right, peak), (0, 4), textcoords="offset points", ha="right",
                      color=colour, fontweight="bold")
        axes.plot([x for _, k, x, _ in points if k == kind], [y for _, k, _, y in points if k == kind], "o", color=colour)
    axes.text(1.1 * left, 1.3 * left * bandwidth, f"memory: {bandwidth:.1f} GB/s", fontweight="bold", va="bottom",
              rotation=np.degrees(np.arctan(bandwidth)), rotation_mode="anchor", transform_rotates_text=True)
    axes.set_xlim(left / 1.5, 1.2 * right)
    axes.set_ylim(0.4 * min(y for _, y in places), 2.5 * max(roofs.values()))
    axes.set(xlabel="operations per byte of the kernel's arrays (logarithmic)", ylabel="GOP/s (logarithmic)",
             title="Kernels under the machine's measured roofs")
    axes.set_title(machine, loc="right", fontsize=8, fontweight="normal")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_major_formatter("{x:,g}")
    _label_points(axes, places, [name for name, *_ in points])
    for text in axes.texts:  # readable where a line runs below it
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    return _finished(figure, target)


def _label_points(axes, points, labels):
    """Write each label near its point, clear of the others, with a thin line between the two."""
    _lay_out(axes.figure)
    pixels = axes.transData.transform(points)
    texts = [axes.annotate(label, point, xytext=(0, 0), textcoords="offset points", ha="center", va="center", fontsize=9,
                           arrowprops={"arrowstyle": "-", "color": GREY, "shrinkA": 0, "shrinkB": 0})
             for point, label in zip(points, labels, strict=True)]
    sizes = [text.get_tightbbox().size for text in texts]
    bounds = axes.get_window_extent().extents
    for text, centre, pixel in zip(texts, label_centres(pixels, sizes, bounds), pixels, strict=True):
        text.set_position((centre - pixel) * 72 / axes.figure.dpi)  # in points: a picture may be drawn at another dpi
