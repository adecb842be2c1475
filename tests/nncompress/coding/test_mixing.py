"""mixing: the integer tables are the functions, the integer learner is the one of real numbers, and mixing pays."""

import math

import numpy as np
import pytest

from nncompress.coding.mixing import (
    LEAST_P,
    LIMIT,
    ONE,
    P_BITS,
    RATE,
    SQUASH,
    STRETCH,
    UNIT,
    WEIGHT_BITS,
    count,
    decode,
    encode,
    learn,
    mix,
    new_model,
)
from nnlite.errors import FormatError


def test_squash_is_the_logistic_function():
    s = np.arange(-LIMIT, LIMIT + 1) / UNIT
    expected = np.clip(65536 / (1 + np.exp(-s)), LEAST_P, ONE - LEAST_P)
    assert np.abs(SQUASH - expected).max() <= 0.5 + 1e-6
    assert SQUASH[LIMIT] == ONE // 2 and (SQUASH + SQUASH[::-1] == ONE).all()


def test_stretch_undoes_squash():
    p = (np.arange(4096) + 0.5) / 4096
    assert np.abs(STRETCH / UNIT - np.log(p / (1 - p)))[8:-8].max() < 1.5 / UNIT
    assert np.abs(STRETCH / UNIT - np.log(p / (1 - p))).max() < 0.07


def test_a_context_moves_by_one_over_n_plus_1_6():
    assert [int(r) for r in RATE[[0, 1, 1023]]] == [round(65536 / 1.6), round(65536 / 2.6), round(65536 / 1024.6)]
    model, p = new_model(1, 1), 0.5
    for n, bit in enumerate([1, 1, 0, 1, 0, 0, 1, 1, 1, 1]):
        count(model, 0, bit)
        p += (bit - p) / (n + 1.6)
        assert model.p[0] / 2**P_BITS == pytest.approx(p, abs=1e-4)
    assert model.n[0] == 10
    for _ in range(2000):
        count(model, 0, 1)
    assert model.n[0] == 1023


def test_mixing_and_learning_are_those_of_the_formula_in_real_numbers():
    rng = np.random.default_rng(0)
    model, slots = new_model(6, 3, mixers=2), np.array([0, 2, 5])
    w, p, n = np.full(3, 1 / 3 + 0.05), np.full(6, 0.5), np.zeros(6)
    for _ in range(200):
        slots[:] = rng.integers(0, 2), 2 + rng.integers(0, 2), 4 + rng.integers(0, 2)
        bit = int(rng.random() < 0.2 + 0.6 * (slots[1] == 3))
        s = np.log(p[slots] / (1 - p[slots]))
        expected = 1 / (1 + math.exp(-w @ s))
        P = int(mix(model, 1, slots))
        assert P / ONE == pytest.approx(expected, abs=0.02)
        learn(model, 1, slots, bit, P)
        w += (bit - expected) * s / 128
        p[slots] += (bit - p[slots]) / (n[slots] + 1.6)
        n[slots] += 1
    assert model.weights[1] / 2**WEIGHT_BITS == pytest.approx(w, abs=0.01)
    assert w[1] > w[0] + 0.05  # the second context knows more
    assert (model.weights[0] == (1 << 16) // 3 + (1 << 16) // 20).all()  # the other mixer has learnt nothing


def test_bits_of_one_context_take_their_entropy_and_what_learning_costs():
    bits = (np.random.default_rng(1).random(20_000) < 0.05).astype(int)
    p = bits.mean()
    entropy = 20_000 * -(p * math.log2(p) + (1 - p) * math.log2(1 - p)) / 8
    assert entropy < len(encode(bits)) < 1.01 * entropy + 4
    assert (decode(encode(bits), 20_000) == bits).all()


def test_two_contexts_together_beat_either():
    rng = np.random.default_rng(2)
    contexts = rng.integers(0, 2, (20_000, 2))
    bits = (rng.random(20_000) < np.array([[0.02, 0.2], [0.2, 0.8]])[contexts[:, 0], contexts[:, 1]]).astype(int)
    both = len(encode(bits, contexts))
    assert both < 0.93 * min(len(encode(bits, contexts[:, :1])), len(encode(bits, contexts[:, 1:])))
    assert (decode(encode(bits, contexts), 20_000, contexts) == bits).all()


def test_the_code_is_the_same_on_every_machine():
    # Printed by encode(bits, contexts).hex() of this test: integers only, so compiled, uncompiled and elsewhere alike.
    n = np.arange(200)
    contexts = np.stack([n % 7, n % 3], axis=1)
    bits = (n * n % 11 < 2) | (n % 21 == 0)
    assert encode(bits, contexts).hex() == "405ca3e02196e85f2aba3f8db2c4627b7927397697d99bf5"


@pytest.mark.parametrize("bits, contexts, message", [
    ([0, 3], None, r"encode: bits of shape \(2,\) hold \[0, 3\], expects \(N,\) of 0 and 1"),
    ([0, 1], [[0]], r"contexts of shape \(1, 1\) and int(32|64) do not fit 2 bits"),
    ([0, 1], [[0], [-1]], "do not fit 2 bits: they have to be whole numbers from 0"),
    ([0, 1], [[0.5], [1]], "float64 do not fit 2 bits"),
])
def test_what_does_not_fit_is_refused(bits, contexts, message):
    with pytest.raises(ValueError, match=message):
        encode(bits, contexts)


def test_damage_at_the_end_is_a_format_error():
    data = encode([0, 1] * 50)
    with pytest.raises(FormatError, match="arithmetic code"):
        decode(data + b"\0", 100)
