import math

import numba
import numpy as np
import pytest
from support import bound

from nnlite.kernels.fast import normalization
from nnlite.kernels.fast.normalization import (
    gradient_sums,
    moments,
    normalize,
    part_count,
    residual,
)
from nnlite.kernels.loops.normalization import gradient_sums_formula, moments_formula, normalize_formula, residual_formula

ALL, ROWS = numba.config.NUMBA_NUM_THREADS, 203
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_channel_count = pytest.mark.parametrize("C", range(1, 41))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts so small that most shapes below have several, of unequal lengths."""
    monkeypatch.setattr(normalization, "BYTES_IN_A_PART", 1024)


def rows(C, dtype, R=ROWS, seed=0):
    """Two arrays (R, C), the first with another mean in every channel and, slowly drifting, in every part."""
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, R, C))
    return (x + 3 * np.linspace(-1, 1, R)[:, None] + np.arange(C)).astype(dtype), dy.astype(dtype)


def channels(C, count, dtype):
    return np.random.default_rng(9).standard_normal((count, C)).astype(dtype)


def assert_within(actual, expected, allowed):
    assert actual.shape == np.shape(expected)
    assert (np.abs(actual - expected) <= allowed).all()


def assert_moments(x, mean, var):
    """The moments lie as near to the exact ones as rounding allows, with D = max − min and A = max |x| of a channel.

    A sum of up to K distances to the first row of a part, each no larger than D, divided by their number and added to that
    row: the mean of the part is off by δ ≤ (K + 4) eps D + eps A. So is the mean of all, but for float64's rounding of its sum
    over the parts. The variance has K + parts + 6 roundings, and takes its distances from means that are off by δ: with these
    the identity var = 1/R Σ_p (q_p + n (mean_p − mean)²) is off by 2 δ σ and some δ².
    """
    eps, parts = np.finfo(x.dtype).eps, part_count(x)
    K = -(-len(x) // parts)
    for c, column in enumerate(x.T.astype(np.float64)):
        exact_mean = math.fsum(column) / len(x)
        exact_var = math.fsum((column - exact_mean) ** 2) / len(x)
        A, D = np.abs(column).max(), np.ptp(column)
        delta = (K + 4) * eps * D + eps * A + bound(parts) * A
        assert abs(mean[c] - exact_mean) <= delta
        assert abs(var[c] - exact_var) <= (K + parts + 6) * eps * exact_var + 2 * delta * math.sqrt(exact_var) + 6 * delta**2


@each_dtype
@each_channel_count
def test_moments_are_the_mean_and_the_mean_square_of_what_is_left(C, dtype):
    x, _ = rows(C, dtype)
    assert_moments(x, *moments(x))
    assert_moments(x, *moments_formula(x.astype(np.float64)))


@pytest.mark.parametrize("BYTES", [1, 1024, 2**15])
@pytest.mark.parametrize("R", [1, 2, 15, 16, 17, 64, 1000])
def test_moments_of_any_number_of_rows_in_parts_of_any_length(R, BYTES, monkeypatch):
    monkeypatch.setattr(normalization, "BYTES_IN_A_PART", BYTES)
    x, _ = rows(5, np.float32, R)
    assert_moments(x, *moments(x))


@pytest.mark.parametrize("mean", [1e3, -1e4, 1e5])
def test_the_variance_survives_a_mean_that_is_many_times_larger(mean):
    x = (mean + rows(3, np.float32, 5000)[1]).astype(np.float32)
    assert_moments(x, *moments(x))
    assert moments(x)[1] == pytest.approx(1, rel=0.1)  # where 1/R Σ x² − mean² is off by eps·mean², 0.1 to 1000


def test_a_far_first_row_does_no_harm():
    x, _ = rows(3, np.float32, 5000)
    x[0] = 1e4
    assert_moments(x, *moments(x))


@each_dtype
def test_equal_numbers_have_themselves_as_mean_and_no_variance(dtype):
    mean, var = moments(np.full((ROWS, 9), 0.1, dtype))
    np.testing.assert_allclose(mean, np.full(9, dtype(0.1), np.float64), rtol=bound(part_count(np.empty((ROWS, 9), dtype))))
    assert (var <= (1e-15) ** 2).all()


@each_dtype
@each_channel_count
def test_normalize_is_the_distance_from_the_mean_scaled_and_shifted(C, dtype):
    x, _ = rows(C, dtype)
    mean, scale, shift = channels(C, 3, dtype)
    wide, m, a, b = (array.astype(np.float64) for array in (x, mean, scale, shift))
    expected = np.einsum("rc,c->rc", wide, a) - np.einsum("c,c,r->rc", m, a, np.ones(ROWS)) + b
    for y in (normalize(x, mean, scale, shift), normalize_formula(wide, m, a, b)):
        # Four roundings here, and in float64 as many there, of products with x and with mean apart.
        assert_within(y, expected, 4 * np.finfo(dtype).eps * ((np.abs(wide) + np.abs(m)) * np.abs(a) + np.abs(b)))
    assert normalize(x, m, a, b).dtype == dtype


@each_dtype
@each_channel_count
def test_gradient_sums_are_the_sums_of_dy_alone_and_times_the_distance_from_the_mean(C, dtype):
    x, dy = rows(C, dtype)
    mean = channels(C, 1, dtype)[0]
    X, DY = x.astype(np.float64) - mean, dy.astype(np.float64)
    parts = part_count(x)
    K = -(-ROWS // parts) + parts + 2  # a subtraction and a product before the sums of each part and of the parts
    for dy_sum, product_sum in (gradient_sums(x, dy, mean), gradient_sums_formula(x.astype(np.float64), DY, mean)):
        for c in range(C):
            assert_within(dy_sum[c], math.fsum(DY[:, c]), bound(K, dtype) * np.abs(DY[:, c]).sum())
            products = X[:, c] * DY[:, c]
            assert_within(product_sum[c], math.fsum(products), bound(K, dtype) * np.abs(products).sum())


@each_dtype
@each_channel_count
def test_residual_is_dy_without_its_mean_and_its_slope_along_x(C, dtype):
    x, dy = rows(C, dtype)
    mean, scale, dy_mean, slope = channels(C, 4, dtype)
    wide, DY, m, a, b, k = (array.astype(np.float64) for array in (x, dy, mean, scale, dy_mean, slope))
    line = [[b[c] + k[c] * (t - m[c]) for c, t in enumerate(row)] for row in wide.tolist()]
    expected = DY * a - np.array(line) * a
    for dx in (residual(x, dy, mean, scale, dy_mean, slope), residual_formula(wide, DY, m, a, b, k)):
        # Five roundings here, and in float64 as many there.
        assert_within(dx, expected, 5 * np.finfo(dtype).eps * np.abs(a) * (np.abs(DY) + np.abs(b) + np.abs(k * (wide - m))))
    assert residual(x, dy, m, a, b, k).dtype == dtype


def test_residual_leaves_nothing_of_a_straight_line():
    x = np.arange(40.0).reshape(20, 2)
    assert not residual(x, 3 + 2 * (x - 5), *np.array([[5.0, 5], [7, 7], [3, 3], [2, 2]])).any()
    assert residual(x, 4 + 2 * (x - 5), *np.array([[5.0, 5], [7, -8], [3, 3], [2, 2]])).tolist() == [[7, -8]] * 20


@each_dtype
@pytest.mark.parametrize("C", [1, 7, 16, 37])
def test_nothing_is_read_or_written_behind_the_last_number(C, dtype, before_a_wall):
    x, dy, mean = (before_a_wall(a) for a in (*rows(C, dtype), channels(C, 1, dtype)[0]))
    y = before_a_wall(np.zeros_like(x))
    normalization._normalize(x, part_count(x), mean, mean, mean, y, ALL)
    assert (y == normalize(x, mean, mean, mean)).all()
    normalization._residual(x, dy, part_count(x), normalization.Line(mean, mean, mean, mean), y, ALL)
    assert (y == residual(x, dy, mean, mean, mean, mean)).all()
    sums = [before_a_wall(np.zeros((part_count(x), C), dtype)) for _ in range(4)]
    normalization._moments(x, *sums[:2], ALL)
    normalization._gradient_sums(x, dy, mean, *sums[2:], ALL)
    assert (np.sum(sums[2:], axis=1, dtype=np.float64) == gradient_sums(x, dy, mean)).all()


@pytest.mark.parametrize("row", [0, 1, 100, ROWS - 1])
def test_a_nan_stays_in_its_channel(row):
    x, dy = rows(20, np.float32)
    x[row, 3] = dy[row, 17] = np.nan
    mean, var = moments(x)
    dy_sum, product_sum = gradient_sums(x, dy, np.ones(20))
    ones = np.ones(20)
    for result, nans in ((mean, [3]), (var, [3]), (dy_sum, [17]), (product_sum, [3, 17]),
                         (normalize(x, ones, ones, ones)[row], [3]), (residual(x, dy, ones, ones, ones, ones)[row], [3, 17])):
        assert np.isnan(result).nonzero()[0].tolist() == nans


@pytest.mark.parametrize(("R", "C"), [(0, 3), (5, 0)])
def test_of_nothing_comes_nothing(R, C):
    x, channel = np.empty((R, C), np.float32), np.ones(C)
    assert normalize(x, channel, channel, channel).shape == (R, C)
    assert residual(x, x, channel, channel, channel, channel).shape == (R, C)
    assert gradient_sums(x, x, channel).tolist() == [[0] * C] * 2


@pytest.mark.parametrize("C", [3, 16, 40])
def test_the_number_of_threads_changes_no_bit(C, threads):
    x, dy = rows(C, np.float32, 1000)
    results = []
    for count in (1, 2):
        threads(count)
        mean, var = moments(x)
        results.append([a.tobytes() for a in (mean, var, normalize(x, mean, var, mean), gradient_sums(x, dy, mean),
                                              residual(x, dy, mean, var, mean, var))])
    assert results[0] == results[1]
