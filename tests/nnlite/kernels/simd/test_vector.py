import itertools

import numpy as np
import pytest
from numba import njit

from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.vector import (
    any_nan,
    at_least,
    at_most,
    beats,
    equal,
    lanes,
    larger,
    load,
    load_bytes,
    narrow,
    nearest,
    positive,
    real,
    spread,
    spread_int,
    store,
    store_bytes,
    store_three_bytes,
    where,
    wide,
)

UNTOUCHED = 77


@njit
def copied(like, x, y, n):
    for i in range(0, n, lanes(like)):
        store(y + i * like.itemsize, load(like, x + i * like.itemsize, n - i), n - i)


@njit
def bytes_of(like, x, y, n):
    """y = 255 − x in bytes."""
    for i in range(0, n, lanes(like)):
        store_bytes(y + i, load_bytes(like, x + i, n - i) * -1 + 255, n - i)


@njit
def three_bytes_of(like, x, y, n):
    for i in range(0, n, lanes(like)):
        store_three_bytes(y + 3 * i, load(like, x + 4 * i, n - i), n - i)


@njit
def nan_among(like, x, n):
    return any_nan(load(like, x, n))


@njit
def lanes_that_were_left_out(like, x, y, left):
    store(y, load(like, x, left), lanes(like))


@njit
def all_on_floats(like, x, y, z, row, n):
    size = like.itemsize
    for i in range(0, n, lanes(like)):
        left, at = n - i, z + i * size
        a, b = load(like, x + i * size, left), load(like, y + i * size, left)
        results = (a + b, a - b, a * b, larger(a, b), where(beats(a, b), a, b), where(positive(a), b, a), a + 2, a * 3,
                   at_least(a, 0), at_most(a, 0.5), where(positive(a), a, 0), spread(a, 0.25), a / b, a / 3)
        for k in range(len(results)):
            store(at + k * row, results[k], left)


@njit
def all_on_integers(like, x, y, z, row, n):
    for i in range(0, n, lanes(like)):
        left, at = n - i, z + i * 4
        a, b = load(like, x + i * 4, left), load(like, y + i * 4, left)
        results = (a + b, a - b, a * b, larger(a, b), a & b, a << 3, a >> 3, at_least(a, -1), at_most(a, 1),
                   where(equal(a, 7), b, a), where(equal(b, 7), a, spread_int(like, 5)), narrow(wide(a) * wide(b) >> 31))
        for k in range(len(results)):
            store(at + k * row, results[k], left)


@njit
def there_and_back(like, integers, x, y, z, n):
    for i in range(0, n, lanes(like)):
        store(z + i * 4, real(load(integers, x + i * 4, n - i)), n - i)
        store(y + i * 4, nearest(load(like, y + i * 4, n - i)), n - i)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_lanes_from_left_on_are_neither_read_nor_written(before_a_wall, dtype):
    count = LEVEL.vector_bytes // dtype().itemsize
    for n in range(2 * count + 2):
        x, y = before_a_wall(np.arange(n, dtype=dtype)), np.full(n + count, UNTOUCHED, dtype)
        copied(np.empty(0, dtype), x.ctypes.data, y.ctypes.data, n)
        assert y.tolist() == [*range(n), *[UNTOUCHED] * count]


@pytest.mark.parametrize("like", [np.float32, np.float64])
def test_bytes_go_through_lanes_of_32_bits_as_many_as_asked_for(before_a_wall, like):
    for n in range(2 * LEVEL.vector_bytes // like().itemsize + 2):
        x, y = before_a_wall(np.arange(250, 250 + n).astype(np.uint8)), np.full(n + 64, UNTOUCHED, np.uint8)
        bytes_of(np.empty(0, like), x.ctypes.data, y.ctypes.data, n)
        assert y.tolist() == [*(255 - x).tolist(), *[UNTOUCHED] * 64]


def test_three_bytes_of_each_lane_are_written_without_gaps(before_a_wall):
    count = LEVEL.vector_bytes // 4
    for n in range(2 * count + 2):
        x = np.random.default_rng(n).integers(-(2**31), 2**31, n, dtype=np.int32)
        y = before_a_wall(np.full(3 * n, UNTOUCHED, np.uint8))
        three_bytes_of(x, x.ctypes.data, y.ctypes.data, n)
        np.testing.assert_array_equal(y, x.astype("<i4").view(np.uint8).reshape(n, 4)[:, :3].ravel())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nan_is_found_in_any_lane_and_nothing_else_is_taken_for_one(dtype):
    count = LEVEL.vector_bytes // dtype().itemsize
    for lane in range(count):
        x = np.array([np.inf, -np.inf, 0, 1] * count, dtype)
        assert not nan_among(x, x.ctypes.data, count)
        x[lane] = np.nan
        assert nan_among(x, x.ctypes.data, count) and not nan_among(x, x.ctypes.data, lane)


def test_lanes_from_left_on_are_0_when_loaded():
    x = np.ones(64, np.float32)
    for left in range(LEVEL.vector_bytes // 4 + 1):
        y = np.full(LEVEL.vector_bytes // 4, np.nan, np.float32)
        lanes_that_were_left_out(y, x.ctypes.data, y.ctypes.data, left)
        assert y.sum() == y[:left].sum() == left


def larger_by_the_rule(x, y):
    return np.nan if x != x or y != y else max(x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_floats_equal_their_definitions_for_nan_infinities_and_zeros_too(dtype):
    special = [np.nan, -np.inf, -1.5, -0.0, 0.0, 0.3, 2.0, np.inf]
    pairs = [*itertools.product(special, repeat=2)] + [(1.0, 1.0), (-2.5, 7.0), (1e-30, 0.0)]
    x, y = np.array(pairs, dtype).T.copy()
    z = np.full((14, len(pairs) + 3), UNTOUCHED, dtype)
    all_on_floats(x, x.ctypes.data, y.ctypes.data, z.ctypes.data, z.strides[0], len(pairs))
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = [
            x + y, x - y, x * y,
            [larger_by_the_rule(a, b) for a, b in zip(x, y, strict=True)],
            [a if b == b and (a > b or a != a) else b for a, b in zip(x, y, strict=True)],
            [b if a > 0 else a for a, b in zip(x, y, strict=True)],
            x + 2, x * 3,
            [larger_by_the_rule(a, 0) for a in x],
            [-larger_by_the_rule(-a, -0.5) for a in x],
            [a if a > 0 else 0 for a in x],
            [0.25] * len(x),
            x / y, x / 3,
        ]
    np.testing.assert_array_equal(z[:, :-3], np.array(expected, dtype))
    assert (z[:, -3:] == UNTOUCHED).all()
    assert not np.signbit(z[8, :-3]).any(), "at_least(−0, 0) is 0"
    ties = (x == 0) & (y == 0)
    np.testing.assert_array_equal(np.signbit(z[3, :-3][ties]), np.signbit(y[ties]))  # of equal ones larger gives y


def test_functions_of_integers_equal_their_definitions():
    special = [-(2**31), -(2**30) - 1, -9, -1, 0, 1, 7, 12345, 2**31 - 1]
    x, y = np.array([*itertools.product(special, repeat=2)], np.int32).T.copy()
    X, Y = x.astype(np.int64), y.astype(np.int64)
    z = np.full((12, len(x) + 3), UNTOUCHED, np.int32)
    all_on_integers(x, x.ctypes.data, y.ctypes.data, z.ctypes.data, z.strides[0], len(x))
    expected = [X + Y, X - Y, X * Y, np.maximum(X, Y), X & Y, X << 3, X >> 3, np.maximum(X, -1),
                np.minimum(X, 1), np.where(X == 7, Y, X), np.where(Y == 7, X, 5), X * Y >> 31]
    np.testing.assert_array_equal(z[:, :-3], np.array(expected).astype(np.int32))  # modulo 2³²
    assert (z[:, -3:] == UNTOUCHED).all()


def test_integers_become_floats_and_floats_the_nearest_integer_with_halves_to_even():
    x = np.array([-(2**31), -3, 0, 5, 2**24 + 1, 2**31 - 1], np.int32)
    y = np.array([-2.5, -1.5, -0.4999, 0.5, 1.5, 8_388_607.5], np.float32)
    expected, z = [-2, -2, 0, 0, 2, 8_388_608], np.empty(6, np.float32)
    there_and_back(z, x, x.ctypes.data, y.ctypes.data, z.ctypes.data, 6)
    np.testing.assert_array_equal(z, x.astype(np.float32))
    assert y.view(np.int32).tolist() == expected
