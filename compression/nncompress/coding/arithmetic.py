"""Arithmetic coding of bits: a bit of probability p costs log2(1/p) bits of the file, also where that is far below one.

The whole message is one number between 0 and 1. An interval starts as [0, 1); each bit keeps the part of the interval that its
probability gives it, and the file is the shortest number in the interval that is left:

    |--------- P/2^16: the bit is 1 ---------|--- the bit is 0 ---|
    low                                 middle                 high

Everything is integers, so a file decodes to the same bits on every machine. low and high are 32-bit numbers, of which the
leading byte is written and dropped as soon as both agree on it. Encoder and decoder are the same function: a decoder looks up
on which side of `middle` the file's number lies, an encoder is told.

Source: Rissanen & Langdon 1979; the 32-bit form without carries is that of Mahoney's lpaq1 (2007).
"""

import math
from typing import NamedTuple

import numpy as np

from nnlite.errors import FormatError
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel

ONE = 1 << 16  # probabilities are integers P: p = P / 2^16, 0 < P < 2^16
HALF = np.int64(1 << 15)  # for an int, Numba would compile every function that gets it once more
LARGEST, TOP = (1 << 32) - 1, 24
LOW, HIGH, NUMBER, AT, DECODES, PART = range(6)  # places in Tape.state
LOOK_AHEAD = 4  # the decoder's number holds so many bytes


class Tape(NamedTuple):
    """The state of a coder, as arrays that kernels take.

    state  (6,) int64: low; high; the decoder's number; the next byte's place; 1 in a decoder; the part that bits are spent on
    bits   float64: bits spent on each part, Σ log2(1/p); a record that changes nothing
    data   uint8: the bytes of the file
    """

    state: np.ndarray
    bits: np.ndarray
    data: np.ndarray


@njit(cache=True)
def code_bit(tape, bit, P):
    """Encode `bit`, or decode the next bit -> the bit.   P: 2^16 times the probability that the bit is 1.

        middle = low + ⌊(high − low) P / 2^16⌋        1: high = middle        0: low = middle + 1

    A decoder's bit is 1 if its number is at most `middle`. Then, while low and high have the same leading byte, `_next_byte`
    writes this byte (a decoder takes in the next byte of its data instead), and low and high lose it: both are shifted to the
    left by 8 bits, low fills up with zeros, high with ones. The cost of the bit, log2(1/p), is added to tape.bits, at the part
    that tape.state names.
    """
    state = tape.state
    low, high = int(state[LOW]), int(state[HIGH])
    middle = low + ((high - low) * P >> 16)
    if state[DECODES]:
        bit = 1 if state[NUMBER] <= middle else 0
    tape.bits[state[PART]] -= math.log2((P if bit else ONE - P) / ONE)
    if bit:
        high = middle
    else:
        low = middle + 1
    while low >> TOP == high >> TOP:  # the leading bytes agree
        _next_byte(tape, low >> TOP)
        low, high = low << 8 & LARGEST, (high << 8 & LARGEST) | 255
    state[LOW], state[HIGH] = low, high
    return bit


@inner_kernel
def _next_byte(tape, byte):
    """Write a byte, or shift the next one into the decoder's number; zeros follow the end of the data."""
    state, data = tape.state, tape.data
    at = state[AT]
    if state[DECODES]:
        byte = data[at] if at < data.size else 0
        state[NUMBER] = (state[NUMBER] << 8 & LARGEST) | byte
    else:
        data[at] = byte
    state[AT] = at + 1


class Coder:
    """An encoder, or with `data` the decoder of these bytes.

    Each call takes bits and returns them. A decoder ignores the bits that it is given, and returns those that it reads. So the
    same lines, run by both, write a file and read it:

    >>> def date(coder, day=0, month=0):
    ...     return coder.number(day, 5), coder.number(month, 4)
    >>> encoder = Coder()
    >>> date(encoder, 24, 12)
    (24, 12)
    >>> data = encoder.finish()
    >>> len(data), date(Coder(data))
    (2, (24, 12))
    """

    def __init__(self, data=None, parts=1):
        self.decodes = data is not None
        state, bits = np.array([0, LARGEST, 0, 0, self.decodes, 0], np.int64), np.zeros(parts)
        if self.decodes:
            state[NUMBER], state[AT] = int.from_bytes(data[:LOOK_AHEAD].ljust(LOOK_AHEAD, b"\0"), "big"), LOOK_AHEAD
        self.tape = Tape(state, bits, np.array(bytearray(data) if self.decodes else bytearray(64), np.uint8))

    def spend_on(self, part):
        """Count the cost of the next bits as this part of the file, 0 … parts − 1.   Errors: ValueError for another part."""
        if not 0 <= part < self.tape.bits.size:
            raise ValueError(f"spend_on: part {part}, but the coder has {self.tape.bits.size} parts, numbered from 0")
        self.tape.state[PART] = part

    def reserve(self, bits):
        """Make room for so many more bits, each of which takes at most 2 bytes. Kernels cannot make room themselves."""
        data, needed = self.tape.data, int(self.tape.state[AT]) + 2 * bits + 8
        if not self.decodes and needed > data.size:
            self.tape = self.tape._replace(data=np.concatenate([data, np.zeros(max(needed, data.size), np.uint8)]))

    def bit(self, bit, P=HALF):
        """One bit of probability P / 2^16 to be 1."""
        self.reserve(1)
        return int(code_bit(self.tape, int(bit), P))

    def number(self, value, width):
        """A whole number of `width` bits, the highest first; each bit costs one bit of the file."""
        result = 0
        for shift in range(width - 1, -1, -1):
            result = 2 * result + self.bit(value >> shift & 1)
        return result

    def finish(self):
        """All bytes of an encoder's file, with the ending."""
        return self.tape.data[: self.tape.state[AT]].tobytes() + self.ending()

    def ending(self):
        """The fewest bytes, 0 to 4, that stand for a number from low to high if zeros follow; of these numbers the smallest."""
        low, high = (int(x) for x in self.tape.state[:2])
        for count in range(LOOK_AHEAD):
            unit = 1 << 32 - 8 * count
            number = -(-low // unit) * unit  # low, rounded up to `count` bytes
            if number <= high:
                return number.to_bytes(5, "big")[1 : 1 + count]
        return low.to_bytes(LOOK_AHEAD, "big")

    def past_the_end(self):
        """Whether a decoder has used more bytes than an encoder can have written."""
        return int(self.tape.state[AT]) - LOOK_AHEAD > self.tape.data.size

    def check_end(self):
        """FormatError if the data do not end as an encoder would have ended them. For a decoder that has read its last bit."""
        rest = self.tape.data[self.tape.state[AT] - LOOK_AHEAD :].tobytes()
        if self.past_the_end() or rest != self.ending():
            raise FormatError(f"arithmetic code: it has to end with the bytes {self.ending().hex(' ')}, not {rest.hex(' ')}")


def encode(bits, P):
    """The bytes of an arithmetic code of these bits.

    bits (N,) of 0 and 1; P (N,): the probability of each bit to be 1, as an integer 1 … 65535 in units of 2^−16, or one number
    for all bits  ->  bytes. The decoder needs the same P.
    Errors: ValueError for other bits, shapes or probabilities.

    A bit that is 0 with probability 0.98 costs log2(1/0.98) = 0.03 bits, where Huffman's code would take one:

    >>> len(encode(np.zeros(1000, int), 1311))  # 1000 · 0.029 bits
    4
    """
    bits, P = np.asarray(bits), _probabilities(P, np.shape(bits), "encode")
    if not np.isin(bits, (0, 1)).all():
        raise ValueError(f"encode: bits lie in {bits.min()}..{bits.max()}, expects 0 and 1")
    coder = Coder()
    coder.reserve(bits.size)
    code_bits(coder.tape, bits.astype(np.int64), P)
    return coder.finish()


def decode(data, P):
    """The bits that `encode` was given with the same P (N,): int64 (N,).

    Errors: FormatError where `data` does not end as `encode` ends it; other damage gives other bits.

    >>> decode(encode([0, 1, 1, 0], 9000), np.full(4, 9000))
    array([0, 1, 1, 0])
    """
    coder, bits = Coder(data), np.zeros(np.shape(P), np.int64)
    code_bits(coder.tape, bits, _probabilities(P, bits.shape, "decode"))
    coder.check_end()
    return bits


def ideal_bits(bits, P):
    """The fewest bits that the probabilities allow: Σ log2(1/p), where p = P/2^16 for a 1 and 1 − P/2^16 for a 0.

    `encode` needs at most one byte more than this number, rounded up to a byte.   bits, P: as for `encode` -> float.
    Source: Shannon 1948.

    >>> ideal_bits([1, 1, 0], [1 << 15, 1 << 14, 1 << 15])
    4.0
    """
    P = np.broadcast_to(P, np.shape(bits)) / ONE
    return float(-np.log2(np.where(bits, P, 1 - P)).sum())


@njit(cache=True)
def code_bits(tape, bits, P):
    """Code bits (N,) int64 with the probabilities P (N,), in units of 2^−16; a decoder fills `bits` in."""
    for i in range(bits.size):
        bits[i] = code_bit(tape, bits[i], P[i])


@njit(cache=True)
def code_bytes(tape, data):
    """Code bytes as they are, each bit as likely 0 as 1: data (N,) uint8, which a decoder fills in."""
    for i in range(data.size):
        byte = 0
        for shift in range(7, -1, -1):
            byte = 2 * byte + code_bit(tape, data[i] >> shift & 1, HALF)
        data[i] = byte


def _probabilities(P, shape, caller):
    P = np.broadcast_to(np.asarray(P, np.int64), shape)
    if len(shape) != 1 or (P.size and not 0 < P.min() <= P.max() < ONE):
        raise ValueError(f"{caller}: probabilities have shape {P.shape} and lie in {P.min(initial=ONE)}..{P.max(initial=0)}, "
                         f"expects (N,) in 1..{ONE - 1}")
    return np.ascontiguousarray(P)
