import numpy as np
import pytest

from nnlite import nn
from nnlite.nn.init import uniform_fan_in


def test_weights_are_uniform_between_plus_and_minus_1_over_the_root_of_fan_in():
    n = 100_000
    w = uniform_fan_in((n,), 25, np.random.default_rng(0))
    assert w.dtype == np.float32
    assert -0.2 <= w.min() < -0.1999 and 0.1999 < w.max() <= 0.2  # 1/√25
    variance = 1 / (3 * 25)
    # of n uniform numbers the mean varies by σ/√n, the variance by √0.8 σ²/√n; five times that
    assert abs(w.mean()) < 5 * np.sqrt(variance / n)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt(0.8 / n)
    tenths = np.histogram(w, 10, (-0.2, 0.2))[0]
    assert abs(tenths - n / 10).max() < 5 * np.sqrt(n / 10)


@pytest.mark.parametrize("fan_in", [1, 4, 100])
def test_the_shape_is_the_one_asked_for_whatever_fan_in_says(fan_in):
    w = uniform_fan_in((3, 2, 5), fan_in, np.random.default_rng(0))
    assert w.shape == (3, 2, 5)
    assert np.abs(w).max() <= np.float32(1 / np.sqrt(fan_in))


def test_without_inputs_the_numbers_are_0():
    np.testing.assert_array_equal(uniform_fan_in((3,), 0, np.random.default_rng(0)), np.zeros(3))


def test_the_same_generator_state_gives_the_same_bits():
    first, second = (uniform_fan_in((9,), 4, np.random.default_rng(7)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(("make", "size"), [
    (lambda: nn.Linear(-1, 2), "Linear: in_features .* got -1"),
    (lambda: nn.Linear(3, 2.5), "Linear: out_features .* got 2.5"),
    (lambda: nn.Embedding(0, 3), "Embedding: num_embeddings .* got 0"),
    (lambda: nn.Conv2d(3, 0, 3), "Conv2d: out_channels .* got 0"),
    (lambda: nn.Linear(3.0, 2), "Linear: in_features .* got 3.0"),
    (lambda: nn.Linear(float("nan"), 2), "Linear: in_features .* got nan"),
    (lambda: nn.Linear(3, "2"), "Linear: out_features .* got 2"),
    (lambda: nn.Conv2d(3, 3, 3, groups=0), "Conv2d: groups .* got 0"),
    (lambda: nn.LayerNorm((3, 0)), "LayerNorm: normalized_shape .* got 0"),
    (lambda: nn.LayerNorm(2.5), "LayerNorm: normalized_shape .* got 2.5"),
    (lambda: nn.BatchNorm2d(-4), "BatchNorm2d: num_features .* got -4"),
])
def test_a_size_that_is_no_whole_number_from_one_up_is_named(make, size):
    with pytest.raises(ValueError, match=size):
        make()
