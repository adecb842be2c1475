"""What the tests ask of your code. The library compiles most of these functions with Numba; here they run as plain Python."""

import numpy as np

from nnlite.kernels.machine import cache, inner

cache.njit = lambda **options: lambda function: function
inner.inner_kernel = lambda function: function

from nncompress.coding import arithmetic, mixing  # noqa: E402
from nncompress.coding.arithmetic import Coder, ideal_bits  # noqa: E402, F401  the tests call it
from nnlite.errors import FormatError  # noqa: E402


def squash_table():
    return mixing.squash_table()


def interval(bits, P):
    """low, high after each of the bits, and the bits that were spent on part 1."""
    coder, seen = Coder(parts=2), []
    coder.reserve(len(bits))
    coder.spend_on(1)
    for bit, p in zip(bits.tolist(), P.tolist(), strict=True):
        arithmetic.code_bit(coder.tape, bit, p)
        seen.append(coder.tape.state[:2].copy())
    return np.array(seen), coder.tape.bits.copy()


def encode(bits, P):
    return np.frombuffer(arithmetic.encode(bits, P), np.uint8)


def decode(data, P):
    return arithmetic.decode(data.tobytes(), P)


def refused(data, P):
    """Whether reading raises a FormatError."""
    try:
        decode(data, P)
    except FormatError:
        return True
    return False


def ending(low, high):
    """The last bytes of a coder whose interval is this."""
    coder = Coder()
    coder.tape.state[:2] = low, high
    return np.frombuffer(coder.ending(), np.uint8)


def counted(bits):
    """p and n of a context after each of the bits."""
    model, seen = mixing.new_model(1, 1), []
    for bit in bits.tolist():
        mixing.count(model, 0, bit)
        seen.append((model.p[0] / 2**24, model.n[0]))
    return np.array(seen)


def mixed(slots, bits, mixers):
    """The p that each bit was given, and at last the weights of both mixers and the p of the contexts, as real numbers."""
    model, seen = mixing.new_model(int(slots.max()) + 1, slots.shape[1], 2), []
    for own, bit, mixer in zip(slots, bits.tolist(), mixers.tolist(), strict=True):
        P = int(mixing.mix(model, mixer, own))
        seen.append(P / 2**16)
        mixing.learn(model, mixer, own, bit, P)
    return np.array(seen), model.weights / 2**16, model.p / 2**24


def opinion_of_weights(w, ones):
    """p of one context that has seen `ones` ones, for a mixer of the weight w."""
    model = mixing.new_model(1, 1)
    for _ in range(ones):
        mixing.count(model, 0, 1)
    model.weights[0, 0] = round(w * 2**16)
    return int(mixing.mix(model, 0, np.array([0]))) / 2**16


def learnt_bytes(bits, contexts):
    """(bytes, whether the bits come back)."""
    data = mixing.encode(bits, contexts)
    return len(data), bool((mixing.decode(data, len(bits), contexts) == bits).all())
