"""Int8 inference: the plan of a model whose arithmetic between input and logits is integers only.

Activations are uint8 with a scale S and a zero point Z for each step, weights int8 with one scale for each output channel
and no zero point, sums int32:

    acc[o] = Σ_k (q1[k] − Z1) w[o, k] + b[o]              = Σ_k q1[k] w[o, k] + (b[o] − Z1 Σ_k w[o, k])
    q3[o]  = clamp(Z3 + M[o] acc[o], low, 255)            M[o] = S1 S_w[o] / S3;   low = Z3 where a ReLU is fused, else 0
    logits[o] = S1 S_w[o] acc[o]                          the last layer: the one product with a real number

The bracket is computed once. How M is multiplied is the law (see `requantize`): "fixed", integers only, or "float", in
float32 as ONNX Runtime does it.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 4–8 and §2.4.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from nncompress.int8.requantize import add_fixed_parameters, multiplier, quantize_multiplier
from nncompress.quantization.affine import dequantize
from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.inference.pipeline import (
    CHUNK,
    Pipeline,
    convolution_row,
    in_memory_order,
    linear_row,
    table_macs,
    weights_in_memory_order,
)
from nnlite.inference.plan import grouped
from nnlite.kernels.fast import int8_stages as int8_kernels
from nnlite.kernels.loops.requantize import INT32_MAX
from nnlite.kernels.machine.threads import MOVE

LAWS = ("fixed", "float")
NOT_FINITE = "int8 plan: the input has NaN or infinite values"


@dataclass
class Int8Step:
    """One step of the plan; kinds, inputs, shape and options are those of `nnlite.inference.lowering.Step`.

    S, Z: scale (float32) and zero point of the result.   relu: whether the result is cut off at Z.
    w int8, b int32, w_scale float32 (O,): for conv2d (w (O, C/G, kh, kw)) and linear (w (O, I)).   bits: of the weights.
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

    @property
    def low(self):
        return self.Z if self.relu else 0


class Int8Plan:
    """The steps of a quantized model, ready to run: plan(images) with float32 (N, C, H, W) -> logits float32 (N, classes).

    steps: list of Int8Step, the first the input.   law: "fixed" or "float".
    """

    def __init__(self, steps, law="fixed"):
        if law not in LAWS:
            raise ValueError(f"Int8Plan: the requantization law has to be one of {', '.join(LAWS)}, got {law!r}")
        self.steps, self.law, self.kept = steps, law, []
        self.runners = [None, *(self.runner(step) for step in steps[1:])]

    def runner(self, step):
        """The function that computes a step from the results it reads.   ValueError where its scales do not fit together."""
        try:
            return _RUNNERS[step.kind](self, step)
        except ValueError as error:
            raise ValueError(f"int8 plan: {step.name}: {error}") from None

    def __call__(self, images):
        return self.pipeline(self.check_shape(images))

    @functools.cached_property
    def pipeline(self):
        """The fused stages, made at the first call."""
        dtypes = [np.uint8] * (len(self.steps) - 1) + [np.float32 if self.ends_in_sums else np.uint8]
        return Pipeline(self.steps, self.describe, self.run_table, self.enter, self.leave, dtypes,
                        [step.Z for step in self.steps])

    def enter(self, images, buffer):
        """Quantize a chunk of images into the first buffer."""
        if images.ndim == 4:
            S, Z, threads = self.steps[0].S, self.steps[0].Z, kernels.threads_for(MOVE * images.size)
            images = np.ascontiguousarray(images)
            if not int8_kernels.quantize_images(images, S, Z, buffer.array, buffer.top, buffer.left, threads):
                raise ValueError(NOT_FINITE)
        else:
            buffer.inside(len(images))[...] = self.quantize_input(images)

    def leave(self, buffer, n):
        """The logits of the last buffer."""
        return _as_images(buffer.inside(n)).copy() if self.ends_in_sums else self.to_real(buffer.inside(n))

    def describe(self, stage, buffers):
        """A stage as a row of the table, or by the step's own runner."""
        step, out, source = stage.step, buffers[stage.result], buffers[stage.step.inputs[0]]
        if step.kind == "conv2d" and out.array.dtype == np.uint8:
            w = grouped(step.w, step.options["groups"])
            packed = kernels.pack_conv_int8(w, step.options["dilation"])
            laid_out = kernels.LaidOut(packed, packed[0].size, packed[0, 0].size, len(packed) * packed.shape[2])
            return {**convolution_row(stage, source, out, w.shape, laid_out, 4), **self.numbers(step, packed)}
        if step.kind == "linear":
            w = weights_in_memory_order(self.steps, step, step.w).T
            w = kernels.panels_int8(w, -(-len(w) // 4))
            return {**linear_row(source, out, w.shape[1], len(w) * w.shape[2]), **self.numbers(step, w)}
        if in_memory_order(self.steps, stage.result):
            return self.flatten(source, out)
        run = self.runners[self.steps.index(step)]

        def run_into_buffer(n):
            y = run(*(np.ascontiguousarray(buffers[i].inside(n)) for i in step.inputs))
            out.inside(n)[...] = y.transpose(0, 2, 3, 1) if out.array.dtype != np.uint8 and y.ndim == 4 else y

        return run_into_buffer

    def flatten(self, source, out):
        """Images as vectors in the order of the memory: another view of their buffer, or a copy of what its border encloses."""
        if source.top == source.left == 0:
            out.array = source.array.reshape(len(source.array), -1)
            return None

        def run(n):
            out.array[:n] = source.inside(n).reshape(n, -1)

        return run

    def numbers(self, step, w):
        """What a layer's row of the table holds beside its geometry; the arrays are kept from now on."""
        before = self.steps[step.inputs[0]]
        b = folded_bias(step, before.Z)
        row = {"w": self.keep(w), "b": self.keep(b), "Z": step.Z, "low": step.low}
        if step is self.steps[-1] and self.ends_in_sums:
            return row | {"kind": kernels.LOGITS, "M": self.keep(float32_factor(before.S, step.w_scale, 1))}
        factors = self.factors(step, before.S, step.w_scale, largest_sum(step, b))
        return row | {name: self.keep(array) for name, array in zip(("M0", "left", "right", "M"), factors, strict=True)}

    def keep(self, array):
        """The address of an array, 0 for an empty one, aligned and held as long as the plan."""
        self.kept.append(kernels.aligned(array))
        return self.kept[-1].ctypes.data if array.size else 0

    def run_table(self, rows):
        """Rows of the table as a function(n) that runs them."""
        stages, sums = kernels.table(rows), kernels.thread_sums(rows, CHUNK, np.int32)
        steps = sum(table_macs(row) for row in rows)
        return lambda n: int8_kernels.run_stages_int8(stages, sums, n, kernels.threads_for(n * steps, alone=True))

    def run(self, images):
        """The results of all steps, one by one: uint8 (N, H, W, C) or (N, C); where the plan ends in sums, last the logits."""
        results = [self.quantize_input(images)]
        for step, run in zip(self.steps[1:], self.runners[1:], strict=True):
            results.append(run(*(results[i] for i in step.inputs)))
        return results

    @property
    def ends_in_sums(self):
        """Whether the last step is a layer, whose int32 sums become the logits without being rounded to 8 bits first."""
        return self.steps[-1].kind in ("conv2d", "linear") and not self.steps[-1].relu

    @property
    def parameters(self):
        """How many weights and biases the plan holds."""
        return sum(step.w.size + step.b.size for step in self.steps if step.w is not None)

    @property
    def nonzero(self):
        """How many of them are not 0."""
        return sum(int(np.count_nonzero(step.w) + np.count_nonzero(step.b)) for step in self.steps if step.w is not None)

    @property
    def macs(self):
        """Multiply-accumulates for one image."""
        return sum(int(np.prod(step.shape)) * int(np.prod(step.w.shape[1:])) for step in self.steps if step.w is not None)

    def check(self, images):
        """The images as float32.   ValueError for another shape or dtype, none at all, NaN and infinities."""
        images = self.check_shape(images)
        if not np.isfinite(images).all():
            raise ValueError(NOT_FINITE)
        return images

    def check_shape(self, images):
        """The same without looking at the numbers: `enter` sees NaN and infinities while it quantizes."""
        images = np.asarray(images)
        shape = self.steps[0].shape
        if images.shape[1:] != shape or images.dtype.kind != "f":
            raise ValueError(f"int8 plan: expects floats of shape (N, {', '.join(map(str, shape))}), "
                             f"got {images.dtype} {images.shape}")
        if len(images) == 0:
            raise ValueError("int8 plan: the batch is empty")
        return images.astype(np.float32, copy=False)

    def quantize_input(self, images):
        """q = clamp(round(x/S) + Z, 0, 255): (N, C, H, W) float32 -> (N, H, W, C) uint8."""
        x = self.check(images)
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
        q = np.empty(x.shape, np.uint8)
        int8_kernels.quantize_rows(_rows(x), self.steps[0].S, self.steps[0].Z, _rows(q), kernels.threads_for(2 * MOVE * x.size))
        return q

    def to_real(self, q):
        """The last step's integers as real numbers, (N, C, H, W) or (N, C)."""
        return dequantize(as_nchw(q) if q.ndim == 4 else q, self.steps[-1].S, self.steps[-1].Z)

    def finish(self, step, w_scale, b):
        """What happens to a layer's sums: acc (N, …, O) int32 -> uint8 by the plan's law, or the logits at the end."""
        S1 = self.steps[step.inputs[0]].S
        if step is self.steps[-1] and self.ends_in_sums:
            scale = float32_factor(S1, w_scale, 1)
            return lambda acc: _as_images((acc.astype(np.int64) + b).astype(np.float32) * scale)
        return self.requantizer(step, S1, w_scale, b, largest_sum(step, b))

    def factors(self, step, S1, S2, largest):
        """(M0, left, right, M): M = S1 S2 / S3 as the plan's law takes it; the other law's arrays are empty.

        largest: a bound on the sums; left is empty where they stay within int32 and nothing is to be shifted left.
        """
        if self.law == "float":
            M = float32_factor(S1, S2, step.S)
            return no_shifts(), no_shifts() if largest <= INT32_MAX else np.zeros(len(M), np.int32), no_shifts(), M
        M0, shift = quantize_multiplier(multiplier(S1, S2, step.S, np.float64))
        left = no_shifts() if largest <= INT32_MAX and shift.max() <= 0 else np.maximum(shift, 0)
        return M0, left, np.maximum(-shift, 0), np.empty(0, np.float32)

    def requantizer(self, step, S1, S2, b, largest):
        """acc (N, …, O) int32 -> q uint8 with M = S1 S2 / S3, S2 (O,); `largest` bounds |acc + b|."""
        factors = self.factors(step, S1, S2, largest)

        def run(acc):
            q = np.empty(acc.shape, np.uint8)
            threads = kernels.threads_for(2 * MOVE * q.size)
            int8_kernels.requantize_rows(_rows(acc), b, *factors, step.Z, step.low, 255, _rows(q), threads)
            return q

        return run


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _as_images(y):
    return as_nchw(y) if y.ndim == 4 else y


def no_shifts():
    return np.empty(0, np.int32)


def largest_sum(step, b):
    """A bound on |Σ_k q[k] w[o, k] + b[o]| for every o and q ≤ 255."""
    return int((255 * np.abs(step.w.reshape(len(b), -1).astype(np.int64)).sum(axis=1) + np.abs(b.astype(np.int64))).max())


def float32_factor(S1, S2, S3):
    """S1 S2 / S3 in float32.   ValueError where it overflows."""
    with np.errstate(over="ignore"):
        M = multiplier(S1, S2, S3, np.float32)
    if not np.isfinite(M).all():
        raise ValueError(f"the scales {S1}, {np.max(S2)} and {S3} make a factor beyond float32's range")
    return M


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
    Z1, o = plan.steps[step.inputs[0]].Z, step.options
    kh, kw = step.w.shape[2:]
    packed = kernels.pack_conv_int8(grouped(step.w, o["groups"]), o["dilation"])
    finish = plan.finish(step, step.w_scale, folded_bias(step, Z1))

    def run(x):
        x = pad_with_zero_point(x, o["padding"], Z1)
        acc = np.empty((len(x), *step.shape[1:], len(step.w)), np.int32)
        kernels.conv2d_int8(x, packed, acc, (kh, kw), o["stride"], o["dilation"], o["groups"])
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


def _max_pool2d(plan, step):
    o = step.options

    def run(x):
        y = np.empty((len(x), *step.shape[1:], x.shape[3]), np.uint8)
        kernels.max_pool2d(x, y, np.empty(y.shape, np.uint8), kernels.Window(*o["kernel"], *o["stride"], *o["padding"]))
        return y

    return run


def _avg_pool2d(plan, step):
    """The mean is a sum with the multiplier S1 / (S3 kh kw)."""
    before, o = plan.steps[step.inputs[0]], step.options
    channels = step.shape[0]
    share = np.full(channels, 1 / (o["kernel"][0] * o["kernel"][1]), np.float32)
    requantize = plan.requantizer(step, before.S, share, np.zeros(channels, np.int32), 255 * o["kernel"][0] * o["kernel"][1])

    def run(x):
        acc = np.empty((len(x), *step.shape[1:], channels), np.int32)
        threads = kernels.threads_for(MOVE * x.size)
        int8_kernels.sum_pool2d(x, before.Z, *o["kernel"], *o["stride"], *o["padding"], acc, threads)
        return requantize(acc)

    return run


def _add(plan, step):
    one, two = (plan.steps[i] for i in step.inputs)
    if plan.law == "fixed":
        M0, shift = (np.array(values, np.int32) for values in add_fixed_parameters(one.S, two.S, step.S))
        factors = M0, -shift, np.empty(0, np.float32)
    else:
        factors = no_shifts(), no_shifts(), np.array([float32_factor(s.S, 1, step.S) for s in (one, two)])

    def run(x, y):
        q = np.empty(x.shape, np.uint8)
        threads = kernels.threads_for(4 * MOVE * q.size)
        int8_kernels.add_rows(_rows(x), _rows(y), one.Z, two.Z, *factors, step.Z, step.low, 255, _rows(q), threads)
        return q

    return run


def _flatten(plan, step):
    return lambda x: np.ascontiguousarray(_as_images(x)).reshape(len(x), -1)


_RUNNERS = {
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "add": _add,
    "relu": lambda plan, step: lambda x: np.maximum(x, np.uint8(step.Z)),
    "flatten": _flatten,
}
