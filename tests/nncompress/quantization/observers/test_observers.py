"""What every observer promises."""

import warnings

import numpy as np
import pytest

from nncompress import quantize
from nncompress.quantization import affine_parameters, dequantize, quantize_affine
from nncompress.quantization.observers import Entropy, Histogram, MinMax, MovingAverage, Percentile, SquaredError
from nnlite import models

OBSERVERS = [MinMax, MovingAverage, Percentile, SquaredError, Entropy]


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("x", [np.zeros(9), np.full(9, 5.0), np.full(9, -5.0), np.full(9, 1e-6), np.full(9, 1e-40),
                               np.linspace(5, 6, 500), np.linspace(-6, -5, 500), np.float32([3e38, 0, -3e38])],
                         ids=["zeros", "5", "-5", "1e-6", "1e-40", "5 to 6", "-6 to -5", "float32's ends"])
def test_few_values_are_within_half_a_step_and_zero_is_exact(observer, x):
    seen = observer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen.observe(x.astype(np.float32))
        low, high = seen.range()
    assert low <= 0 <= high and type(low) is type(high) is float
    S, Z = affine_parameters(low, high, 0, 255)
    error = np.abs(dequantize(quantize_affine(x, S, Z, 0, 255, np.uint8), S, Z) - x)
    assert error.max() <= S / 2 * (1 + 1e-5)
    assert dequantize(np.uint8(Z), S, Z) == 0


@pytest.mark.parametrize("observer", OBSERVERS)
def test_nothing_seen_is_the_range_of_zero_alone(observer):
    if observer is MovingAverage:
        with pytest.raises(ValueError, match="MovingAverage: has seen 0 batches, the first 0 do not count"):
            observer().range()
    else:
        assert observer().range() == (0.0, 0.0)


@pytest.mark.parametrize("observer", [Percentile, SquaredError, Entropy])
def test_one_value_far_out_is_cut_off(observer):
    x = np.random.default_rng(0).standard_normal(200_000)
    x[7] = 25.0
    seen = observer()
    seen.observe(x)
    low, high = seen.range()
    assert -6 < low < -3 and 3 < high < 20


@pytest.mark.parametrize("observer", OBSERVERS)
def test_values_that_are_no_numbers_are_refused(observer):
    with pytest.raises(ValueError, match=r"observe: 1 of 2 values are NaN or infinite, the first at index \(1,\)"):
        observer().observe([5.0, np.inf])


@pytest.mark.parametrize("observer", [*OBSERVERS, lambda: Percentile(99), lambda: Histogram()])
def test_a_network_is_quantized_with_any_observer(observer):
    model, x = models.cnn(1, 8, width=0.25), np.random.default_rng(0).standard_normal((40, 1, 8, 8)).astype(np.float32)
    logits, plan = model(x).data, quantize(model, x, observer=observer)
    assert (plan(x) - logits).std() <= 0.1 * logits.std()
    seen = observer()
    seen.observe(x)
    assert (plan.steps[0].S, plan.steps[0].Z) == affine_parameters(*seen.range(), 0, 255)
