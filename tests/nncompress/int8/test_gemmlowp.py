"""The laws "fixed" and "once" against TensorFlow Lite's arithmetic, written out in Python's integers, on random networks."""

import math

import numpy as np
import pytest
from networks import random_network

from nncompress import quantize
from nncompress.int8.reference import run_reference

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def truncated(a, b):
    """a / b, truncated as in C++."""
    return abs(a) // b if a >= 0 else -(abs(a) // b)


def saturating_rounding_doubling_high_mul(a, b):
    if a == b == INT32_MIN:
        return INT32_MAX
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    return truncated(a * b + nudge, 2**31)


def rounding_divide_by_pot(x, exponent):
    mask = 2**exponent - 1
    remainder, threshold = x & mask, (mask >> 1) + (x < 0)
    return (x >> exponent) + (remainder > threshold)


def quantized_multiplier(M):
    """int32 M0 and shift with M ≈ M0 / 2^31 · 2^shift."""
    m, shift = math.frexp(M)
    M0 = math.floor(m * 2**31 + 0.5)
    if M0 == 2**31:
        M0, shift = M0 // 2, shift + 1
    return (0, 0) if shift < -31 else (M0, shift)


def double_rounding(x, M0, shift):
    x = min(max(x << max(shift, 0), INT32_MIN), INT32_MAX)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x, M0), max(-shift, 0))


def single_rounding(x, M0, shift):
    """MultiplyByQuantizedMultiplier of TensorFlow Lite with TFLITE_SINGLE_ROUNDING."""
    total = 31 - shift
    return (x * M0 + (1 << (total - 1))) >> total


MULTIPLY = {"fixed": double_rounding, "once": single_rounding}


def sums(step, before, x):
    """Σ (q − Z) w + b for every output, (N, O, …), with loops over the places of a window."""
    x = x.astype(np.int64) - before.Z
    if step.kind == "linear":
        return x @ step.w.astype(np.int64).T + step.b
    (top, left), (down, right) = step.options["padding"], step.options["stride"]
    x = np.pad(x.transpose(0, 3, 1, 2), ((0, 0), (0, 0), (top, top), (left, left)))
    means = step.kind == "avg_pool2d"
    G = step.shape[0] if means else step.options["groups"]
    kernel = step.options["kernel"] if means else step.w.shape[2:]
    w = np.ones((G, 1, *kernel), np.int64) if means else step.w.astype(np.int64)
    every_row, every_column = (1, 1) if means else step.options["dilation"]
    _, H, W = step.shape
    x, w = x.reshape(len(x), G, -1, *x.shape[2:]), w.reshape(G, -1, *w.shape[1:])
    acc = 0
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = i * every_row, j * every_column
            part = x[..., rows : rows + down * H : down, columns : columns + right * W : right]
            acc = acc + np.einsum("ngchw,goc->ngohw", part, w[..., i, j])
    acc = acc.reshape(len(x), -1, H, W)
    return acc if means else acc + step.b.reshape(-1, 1, 1)


def requantized(step, before, acc, multiply):
    """q = clamp(Z + M acc, low, 255), number by number."""
    O = acc.shape[1]
    scales = step.w_scale if step.w is not None else np.full(O, np.float32(1 / math.prod(step.options["kernel"])))
    factors = [quantized_multiplier(float(before.S) * float(S) / float(step.S)) for S in scales]
    q = np.empty(acc.shape, np.int64)
    for index, value in np.ndenumerate(acc):
        q[index] = min(max(step.Z + multiply(int(value), *factors[index[1]]), step.low), 255)
    return q


def added(step, one, two, x, y, multiply):
    """The sum of two activations: both in steps of T / 2^20, T = 2 max(S1, S2)."""
    T = 2 * max(float(one.S), float(two.S))
    M1, M2, M3 = (quantized_multiplier(M) for M in (float(one.S) / T, float(two.S) / T, T / (2**20 * float(step.S))))
    q = np.empty(x.shape, np.int64)
    for index in np.ndindex(x.shape):
        a, b = (int(x[index]) - one.Z) << 20, (int(y[index]) - two.Z) << 20
        q[index] = min(max(step.Z + multiply(multiply(a, *M1) + multiply(b, *M2), *M3), step.low), 255)
    return q


def layers(plan, x):
    """(step, steps read, results read, result (N, O, …)) for every step that requantizes."""
    results = plan.run(x)
    for i, step in enumerate(plan.steps):
        if step.kind in ("linear", "conv2d", "avg_pool2d", "add") and not (i == len(plan.steps) - 1 and plan.ends_in_sums):
            q = results[i]
            yield (step, [plan.steps[j] for j in step.inputs], [results[j] for j in step.inputs],
                   q if step.kind == "add" or q.ndim == 2 else q.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("law", ["fixed", "once"])
@pytest.mark.parametrize("seed", range(12))
def test_every_integer_of_a_random_network_is_tensorflow_lites(seed, law):
    model, x = random_network(seed)
    plan, x = quantize(model, x, law=law), 2 * x
    for step, before, inputs, q in layers(plan, x):
        if step.kind == "add":
            expected = added(step, *before, *inputs, MULTIPLY[law])
        else:
            expected = requantized(step, *before, sums(step, *before, *inputs), MULTIPLY[law])
        np.testing.assert_array_equal(q, expected, err_msg=f"{step.name} {step.kind}")
    np.testing.assert_array_equal(plan(x), plan.run(x)[-1] if plan.ends_in_sums else plan.to_real(plan.run(x)[-1]))
    np.testing.assert_array_equal(plan(x), run_reference(plan, x))


def test_one_rounding_instead_of_two_is_at_most_a_step_away_and_seldom():
    different = total = 0
    for seed in range(12):
        model, x = random_network(seed)
        for step, before, inputs, q in layers(quantize(model, x), x):
            if step.kind != "add":
                once = requantized(step, *before, sums(step, *before, *inputs), single_rounding)
                assert np.abs(once - q).max() <= 1
                different, total = different + np.count_nonzero(once != q), total + q.size
    assert different <= 0.01 * total


def test_a_sum_near_a_half_shows_which_rounding_it_was():
    assert double_rounding(7984, 1583594044, -9) == 12
    assert single_rounding(7984, 1583594044, -9) == 11
