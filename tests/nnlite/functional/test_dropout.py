import math

import numpy as np
import pytest
from support import check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_number_is_0_or_divided_by_1_minus_p(p):
    x = sample((20, 30))
    y = F.dropout(x, p, rng=0).data
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - p), rtol=1e-15)
    assert 0 < kept.sum() < x.size


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_expected_value_is_the_number_itself(p):
    n = 100_000
    y = F.dropout(np.ones(n), p, rng=1).data
    deviation = math.sqrt(p / (1 - p) / n)  # of the mean: y is 1/(1 − p) with probability 1 − p, so its variance p/(1 − p)
    assert abs(y.mean() - 1) < 4 * deviation


def test_the_gradient_passes_where_the_number_passed():
    x, dy = Tensor(sample((20, 30)), requires_grad=True), sample((20, 30), 1)
    y = F.dropout(x, 0.4, rng=2)
    y.backward(dy)
    np.testing.assert_allclose(x.grad, np.where(y.data == 0, 0, dy / 0.6), rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (2, 3), (20, 30)])
def test_gradients_of_dropout(shape):
    check_gradients(lambda x: F.dropout(x, 0.3, rng=3), shape)
    check_gradients(lambda x: F.dropout(x, rng=3), shape)


def test_dropout_in_all_dtypes_and_layouts():
    check_dtypes_and_layouts(lambda x: F.dropout(x, 0.3, rng=4), (4, 3, 5))


def test_the_same_seed_gives_the_same_bits_and_a_generator_moves_on():
    x, rng = np.ones((20, 30), np.float32), np.random.default_rng(5)
    first, second = F.dropout(x, rng=rng).data, F.dropout(x, rng=rng).data
    assert first.tobytes() == F.dropout(x, 0.5, rng=5).data.tobytes() != second.tobytes()


def test_the_places_do_not_depend_on_the_dtype():
    a, b = (F.dropout(np.ones(1000, dtype), 0.3, rng=6).data for dtype in (np.float32, np.float64))
    np.testing.assert_array_equal(a == 0, b == 0)


def test_at_inference_and_with_p_0_the_tensor_itself_comes_back():
    x = Tensor(np.ones(5))
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x.data, 0.0).data is x.data


@pytest.mark.parametrize("p", [1, 1.5, -0.1, math.nan])
def test_a_probability_outside_of_0_to_1_is_refused(p):
    with pytest.raises(ValueError, match=rf"^dropout: the probability has to be in \[0, 1\), got {p}$"):
        F.dropout(np.ones(3), p, rng=0)


def test_whole_numbers_are_refused():
    with pytest.raises(TypeError, match=r"^dropout: expects arrays of one dtype, float32 or float64, got int64$"):
        F.dropout(np.arange(3), 0.5, rng=0)
