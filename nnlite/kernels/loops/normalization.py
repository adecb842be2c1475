"""Normalization per channel: mean and variance, y = (x − mean)·scale + shift, and the way back.

Letters: x, dy (R, C) of one float dtype: R rows, which are the examples or all pixels of all images, of C channels; r < R,
c < C. An array with one number for each channel is (C,) in any dtype. Sums are float64: their errors then do not grow with R.

Source: Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithm 1 and the gradients in §3.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def normalize_formula(x, mean, scale, shift):
    """y = (x − mean)·scale + shift"""
    return (x - mean) * scale + shift


def moments_formula(x):
    """mean = 1/R Σ x,   var = 1/R Σ (x − mean)²"""
    mean = x.mean(axis=0)
    return mean, ((x - mean) ** 2).mean(axis=0)


def gradient_sums_formula(x, dy, mean):
    """sums = Σ dy   and   Σ dy·(x − mean)"""
    return dy.sum(axis=0), (dy * (x - mean)).sum(axis=0)


def residual_formula(x, dy, mean, scale, dy_mean, slope):
    """dx = scale·(dy − (dy_mean + slope·(x − mean))): dy minus a straight line in x, scaled."""
    return scale * (dy - (dy_mean + slope * (x - mean)))


@njit(cache=True)
def normalize(x, mean, scale, shift):
    """y[r, c] = (x[r, c] − mean[c])·scale[c] + shift[c] -> a new y (R, C)."""
    R, C = x.shape
    y = np.empty((R, C), x.dtype)
    for r in range(R):
        for c in range(C):
            y[r, c] = (x[r, c] - mean[c]) * scale[c] + shift[c]
    return y


@njit(cache=True)
def moments(x):
    """mean[c] = 1/R Σ_r x[r, c] and var[c] = 1/R Σ_r (x[r, c] − mean[c])² -> two new arrays (C,) float64.   R ≥ 1."""
    R, C = x.shape
    mean, var = np.zeros(C), np.zeros(C)
    for r in range(R):
        for c in range(C):
            mean[c] += x[r, c]
    for c in range(C):
        mean[c] /= R
    for r in range(R):
        for c in range(C):
            d = x[r, c] - mean[c]
            var[c] += d * d
    for c in range(C):
        var[c] /= R
    return mean, var


@njit(cache=True)
def gradient_sums(x, dy, mean):
    """sums[0, c] = Σ_r dy[r, c] and sums[1, c] = Σ_r dy[r, c]·(x[r, c] − mean[c]) -> a new sums (2, C) float64."""
    R, C = x.shape
    sums = np.zeros((2, C))
    for r in range(R):
        for c in range(C):
            sums[0, c] += dy[r, c]
            sums[1, c] += dy[r, c] * (x[r, c] - mean[c])
    return sums


@njit(cache=True)
def residual(x, dy, mean, scale, dy_mean, slope):
    """dx[r, c] = scale[c]·(dy[r, c] − (dy_mean[c] + slope[c]·(x[r, c] − mean[c]))) -> a new dx (R, C)."""
    R, C = x.shape
    dx = np.empty((R, C), x.dtype)
    for r in range(R):
        for c in range(C):
            dx[r, c] = scale[c] * (dy[r, c] - (dy_mean[c] + slope[c] * (x[r, c] - mean[c])))
    return dx
