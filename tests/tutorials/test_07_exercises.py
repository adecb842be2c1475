"""Each exercise of lesson 07 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def int8():
    return cells_run("07_int8_inference")


def matmul(a, w):
    c = np.zeros((len(a), w.shape[1]), np.int32)
    for m, k, n in np.ndindex(len(a), *w.shape):
        c[m, n] += int(a[m, k]) * int(w[k, n])
    return c


def single_rounding(acc, M0, n):
    return (acc.astype(np.int64) * M0 + (np.int64(1) << 30 + n)) >> 31 + n


def double_rounding(acc, M0, n):
    x = (acc.astype(np.int64) * M0 + 2**30) >> 31
    return np.sign(x) * ((np.abs(x) + ((1 << n) >> 1)) >> n)


def pooled_conv(int8, sums_first):
    def pooled(q):
        N, H, W, C = q.shape
        return q.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))

    def solution(plan, step, q, Z1, finish):
        sums, numbers = int8["conv_sums"](q, step, Z1), (*int8["factors"](plan, step), step.Z, step.low)
        return finish(pooled(sums), *numbers) if sums_first else pooled(finish(sums, *numbers))

    return solution


def test_exercise_1_can_be_solved(int8):
    int8["test_matmul"](matmul)
    with pytest.raises(AssertionError):
        int8["test_matmul"](lambda a, w: (a.astype(np.int8) @ w).astype(np.int32))


def test_exercise_2_can_be_solved(int8):
    int8["test_single_rounding"](single_rounding)
    with pytest.raises(AssertionError):
        int8["test_single_rounding"](double_rounding)


def test_exercise_3_can_be_solved(int8):
    int8["test_pooled_conv"](pooled_conv(int8, sums_first=True))
    with pytest.raises(AssertionError):
        int8["test_pooled_conv"](pooled_conv(int8, sums_first=False))
