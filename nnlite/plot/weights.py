"""Weights: the kernels of a convolution as images, and how many weights have which value."""

import numpy as np

from nnlite.plot.style import BLUE, DARK, LIGHT, ORANGE, as_written, figure, finished, styled

BINS = 81  # odd, so that 0 has a bin of its own


@styled()
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
    picture = figure(max(4.5, inches * width + 1.6), inches * height + 1)
    axes = picture.add_subplot(facecolor=LIGHT)
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
    picture.colorbar(image, label="weight", aspect=picture.get_figheight() / 0.18)
    return finished(picture, target)


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


@styled()
def weight_histograms(states, target=None, limit=None):
    """The weights of each layer (columns) in each state (rows), such as before and after pruning and quantization.

    The y axis is logarithmic: one weight is still seen beside the thousands at 0, which are orange.
    states: {label: {layer: array or Tensor}}, quantized weights as the real numbers that they stand for; a state need not
    have all layers.   limit: the x axes go from −limit to limit (default: to each layer's largest weight).
    Errors: ValueError for no weights, and for weights beyond the limit.
    """
    states = {label: {layer: _floats(w).reshape(-1) for layer, w in state.items()} for label, state in states.items()}
    layers = list(dict.fromkeys(layer for state in states.values() for layer in state))
    if not layers:
        raise ValueError("weight_histograms: there are no weights")
    largest = {layer: max(np.abs(state[layer]).max(initial=0) for state in states.values() if layer in state)
               for layer in layers}
    if limit is not None and not max(largest.values()) <= limit:
        raise ValueError(f"weight_histograms: the largest weight is {max(largest.values()):g}, the limit {limit:g}")
    column = max(3, 0.12 * max(map(len, layers)), 0.1 * max(map(len, states)))  # inches, with room for the names
    picture = figure(column * len(layers) + 0.7, 1.6 * len(states) + 1)
    grid = picture.subplots(len(states), len(layers), squeeze=False, sharex="col", sharey=True)
    highest = 1
    for (label, state), row in zip(states.items(), grid, strict=True):
        for layer, axes in zip(layers, row, strict=True):
            if layer in state:
                highest = max(highest, _histogram(axes, label, state[layer], limit or largest[layer] or 1.0))
            else:
                axes.set_axis_off()
    grid[0, 0].set_ylim(0.7, 2 * highest)  # from 0.7, so that a bar of 1 is seen
    grid[0, 0].set_yscale("log")
    grid[0, 0].yaxis.set_major_formatter("{x:,g}")
    grid[0, 0].yaxis.set_minor_formatter("")
    for layer, axes in zip(layers, grid[0], strict=True):
        axes.annotate(as_written(layer), (0, 1), (0, 34), "axes fraction", "offset points", fontsize=12, fontweight="bold")
    picture.supxlabel("weight (orange: exactly 0)", fontsize=10)
    picture.supylabel("number of weights (logarithmic)", fontsize=10)
    return finished(picture, target)


def _histogram(axes, label, w, limit):
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
    axes.set_title(as_written(label), fontsize=10, pad=16)
    axes.annotate(" · ".join(facts), (0, 1), (0, 4), "axes fraction", "offset points", fontsize=9)
    return max(zeros, counts.max())


def _floats(weight):
    """A Tensor or an array -> float64 array."""
    return np.asarray(weight if isinstance(weight, np.ndarray) else getattr(weight, "data", weight), np.float64)
