import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding.sparse import to_relative
from nncompress.nnz.records import Reader, Writer
from nncompress.nnz.weights import read_weights, write_weights
from nnlite.errors import FormatError


def written(w, bits):
    writer = Writer()
    write_weights(writer, w, bits)
    return bytes(writer.data)


def random_weights(seed, bits, kept, size):
    """int8 weights of `bits` bits as training leaves them: a bell around 0, of which a share is kept."""
    rng = np.random.default_rng(seed)
    top = 2 ** (bits - 1) - 1
    w = np.clip(np.rint(rng.standard_normal(size) * top / 3), -top, top)
    return (w * (rng.random(size) < kept)).astype(np.int8)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 8), kept=st.sampled_from([0, 0.01, 0.1, 0.5, 1]),
       shape=st.sampled_from([(1, 1), (3, 7), (40, 50), (4, 3, 2, 2), (1, 1, 1, 300)]))
def test_weights_come_back(seed, bits, kept, shape):
    w = random_weights(seed, bits, kept, shape)
    data = written(w, bits)
    reader = Reader(data, "f")
    back, form = read_weights(reader, shape, bits)
    assert (back.dtype, back.shape) == (np.int8, shape)
    np.testing.assert_array_equal(back, w)
    assert form == ("dense" if data[0] == 0 else f"sparse, {data[0]}-bit gaps")
    assert sum(reader.spent.values()) == 8 * len(data) and reader.at == len(data)


@pytest.mark.parametrize("bits", range(2, 9))
def test_the_largest_weights_of_either_sign_come_back(bits):
    top = 2 ** (bits - 1) - 1
    w = np.int8([[top, -top, 0, top]])
    np.testing.assert_array_equal(read_weights(Reader(written(w, bits), "f"), (1, 4), bits)[0], w)


@pytest.mark.parametrize("kept", [0.02, 0.1, 0.3, 1])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_the_form_is_the_smallest_of_all(bits, kept):
    w, offset = random_weights(1, bits, kept, 5000), 2 ** (bits - 1)
    sizes = []
    dense = Writer()
    dense.varint(0)
    dense.stream(w.astype(int) + offset, 2**bits)
    sizes.append(len(dense.data))
    for index_bits in range(1, 9):
        gaps, values = to_relative(w.astype(int), index_bits)
        sparse = Writer()
        sparse.varint(index_bits)
        sparse.varint(len(gaps))
        sparse.stream(gaps, 2**index_bits)
        sparse.stream(values + offset, 2**bits)
        sizes.append(len(sparse.data))
    assert len(written(w, bits)) == min(sizes)


def test_few_weights_are_stored_sparse_and_many_dense():
    assert written(random_weights(0, 6, 0.05, 4000), 6)[0] > 0
    assert written(random_weights(0, 6, 1, 4000), 6)[0] == 0


def test_sparse_weights_cost_what_deep_compression_says_and_huffman_coding_less():
    # 8 % of 100,000 in 6 bits with 5-bit gaps: 11 bits each, and fillers (Han, Mao, Dally 2016, §2); Huffman takes some off.
    w = random_weights(0, 6, 0.08, 100_000)
    stored = len(to_relative(w, 5)[0])
    assert 0.75 * stored * 11 / 8 < len(written(w, 6)) < stored * 11 / 8


# ---- damage


def fails(data, shape, bits, message):
    with pytest.raises(FormatError, match="net.nnz: at byte [0-9]+: .*" + message):
        read_weights(Reader(bytes(data), "net.nnz"), shape, bits)


def sparse(gaps, values, bits, index_bits=3):
    """A sparse form of any numbers."""
    writer = Writer()
    writer.varint(index_bits)
    writer.varint(len(gaps))
    writer.stream(gaps, 2**index_bits)
    writer.stream(np.array(values, int) + 2 ** (bits - 1), 2**bits)
    return writer.data


def test_numbers_that_fit_nothing_are_refused():
    fails([9], (2, 2), 4, "the form of the weights is more than 8")
    fails([3, 5], (2, 2), 4, "the number of stored weights is more than 4")
    fails(sparse([0, 7], [1, 1], 4), (2, 2), 4, "sparse array: entry 1 lies at position 8, beyond the size 4")


@pytest.mark.parametrize("bits", [2, 8])
def test_the_one_integer_that_weights_never_are_is_refused(bits):
    lowest = -(2 ** (bits - 1))
    fails(sparse([0], [lowest], bits), (2, 2), bits, f"a weight is {lowest}; weights of {bits} bits end at {lowest + 1}")
    dense = Writer()
    dense.varint(0)
    dense.stream([0, 1, 2, 3], 2**bits)
    fails(dense.data, (2, 2), bits, f"a weight is {lowest}")


@pytest.mark.parametrize("kept", [0.05, 1])
def test_a_cut_or_another_size_is_refused(kept):
    data = written(random_weights(3, 4, kept, (20, 30)), 4)
    for end in range(len(data)):
        fails(data[:end], (20, 30), 4, "")
    if kept == 1:
        fails(data, (20, 31), 4, "")
        fails(data, (20, 20), 4, "")
