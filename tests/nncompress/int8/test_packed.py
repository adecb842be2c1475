import numpy as np
import pytest

from nncompress.int8.packed import PackedWeights


@pytest.mark.parametrize("values", [range(-8, 8), range(-7, 8), [-1, 0, 1], [-127, -30, -2, 5, 64, 127], [9], range(100, 115)])
@pytest.mark.parametrize("M, K, N", [(1, 5, 300), (65, 33, 7), (3, 64, 128), (2, 1, 1), (4, 130, 129), (0, 4, 3)])
def test_the_product_is_exact(values, M, K, N):
    rng = np.random.default_rng(0)
    a, w = rng.integers(0, 256, (M, K)).astype(np.uint8), rng.choice(list(values), (K, N)).astype(np.int8)
    c = PackedWeights(w).matmul(a)
    assert (c.shape, c.dtype) == ((M, N), np.int32)
    np.testing.assert_array_equal(c, a.astype(np.int64) @ w.astype(np.int64))


def test_two_weights_share_a_byte():
    w = np.random.default_rng(0).choice([-100, 3, 90], (1024, 256)).astype(np.int8)
    assert PackedWeights(w).nbytes == 1024 * 256 // 2 + 16


@pytest.mark.parametrize("w, error, message", [
    (np.arange(17, dtype=np.int8)[None], ValueError, "w has 17 different values, the 0 included; 4 bits tell 16 apart"),
    (np.ones((2, 2)), TypeError, "pack_int8: expects int8, got float64"),
])
def test_weights_that_do_not_fit_are_refused(w, error, message):
    with pytest.raises(error, match=message):
        PackedWeights(w)


@pytest.mark.parametrize("a", [np.ones((2, 4), np.uint8), np.ones((2, 3), np.int8), np.ones(3, np.uint8)])
def test_activations_that_do_not_fit_are_refused(a):
    with pytest.raises(ValueError, match=r"PackedWeights: a is u?int8 \(.*\), weights \(3, 2\) expect uint8 \(M, 3\)"):
        PackedWeights(np.ones((3, 2), np.int8)).matmul(a)
