import numpy as np
import pytest
from support import bound, sample

from nnlite import nn


def test_linear_starts_as_pytorch_does():
    layer = nn.Linear(400, 300, rng=0)
    assert (layer.weight.shape, layer.bias.shape) == ((300, 400), (300,))
    assert (layer.weight.dtype, layer.bias.dtype) == (np.float32, np.float32)
    for array in (layer.weight.data, layer.bias.data):  # both from U(−1/√400, 1/√400)
        assert 0.049 < np.abs(array).max() <= 0.05
        assert abs(array.var() / (1 / 1200) - 1) < 5 * np.sqrt(0.8 / array.size)


def test_linear_is_the_sum_over_the_inputs_plus_the_bias():
    layer = nn.Linear(3, 2, rng=0)
    layer.weight.data = np.array([[1.0, 2, 3], [4, 5, 6]])
    layer.bias.data = np.array([10.0, 20])
    np.testing.assert_array_equal(layer(np.array([[1.0, 0, -1], [1, 1, 1]])).data, [[8, 18], [16, 35]])


def test_linear_without_bias_has_one_parameter():
    layer = nn.Linear(3, 2, bias=False, rng=0)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    x = sample((4, 3)).astype(np.float32)
    expected = np.einsum("ni,oi->no", x, layer.weight.data)
    np.testing.assert_allclose(layer(x).data, expected, atol=bound(3, np.float32) * 3 * 2.2)


@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (2, 4, 3), (3,)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_gradients(shape, bias, check_layer_gradients):
    check_layer_gradients(nn.Linear(3, 2, bias=bias, rng=0), shape)


def test_linear_tells_the_sizes_of_the_arrays_that_it_has_now():
    layer = nn.Linear(5, 4, rng=0)
    assert (layer.in_features, layer.out_features) == (5, 4)
    layer.weight.data, layer.bias.data = layer.weight.data[:3, 1:], layer.bias.data[:3]
    assert (layer.in_features, layer.out_features) == (4, 3)
    assert layer(np.ones((2, 4), np.float32)).shape == (2, 3)


def test_linear_names_the_features_that_do_not_fit():
    with pytest.raises(ValueError, match=r"linear: x has 4 features, w \(2, 3\) expects 3"):
        nn.Linear(3, 2, rng=0)(np.ones((1, 4), np.float32))


@pytest.mark.parametrize("make", [lambda seed: nn.Linear(3, 2, rng=seed), lambda seed: nn.Embedding(5, 2, rng=seed)])
def test_a_seed_and_a_generator_of_that_seed_give_the_same_bits(make):
    first, second, third = make(3), make(np.random.default_rng(3)), make(4)
    assert first.weight.data.tobytes() == second.weight.data.tobytes()
    assert first.weight.data.tobytes() != third.weight.data.tobytes()


def test_layers_that_share_a_generator_start_differently():
    rng = np.random.default_rng(0)
    assert not np.array_equal(nn.Linear(3, 2, rng=rng).weight.data, nn.Linear(3, 2, rng=rng).weight.data)


def test_embedding_starts_with_standard_normal_numbers():
    w = nn.Embedding(1000, 100, rng=0).weight.data
    assert (w.shape, w.dtype) == ((1000, 100), np.float32)
    assert abs(w.mean()) < 5 / np.sqrt(w.size)
    assert abs(w.var() - 1) < 5 * np.sqrt(2 / w.size)
    assert np.abs(w).max() > 4  # no bound


def test_embedding_looks_rows_up():
    layer = nn.Embedding(4, 3, rng=0)
    indices = np.array([[3, 0], [1, 3]])
    np.testing.assert_array_equal(layer(indices).data, [[layer.weight.data[i] for i in row] for row in indices])


def test_embedding_gradients(check_layer_gradients):
    layer = nn.Embedding(4, 3, rng=0)

    class Rows(nn.Module):  # the layer with x added, so that there is an input to differentiate by
        def __init__(self):
            self.embedding = layer

        def forward(self, x):
            return self.embedding([3, 0, 3]) * x

    check_layer_gradients(Rows(), (3, 3))
