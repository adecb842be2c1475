"""The fast way to run a plan: fused stages that write into buffers which are made once.

A stage is a step, or a convolution together with the 2×2 max-pooling behind it. Every result has a buffer with room for CHUNK
images, and around each image the border that the widest of the convolutions reading it needs; the border is filled once.
Batches of any size go through in chunks, so memory does not grow with the batch, and a chunk stays in the cache.
"""

import threading
from dataclasses import dataclass

import numpy as np

from nnlite import kernels

CHUNK = 64


@dataclass
class Stage:
    """The step to compute, and the number of the step whose result that is: its own, or the one of the pooling behind it."""

    step: object
    result: int
    pool: int = 1


def make_stages(steps):
    """The steps but the input as stages: a convolution takes in a 2×2 max-pooling that alone reads it."""
    readers = {i: [number for number, step in enumerate(steps) if i in step.inputs] for i in range(len(steps))}
    stages, fused = [], set()
    for i, step in enumerate(steps[1:], 1):
        if i in fused:
            continue
        behind = readers[i][0] if step.kind == "conv2d" and len(readers[i]) == 1 else None
        if behind is not None and _is_2x2_pool(steps[behind]):
            fused.add(behind)
            stages.append(Stage(step, behind, pool=2))
        else:
            stages.append(Stage(step, i))
    return stages


def _is_2x2_pool(step):
    return step.kind == "max_pool2d" and step.options == {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


class Buffer:
    """The result of a step for CHUNK images: `array` (CHUNK, H + 2·top, W + 2·left, C), or (CHUNK, F) for vectors."""

    def __init__(self, shape, border, dtype, zero):
        self.top, self.left = border
        if len(shape) == 3:
            C, H, W = shape
            shape = (H + 2 * self.top, W + 2 * self.left, C)
        size = CHUNK * int(np.prod(shape))
        # int8 convolution reads up to 3 bytes past the end (and multiplies them by 0)
        buffer = kernels.empty((size + 4,), dtype)
        buffer[...] = zero
        self.array = buffer[:size].reshape(CHUNK, *shape)

    def inside(self, n):
        """The first n results without their borders (a view)."""
        if self.array.ndim < 4:
            return self.array[:n]
        H, W = self.array.shape[1:3]
        return self.array[:n, self.top : H - self.top, self.left : W - self.left]

    def patch_address(self, padding):
        """The address of the first pixel that a convolution with this padding reads."""
        row, pixel = self.array.strides[1:3]
        return self.array.ctypes.data + (self.top - padding[0]) * row + (self.left - padding[1]) * pixel


class Pipeline:
    """Runs stages on batches of any size.

    make_runner(stage, buffers) -> function(n) that fills the stage's buffer for the first n images; enter(images, buffer)
    puts images (n, C, H, W) into the first buffer; leave(buffer, n) -> the results as a new array; dtypes, zeros: of each
    step's buffer and its border. One call at a time: a second thread waits.
    """

    def __init__(self, steps, make_runner, enter, leave, dtypes, zeros):
        stages = make_stages(steps)
        self.buffers = {i: Buffer(steps[i].shape, _border(i, steps), dtypes[i], zeros[i])
                        for i in [0, *(stage.result for stage in stages)]}
        self.runners = [make_runner(stage, self.buffers) for stage in stages]
        self.enter, self.leave, self.last, self.lock = enter, leave, stages[-1].result, threading.Lock()

    def __call__(self, images):
        with self.lock:
            return np.concatenate([self.run_chunk(images[i : i + CHUNK]) for i in range(0, len(images), CHUNK)])

    def run_chunk(self, images):
        n = len(images)
        self.enter(images, self.buffers[0])
        for run in self.runners:
            run(n)
        return self.leave(self.buffers[self.last], n)


def _border(i, steps):
    """The widest padding of the convolutions that read step i."""
    paddings = [step.options["padding"] for step in steps if step.kind == "conv2d" and i in step.inputs]
    return tuple(map(max, zip((0, 0), *paddings, strict=True)))
