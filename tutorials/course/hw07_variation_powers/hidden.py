"""The tests that only the grader has."""

from fractions import Fraction

import numpy as np
from checking import dtype, refuses, same


def half_away(x):
    """A Fraction to the nearest integer, halves away from zero."""
    whole = int(abs(x) + Fraction(1, 2))
    return whole if x >= 0 else -whole


def exponents_to_the_last_bit(powers, rng):
    """By exact fractions, one rounding above and below the powers too."""
    for bits in range(2, 9):
        qmax = 2 ** (bits - 1) - 1
        at = qmax * 2.0 ** int(rng.integers(-20, 20))
        for largest in (at, np.nextafter(at, np.inf), np.nextafter(at, 0), *np.exp(rng.normal(size=3) * 5)):
            n = next(n for n in range(-60, 61) if Fraction(float(largest)) <= qmax * Fraction(2) ** n)
            same(powers.power_exponent(np.array([0.0, -largest]), bits), n)


def channels_of_any_axis(powers, rng):
    w = rng.normal(size=(3, 4, 2)).astype(np.float32) * 2.0 ** rng.integers(-9, 9, (3, 4, 2))
    for axis in (0, 1, 2, -1, -3):
        n = powers.power_exponent(w, 8, axis=axis)
        want = [next(n for n in range(-60, 61) if np.abs(part).max() <= 127 * 2.0**n) for part in np.moveaxis(w, axis, 0)]
        shape = [1, 1, 1]
        shape[axis] = -1
        same(n, np.reshape(want, shape))
        dtype(n, np.int64)
        step = np.broadcast_to(2.0 ** np.reshape(want, shape), w.shape)
        same((powers.dequantize_power(powers.quantize_power(w, n, 8), n) - w) / step, np.zeros(w.shape), within=0.50001)


def zeros_and_empty(powers, rng):
    same(powers.power_exponent(np.zeros((2, 3)), 8), 0)
    same(powers.power_exponent(np.zeros((0, 3)), 8), 0)
    same(powers.power_exponent(np.array([[0.0, 127.5], [0.0, 1.0]]), 8, axis=1), [[0, 1]])
    same(powers.quantize_power(np.zeros((0, 3)), 0, 8), np.zeros((0, 3)))
    same(powers.quantize_logarithmic(np.zeros((2, 2)), -5, 4), np.zeros((2, 2)))
    same(powers.dequantize_logarithmic(np.zeros((0, 2), np.int8), -5, 4), np.zeros((0, 2)))
    same(powers.dequantize_logarithmic(np.zeros(3, np.int8), -5, 4), np.zeros(3))
    same(powers.shift_product(np.zeros((0, 3), np.int8), np.ones((2, 3), np.int8)), np.zeros((0, 2)))


def exact_shifts(powers, rng):
    q = np.concatenate([np.arange(-20, 21), rng.integers(-(2**31), 2**31, 40), [-(2**31), 2**31 - 1]]).astype(np.int32)
    limits = -(2**31), 2**31 - 1
    for n, m in ((0, 0), (0, 1), (-3, 1), (5, -25), (-20, 11), (-60, 0), (2, 1)):
        want = [min(max(half_away(int(x) * Fraction(2) ** (n - m)), limits[0]), limits[1]) for x in q]
        same(powers.change_exponent(q, n, m, *limits), want)
    some = q[:40].reshape(8, 5)
    m = np.array([0, 1, 2, -3, 40])
    want = [[half_away(int(x) / Fraction(2) ** int(k)) for x, k in zip(row, m, strict=True)] for row in some]
    same(powers.change_exponent(some, 0, m, *limits), want)


def codes_of_all_sizes(powers, rng):
    """Each code is its own; midpoints go up, and a number one rounding below them goes down."""
    for bits in range(2, 7):
        K, t = 2 ** (bits - 1) - 1, int(rng.integers(-8, 8))
        c = np.arange(-K, K + 1)
        values = np.array([np.sign(k) * 2.0 ** (t - K + abs(int(k))) if k else 0.0 for k in c])
        same(powers.dequantize_logarithmic(c.astype(np.int8), t, bits), values)
        same(powers.quantize_logarithmic(values, t, bits), c)
        middle = (values[K:-1] + values[K + 1 :]) / 2          # between neighbours from 0 on
        same(powers.quantize_logarithmic(middle, t, bits), np.arange(1, K + 1))
        same(powers.quantize_logarithmic(-middle, t, bits), -np.arange(1, K + 1))
        same(powers.quantize_logarithmic(np.nextafter(middle, 0), t, bits), np.arange(K))
    for t in (-3, 0, 7):
        same(powers.top_exponent(np.array([1.5 * 2.0**t])), t + 1)
        same(powers.top_exponent(np.array([np.nextafter(1.5 * 2.0**t, 0), -0.1])), t)


def large_sums(powers, rng):
    x, c = np.full((1, 2000), 255, np.uint8), np.full((2, 2000), 31, np.int8)
    c[1] = -31
    same(powers.shift_product(x, c), [[255 * 2000 * 2**30, -255 * 2000 * 2**30]])
    same(powers.shift_product(np.array([[-128]], np.int8), np.array([[-31], [0], [8]], np.int8)), [[2**37, 0, -(2**14)]])


def refusals(powers, rng):
    same(powers.power_exponent(np.array([3.0]), 3), 0)                  # to refuse everything is no solution
    same(powers.quantize_power(np.array([3.0]), 0, 3), [3])
    same(powers.top_exponent(np.array([4.0, 0.0])), 2)
    same(powers.quantize_logarithmic(np.array([4.0]), 2, 6), [31])
    same(powers.dequantize_logarithmic(np.array([7], np.int8), 2, 4), [4.0])
    for bits in (1, 9):
        refuses(powers.power_exponent, np.ones(3), bits)
        refuses(powers.quantize_power, np.ones(3), 0, bits)
    for bits in (1, 7):
        refuses(powers.quantize_logarithmic, np.ones(3), 0, bits)
        refuses(powers.dequantize_logarithmic, np.zeros(3, np.int8), 0, bits)
    for bad in (np.nan, np.inf, -np.inf):
        w = np.array([1.0, bad])
        refuses(powers.power_exponent, w, 8)
        refuses(powers.quantize_power, w, 0, 8)
        refuses(powers.quantize_logarithmic, w, 0, 4)
        refuses(powers.top_exponent, w)
    refuses(powers.top_exponent, np.zeros(3))
    refuses(powers.top_exponent, np.zeros(0))
    refuses(powers.dequantize_logarithmic, np.array([-8], np.int8), 0, 4)
    refuses(powers.shift_product, np.ones((2, 3), np.int8), np.ones((2, 1), np.int8))
