"""layer: weights and biases come back, in few bits, and neighbours help where weights stand together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.coding import entropy_bits
from nncompress.coding.arithmetic import Coder
from nncompress.coding.layer import BIASES, MOST_BITS, POSITIONS, SIGNS, SIZES, code_biases, code_weights
from nnlite.errors import FormatError


def random_weights(seed, shape, kept, top):
    rng = np.random.default_rng(seed)
    w = np.clip(np.rint(rng.standard_normal(shape) * max(top / 3, 0.7)), -top, top)
    return (w * (rng.random(shape) < kept)).astype(np.int8)


def encoded(w, top, W=1, H=1):
    coder = Coder(parts=4)
    code_weights(coder, w.copy(), top, W, H)
    return coder.finish(), coder.tape.bits


def decoded(data, shape, top, W=1, H=1):
    coder, w = Coder(data, parts=4), np.zeros(shape, np.int8)
    code_weights(coder, w, top, W, H)
    coder.check_end()
    return w


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), kept=st.sampled_from([0, 0.05, 0.5, 1]), top=st.sampled_from([1, 2, 7, 15, 16, 127]),
       form=st.sampled_from([((1, 1), 1, 1), ((5, 18), 3, 3), ((4, 50), 5, 5), ((3, 40), 1, 1), ((2, 24), 6, 2)]))
def test_weights_come_back(seed, kept, top, form):
    shape, W, H = form
    w = random_weights(seed, shape, kept, top)
    data, bits = encoded(w, top, W, H)
    np.testing.assert_array_equal(decoded(data, shape, top, W, H), w)
    assert len(data) <= bits.sum() / 8 + 2


def test_scattered_weights_take_shannons_bits():
    w = random_weights(3, (100, 300), 0.1, 3)
    data, bits = encoded(w, 3)
    there = w != 0
    entropy = entropy_bits(np.bincount(there.reshape(-1).astype(int))) * w.size
    assert 0.995 * entropy < bits[POSITIONS] < 1.02 * entropy
    assert bits[SIGNS] == pytest.approx(there.sum(), rel=0.03)  # a coin each
    sizes = np.abs(w[there])
    assert bits[SIZES] < 1.03 * entropy_bits(np.bincount(sizes)) * len(sizes) + 30
    assert bits[BIASES] == 0


def test_sizes_up_to_the_largest_ask_no_question_beyond_it():
    w = np.sign(random_weights(4, (20, 30), 0.5, 1))
    assert encoded(w, 1)[1][SIZES] == 0 < encoded(w, 2)[1][SIZES]


def test_neighbours_in_the_map_make_blobs_cheaper():
    rng = np.random.default_rng(5)
    maps = np.zeros((20, 28, 28), np.int8)
    for each in maps:
        for _ in range(3):
            y, x = rng.integers(0, 22, 2)
            each[y : y + 5, x : x + 5] = rng.choice([-1, 1])
    w = maps.reshape(20, -1)
    flat, known = encoded(w, 1)[1], encoded(w, 1, 28, 28)[1]
    assert known[POSITIONS] < 0.6 * flat[POSITIONS] and known[SIGNS] < 0.6 * flat[SIGNS]


def test_inputs_without_weights_are_named_once_and_cost_nothing_in_each_row():
    narrow = random_weights(6, (50, 40), 0.3, 1)
    wide = np.zeros((50, 400), np.int8)
    wide[:, 360:] = narrow
    which = 400 * 0.469 / 8  # H(0.1) for each of 400 inputs
    assert len(encoded(wide, 1)[0]) - len(encoded(narrow, 1)[0]) < which + 4


def test_full_rows_and_columns_are_told_from_empty_ones():
    rng = np.random.default_rng(7)
    p = np.outer(rng.choice([0.02, 0.5], 60), rng.choice([0.1, 1.0], 200))
    w = (rng.random(p.shape) < p).astype(np.int8)
    entropy = entropy_bits(np.bincount(w.reshape(-1))) * w.size
    known = -(p * np.log2(p) + (1 - p) * np.log2(1 - p)).sum()  # to somebody who knows every p
    assert known < encoded(w, 1)[1][POSITIONS] < 0.5 * known + 0.5 * entropy


@pytest.mark.parametrize("limit", [1, 12, 100, 2**30])
def test_biases_come_back(limit):
    rng = np.random.default_rng(8)
    b = np.array([0, limit, -limit, 1, -1, *rng.integers(-limit, limit + 1, 20)])
    coder = Coder(parts=4)
    code_biases(coder, b.copy(), limit)
    again = Coder(coder.finish(), parts=4)
    back = np.zeros_like(b)
    code_biases(again, back, limit)
    again.check_end()
    np.testing.assert_array_equal(back, b)
    assert again.tape.bits[BIASES] == coder.tape.bits.sum() < len(b) * (2 * np.log2(limit + 1) + 4) + 30


def test_the_code_is_the_same_on_every_machine():
    # Printed by encoded(w, 7, 3, 3)[0].hex() of this test.
    n = np.arange(180)
    w = np.where(n * n % 13 < 4, n % 15 - 7, 0).astype(np.int8).reshape(10, 18)
    assert encoded(w, 7, 3, 3)[0].hex() == (
        "00000a60013c3732735e0a13b3925c969acd254f7d23ae83d9840b34328e4f9cee5a21c272a68826"
        "93ac985af777ec9ae0f91b0d7539bb")


def test_sizes_above_the_limit_and_missing_data_are_format_errors():
    w = random_weights(9, (30, 40), 0.6, 127)
    data, _ = encoded(w, 127)
    with pytest.raises(FormatError, match="row [0-9]+ of the weights has a size above 120"):
        decoded(data, w.shape, 120)
    with pytest.raises(FormatError, match="row [0-9]+ of 100 lies beyond the end of the data"):
        decoded(b"", (100, 100), 1)
    with pytest.raises(FormatError, match="row 0 of the weights has a size above 2"):
        encoded(np.int8([[3]]), 2)
    with pytest.raises(FormatError, match=r"bias 0 is beyond ±5"):
        code_biases(Coder(parts=4), np.array([6]), 5)
    with pytest.raises(FormatError, match="bias [0-9]+ of 1000000 lies beyond the end of the data"):
        code_biases(Coder(b"", parts=4), np.zeros(10**6, np.int64), 5)
    assert 2**MOST_BITS > 2**30


def test_a_coder_without_room_for_the_four_parts_is_refused():
    for coder in Coder(), Coder(parts=3), Coder(b"12345"):
        with pytest.raises(ValueError, match=r"weights are coded in 4 parts: expects Coder\(parts=4\)"):
            code_weights(coder, np.int8([[1, 0, -1]]), 1)
        with pytest.raises(ValueError, match="part 3, but the coder has [13] parts"):
            code_biases(coder, np.array([6]), 10)
