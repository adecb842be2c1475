"""The weights and biases of one layer as integers, and the real size of their steps.

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.4; per channel: Krishnamoorthi 2018 (arXiv 1806.08342), §2.6.
"""

import numpy as np

from nncompress.quantization.affine import check_finite, usable_scale

BIAS_LIMIT = 2**30  # one half of int32's range is for the bias, the other half for the sum of products


def largest_integer(bits):
    """The largest integer of a weight, 2^(bits−1) − 1: 127 for 8 bits. The least is its negative: −w exists if w does."""
    return 2 ** (bits - 1) - 1


def grid_step(w, most):
    """The step s of the grid on which all numbers of w lie, w = k s with integers |k| ≤ most; None if there is no such grid.

    Of all such grids it is the coarsest. Each w may differ from k s by 2^−21 of its size, a few roundings of float32. So
    weights that were computed as k · s in float32 lie on their grid.
    w any shape, most ≥ 1 -> float or None; None if all w are 0.

    >>> grid_step([0.5, -1.5, 0.0, 1.0], 127)
    0.5
    >>> grid_step([0.5, 0.7071], 7) is None
    True
    """
    sizes = np.unique(np.abs(np.asarray(w, np.float64)))
    sizes = sizes[sizes > 0]
    if not 0 < len(sizes) <= 4 * most:  # roundings may make a few numbers of one
        return None
    for largest_k in range(1, most + 1):
        k = sizes / (sizes[-1] / largest_k)
        nearest = np.rint(k)
        if (np.abs(k - nearest) <= 2.0**-21 * k).all():
            return float(sizes[0] / nearest[0])
    return None


def weight_scales(w, b, S1, bits, per="channel"):
    """S_w of a layer's output channels: w (O, …), b (O,) float -> (O,) float32.

        S_w = max(max |w| / qmax, |b| / (S1 2^30))      qmax = 2^(bits−1) − 1

    per "channel": max |w| and |b| are those of the channel. per "layer": those of all channels, unless the weights already lie
    on a grid of qmax integers to each side; then S_w is the step of the grid.
    If the weights of a channel are tiny beside its bias, or all 0, the second term decides. So the bias fits into int32, and
    keeps its digits.
    Errors: ValueError for NaN or infinity.
    """
    top = largest_integer(bits)
    s = grid_step(w, top) if per == "layer" else None
    if s is not None and s >= np.finfo(np.float32).tiny and np.abs(b).max() <= BIAS_LIMIT * np.float64(S1) * s:
        return np.full(len(w), s, np.float32)
    largest = np.abs(w).reshape(len(w), -1).max(axis=1, initial=0)
    with np.errstate(over="ignore"):
        scale = np.maximum(largest / top, np.abs(b) / (np.float64(S1) * BIAS_LIMIT))
        scale = usable_scale(scale if per == "channel" else np.full(len(w), scale.max()))
    check_finite("the scales of the weights", scale)
    return scale


def checked_scales(S_w, O):
    """A given S_w, one number or (O,), as (O,) float32.   ValueError if one of them is not positive and finite."""
    scale = np.array(np.broadcast_to(np.asarray(S_w, np.float32), O))
    if not (np.isfinite(scale).all() and (scale >= np.finfo(np.float32).tiny).all()):
        raise ValueError(f"the step of the weights has to be finite and positive, got {S_w}")
    return scale


def quantize_bias(b, S1, S_w):
    """The biases of a layer in steps of S1 S_w: b (O,) float, S1 a number, S_w (O,) -> (O,) int32.

        b_q = round(b / (S1 S_w))

    ValueError if a bias does not fit into 2^30 steps.
    """
    b_q = np.rint(b / (np.float64(S1) * S_w))
    if np.abs(b_q).max() > 1.001 * BIAS_LIMIT:  # `weight_scales` reaches the limit up to a rounding of S_w
        raise ValueError(f"a bias has {np.abs(b_q).max():.3g} steps of S_in S_w; there is room for 2^30, {BIAS_LIMIT:.3g}")
    return np.clip(b_q, -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)
