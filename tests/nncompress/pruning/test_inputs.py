import numpy as np
import pytest

from nncompress.pruning.inputs import input_moments, input_norms, input_rows
from nnlite import nn

OPTIONS = [{}, {"stride": 2, "padding": 1}, {"padding": (2, 0), "dilation": (1, 2)}, {"groups": 2, "padding": "same"},
           {"padding": "valid", "bias": False}, {"groups": 4, "stride": (1, 2)}]


def images(n=3):
    return np.random.default_rng(0).normal(size=(n, 4, 7, 6))


@pytest.mark.parametrize("options", OPTIONS)
def test_a_convolution_is_the_product_of_its_rows_with_its_weights(options):
    layer = nn.Conv2d(4, 4, (3, 2), rng=0, **options)
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    x = images()
    y = layer(x).data                                                       # (N, O, H', W')
    w = layer.weight.data.reshape(layer.groups, 4 // layer.groups, -1)
    if layer.bias is not None:
        w = np.concatenate([w, layer.bias.data.reshape(layer.groups, -1, 1)], axis=2)
    product = np.einsum("gmk,gok->mgo", input_rows(layer, x), w).reshape(len(x), *y.shape[2:], 4)
    np.testing.assert_allclose(product.transpose(0, 3, 1, 2), y, atol=1e-12)


def test_the_moments_are_means_of_products_and_the_bias_meets_a_1():
    layer, x = nn.Linear(2, 3, rng=0), np.float32([[1, 2], [3, -1], [0, 5], [2, 2]])
    found = input_moments(layer, [(x[:1], None), (x[1:], None)], ["weight"])["weight"]
    assert (found * 4).tolist() == [[[14, 3, 6], [3, 34, 8], [6, 8, 4]]]
    plain = input_moments(nn.Linear(2, 3, bias=False, rng=0), [(x, None)], ["weight"])["weight"]
    assert (plain * 4).tolist() == [[[14, 3], [3, 34]]]


def test_a_layer_used_twice_has_the_mean_over_both():
    layer, x = nn.Linear(2, 2, bias=False, rng=0), np.float32([[1, 2]])
    layer.weight.data = np.float32([[2, 0], [0, -1]])
    found = input_moments(nn.Sequential(layer, layer), [(x, None)], ["0.weight"])["0.weight"]
    assert found.tolist() == [[[(1 + 4) / 2, (2 - 4) / 2], [(2 - 4) / 2, (4 + 4) / 2]]]


def test_the_norm_of_a_biass_input_counts_examples_and_positions():
    layer = nn.Conv2d(4, 2, 3, rng=0)
    found = input_norms(layer, [(images(2).astype(np.float32), None)] * 3, ["weight", "bias"])
    assert found["bias"].tolist() == [(6 * 5 * 4) ** 0.5] * 2
    assert found["weight"].shape == (2, 4, 3, 3)
