"""The fast way to run a plan: fused stages that write into buffers which are made once.

A stage is a step, or a convolution together with the 2×2 max-pooling that follows it. Every result has a buffer with room for a
chunk of images. Each image in it has a border, as wide as the convolutions that read it need; the border is filled once.
Convolutions and linear layers become rows of a table (`kernels/fast/stages.py`), and one compiled call runs many rows. Each
other stage is a call of its own. A batch of any size is computed chunk by chunk, so that memory does not grow with the batch
and a chunk stays in the cache.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnlite import kernels
from nnlite.inference.kinds import KINDS
from nnlite.kernels.machine.turn import Turn
from nnlite.tensor import Tensor

CHUNK = 64  # images at most
CACHE = 2**21  # bytes: a chunk has so few images that no buffer is larger (but at least one): a core's L2 cache holds as much


@dataclass
class Stage:
    """step: the step to compute. result: the number of the step whose result it gives: its own, or the fused pooling's.

    pool: 2 if a 2×2 max-pooling is fused, else 1.
    """

    step: object
    result: int
    pool: int = 1


def make_stages(steps):
    """All steps but the input as stages. A convolution and a 2×2 max-pooling become one stage if only the pooling reads it."""
    readers = {i: [number for number, step in enumerate(steps) if i in step.inputs] for i in range(len(steps))}
    stages, fused = [], set()
    for i, step in enumerate(steps[1:], 1):
        if i in fused:
            continue
        behind = readers[i][0] if len(readers[i]) == 1 and KINDS[step.kind].takes_pool else None
        if behind is not None and _is_2x2_pool(steps[behind]):
            fused.add(behind)
            stages.append(Stage(step, behind, pool=2))
        else:
            stages.append(Stage(step, i))
    return stages


def _is_2x2_pool(step):
    return step.kind == "max_pool2d" and step.options == {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


def check_images(plan, images, shape):
    """The images as float32.   ValueError, which begins with `plan`, for another shape or dtype, or an empty batch."""
    images = images.data if isinstance(images, Tensor) else np.asarray(images)
    if images.shape[1:] != shape or images.dtype.kind != "f":
        expected = ", ".join(map(str, ("N", *shape)))
        raise ValueError(f"{plan}: expects floats of shape ({expected}), got {images.dtype} {images.shape}")
    if len(images) == 0:
        raise ValueError(f"{plan}: the batch is empty")
    return images.astype(np.float32, copy=False)


class Buffer:
    """The result of a step for N images: `array` (N, H + 2·top, W + 2·left, C), or (N, F) for vectors."""

    def __init__(self, N, shape, border, dtype, zero):
        self.top, self.left = border
        shape = _with_border(shape, border)
        size = N * int(np.prod(shape))
        buffer = kernels.empty((size + 4,), dtype)  # integer kernels read up to 3 bytes past the end (and multiply them by 0)
        buffer[...] = zero
        self.array = buffer[:size].reshape(N, *shape)

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

    describe(stage, buffers) -> the stage as a row of the table, as function(n) that fills its buffer for the first n images,
    or None where nothing is to do; run_table(rows) -> function(n) for some rows; enter(images, buffer) puts images
    (n, C, H, W) into the first buffer; leave(buffer, n) -> the results as a new array; dtypes, zeros: of each step's buffer
    and its border. One call at a time: a second thread waits.
    """

    def __init__(self, steps, describe, run_table, enter, leave, dtypes, zeros):
        stages = make_stages(steps)
        results = [0, *(stage.result for stage in stages)]
        largest = max(np.dtype(dtypes[i]).itemsize * int(np.prod(_with_border(steps[i].shape, _border(i, steps))))
                      for i in results)
        self.chunk = max(1, min(CHUNK, CACHE // max(1, largest)))
        self.buffers = {i: Buffer(self.chunk, steps[i].shape, _border(i, steps), dtypes[i], zeros[i]) for i in results}
        described = [row for row in (describe(stage, self.buffers) for stage in stages) if row is not None]
        self.runners = []
        for kind, group in groupby(described, key=type):
            stages_in_a_row = list(group)
            self.runners += [run_table(stages_in_a_row)] if kind is dict else stages_in_a_row
        self.enter, self.leave, self.last, self.turn = enter, leave, results[-1], Turn()

    def __call__(self, images):
        with self.turn.lock:
            if len(images) <= self.chunk:
                return self.run_chunk(images)
            return np.concatenate([self.run_chunk(images[i : i + self.chunk]) for i in range(0, len(images), self.chunk)])

    def run_chunk(self, images):
        n = len(images)
        self.enter(images, self.buffers[0])
        for run in self.runners:
            run(n)
        return self.leave(self.buffers[self.last], n)


def in_memory_order(steps, i):
    """Whether step i flattens images and only linear layers read it: then their weights can follow the order in memory."""
    step, readers = steps[i], [step for step in steps if i in step.inputs]
    return (step.kind == "flatten" and len(steps[step.inputs[0]].shape) == 3 and len(readers) > 0
            and all(reader.kind == "linear" for reader in readers))


def weights_in_memory_order(steps, step, w):
    """w (O, I) of a linear layer; its columns go from (C, H, W) to (H, W, C) if `in_memory_order` holds for its input."""
    i = step.inputs[0]
    if not in_memory_order(steps, i):
        return w
    C, H, W = steps[steps[i].inputs[0]].shape
    return w.reshape(len(w), C, H, W).transpose(0, 2, 3, 1).reshape(len(w), -1)


def convolution_row(stage, source, out, w_shape, laid_out, per_lane, slide=False, rest=0):
    """The part of a convolution's row of the table that float32 and int8 share; source and out are its buffers.

    w_shape (G, kh, kw, c, o), `laid_out` the same weights as the kernel reads them; per_lane, slide and rest as in `geometry`.
    """
    options, (x_image, x_row, _) = stage.step.options, source.array.strides[:3]
    y_image, y_row, _ = out.array.strides[:3]
    out_h, out_w, O = out.inside(1).shape[1:]
    return {"kind": kernels.CONVOLUTION, "x": source.patch_address(options["padding"]), "x_image": x_image, "x_row": x_row,
            "y": out.patch_address((0, 0)), "y_image": y_image, "y_row": y_row, "pool": stage.pool,
            "sums_w": stage.step.shape[2], "out_h": out_h, "out_w": out_w, "O": O,
            "channels": laid_out.channels,
            "w_group": laid_out.group * laid_out.numbers.itemsize, "w_row": laid_out.row * laid_out.numbers.itemsize,
            **kernels.geometry(w_shape, options["stride"], options["dilation"], per_lane, slide, rest)._asdict()}


def flatten_row(source, out):
    """Images (H, W, C) to vectors in the order (C, H, W)."""
    H, W, C = source.inside(1).shape[1:]
    x_image, x_row, _ = source.array.strides[:3]
    if source.top == source.left == 0:  # the rows follow each other without gaps: one row of all pixels fills registers better
        H, W = 1, H * W
    return {"kind": kernels.FLATTEN, "x": source.patch_address((0, 0)), "x_image": x_image, "x_row": x_row, "C": C,
            "out_h": H, "out_w": W, "y": out.array.ctypes.data, "y_image": out.array.strides[0]}


def linear_row(source, out, K, channels=0):
    """A linear layer's row of the table. K: terms of a lane's sum; channels: columns of the buffer of sums, if there is one."""
    return {"kind": kernels.LINEAR, "x": source.array.ctypes.data, "x_image": source.array.strides[0], "K": K,
            "y": out.array.ctypes.data, "y_image": out.array.strides[0], "O": out.array.shape[-1], "sums_w": 1, "pool": 1,
            "channels": channels}


def table_macs(row):
    """How many multiply-adds of a lane the row takes for one image; in integers each is four multiply-accumulates."""
    if row["kind"] == kernels.FLATTEN:
        return 0
    if row["kind"] == kernels.CONVOLUTION:
        return row["pool"] ** 2 * row["out_h"] * row["out_w"] * row["O"] * row["P"] * row["Q"] * row["K"]
    return row["O"] * row["K"]


def _with_border(shape, border):
    """(C, H, W) -> (H + 2·top, W + 2·left, C); other shapes as they are."""
    if len(shape) != 3:
        return shape
    (C, H, W), (top, left) = shape, border
    return H + 2 * top, W + 2 * left, C


def _border(i, steps):
    """The widest border that the readers of step i need."""
    borders = [KINDS[step.kind].border(step.options) for step in steps if i in step.inputs]
    return tuple(map(max, zip((0, 0), *borders, strict=True)))
