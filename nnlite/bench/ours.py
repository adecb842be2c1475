"""The pieces of work as nnlite does them."""

import numpy as np

import nncompress
import nnlite
from nnlite import functional as F
from nnlite import kernels, models, optim
from nnlite.bench.works import convolution_for, images_for, matrices_for
from nnlite.kernels import loops
from nnlite.kernels.loops.convolution import conv2d_formula
from nnlite.kernels.loops.matmul import matmul_formula
from nnlite.kernels.loops.matmul_int8 import matmul_int8_formula


def set_threads(n):
    nnlite.set_num_threads(n)


def prepare(work):
    """A piece of work as a function without arguments, that returns its result."""
    makers = {"train": training_step, "infer": inference, "matmul": product, "conv": convolution}
    return makers[work["do"]](work)


def build(work):
    """The model of a work."""
    return getattr(models, work["model"].replace("-", "_"))()


def training_step(work):
    """One step on the same batch; returns the loss."""
    model, (images, labels) = build(work), images_for(work)
    optimizer = getattr(optim, work["optimizer"])(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return step


def inference(work):
    """The logits of one batch, by a plan in float32 or int8."""
    return inference_of(build(work), work)


def inference_of(model, work):
    """The logits of one batch by the given model, as a plan in float32 or int8."""
    images, _ = images_for(work)
    if work["arithmetic"] == "int8":
        plan = nncompress.quantize(model, images_for({**work, "batch": 64})[0])
    else:
        plan = nnlite.compile(model, images[:1])
    return lambda: plan(images)


def product(work):
    """c = a b on a rung of the ladder."""
    (a, b), rung, integers = matrices_for(work), work["rung"], work["arithmetic"] == "int8"
    if rung == "tile" and integers:
        packed = nncompress.pack_int8(b)
        return lambda: nncompress.matmul_int8(a, packed)
    if rung == "loops" and integers:
        packed, c = loops.pack_int8(b), np.empty((len(a), b.shape[1]), np.int32)
        return lambda: filled(c, loops.matmul_int8, a, packed, c)
    functions = {"formula": matmul_int8_formula if integers else matmul_formula, "BLAS": np.matmul, "loops": loops.matmul,
                 "tile": kernels.matmul}
    return lambda: functions[rung](a, b)


def convolution(work):
    """y = conv(x, w), 3×3, on a rung of the ladder."""
    (x, w), integers, walk = convolution_for(work), work["arithmetic"] == "int8", kernels.Walk((1, 1), (1, 1))
    shelf = loops if work["rung"] == "loops" else kernels
    if work["rung"] == "formula":
        wide = np.int32 if integers else np.float32
        return lambda: conv2d_formula(x.astype(wide), w.astype(wide), walk)
    y = kernels.empty((work["N"], work["size"], work["size"], work["O"]), np.int32 if integers else np.float32)
    if integers:
        x, packed = with_room(x), shelf.pack_conv_int8(w, walk.dilation)
        return lambda: filled(y, shelf.conv2d_int8, x, packed, y, walk)
    return lambda: filled(y, shelf.conv2d, x, w, y, walk)


def filled(y, kernel, *arguments):
    """Call a kernel that fills y; returns y."""
    kernel(*arguments)
    return y


def with_room(x):
    """A copy of x (uint8) in a buffer with 3 more bytes at its end, because `conv2d_int8` reads past the end."""
    buffer = kernels.empty((x.size + 3,), np.uint8)
    buffer[: x.size], buffer[x.size :] = x.reshape(-1), 0
    return buffer[: x.size].reshape(x.shape)
