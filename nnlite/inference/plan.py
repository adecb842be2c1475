"""Float32 inference: a model compiled into a plan.

A plan has no tape: BatchNorm is folded, ReLU fused, the weights are laid out for the kernels once, and images stay in
(N, H, W, C) memory from end to end. `plan.run(images)` computes the steps one by one and returns every result; read this method
first. `plan(images)` gives the same bits by fused stages and buffers that are made once (see `pipeline`).
"""

import copy
import functools

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.inference.kinds import KINDS, grouped
from nnlite.inference.listing import listing
from nnlite.inference.lowering import lower
from nnlite.inference.pipeline import Pipeline, check_images, convolution_row, flatten_row, linear_row, table_macs
from nnlite.tensor import Tensor


def compile(model, example):
    """A model as a plan: plan(images) equals model(images) in inference mode, up to float32 rounding.

    example: array (N, C, H, W), any N, for one trace.   plan: float32 (N, C, H, W) -> float32 (N, classes), any N.
    Errors: those of `lower`; the plan: ValueError for images of another shape or dtype, and for an empty batch.
    """
    return Plan(lower(model, example.data if isinstance(example, Tensor) else np.asarray(example)))


class Plan:
    """The steps of a model, ready to run on float32 arrays.   input: a `data.Input`, where its file has one."""

    input = None

    def __init__(self, steps):
        self.steps, self.held = steps, []
        self.runners = [_operation(step) if step.kind == "operation" else KINDS[step.kind].runner(step) for step in steps]

    def __call__(self, images):
        if kernels.SHELF == "loops" or any(step.kind == "operation" for step in self.steps):  # an operation might mix images
            return _from_memory(self.run(images)[-1]).copy()  # a plan of no steps would hand out the caller's own array
        return self.pipeline(self.check(images))

    def __reduce__(self):
        """pickle and copy make the plan anew from its steps; buffers, addresses and compiled stages are not copied."""
        return Plan, (self.steps,)

    def __repr__(self):
        return listing("Plan, float32", self.steps)

    @functools.cached_property
    def pipeline(self):
        """The fused stages, made at the first call."""
        count = len(self.steps)
        return Pipeline(self.steps, self.describe, self.run_table, _enter, _leave, [np.float32] * count, [0] * count)

    def describe(self, stage, buffers):
        """A stage as a row of the table, or by the step's own runner."""
        step, out, source = stage.step, buffers[stage.result], buffers[stage.step.inputs[0]]
        if step.kind == "conv2d":
            w = grouped(step.arrays["w"], step.options["groups"])
            stride, dilation = step.options["stride"], step.options["dilation"]
            rest = kernels.narrow_channels(w.shape, dilation, w.dtype)
            slide = kernels.slides(w.shape, stride, dilation, w.dtype, rest)
            laid_out = kernels.lay_out(w, rest)
            row = convolution_row(stage, source, out, w.shape, laid_out, 1, slide, rest)
            return {**row, **self.weights(step, laid_out.numbers)}
        if step.kind == "linear":
            w, rest = kernels.pack(step.arrays["w"].T)
            return {**linear_row(source, out, step.arrays["w"].shape[1]), "rest": rest, **self.weights(step, w)}
        if step.kind == "flatten" and source.array.ndim == 4:
            return flatten_row(source, out)
        run = self.runners[self.steps.index(step)]

        def run_into_buffer(n):
            y = run(*(np.ascontiguousarray(buffers[i].inside(n)) for i in step.inputs))
            if step.relu:
                np.maximum(y, 0, out=out.inside(n))
            else:
                out.inside(n)[...] = y

        return run_into_buffer

    def weights(self, step, w):
        """The addresses of a row's weights and biases; the plan keeps these arrays alive."""
        return {"w": self.hold(w), "b": self.hold(step.arrays["b"]), "low": 0 if step.relu else -np.inf}

    def hold(self, array):
        """The address of an array, aligned and held as long as the plan."""
        self.held.append(kernels.aligned(array))
        return self.held[-1].ctypes.data

    def run_table(self, rows):
        """Rows of the table as a function(n) that runs them."""
        stages, sums = kernels.table(rows), kernels.thread_sums(rows, 0, np.float32)
        macs = sum(table_macs(row) for row in rows)
        return lambda n: kernels.run_stages(stages, sums, n, kernels.threads_for(n * macs, alone=True))

    def run(self, images):
        """The results of all steps, computed one by one: (N, H, W, C) or (N, F). Calibration uses them."""
        results = [_to_memory(self.check(images))]
        for step, run in zip(self.steps[1:], self.runners[1:], strict=True):
            y = run(*(results[i] for i in step.inputs))
            results.append(np.maximum(y, 0, out=y) if step.relu else y)
        return results

    def check(self, images):
        """The images as float32.   ValueError for another shape or dtype, or none at all."""
        return check_images("plan", images, self.steps[0].shape)


def _enter(images, buffer):
    if images.ndim == 4:
        kernels.enter(images, buffer.array, buffer.top, buffer.left)
    else:
        buffer.inside(len(images))[...] = images


def _leave(buffer, n):
    return _from_memory(buffer.inside(n)).copy()


def _to_memory(x):
    """(N, C, H, W) -> (N, H, W, C), contiguous; an array of other than four axes only becomes contiguous."""
    return np.asarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x, order="C")


def _from_memory(x):
    return as_nchw(x) if x.ndim == 4 else x


def _operation(step):
    """The runner of a step "operation": the forward of a copy of the operation, so that arrays kept for backward go."""

    def run(*x):
        given = iter(x)
        arrays = [_from_memory(next(given)) if earlier else value for earlier, value in step.options["arguments"]]
        y = copy.copy(step.options["op"]).forward(*arrays)
        if y.shape[1:] != step.shape:
            raise ValueError(f"plan: {step.name} gave {y.shape}, traced was (N, {', '.join(map(str, step.shape))}): "
                             "the model's shapes depend on the number of images")
        return _to_memory(y.astype(np.float32, copy=False))

    return run
