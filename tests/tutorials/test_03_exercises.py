"""Each exercise of lesson 03 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run

from nnlite import kernels


@pytest.fixture(scope="module")
def lesson():
    """The names that the lesson leaves behind. It runs on one thread; afterwards kernels use as many as before."""
    threads = kernels.most_threads()
    yield cells_run("03_kernels")
    kernels.set_num_threads(threads)


def conv2d(x, w):
    kh, kw, C, O = w.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, O))
    for i, j, u, v, c in np.ndindex(*y.shape[:2], kh, kw, C):
        for o in range(O):
            y[i, j, o] += x[i + u, j + v, c] * w[u, v, c, o]
    return y


def in_blocks(n, size=16):
    for i in range(0, n, size):
        for j in range(0, n, size):
            yield from ((i + u, j + v) for u in range(size) for v in range(size))


def best_tile(registers):
    fits = [(R, V) for R in range(1, registers) for V in range(1, registers) if R * V + V + 1 <= registers]
    return min(fits, key=lambda tile: sum(tile) / (tile[0] * tile[1]))


@pytest.mark.parametrize("test, right, wrong", [
    ("test_conv2d", conv2d, lambda x, w: conv2d(x, w[::-1, ::-1])),
    ("test_transposing_order", in_blocks, lambda n: in_blocks(n, 8)),
    ("test_best_tile", best_tile, lambda registers: (registers // 4, 2)),
])
def test_the_exercises_of_03_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
