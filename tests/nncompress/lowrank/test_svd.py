import numpy as np
import pytest

from nncompress.lowrank.svd import svd_factors, svd_linear
from nnlite import nn


def test_the_error_is_the_energy_of_the_singular_values_left_out():
    W = np.random.default_rng(0).normal(size=(8, 12))
    s = np.linalg.svd(W, compute_uv=False)
    for rank in (1, 4, 8):
        A, B = svd_factors(W, rank)
        assert A.shape == (8, rank) and B.shape == (rank, 12)
        assert np.square(W - A @ B).sum() == pytest.approx(np.square(s[rank:]).sum(), abs=1e-20)
        np.testing.assert_allclose(np.linalg.norm(A, axis=0), np.linalg.norm(B, axis=1), rtol=1e-12)  # shared out evenly


def test_two_thin_layers_compute_what_a_layer_of_that_rank_computes():
    layer, rng = nn.Linear(20, 30, rng=0), np.random.default_rng(0)
    layer.weight.data = (rng.normal(size=(30, 3)) @ rng.normal(size=(3, 20))).astype(np.float32)
    thin, x = svd_linear(layer, 3), rng.normal(size=(4, 20)).astype(np.float32)
    assert thin.reduce.bias is None and thin(x).dtype == np.float32
    np.testing.assert_allclose(thin(x).data, layer(x).data, rtol=1e-4, atol=1e-4)


def test_a_layer_without_bias_and_in_float64_stays_so():
    layer = nn.Linear(20, 30, bias=False, rng=0)
    layer.weight.data = layer.weight.data.astype(np.float64)
    thin = svd_linear(layer, 5)
    assert thin.expand.bias is None and thin.expand.weight.dtype == thin.reduce.weight.dtype == np.float64


def test_a_rank_that_saves_nothing_is_refused_with_the_largest_that_does():
    layer = nn.Linear(30, 20, rng=0)                       # 600 numbers, 50 for each rank
    svd_linear(layer, 11)
    with pytest.raises(ValueError, match=r"rank 12 needs 360 \+ 240 = 600 numbers, the layer has 600: a rank up to 11"):
        svd_linear(layer, 12)
    with pytest.raises(ValueError, match="svd_linear: the rank has to be a whole number from 1 to 20, got 0"):
        svd_linear(layer, 0)
