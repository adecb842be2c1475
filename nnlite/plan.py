"""Float32 inference: a model compiled into a plan.

A plan has no tape: BatchNorm is folded, ReLU fused, the weights are laid out for the kernels once, and images stay in
(N, H, W, C) memory from end to end.
"""

import copy

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import pad_image, to_nchw
from nnlite.lowering import lower


def compile(model, example):
    """A model as a plan: plan(images) equals model(images) in inference mode, up to float32 rounding.

    example: array (N, C, H, W), any N, for one trace.   plan: float32 (N, C, H, W) -> float32 (N, classes), any N.
    """
    return Plan(lower(model, np.asarray(example)))


class Plan:
    """The steps of a model, ready to run on float32 arrays."""

    def __init__(self, steps):
        self.steps = steps
        self.runners = [_RUNNERS[step.kind](step) for step in steps]

    def __call__(self, images):
        return _from_memory(self.run(images)[-1])

    def run(self, images):
        """The results of all steps (images as (N, H, W, C)): what calibration looks at."""
        shape = self.steps[0].shape
        images = np.asarray(images)
        if images.shape[1:] != shape or images.dtype.kind != "f":
            raise ValueError(f"plan: expects floats of shape (N, {', '.join(map(str, shape))}), "
                             f"got {images.dtype} {images.shape}")
        if len(images) == 0:
            raise ValueError("plan: the batch is empty")
        results = [_to_memory(images.astype(np.float32, copy=False))]
        for step, run in zip(self.steps[1:], self.runners[1:], strict=True):
            y = run(*(results[i] for i in step.inputs))
            results.append(np.maximum(y, 0, out=y) if step.relu else y)
        return results


def _to_memory(x):
    """Images as (N, H, W, C); everything else as it is."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else np.ascontiguousarray(x)


def _from_memory(x):
    return to_nchw(x) if x.ndim == 4 else x


def _conv2d(step):
    (O, c, kh, kw), G = step.arrays["w"].shape, step.options["groups"]
    w = np.ascontiguousarray(step.arrays["w"].reshape(G, O // G, c, kh, kw).transpose(0, 3, 4, 2, 1))
    b, stride, dilation = step.arrays["b"], step.options["stride"], step.options["dilation"]

    def run(x):
        x = pad_image(x, step.options["padding"])
        y = np.empty((len(x), *step.shape[1:], O), np.float32)
        kernels.conv2d(x, w, y, stride, dilation)
        y += b
        return y

    return run


def _linear(step):
    w, b = np.ascontiguousarray(step.arrays["w"].T), step.arrays["b"]

    def run(x):
        y = kernels.matmul(x.reshape(-1, len(w)), w).reshape(*x.shape[:-1], w.shape[1])
        y += b
        return y

    return run


def _max_pool2d(step):
    o = step.options

    def run(x):
        y = np.empty((len(x), *step.shape[1:], x.shape[3]), np.float32)
        kernels.max_pool2d(x, y, np.empty(y.shape, np.uint8), *o["kernel"], *o["stride"], *o["padding"])
        return y

    return run


def _avg_pool2d(step):
    o = step.options

    def run(x):
        y = np.empty((len(x), *step.shape[1:], x.shape[3]), np.float32)
        kernels.avg_pool2d(x, y, *o["kernel"], *o["stride"], *o["padding"])
        return y

    return run


def _operation(step):
    """Any other operation, by its own forward; a copy of it, so that what it keeps for backward is forgotten."""

    def run(*x):
        given = iter(x)
        arrays = [_from_memory(next(given)) if earlier else value for earlier, value in step.options["arguments"]]
        y = copy.copy(step.options["op"]).forward(*arrays)
        if y.shape[1:] != step.shape:
            raise ValueError(f"plan: {step.name} gave {y.shape}, traced was (N, {', '.join(map(str, step.shape))}): "
                             "the model's shapes depend on the number of images")
        return _to_memory(y.astype(np.float32, copy=False))

    return run


_RUNNERS = {
    "input": lambda step: None,
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "add": lambda step: np.add,
    "relu": lambda step: lambda x: np.maximum(x, 0),
    "flatten": lambda step: lambda x: _from_memory(x).reshape(len(x), -1),
    "operation": _operation,
}
