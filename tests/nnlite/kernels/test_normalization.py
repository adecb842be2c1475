"""Normalization on both shelves; sums in parts, threads and NaNs of the fast one are tested in fast/."""

import math

import numpy as np
import pytest
from support import bound

from nnlite.kernels.loops.normalization import gradient_sums_formula, moments_formula, normalize_formula, residual_formula

each_case = pytest.mark.parametrize(("R", "C", "dtype"), [
    (203, 5, np.float32), (203, 5, np.float64), (1, 3, np.float32), (64, 1, np.float32), (40, 37, np.float64),
])


def rows(R, C, dtype):
    """x, dy (R, C), x with another mean in every channel; and four arrays (C,) of float64."""
    rng = np.random.default_rng(R + C)
    x, dy = rng.standard_normal((2, R, C))
    return (x + np.arange(C)).astype(dtype), dy.astype(dtype), *rng.standard_normal((4, C))


@each_case
def test_moments_are_the_mean_and_the_mean_square_of_the_distances_from_it(shelf, R, C, dtype):
    x, *_ = rows(R, C, dtype)
    eps = np.finfo(dtype).eps
    for mean, var in (shelf.moments(x), moments_formula(x.astype(np.float64))):
        for c, column in enumerate(x.T.astype(np.float64)):
            exact = math.fsum(column) / R
            delta = (R + 5) * eps * np.abs(column).max()  # of a mean from R distances, each no larger than 2 max |x|, and less
            square = math.fsum((column - exact) ** 2) / R
            assert abs(mean[c] - exact) <= delta
            assert abs(var[c] - square) <= (R + 6) * eps * square + 2 * delta * math.sqrt(square) + delta**2
        assert mean.dtype == var.dtype == np.float64


@each_case
def test_gradient_sums_are_the_sums_of_dy_alone_and_times_the_distance_from_the_mean(shelf, R, C, dtype):
    x, dy, mean, *_ = rows(R, C, dtype)
    mean = mean.astype(dtype)
    wide, DY = x.astype(np.float64), dy.astype(np.float64)
    for sums in (shelf.gradient_sums(x, dy, mean), gradient_sums_formula(wide, DY, mean)):
        for c in range(C):
            products = DY[:, c] * (wide[:, c] - mean[c])
            assert abs(sums[0][c] - math.fsum(DY[:, c])) <= bound(R, dtype) * np.abs(DY[:, c]).sum()
            assert abs(sums[1][c] - math.fsum(products)) <= bound(R + 2, dtype) * np.abs(products).sum()


@each_case
def test_normalize_and_residual_equal_their_formulas(shelf, R, C, dtype):
    x, dy, mean, scale, shift, slope = rows(R, C, dtype)
    mean, scale, shift, slope = (a.astype(dtype) for a in (mean, scale, shift, slope))
    wide, DY, eps = x.astype(np.float64), dy.astype(np.float64), np.finfo(dtype).eps
    y, dx = shelf.normalize(x, mean, scale, shift), shelf.residual(x, dy, mean, scale, shift, slope)
    assert y.dtype == dx.dtype == dtype
    allowed = 4 * eps * ((np.abs(wide) + np.abs(mean)) * np.abs(scale) + np.abs(shift))
    assert (np.abs(y - normalize_formula(wide, *np.float64((mean, scale, shift)))) <= allowed).all()
    allowed = 5 * eps * np.abs(scale) * (np.abs(DY) + np.abs(shift) + np.abs(slope) * (np.abs(wide) + np.abs(mean)))
    assert (np.abs(dx - residual_formula(wide, DY, *np.float64((mean, scale, shift, slope)))) <= allowed).all()


def test_of_a_straight_line_residual_leaves_nothing(shelf):
    x = np.arange(40.0).reshape(20, 2)
    assert not shelf.residual(x, 3 + 2 * (x - 5), *np.array([[5.0, 5], [7, 7], [3, 3], [2, 2]])).any()
