"""Int8 inference: the plan of a model whose arithmetic between input and logits is integers only.

Activations are uint8 with a scale S and a zero point Z for each step, weights int8 with one scale for each output channel
and no zero point, sums int32:

    acc[o] = Σ_k (q1[k] − Z1) w[o, k] + b[o]              = Σ_k q1[k] w[o, k] + (b[o] − Z1 Σ_k w[o, k])
    q3[o]  = clamp(Z3 + M[o] acc[o], low, high)           M[o] = S1 S_w[o] / S3;   low = Z3 where a ReLU is fused, else 0
    logits[o] = S1 S_w[o] acc[o]                          the last layer: the one product with a real number

The bracket is computed in advance. How M is multiplied is the law (see `requantize`): "fixed", in integers and rounded twice;
"once", in integers and rounded once; "float", in float32 as ONNX Runtime does it. high is 255, or less for activations of fewer
bits.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 4–8 and §2.4.
"""

import functools

import numpy as np

from nncompress.int8.requantize import float32_factor, multiplier, quantize_multiplier
from nncompress.int8.steps import RUNNERS, as_images, folded_bias, integer_law, largest_sum, no_shifts, rows
from nncompress.quantization.affine import dequantize
from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.inference.kinds import grouped
from nnlite.inference.listing import listing
from nnlite.inference.pipeline import (
    CHUNK,
    Pipeline,
    check_images,
    convolution_row,
    in_memory_order,
    linear_row,
    table_macs,
    weights_in_memory_order,
)
from nnlite.kernels.loops.requantize import INT32_MAX

LAWS = ("fixed", "float", "once")
NOT_FINITE = "int8 plan: the input has NaN or infinite values"


def _cut_off(q, high):
    """q ← min(q, high), in place:  q uint8 of any shape -> q"""
    return q if high == 255 else np.minimum(q, np.uint8(high), out=q)


class Int8Plan:
    """The steps of a quantized model, ready to run: plan(images) -> logits.

    images: an array or Tensor of floats, (N, C, H, W) or (N, F) as the model takes them, with N from 1 up.
    logits: float32 (N, classes), or (N, C, H, W) if the last step gives images.
    steps: list of Int8Step, the first of kind "input".   law: "fixed", "once" or "float" (see `requantize`).
    input: a `nnlite.data.Input`, for a plan whose file says how its images are normalized and what its classes are called.
    Errors: ValueError for another law, and for scales that do not fit together. A call: ValueError for images of another shape
    or dtype, for none at all, and for NaN and infinity.
    """

    input = None

    def __init__(self, steps, law="fixed"):
        if law not in LAWS:
            raise ValueError(f"Int8Plan: the requantization law has to be one of {', '.join(LAWS)}, got {law!r}")
        self.steps, self.law, self.held = steps, law, []
        self.runners = [None, *(self.runner(step) for step in steps[1:])]

    def runner(self, step):
        """The function that computes a step from the results it reads.   ValueError where its scales do not fit together."""
        try:
            return RUNNERS[step.kind](self, step)
        except ValueError as error:
            raise ValueError(f"int8 plan: {step.name}: {error}") from None

    def __call__(self, images):
        if kernels.SHELF == "loops":
            result = self.run(images)[-1]
            return result if self.ends_in_sums else self.to_real(result)
        return self.pipeline(check_images("int8 plan", images, self.steps[0].shape))  # `enter` sees NaN and infinities

    def __reduce__(self):
        """How pickle and copy make the plan again: from its steps, without buffers, addresses and compiled stages."""
        return Int8Plan, (self.steps, self.law), {"input": self.input}

    def __repr__(self):
        return listing(f"Int8Plan, law {self.law}", self.steps,
                       lambda step: ("" if step.w is None else f"weights of {step.bits} bits",
                                     "" if step.high == 255 else f"activations of {step.high.bit_length()} bits"))

    @functools.cached_property
    def pipeline(self):
        """The fused stages, made at the first call."""
        dtypes = [np.uint8] * (len(self.steps) - 1) + [np.float32 if self.ends_in_sums else np.uint8]
        return Pipeline(self.steps, self.describe, self.run_table, self.enter, self.leave, dtypes,
                        [step.Z for step in self.steps])

    def enter(self, images, buffer):
        """Quantize a chunk of images into the first buffer."""
        if images.ndim == 4:
            S, Z, high, images = self.steps[0].S, self.steps[0].Z, self.steps[0].high, np.ascontiguousarray(images)
            if not kernels.quantize_images(images, S, Z, buffer.array, buffer.top, buffer.left):
                raise ValueError(NOT_FINITE)
            if high < 255:
                _cut_off(buffer.inside(len(images)), high)
        else:
            buffer.inside(len(images))[...] = self.quantize_input(images)

    def leave(self, buffer, n):
        """The logits of the last buffer."""
        return as_images(buffer.inside(n)).copy() if self.ends_in_sums else self.to_real(buffer.inside(n))

    def describe(self, stage, buffers):
        """How the pipeline runs a stage: a dict is a row of the table, a function(n) runs the stage for n images.

        None stands for a flatten that needs no work, because its result is another view of the buffer before.
        """
        step, out, source = stage.step, buffers[stage.result], buffers[stage.step.inputs[0]]
        if step.kind == "conv2d" and out.array.dtype == np.uint8:
            w = grouped(step.w, step.options["groups"])
            packed = kernels.pack_conv_int8(w, step.options["dilation"]).numbers
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
        """Images as vectors in the order of the memory.

        A buffer without a border only gets another shape: -> None. With a border, its inside is copied: -> function(n).
        """
        if source.top == source.left == 0:
            out.array = source.array.reshape(len(source.array), -1)
            return None

        def run(n):
            out.array[:n] = source.inside(n).reshape(n, -1)

        return run

    def numbers(self, step, w):
        """The part of a layer's row that is not geometry: addresses of its weights, biases and factors, its Z and its low.

        w: the packed weights. The plan holds the arrays, so that the addresses stay valid.
        """
        before = self.steps[step.inputs[0]]
        b = folded_bias(step, before.Z)
        row = {"w": self.hold(w), "b": self.hold(b), "Z": step.Z, "low": step.low, "high": step.high}
        if step is self.steps[-1] and self.ends_in_sums:
            return row | {"kind": kernels.LOGITS, "M": self.hold(float32_factor(before.S, step.w_scale, 1))}
        factors = self.factors(step, before.S, step.w_scale, largest_sum(step, b))
        return row | {name: self.hold(array) for name, array in factors._asdict().items()}

    def hold(self, array):
        """The address of an aligned copy of the array, which lives as long as the plan; 0 for an empty array."""
        self.held.append(kernels.aligned(array))
        return self.held[-1].ctypes.data if array.size else 0

    def run_table(self, rows):
        """A function(n) that runs these rows of the table for n images, in one compiled call."""
        stages, sums = kernels.table(rows), kernels.thread_sums(rows, CHUNK, np.int32)
        macs = sum(table_macs(row) for row in rows)
        return lambda n: kernels.run_stages_int8(stages, sums, n, kernels.threads_for(n * macs, alone=True))

    def run(self, images):
        """The results of all steps, in the order of the steps: uint8 (N, H, W, C) or (N, C).

        If the plan ends in sums, the last result is the logits, float32.   Errors: as in a call.
        """
        results = [self.quantize_input(images)]
        for step, run in zip(self.steps[1:], self.runners[1:], strict=True):
            results.append(run(*(results[i] for i in step.inputs)))
        return results

    @property
    def ends_in_sums(self):
        """Whether the last step is a layer, whose int32 sums become the logits without being rounded to 8 bits first."""
        return self.steps[-1].w is not None and not self.steps[-1].relu

    @property
    def parameters(self):
        """How many weights and biases the plan holds."""
        return sum(step.w.size + step.b.size for step in self.steps if step.w is not None)

    @property
    def nonzero(self):
        """How many of the weights and biases are not 0."""
        return sum(int(np.count_nonzero(step.w) + np.count_nonzero(step.b)) for step in self.steps if step.w is not None)

    @property
    def macs(self):
        """Multiply-accumulates for one image."""
        return sum(int(np.prod(step.shape)) * int(np.prod(step.w.shape[1:])) for step in self.steps if step.w is not None)

    def check(self, images):
        """The images as float32.   ValueError for another shape or dtype, none at all, NaN and infinities."""
        images = check_images("int8 plan", images, self.steps[0].shape)
        if not np.isfinite(images).all():
            raise ValueError(NOT_FINITE)
        return images

    def quantize_input(self, images):
        """q = clamp(round(x/S) + Z, 0, high): (N, C, H, W) float32 -> (N, H, W, C) uint8."""
        x = self.check(images)
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
        q = np.empty(x.shape, np.uint8)
        kernels.quantize_rows(rows(x), self.steps[0].S, self.steps[0].Z, rows(q))
        return _cut_off(q, self.steps[0].high)

    def to_real(self, q):
        """The last step's integers as real numbers, (N, C, H, W) or (N, C)."""
        return dequantize(as_nchw(q) if q.ndim == 4 else q, self.steps[-1].S, self.steps[-1].Z)

    def finish(self, step, w_scale, b):
        """The function that a layer applies to its sums: acc (N, …, O) int32 -> q uint8 by the plan's law, or the logits.

        w_scale: S_w (O,).   b: the folded bias (O,) int32, which is added to acc first. The logits are S1 S_w (acc + b), for a
        last layer without ReLU only.
        """
        S1 = self.steps[step.inputs[0]].S
        if step is self.steps[-1] and self.ends_in_sums:
            scale = float32_factor(S1, w_scale, 1)
            return lambda acc: as_images((acc.astype(np.int64) + b).astype(np.float32) * scale)
        return self.requantizer(step, S1, w_scale, b, largest_sum(step, b))

    def factors(self, step, S1, S2, largest):
        """The `Law` of M = S1 S2 / S3: its factors by the plan's law; the other laws' arrays are empty.

        largest: a bound on the sums. By the laws fixed and float `left`, the shifts to the left, is empty if all of them are 0
        and the sums stay within int32; the kernels then compute in 32 bits.
        """
        if self.law == "float":
            M = float32_factor(S1, S2, step.S)
            left = no_shifts() if largest <= INT32_MAX else np.zeros(len(M), np.int32)
            return kernels.Law(no_shifts(), left, no_shifts(), M)
        M0, shift = quantize_multiplier(multiplier(S1, S2, step.S, np.float64))
        within = largest <= INT32_MAX and shift.max() <= 0 and self.law == "fixed"
        return integer_law(self.law, M0, no_shifts() if within else np.maximum(shift, 0), np.maximum(-shift, 0))

    def requantizer(self, step, S1, S2, b, largest):
        """The function acc (N, …, O) int32 -> q uint8:  q = clamp(Z3 + M (acc + b), low, high), M = S1 S2 / S3.

        S2 and b have one number for each channel, (O,).   largest: a bound on |acc + b|.
        """
        law = self.factors(step, S1, S2, largest)

        def run(acc):
            q = np.empty(acc.shape, np.uint8)
            kernels.requantize_rows(rows(acc), b, law, step.Z, step.low, step.high, rows(q))
            return q

        return run
