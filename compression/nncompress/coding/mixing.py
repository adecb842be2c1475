"""Where the probabilities of an arithmetic coder come from: contexts that count, and a mixer that weighs their opinions.

A context is something that is known before a bit, such as "the weight above is not 0". Each context holds p, the share of its
bits that were 1, and n, how many bits it has seen. A bit lies in several contexts at once. Their opinions, the p_k, are added
up on the logistic scale, where 0.98 and 0.99 lie as far apart as 0.02 and 0.01:

    stretch(p) = ln(p / (1 − p))        squash(s) = 1 / (1 + e^(−s))
    p   = squash(Σ_k w_k stretch(p_k))                  mixing
    w_k ← w_k + η (bit − p) stretch(p_k)                the mixer learns: a step down the cost log2(1/p), η = 1/128
    p_k ← p_k + (bit − p_k) / (n_k + 1.6)               a context learns: nearly the mean of its bits

Integers only, so that decoding gives the same bits on every machine: p_k in units of 2^−24, w_k of 2^−16, stretch of 1/128;
stretch and squash are tables. Every product fits into int64.

Source: Mahoney 2005, Adaptive weighing of context models (paq6); lpaq1 (2007). Logistic mixing is online logistic regression.
"""

from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np

from nncompress.coding.arithmetic import ONE, Coder, code_bit
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel

P_BITS, WEIGHT_BITS, RATE_BITS = 24, 16, 16
UNIT = 128  # of stretch: the table's step is 1/128
LIMIT = 12 * UNIT  # stretch lies in −12 … 12
MOST_COUNTED = 1023  # n stops here, so that a context can still change its mind
FIRST = np.int64(0)  # mixer or context; for an int, Numba would compile `code_mixed` once more
LEAST_P = 16  # of 2^16: no bit costs more than 12 bits


def squash_table():
    """squash(s) in units of 2^−16 for s = −12, −12 + 1/128, …, 12. Decimal rounds alike on every machine; floats need not."""
    with localcontext() as context:
        context.prec = 20
        upper = [int((ONE / (1 + (Decimal(-s) / UNIT).exp())).to_integral_value()) for s in range(LIMIT + 1)]
    return np.array([ONE - P for P in upper[:0:-1]] + upper, np.int64)


def stretch_table(squash):
    """stretch(p) in units of 1/128 for p = 0.5/4096, 1.5/4096, …: where squash's table first reaches p."""
    return np.searchsorted(squash, 16 * np.arange(4096) + 8) - LIMIT


_squash = squash_table()
STRETCH, SQUASH = stretch_table(_squash), np.clip(_squash, LEAST_P, ONE - LEAST_P)
RATE = np.array([((10 << RATE_BITS) + 5 * n + 8) // (10 * n + 16) for n in range(MOST_COUNTED + 1)])  # 2^16 / (n + 1.6)


class Model(NamedTuple):
    """The contexts of one kind of bits and their mixers.

    p, n     (slots,) int64: what the contexts hold
    weights  (mixers, K) int64: a mixer weighs K contexts
    opinions (K,) int64: room for stretch(p_k)
    """

    p: np.ndarray
    n: np.ndarray
    weights: np.ndarray
    opinions: np.ndarray


def new_model(slots, contexts, mixers=1):
    """A model that knows nothing: every p is 1/2, every weight 1/K and a little more."""
    p, n = np.full(slots, 1 << P_BITS - 1, np.int64), np.zeros(slots, np.int64)
    weight = (1 << WEIGHT_BITS) // contexts + (1 << WEIGHT_BITS) // 20
    return Model(p, n, np.full((mixers, contexts), weight, np.int64), np.zeros(contexts, np.int64))


@njit(cache=True, inline="always")
def mix(model, mixer, slots):
    """P = 2^16 squash(Σ_k w_k stretch(p_k)), with k over `slots` (K,), the contexts that the bit lies in.

    w: the row `mixer` of model.weights, in units of 2^−16. stretch(p_k) is looked up in STRETCH, at the leading 12 of p's 24
    bits, and kept in model.opinions[k] for `learn`. The sum, rounded down to units of 1/128 and cut off at ±12, is looked up in
    SQUASH, whose middle, squash(0), has the index LIMIT.
    """
    s = 0
    for k in range(slots.size):
        model.opinions[k] = STRETCH[model.p[slots[k]] >> P_BITS - 12]
        s += model.weights[mixer, k] * model.opinions[k]
    return SQUASH[max(-LIMIT, min(LIMIT, s >> WEIGHT_BITS)) + LIMIT]


@njit(cache=True, inline="always")
def count(model, slot, bit):
    """What a context learns from a bit:   p ← p + (bit − p) / (n + 1.6)        n ← n + 1, up to MOST_COUNTED

    p = model.p[slot] is in units of 2^−24, and 1 / (n + 1.6) stands in RATE, in units of 2^−16; what p gains is rounded down.
    """
    model.p[slot] += ((bit << P_BITS) - model.p[slot]) * RATE[model.n[slot]] >> RATE_BITS
    model.n[slot] = min(model.n[slot] + 1, MOST_COUNTED)


@njit(cache=True, inline="always")
def learn(model, mixer, slots, bit, P):
    """What the mixer and the contexts learn from a bit that `mix` had given P.

        w_k ← w_k + η (bit − p) stretch(p_k)        with the opinions as `mix` left them; then each context learns (`count`)

    η = 1/128, and stretch comes in units of 1/128: so (bit · 2^16 − P) · opinion, rounded to the nearest multiple of 2^14, over
    2^14, is what w in units of 2^−16 gains.
    """
    for k in range(slots.size):
        model.weights[mixer, k] += ((bit << 16) - P) * model.opinions[k] + (1 << 13) >> 14
        count(model, slots[k], bit)


@inner_kernel
def code_mixed(tape, model, mixer, slots, bit):
    """Encode or decode one bit with the probability that its contexts give it, and learn from it; returns the bit."""
    P = mix(model, mixer, slots)
    bit = code_bit(tape, bit, P)
    learn(model, mixer, slots, bit, P)
    return bit


@inner_kernel
def code_counted(tape, model, slot, bit):
    """Encode or decode one bit with the probability of a single context, without a mixer; returns the bit."""
    P = max(LEAST_P, min(ONE - LEAST_P, model.p[slot] >> P_BITS - 16))
    bit = code_bit(tape, bit, P)
    count(model, slot, bit)
    return bit


@njit(cache=True)
def code_all(tape, model, slots, bits):
    """Code bits (N,) int64, each with its contexts slots[i] (K,), by the model's first mixer; a decoder fills `bits` in."""
    for i in range(bits.size):
        bits[i] = code_mixed(tape, model, FIRST, slots[i], bits[i])


def encode(bits, contexts=None):
    """The bytes of an arithmetic code of bits (N,), each with the probability that its contexts have learnt from earlier bits.

    contexts: (N, K) integers ≥ 0 that the decoder knows, too; contexts[i, k] names the k-th context of bit i. None: one
    context for all.   -> bytes; `decode` gives the bits back.
    Errors: ValueError for bits other than 0 and 1, contexts of another shape or below 0.

    >>> len(encode(np.arange(8000) % 100 == 0))  # 8000 bits, of which one in a hundred is 1: 8000 · 0.081 bits
    83
    """
    bits = np.asarray(bits)
    if bits.ndim != 1 or not np.isin(bits, (0, 1)).all():
        raise ValueError(f"encode: bits of shape {bits.shape} hold {np.unique(bits)[:5].tolist()}, expects (N,) of 0 and 1")
    coder = Coder()
    coder.reserve(bits.size)
    code_all(coder.tape, *_model_and_slots(contexts, bits.size), bits.astype(np.int64))
    return coder.finish()


def decode(data, count, contexts=None):
    """The `count` bits that `encode` was given with the same contexts: int64 (count,).

    Errors: FormatError where `data` does not end as `encode` ends it; other damage gives other bits.

    >>> decode(encode([0, 1, 1, 0, 1]), 5)
    array([0, 1, 1, 0, 1])
    """
    coder, bits = Coder(data), np.zeros(count, np.int64)
    code_all(coder.tape, *_model_and_slots(contexts, count), bits)
    coder.check_end()
    return bits


def _model_and_slots(contexts, count):
    """A model with room for every context of every column, and the slots (N, K) of each bit."""
    contexts = np.zeros((count, 1), np.int64) if contexts is None else np.asarray(contexts)
    if contexts.ndim != 2 or len(contexts) != count or contexts.dtype.kind not in "biu" or contexts.min(initial=0) < 0:
        raise ValueError(f"contexts of shape {contexts.shape} and {contexts.dtype} do not fit {count} bits: "
                         f"they have to be whole numbers from 0, of shape ({count}, K)")
    sizes = contexts.max(axis=0, initial=0).astype(np.int64) + 1
    return new_model(int(sizes.sum()), contexts.shape[1]), contexts.astype(np.int64) + np.cumsum(sizes) - sizes
