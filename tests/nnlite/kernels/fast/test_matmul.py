import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import every_other_reversed, fortran_ordered

from nnlite.kernels import matmul, relu
from nnlite.kernels.fast.matmul import _matmul

sizes = st.integers(0, 20) | st.sampled_from([31, 32, 33, 64, 65, 100])
views = st.sampled_from([np.asarray, fortran_ordered, every_other_reversed])
shapes = st.tuples(sizes, sizes, sizes)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(shapes, seeds)
def test_bias_and_relu_in_the_same_pass_give_the_bits_of_three_passes(shape, seed):
    M, K, N = shape
    rng = np.random.default_rng(seed)
    a, b, bias = (rng.integers(-2, 3, s).astype(np.float32) for s in ((M, K), (K, N), N))  # many zeros, of either sign
    a[rng.random(a.shape) < 0.01], b[rng.random(b.shape) < 0.01] = np.inf, np.nan
    in_turn = matmul(a, b) + bias
    assert matmul(a, b, bias).tobytes() == in_turn.tobytes()
    assert matmul(a, b, bias, relu=True).tobytes() == relu(in_turn).tobytes()


def test_relu_in_the_same_pass_keeps_a_nan_and_has_no_negative_zero():
    a, b = np.array([[-1e-30], [np.nan], [-np.inf], [np.inf]], np.float32), np.array([[1e-30]], np.float32)  # −1e-60 is −0
    bias = np.array([-0.0], np.float32)
    assert np.signbit(matmul(a, b, bias)[0, 0])
    c = matmul(a, b, bias, relu=True)
    np.testing.assert_array_equal(c[:, 0], [0, np.nan, 0, np.inf])
    assert not np.signbit(c[0, 0])


def test_relu_without_a_bias():
    a, b = np.float32([[1, -2], [3, 4]]), np.float32([[1, -1], [1, 0]])
    assert matmul(a, b, relu=True).tolist() == [[0, 0], [7, 0]]  # a b is [[-1, -1], [7, -3]]


def test_one_compiled_version_serves_both_operands_and_their_transposes():
    a = np.ones((10, 10))
    matmul(a, a)
    kernel = _matmul if hasattr(_matmul, "signatures") else _matmul.__wrapped__  # with Numba's own pool
    before = len(kernel.signatures)
    matmul(a.T, a)
    matmul(a[::2, ::2], a[:5].T[:5])
    assert len(kernel.signatures) == before


@pytest.mark.parametrize("shape", [(67, 50, 130), (3, 500, 200), (300, 40, 20)])  # panels, rows in several parts
def test_the_number_of_threads_changes_no_bit(threads, shape):
    M, K, N = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((M, K), np.float32), rng.standard_normal((K, N), np.float32)
    results = []
    for count in (1, 2):
        threads(count)
        results.append(matmul(a, b).tobytes())
    assert results[0] == results[1]


def test_threads_that_work_at_the_same_time_have_panels_of_their_own(threads):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((64, 1000), np.float32), rng.standard_normal((1000, 600), np.float32)
    threads(1)
    alone = matmul(a, b).tobytes()
    threads(2)
    assert all(matmul(a, b).tobytes() == alone for _ in range(50))
