"""The tests that students have. powers: variation.py, or the grader's link to it."""

import numpy as np
from checking import dtype, same, stored


def exponents_by_hand(powers, rng):
    for largest, bits, n in [(127.0, 8, 0), (128.0, 8, 1), (63.5, 8, -1), (1.0, 8, -6),       # 127/64 = 1.98
                             (1.0, 4, -2), (7.0, 4, 0), (7.5, 4, 1), (1.0, 2, 0), (0.25, 2, -2)]:
        got = powers.power_exponent(np.array([[0.1, -largest], [0.0, largest / 3]]), bits)
        same(got, n)
        dtype(got, np.int64)


def there_and_back(powers, rng):
    w = np.array([0.75, -0.25, 0.5, 1.25, -1.0, 1e9])
    q = powers.quantize_power(w, -1, 3)               # w · 2 = 1.5, −0.5, 1, 2.5, −2, and much too large
    same(q, [2, 0, 1, 2, -2, 3])
    dtype(q, np.int8)
    back = powers.dequantize_power(q, -1)
    same(back, [1.0, 0.0, 0.5, 1.0, -1.0, 1.5])
    dtype(back, np.float32)
    w = rng.normal(size=500)
    n = int(powers.power_exponent(w, 8))
    same(powers.dequantize_power(powers.quantize_power(w, n, 8), n), w, within=2.0 ** (n - 1))


def one_for_each_channel(powers, rng):
    w = np.array([[[1.0, -7.0], [0.0, 2.0]], [[0.3, 0.1], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    n = powers.power_exponent(w, 4, axis=0)
    same(n, [[[0]], [[-3]], [[0]]])                   # 0.5/7 = 0.0714, 1/8 = 0.125
    same(powers.quantize_power(w, n, 4)[1], [[2, 1], [4, 0]])
    same(powers.dequantize_power(powers.quantize_power(w, n, 4), n)[0], w[0])
    same(powers.power_exponent(w, 4, axis=-1), [[[-2, 0]]])


def shifts_by_hand(powers, rng):
    q = np.array([5, 6, 7, -5, -6, -7, 10, -10, 1000], np.int32)
    got = powers.change_exponent(q, 0, 2, -128, 127)  # a quarter: 1.25, 1.5, 1.75, …, 2.5, −2.5, 250
    same(got, [1, 2, 2, -1, -2, -2, 3, -3, 127])
    dtype(got, np.int32)
    same(powers.change_exponent(q, -3, -5, 0, 3000), [20, 24, 28, 0, 0, 0, 40, 0, 3000])
    same(powers.change_exponent(q, 4, 4, -8, 8), [5, 6, 7, -5, -6, -7, 8, -8, 8])


def codes_by_hand(powers, rng):
    same([powers.top_exponent(np.array([0.01, -m])) for m in (1.0, 1.4, 1.5, 2.9, 3.0, 0.3)], [0, 0, 1, 1, 2, -2])
    w = np.array([1.0, -1.0, 0.7, 0.76, 0.375, 0.37, 0.125, 0.12, -0.125, 0.0, 9.0])
    c = powers.quantize_logarithmic(w, 0, 3)          # K = 3: 1/4, 1/2, 1
    same(c, [3, -3, 2, 3, 2, 1, 1, 0, -1, 0, 3])
    dtype(c, np.int8)
    back = powers.dequantize_logarithmic(c, 0, 3)
    same(back, [1, -1, 0.5, 1, 0.5, 0.25, 0.25, 0, -0.25, 0, 1])
    dtype(back, np.float32)


def the_nearest_value(powers, rng):
    """Every value is tried."""
    w = rng.normal(size=(20, 3))
    t = int(powers.top_exponent(w))
    for bits in (2, 3, 4):
        some = [0.0, *(sign * 2.0 ** (t - i) for i in range(2 ** (bits - 1) - 1) for sign in (1, -1))]
        nearest = [[min(some, key=lambda value: abs(value - number)) for number in row] for row in w]    # noqa: B023
        same(powers.dequantize_logarithmic(powers.quantize_logarithmic(w, t, bits), t, bits), nearest)


def sums_of_shifts(powers, rng):
    got = powers.shift_product(np.array([[3, 200, 7]], np.uint8), np.array([[1, 3, 0], [-2, -1, 5]], np.int8))
    same(got, [[803, -94]])                           # 3 + 200 · 4,  −3 · 2 − 200 + 7 · 16
    dtype(got, np.int64)
    x, c = rng.integers(-128, 128, (3, 6)).astype(np.int8), rng.integers(-7, 8, (4, 6)).astype(np.int8)
    want = np.zeros((3, 4), int)
    for n, o, i in np.ndindex(3, 4, 6):
        if c[o, i]:
            want[n, o] += int(x[n, i]) * 2 ** (abs(int(c[o, i])) - 1) * (1 if c[o, i] > 0 else -1)
    same(powers.shift_product(x, c), want)


def digits(powers, rng):
    """64 → 32 → 10, trained in floats. With bytes, codes of 4 bits and shifts at most 12 more of 360 images are wrong."""
    net = stored("small_network")

    def layer(q, s, w, b):
        """Integers q with scale 2^s -> integers with scale 2^e, and e."""
        t = int(powers.top_exponent(w))
        e = s + t - 7 + 1                             # K = 7
        return powers.shift_product(q, powers.quantize_logarithmic(w, t, 4)) + np.rint(b / 2.0**e).astype(np.int64), e

    hidden = np.maximum(net["images"] @ net["w1"].T + net["b1"], 0)
    floats = int((np.argmax(hidden @ net["w2"].T + net["b2"], axis=1) != net["labels"]).sum())
    s, m = int(powers.power_exponent(net["images"], 8)), int(powers.power_exponent(hidden, 8))
    sums, e = layer(powers.quantize_power(net["images"], s, 8), s, net["w1"], net["b1"])
    q = powers.change_exponent(sums.astype(np.int32), e, m, 0, 127).astype(np.int8)
    logits, _ = layer(q, m, net["w2"], net["b2"])
    ours = int((np.argmax(logits, axis=1) != net["labels"]).sum())
    assert ours <= floats + 12, f"{ours} of 360 wrong with powers of two, {floats} in floats"
