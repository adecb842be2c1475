"""relative: the product against NumPy's in float64 and a walk by hand, fillers, bytes, and damaged streams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nncompress.coding.sparse import from_relative, to_relative
from nncompress.sparse import CSR, RelativeForm
from nnlite.errors import FormatError
from nnlite.kernels.fast.sparse import FEW, LANES, WIDTH
from nnlite.kernels.machine.threads import most_threads, set_num_threads

BATCHES = [1, 2, FEW - 1, FEW, LANES, LANES + 1, 2 * LANES + 1, WIDTH, WIDTH + 1]


def coded_stream(seed, O, I, sparsity, index_bits):
    """A stream as a file holds it (gaps, codes, codebook), made of whole-number codes by `coding.sparse`, and its matrix w."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random(O * I) < sparsity, 0, rng.integers(1, 32, O * I))
    if O > 2:
        dense.reshape(O, I)[[0, -1]] = 0
    gaps, codes = to_relative(dense, index_bits)
    codebook = np.append(0, rng.standard_normal(31)).astype(np.float32)
    return gaps, codes, codebook, codebook[dense].reshape(O, I)


def inputs(seed, B, I):
    return np.random.default_rng(seed + 1).standard_normal((B, I)).astype(np.float32)


def assert_product(y, x, w):
    x, w = x.astype(np.float64), w.astype(np.float64)
    assert y.dtype == np.float32 and y.flags.c_contiguous
    assert_sums_agree(y, x @ w.T, np.abs(x) @ np.abs(w).T, w.shape[1])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), O=st.integers(1, 140), I=st.integers(1, 90), B=st.sampled_from([0, *BATCHES]),
       sparsity=st.sampled_from([0, 0.5, 0.9, 0.99, 1]), index_bits=st.sampled_from([1, 3, 5, 8, 12]))
def test_the_product_is_that_of_the_matrix_which_the_stream_stands_for(seed, O, I, B, sparsity, index_bits):
    gaps, codes, codebook, w = coded_stream(seed, O, I, sparsity, index_bits)
    x = inputs(seed, B, I)
    assert_product(RelativeForm(gaps, codes, codebook, (O, I)).matmul(x), x, w)


@pytest.mark.parametrize("B", range(1, WIDTH + LANES + 2))
def test_a_batch_of_any_size_is_multiplied_whole(B):
    gaps, codes, codebook, w = coded_stream(1, 3, 20, 0.3, 3)
    x = inputs(1, B, 20)
    assert_product(RelativeForm(gaps, codes, codebook, w.shape).matmul(x), x, w)


def test_two_rows_by_hand():
    # positions 1, 3, 7, 8 of 12; the third entry is a filler, at the end of the second row
    layer = RelativeForm(np.uint8([1, 1, 3, 0]), np.uint8([1, 2, 0, 1]), np.float32([0, 2, -1]), (3, 4))
    np.testing.assert_array_equal(layer.to_dense(), [[0, 2, 0, -1], [0, 0, 0, 0], [2, 0, 0, 0]])
    np.testing.assert_array_equal(layer.starts, [0, 2, 3, 4])
    np.testing.assert_array_equal(layer.before, [-1, -1, -1])
    x = np.float32([[1, 10, 100, 1000], [4, 3, 2, 1]])
    np.testing.assert_array_equal(layer.matmul(x), [[-980, 0, 2], [5, 0, 8]])


def test_figure_2_of_deep_compression_as_one_row():
    gaps, weights = np.uint8([1, 2, 7, 2]), np.uint8([1, 2, 0, 3])  # the third is the filler
    layer = RelativeForm(gaps, weights, np.float32([0, 3.4, 0.9, 1.7]), (1, 16))
    x = np.zeros((3, 16), np.float32)
    x[[0, 1, 2], [1, 4, 15]] = 1
    np.testing.assert_array_equal(layer.matmul(x), np.float32([[3.4], [0.9], [1.7]]))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), O=st.integers(1, 30), I=st.integers(1, 600), sparsity=st.sampled_from([0, 0.9, 0.99, 1]))
def test_from_dense_restores_the_matrix_bit_for_bit(seed, O, I, sparsity):
    w = coded_stream(seed, O, I, sparsity, 8)[3]
    layer = RelativeForm.from_dense(w)
    assert (layer.gaps.dtype, layer.codes.dtype, layer.codebook.dtype) == (np.uint8, np.uint8, np.float32)
    np.testing.assert_array_equal(layer.to_dense(), w)
    x = inputs(seed, 2, I)
    assert_product(layer.matmul(x), x, w)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), B=st.sampled_from([B for B in BATCHES if B >= FEW]), index_bits=st.integers(1, 8))
def test_a_batch_gives_the_bits_of_csr_whatever_the_fillers(seed, B, index_bits):
    gaps, codes, codebook, w = coded_stream(seed, 20, 70, 0.9, index_bits)
    x = inputs(seed, B, 70)
    assert RelativeForm(gaps, codes, codebook, w.shape).matmul(x).tobytes() == CSR.from_dense(w).matmul(x).tobytes()


def test_an_entry_takes_two_bytes_a_row_eight_and_a_shared_weight_four():
    w = np.zeros((3, 1000), np.float32)
    w[0, 0] = w[0, 999] = 2
    w[2, 5] = 3  # 999 zeros before it are three fillers and a gap; 998 + 6 before that, in the same way, three more
    assert RelativeForm.from_dense(w).nbytes == (3 + 6) * 2 + 3 * 4 + (3 + 1) * 4 + 3 * 4
    assert RelativeForm.from_dense(np.zeros((3, 1000), np.float32)).nbytes == 1 * 4 + (3 + 1) * 4 + 3 * 4


def test_gaps_take_two_bytes_only_where_one_is_above_255():
    w = np.zeros((1, 70_000), np.float32)
    w[0, -1] = 1
    for index_bits, dtype in ((8, np.uint8), (9, np.uint16), (16, np.uint16)):
        gaps, values = to_relative(w.reshape(-1), index_bits)
        layer = RelativeForm(gaps, values.astype(np.uint8), np.float32([0, 1]), w.shape)
        assert layer.gaps.dtype == dtype
        np.testing.assert_array_equal(layer.matmul(np.full((1, 70_000), 5, np.float32)), [[5]])


@pytest.mark.parametrize("B", [1, FEW - 1, 3 * WIDTH + 5])
def test_any_number_of_threads_gives_the_same_bits(B):
    gaps, codes, codebook, w = coded_stream(5, 1100, 1300, 0.2, 4)
    x = inputs(5, B, 1300)
    layer, most, results = RelativeForm(gaps, codes, codebook, w.shape), most_threads(), []
    try:
        for threads in range(1, most + 1):
            set_num_threads(threads)
            results.append(layer.matmul(x))
    finally:
        set_num_threads(most)
    assert all(result.tobytes() == results[0].tobytes() for result in results)
    assert_product(results[0], x, w)


@pytest.mark.parametrize("B", [1, FEW, WIDTH + 1])
def test_nan_and_inf_reach_the_rows_that_store_them_and_no_others(B):
    w = np.float32([[np.nan, 0, 0, 0], [0, np.inf, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
    x = np.tile(np.float32([1, 2, 3, 4]), (B, 1))
    np.testing.assert_array_equal(RelativeForm.from_dense(w).matmul(x), [[np.nan, np.inf, 3, 0, 7]] * B)
    x[-1] = [1, 2, np.inf, np.nan]
    np.testing.assert_array_equal(RelativeForm.from_dense(w).matmul(x)[-1], [np.nan, np.inf, np.inf, 0, np.nan])
    np.testing.assert_array_equal(RelativeForm.from_dense(w).to_dense(), w)


@pytest.mark.parametrize("B", [1, FEW])
def test_a_filler_does_not_meet_what_x_holds_in_its_column(B):
    # eight zeros lie before the entry: a filler in column 3 and one in column 7
    layer = RelativeForm(np.uint8([3, 3, 0]), np.uint8([0, 0, 1]), np.float32([0, 2]), (1, 10))
    x = np.ones((B, 10), np.float32)
    x[:, 3], x[:, 7] = np.nan, np.inf
    np.testing.assert_array_equal(layer.matmul(x), [[2]] * B)


# ---- errors


def test_more_weights_than_a_codebook_holds_are_refused():
    w = np.arange(256, dtype=np.float32).reshape(2, 128)
    assert RelativeForm.from_dense(w).codebook.size == 256
    with pytest.raises(ValueError, match=r"w \(1, 257\) holds 256 different values beside 0, a codebook at most 255"):
        RelativeForm.from_dense(np.arange(257, dtype=np.float32).reshape(1, 257))


def test_only_float32_matrices_with_rows_and_columns_are_taken():
    with pytest.raises(TypeError, match="RelativeForm.from_dense: w is float64, expects float32"):
        RelativeForm.from_dense(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"RelativeForm.from_dense: w has shape \(0, 3\), expects \(O, I\) with at least"):
        RelativeForm.from_dense(np.ones((0, 3), np.float32))
    layer = RelativeForm.from_dense(np.ones((2, 3), np.float32))
    with pytest.raises(TypeError, match="RelativeForm.matmul: x is int64, expects float32"):
        layer.matmul(np.ones((1, 3), np.int64))
    with pytest.raises(ValueError, match=r"RelativeForm.matmul: x has shape \(1, 4\), w \(2, 3\) expects \(B, 3\)"):
        layer.matmul(np.ones((1, 4), np.float32))


GAPS, CODES, BOOK = np.uint8([2, 5]), np.uint8([1, 1]), np.float32([0, 1])


@pytest.mark.parametrize("gaps, codes, codebook, message", [
    (GAPS, CODES, BOOK, "the last entry lies at position 8, beyond the size 8"),
    (GAPS, CODES[:1], BOOK, r"gaps have shape \(2,\), codes \(1,\), expects \(K,\) for both"),
    (GAPS - 1, CODES + 1, BOOK, r"codes lie in 2..2, the codebook has 0..1"),
    (GAPS - 1, -np.int8([1, 1]), BOOK, r"codes lie in -1..-1, the codebook has 0..1"),
    (GAPS - 1, CODES, BOOK[1:], r"the codebook has shape \(1,\) and begins with \[1.0\], expects 1 to 256 weights, the"),
    (GAPS - 1, CODES, np.zeros(257), r"the codebook has shape \(257,\)"),
    (GAPS - 1, CODES, BOOK[:0], r"the codebook has shape \(0,\)"),
])
def test_a_stream_that_does_not_fit_is_a_format_error(gaps, codes, codebook, message):
    with pytest.raises(FormatError, match=f"relative form: {message}"):
        RelativeForm(gaps, codes, codebook, (2, 4))


@pytest.mark.parametrize("gaps, codes", [(np.array([2, 5]), CODES), (GAPS, np.float32([1, 1]))])
def test_gaps_and_codes_of_other_types_are_refused(gaps, codes):
    with pytest.raises(TypeError, match="relative form: gaps are .*, codes .*, expects uint8 or uint16, and integers"):
        RelativeForm(gaps, codes, BOOK, (2, 4))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=20), st.integers(1, 9), st.integers(1, 9))
def test_arbitrary_streams_give_a_product_or_a_format_error(entries, O, I):
    gaps, codes = (np.array([entry[i] for entry in entries], np.uint8) for i in (0, 1))
    codebook, x = np.float32([0, 1, 2, 3]), inputs(0, 1, I)
    if codes.max(initial=0) > 3 or len(gaps) + gaps.sum(dtype=int) > O * I:
        with pytest.raises(FormatError, match="relative form"):
            RelativeForm(gaps, codes, codebook, (O, I))
    else:
        w = from_relative(gaps, codebook[codes], O * I).reshape(O, I)
        assert_product(RelativeForm(gaps, codes, codebook, (O, I)).matmul(x), x, w)
