"""Rate and distortion: a weight may become another integer than the nearest, if a coder needs fewer bits for it.

Source: Wiedemann et al. 2020, DeepCABAC (arXiv 1907.11900), §III-C, eq. 5.
"""

import numpy as np

from nncompress.quantization.rounding.nearest import round_nearest


def round_by_rate(layer, price, curvature=None, iterations=5):
    """The integers with the smallest sum of error and price of their bits.

        q = argmin_k h (w − S k)² + price · (−log2 p(k))        k: the nearest integer, its two neighbours, and 0

    p(k) is the share of this layer's weights that are k; it is counted anew before each of the iterations.
    h is the cost of a squared error of the weight. curvature: {name of a layer: array of its weights' shape} gives h, such as
    the Fisher diagonal E[g²]. Without it h = E[x²] of the weight's input; then h (w − S k)² is the weight's part in the squared
    change of the output.

    layer: `Layer`; price ≥ 0, the loss that one bit is worth -> int8 (O, K). price = 0 gives the nearest integers.
    ValueError for a negative price, a curvature of another size.   Source: DeepCABAC (arXiv 1907.11900), eq. 5.
    """
    if not price >= 0:
        raise ValueError(f"round_by_rate: price has to be 0 or positive, got {price}")
    h = _given(curvature, layer) if curvature is not None else _mean_squares(layer)
    nearest = round_nearest(layer).astype(np.int64)
    choices = np.clip([nearest, nearest - 1, nearest + 1, np.zeros_like(nearest)], -layer.top, layer.top)
    error = h * (layer.w - layer.S[:, None].astype(np.float64) * choices) ** 2
    q = nearest
    for _ in range(iterations):
        cost = error + price * information(q, layer.top)[choices + layer.top] if price else error
        q = np.take_along_axis(choices, cost.argmin(axis=0)[None], axis=0)[0]
    return q.astype(np.int8)


def information(q, top):
    """The bits that an ideal coder needs for each integer k = −top … top: −log2 p(k), p(k) the share of k in q.

    q: integers of any shape -> (2 top + 1,) float64; ∞ for a k that q does not have.
    """
    count = np.bincount(q.ravel().astype(np.intp) + top, minlength=2 * top + 1)
    with np.errstate(divide="ignore"):
        return -np.log2(count / q.size)


def _mean_squares(layer):
    """E[x_k²] for every weight (O, K)."""
    squares = np.diagonal(layer.inputs.products, axis1=1, axis2=2)
    return np.repeat(squares, len(layer.w) // len(squares), axis=0)


def _given(curvature, layer):
    if layer.name not in curvature or np.size(curvature[layer.name]) != layer.w.size:
        raise ValueError(f"round_by_rate: curvature has {sorted(curvature)}; {layer.name} needs {layer.w.size} numbers")
    return np.reshape(curvature[layer.name], layer.w.shape)
