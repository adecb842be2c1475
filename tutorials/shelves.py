"""How many times as fast as the plain loops each kernel of `nnlite/kernels/fast` is, on one thread.

    python tutorials/shelves.py                              (a minute, on a quiet machine)

Each row is one function that both shelves have, called with the same arrays, whose sizes are those of a CNN for 64 images.
Times are medians of calls that take turns. Prints a Markdown table and writes tutorials/results/shelves.json.
"""

import json
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from git_commit import commit

from nncompress.sparse import CSR
from nnlite.bench.machine import describe
from nnlite.bench.timing import take_turns, time_calls
from nnlite.kernels import fast, loops
from nnlite.optim.adam import adam

N = 64  # images
CHANNELS = 32
WALK = loops.Walk((1, 1), (1, 1), (1, 1))
ADAM = (1e-3, 0.9, 0.1, 0.999, 0.001, 1e-8, 0.0, 1.0)  # rate, beta1, rest1, beta2, rest2, eps, coupled, keep


def floats(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def products(rng, shelf):
    """Matrix products of 64×784 with 784×300, dense and with 92 % zeros."""
    a, b = floats(rng, N, 784), floats(rng, 784, 300)
    yield "matmul", partial(shelf.matmul, a, b)
    q, w = rng.integers(0, 256, a.shape, np.uint8), rng.integers(-128, 128, b.shape, np.int8)
    yield "matmul_int8", partial(shelf.matmul_int8, q, shelf.pack_int8(w), np.empty((N, 300), np.int32))
    sparse = CSR.from_dense(b.T * (rng.random((300, 784)) < 0.08))
    for rows in (1, N):
        yield f"csr_matmul, {rows} rows", partial(shelf.csr_matmul, *sparse.arrays, a[:rows], np.empty((rows, 300), np.float32))


def convolutions(rng, shelf):
    """3×3, from 16 to 32 channels, at 16×16 pixels with a border of 1."""
    x, w, dy = floats(rng, N, 18, 18, 16), floats(rng, 1, 3, 3, 16, CHANNELS), floats(rng, N, 16, 16, CHANNELS)
    yield "conv2d", partial(shelf.conv2d, x, w, np.empty_like(dy), WALK)
    dx, db = np.empty((N, 16, 16, 16), np.float32), np.empty(CHANNELS, np.float32)
    yield "conv2d_gradients", partial(shelf.conv2d_gradients, x, w, dy, dx, np.empty_like(w), db, WALK)
    room = np.frombuffer(rng.bytes(x.size + 3), np.uint8)  # `fast` reads up to 3 bytes past the end
    q, weights = room[: x.size].reshape(x.shape), shelf.pack_conv_int8(rng.integers(-128, 128, w.shape, np.int8), WALK.dilation)
    yield "conv2d_int8", partial(shelf.conv2d_int8, q, weights, np.empty(dy.shape, np.int32), WALK)


def maps(rng, shelf):
    """Maps of 32×32 pixels and 32 channels, windows of 2×2; images of three colours."""
    x, dy, window = floats(rng, N, 32, 32, CHANNELS), floats(rng, N, 16, 16, CHANNELS), loops.Window(2, 2, 2, 2, 0, 0)
    y, dx, argmax = np.empty_like(dy), np.empty_like(x), np.empty(dy.shape, np.uint8)
    shelf.max_pool2d(x, y, argmax, window)
    yield "max_pool2d", partial(shelf.max_pool2d, x, y, argmax, window)
    yield "max_pool2d_gradient", partial(shelf.max_pool2d_gradient, dy, argmax.copy(), dx, window)
    yield "avg_pool2d", partial(shelf.avg_pool2d, x, y, window)
    yield "avg_pool2d_gradient", partial(shelf.avg_pool2d_gradient, dy, dx, window)
    yield "relu", partial(shelf.relu, x)
    yield "relu_gradient", partial(shelf.relu_gradient, x, dx)
    images = floats(rng, N, 3, 32, 32)
    yield "to_nhwc", partial(shelf.to_nhwc, images, (1, 1))
    yield "to_nchw", partial(shelf.to_nchw, np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))


def channels(rng, shelf):
    """Normalization of 16,384 rows of 32 channels."""
    x, dy = floats(rng, N * 256, CHANNELS), floats(rng, N * 256, CHANNELS)
    mean, scale, shift, slope = floats(rng, 4, CHANNELS)
    yield "moments", partial(shelf.moments, x)
    yield "normalize", partial(shelf.normalize, x, mean, scale, shift)
    yield "gradient_sums", partial(shelf.gradient_sums, x, dy, mean)
    yield "residual", partial(shelf.residual, x, dy, mean, scale, shift, slope)


def integers(rng, shelf):
    """The steps between int8 products, for 16,384 rows of 32 channels."""
    x, acc = floats(rng, N * 256, CHANNELS), rng.integers(-9999, 9999, (N * 256, CHANNELS), np.int32)
    q, other = (rng.integers(0, 256, x.shape, np.uint8) for _ in range(2))
    b, M, none = np.zeros(CHANNELS, np.int32), np.full(CHANNELS, 0.01, np.float32), np.empty(0, np.int32)
    law = loops.Law(none, none, none, M)
    yield "quantize_rows", partial(shelf.quantize_rows, x, np.float32(0.02), 128, q.copy())
    yield "requantize_rows", partial(shelf.requantize_rows, acc, b, law, 128, 0, 255, q.copy())
    yield "add_activations", partial(shelf.add_activations, q, other, 128, 128, law._replace(M=M[:2]), 128, 0, 255, q.copy())
    maps_, window = other.reshape(N, 16, 16, CHANNELS), loops.Window(2, 2, 2, 2, 0, 0)
    yield "sum_pool2d", partial(shelf.sum_pool2d, maps_, 128, window, np.empty((N, 8, 8, CHANNELS), np.int32))


def optimizer(rng, shelf):
    """One step of Adam for a million weights; the loops' shelf computes on arrays."""
    w, g, m, v = floats(rng, 4, 1000, 1000)
    yield "in_one_pass, Adam", partial(shelf.in_one_pass, adam, [[w, g, m, v * v]], ADAM)


GROUPS = products, convolutions, maps, channels, integers, optimizer


def rows(groups=GROUPS, rounds=7, turn_ms=20):
    """{"kernel", "loops", "fast"} of each function, with medians in milliseconds."""
    for group in groups:
        on_loops, on_fast = (list(group(np.random.default_rng(0), shelf)) for shelf in (loops, fast))
        for (name, slow), (_, quick) in zip(on_loops, on_fast, strict=True):
            contest = {"loops": partial(time_calls, slow), "fast": partial(time_calls, quick)}
            yield {"kernel": name, **{shelf: median(times) for shelf, times in take_turns(contest, rounds, turn_ms).items()}}


def table(rows):
    lines = ["| kernel | loops, ms | fast, ms | times as fast |", "|---|--:|--:|--:|"]
    lines += [f"| {row['kernel']} | {row['loops']:.3f} | {row['fast']:.3f} | {row['loops'] / row['fast']:.1f} |"
              for row in rows]
    return "\n".join(lines)


def main():
    fast.set_num_threads(1)
    found = list(rows())
    print(table(found))
    path = Path(__file__).parent / "results" / "shelves.json"
    path.write_text(json.dumps({"commit": commit(), "machine": describe(), "rows": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
