"""Each exercise of lesson 06 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def quantization():
    return cells_run("06_quantization")


def along_rows(r, S, Z):
    return (np.reshape(x, (-1, *[1] * (np.ndim(r) - 1))) if np.ndim(x) else x for x in (S, Z))


def quantize(r, S, Z, qmin, qmax, dtype):
    S, Z = along_rows(r, S, Z)
    return np.clip(np.rint(r / S) + Z, qmin, qmax).astype(dtype)


def quantize_half_up(r, S, Z, qmin, qmax, dtype):
    S, Z = along_rows(r, S, Z)
    return np.clip(np.floor(r / S + 0.5) + Z, qmin, qmax).astype(dtype)


def group_scales(w, bits, group):
    return np.abs(w.reshape(len(w), -1, group)).max(axis=2) / (2 ** (bits - 1) - 1)


def best_scale(w, bits):
    qmax = 2 ** (bits - 1) - 1
    tried = np.abs(w).max(axis=1) / qmax * np.linspace(0.3, 1, 50)[:, None]
    errors = [((w - S[:, None] * np.clip(np.rint(w / S[:, None]), -qmax, qmax)) ** 2).sum(axis=1) for S in tried]
    return tried[np.argmin(errors, axis=0), np.arange(len(w))]


@pytest.mark.parametrize("test, right, wrong", [
    ("test_quantize", quantize, quantize_half_up),
    ("test_group_scales", group_scales, lambda w, bits, group: group_scales(w, bits, 128).repeat(128 // group, axis=1)),
    ("test_codebook_gradient", lambda dw, codes, k: np.bincount(codes.ravel(), dw.ravel(), k + 1)[1:],
     lambda dw, codes, k: np.array([dw[codes == i].sum() for i in range(k)])),
    ("test_best_scale", best_scale, lambda w, bits: np.abs(w).max(axis=1) / (2 ** (bits - 1) - 1)),
])
def test_the_exercises_of_06_can_be_solved(quantization, test, right, wrong):
    quantization[test](right)
    with pytest.raises(AssertionError):
        quantization[test](wrong)
