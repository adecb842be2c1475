import numpy as np
import pytest

from nncompress.lowrank.spatial import spatial_conv, spatial_factors
from nnlite import nn


def weight_of_rank(rank, O=6, C=4, kh=3, kw=5):
    rng = np.random.default_rng(0)
    return np.einsum("orv,rcu->ocuv", rng.normal(size=(O, rank, kw)), rng.normal(size=(rank, C, kh)))


def test_the_factors_of_a_weight_of_that_rank_give_it_back():
    w = weight_of_rank(2)
    vertical, horizontal = spatial_factors(w, 2)
    assert vertical.shape == (2, 4, 3, 1) and horizontal.shape == (6, 2, 1, 5)
    np.testing.assert_allclose(np.einsum("orv,rcu->ocuv", horizontal[:, :, 0], vertical[..., 0]), w, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": (1, 2)}, {"dilation": (1, 2), "padding": 2},
                                     {"padding": "same"}, {"bias": False}])
def test_the_two_convolutions_compute_what_the_one_does(options):
    layer = nn.Conv2d(4, 6, (3, 5), rng=0, **options)
    layer.weight.data = weight_of_rank(2).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(2, 4, 9, 11)).astype(np.float32)
    thin = spatial_conv(layer, 2)
    assert [part.kernel_size for part in thin] == [(3, 1), (1, 5)]
    np.testing.assert_allclose(thin(x).data, layer(x).data, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_factored_or_saves_nothing_is_refused():
    with pytest.raises(ValueError, match="spatial_conv: the convolution has 2 groups"):
        spatial_conv(nn.Conv2d(4, 4, 3, groups=2, rng=0), 1)
    with pytest.raises(ValueError, match=r"rank 9 needs 108 \+ 162 = 270 numbers, the layer has 216: a rank up to 7"):
        spatial_conv(nn.Conv2d(4, 6, 3, rng=0), 9)
