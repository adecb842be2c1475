"""The steps of an int8 plan, and how each kind is computed in integers.

RUNNERS has a function for each kind of `nnlite.inference.kinds` that has an integer form: (plan, step) -> the function from
the uint8 arrays that the step reads, (N, H, W, C) or (N, F), to its result. `quantize` refuses kinds that are not in it.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 7 to 9 and §2.4.
"""

from dataclasses import dataclass, field

import numpy as np

from nncompress.int8.requantize import add_fixed_parameters, float32_factor
from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.inference.kinds import KINDS, grouped
from nnlite.kernels.loops.pooling import counted


@dataclass
class Int8Step:
    """One step of the plan; kind, inputs, shape and options are those of `nnlite.inference.lowering.Step`.

    S, Z: scale (float32) and zero point of the result.   relu: whether the result is cut off at Z, which stands for the real 0.
    w int8, b int32 (O,), w_scale float32 (O,): the weights, biases and weight scales of a conv2d (w (O, C/G, kh, kw)) or a
    linear layer (w (O, I)); None for other kinds.   bits: of the weights.
    high: the largest integer of the result, 255 or less: activations of n bits end at 2^n − 1 (see `qat`).
    width: how many outputs the layer had before its dead ones were left out; None if none were, or if that is not known.
    """

    kind: str
    name: str
    inputs: list
    shape: tuple
    S: np.float32
    Z: int
    options: dict = field(default_factory=dict)
    relu: bool = False
    w: np.ndarray = None
    b: np.ndarray = None
    w_scale: np.ndarray = None
    bits: int = 8
    width: int = None
    high: int = 255

    @property
    def low(self):
        """The smallest integer that the result may have."""
        return self.Z if self.relu else 0


def rows(x):
    """x (…, C) as a matrix with a row for each pixel, or for each vector."""
    return x.reshape(-1, x.shape[-1])


def as_images(y):
    """y (N, H, W, C) as (N, C, H, W); vectors (N, C) stay as they are."""
    return as_nchw(y) if y.ndim == 4 else y


def no_shifts():
    """The empty array of a `Law` that does not shift."""
    return np.empty(0, np.int32)


def integer_law(name, M0, left, right):
    """The `Law` of one of the laws in integers, "fixed" or "once"."""
    if name == "once":
        return kernels.Law(M0, left, no_shifts(), np.empty(0, np.float32), 31 + right)
    return kernels.Law(M0, left, right, np.empty(0, np.float32))


def largest_sum(step, b):
    """A bound on |Σ_k q[k] w[o, k] + b[o]| for every o and q ≤ 255."""
    return int((255 * np.abs(step.w.reshape(len(b), -1).astype(np.int64)).sum(axis=1) + np.abs(b.astype(np.int64))).max())


def folded_bias(step, Z1):
    """b[o] − Z1 Σ_k w[o, k], so that the sums can run over q1 instead of q1 − Z1."""
    return (step.b - Z1 * step.w.reshape(len(step.w), -1).sum(axis=1, dtype=np.int64)).astype(np.int32)


def pad_with_zero_point(x, padding, Z):
    """x (N, H, W, C) uint8 with a border of Z (the real 0), followed in memory by the 3 bytes that `conv2d_int8` asks for."""
    (top, left), (N, H, W, C) = padding, x.shape
    shape = (N, H + 2 * top, W + 2 * left, C)
    size = int(np.prod(shape))
    padded = np.full(size + 3, Z, np.uint8)[:size].reshape(shape)
    padded[:, top : top + H, left : left + W] = x
    return padded


def _conv2d(plan, step):
    Z1, walk = plan.steps[step.inputs[0]].Z, KINDS["conv2d"].walk(step)
    packed = kernels.pack_conv_int8(grouped(step.w, step.options["groups"]), walk.dilation)
    finish = plan.finish(step, step.w_scale, folded_bias(step, Z1))

    def run(x):
        x = pad_with_zero_point(x, walk.padding, Z1)
        acc = np.empty((len(x), *step.shape[1:], len(step.w)), np.int32)
        kernels.conv2d_int8(x, packed, acc, walk)
        return finish(acc)

    return run


def _linear(plan, step):
    Z1 = plan.steps[step.inputs[0]].Z
    packed = kernels.pack_int8(step.w.T)
    finish = plan.finish(step, step.w_scale, folded_bias(step, Z1))

    def run(x):
        acc = np.empty((len(x), len(step.w)), np.int32)
        kernels.matmul_int8(x, packed, acc)
        return finish(acc)

    return run


def _avg_pool2d(plan, step):
    """The mean of window (i, j) is its sum with the multiplier S1 / (S3 count[i, j]).

    Sums with the same count are requantized together. Windows that reach over the edge may count fewer places than others.
    """
    before, window, channels = plan.steps[step.inputs[0]], KINDS["avg_pool2d"].window(step), step.shape[0]
    counts = places_that_count(window, before.shape[1:], step.shape[1:], bool(step.options.get("count_include_pad", True)))
    no_bias, largest = np.zeros(channels, np.int32), 255 * window.places
    parts = [(counts == n, plan.requantizer(step, before.S, np.full(channels, 1 / n, np.float32), no_bias, largest))
             for n in np.unique(counts)]

    def run(x):
        acc = np.empty((len(x), *step.shape[1:], channels), np.int32)
        kernels.sum_pool2d(x, before.Z, window, acc)
        if len(parts) == 1:
            return parts[0][1](acc)
        q = np.empty(acc.shape, np.uint8)
        for chosen, requantize in parts:
            q[:, chosen] = requantize(np.ascontiguousarray(acc[:, chosen]))
        return q

    return run


def places_that_count(window, size, out_size, count_padding):
    """count[i, j] of an average pooling: how many places of window (i, j) the mean counts (`kernels/loops/pooling.py`)."""
    axes = zip(out_size, (window.kh, window.kw), (window.sh, window.sw), (window.ph, window.pw), size, strict=True)
    vertical, horizontal = ([counted(i, k, s, p, n, count_padding) for i in range(out)] for out, k, s, p, n in axes)
    return np.outer(vertical, horizontal)


def _add(plan, step):
    one, two = (plan.steps[i] for i in step.inputs)
    if plan.law != "float":
        M0, shift = (np.array(values, np.int32) for values in add_fixed_parameters(one.S, two.S, step.S))
        law = integer_law(plan.law, M0, no_shifts(), -shift)
    else:
        M = np.array([float32_factor(s.S, 1, step.S) for s in (one, two)])
        law = kernels.Law(no_shifts(), no_shifts(), no_shifts(), M)

    def run(x, y):
        q = np.empty(x.shape, np.uint8)
        kernels.add_activations(rows(x), rows(y), one.Z, two.Z, law, step.Z, step.low, step.high, rows(q))
        return q

    return run


def _as_in_floats(plan, step):
    """A kind that only moves numbers does with integers what it does with floats."""
    return KINDS[step.kind].runner(step)


RUNNERS = {
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _as_in_floats,
    "avg_pool2d": _avg_pool2d,
    "add": _add,
    "relu": lambda plan, step: lambda x: np.maximum(x, np.uint8(step.Z)),
    "flatten": _as_in_floats,
    "uneven_max_pool2d": _as_in_floats,
    "uneven_avg_pool2d": _avg_pool2d,
}
