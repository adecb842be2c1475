import numpy as np
import pytest

from nncompress.lowrank.tucker import tucker_conv, tucker_factors
from nnlite import nn


def weight_of_ranks(r_out, r_in, O=8, C=6, k=3):
    rng = np.random.default_rng(0)
    core = rng.normal(size=(r_out, r_in, k, k))
    return np.einsum("op,pquv,cq->ocuv", rng.normal(size=(O, r_out)), core, rng.normal(size=(C, r_in)))


def put_together(U_out, core, U_in):
    return np.einsum("op,pquv,cq->ocuv", U_out, core, U_in)


def test_the_factors_of_a_weight_of_these_ranks_give_it_back():
    w = weight_of_ranks(3, 2)
    U_out, core, U_in = tucker_factors(w, (3, 2))
    assert (U_out.shape, core.shape, U_in.shape) == ((8, 3), (3, 2, 3, 3), (6, 2))
    np.testing.assert_allclose(put_together(U_out, core, U_in), w, atol=1e-12)
    np.testing.assert_allclose(U_out.T @ U_out, np.eye(3), atol=1e-12)


def test_each_sweep_lowers_the_error_of_the_first_guess():
    w = np.random.default_rng(0).normal(size=(8, 6, 3, 3))
    errors = [np.square(w - put_together(*tucker_factors(w, (3, 2), sweeps))).sum() for sweeps in range(4)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    # no more than the two truncations together, no less than either: HOSVD's bounds
    tails = [np.square(np.linalg.svd(np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1), compute_uv=False)[r:]).sum()
             for axis, r in ((0, 3), (1, 2))]
    assert max(tails) <= errors[3] and errors[0] <= sum(tails)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"padding": "same", "dilation": 2}, {"bias": False}])
def test_the_three_convolutions_compute_what_the_one_does(options):
    layer = nn.Conv2d(6, 8, 3, rng=0, **options)
    layer.weight.data = weight_of_ranks(3, 2).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(2, 6, 7, 9)).astype(np.float32)
    thin = tucker_conv(layer, (3, 2))
    assert [part.weight.shape for part in thin] == [(2, 6, 1, 1), (3, 2, 3, 3), (8, 3, 1, 1)]
    np.testing.assert_allclose(thin(x).data, layer(x).data, rtol=1e-4, atol=2e-4)


def test_ranks_that_do_not_fit_or_save_nothing_are_refused():
    layer = nn.Conv2d(6, 8, 3, rng=0)
    with pytest.raises(ValueError, match=r"tucker_conv: rank \(8, 6\) needs 36 \+ 432 \+ 64 = 532 numbers, the layer has 432"):
        tucker_conv(layer, (8, 6))
    with pytest.raises(ValueError, match="tucker: input: the rank has to be a whole number from 1 to 6, got 7"):
        tucker_factors(layer.weight.data, (4, 7))
    with pytest.raises(ValueError, match="tucker_conv: the convolution has 2 groups"):
        tucker_conv(nn.Conv2d(6, 8, 3, groups=2, rng=0), (2, 2))
