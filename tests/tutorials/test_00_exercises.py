"""Each exercise of lesson 00 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run

import nncompress


@pytest.fixture(scope="module")
def start():
    return cells_run("00_start")


def parameters(width, image_size=8, classes=10, channels=1):
    first, second, hidden = round(16 * width), round(32 * width), round(128 * width)
    pixels = (image_size // 2 // 2) ** 2
    return ((channels * 9 + 1) * first + (first * 9 + 1) * second + (second * pixels + 1) * hidden + (hidden + 1) * classes)


def mask_of(w, s):
    order = np.argsort(np.abs(w), axis=None, kind="stable")
    mask = np.ones(w.size, bool)
    mask[order[: round(s * w.size)]] = False
    return mask.reshape(w.shape)


def smallest_file(start, fewest=2):
    def search(model, calibration):
        for bits in range(fewest, 9):
            plan = nncompress.quantize(model, calibration, bits=bits)
            if start["right"](plan(start["x_test"])) >= 0.95:
                return bits, len(nncompress.nnz.file.to_bytes(plan))
        raise ValueError("no number of bits is enough")
    return search


def test_exercise_1_can_be_solved(start):
    start["test_parameters"](parameters)
    with pytest.raises(AssertionError):
        start["test_parameters"](lambda width, image_size: round(22_602 * width))


def test_exercise_2_can_be_solved(start):
    start["test_mask_of"](mask_of)
    with pytest.raises(AssertionError):
        start["test_mask_of"](lambda w, s: np.abs(w) > np.quantile(np.abs(w), s))


def test_exercise_3_can_be_solved(start):
    start["test_smallest_file"](smallest_file(start))
    with pytest.raises(AssertionError):
        start["test_smallest_file"](smallest_file(start, fewest=7))
