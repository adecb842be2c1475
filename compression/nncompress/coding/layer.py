"""The weights of a layer, coded bit by bit: positions, signs, sizes. What stands beside a weight gives the probabilities.

Pruned weights are not scattered evenly: some rows are full, others empty, and in maps of pixels a weight seldom stands alone.
Each bit is coded with several contexts, mixed (see `mixing`):

    column    has input j any weight at all?     whether its neighbours left, up, up-left, up-right have; once for the layer
    position  is the weight there (not 0)?       (how full the row is so far, weights in the column so far)
                                                 (which of left, up, up-left, up-right, left-left are there)
    sign      is it negative?                    (signs left, up), (signs left, up, up-left, up-right), (last in the column)
    size      |w| = 1? no: 2? … (unary)          (the question), (it, |left|, |up|), (it, mean size in the row so far)
    bias      0? no: 1? … and its sign           (the question)

The neighbours of a weight are weights of the same row, beside it in a map of H × W inputs: the kernel of a convolution, or the
image that a linear layer's input was before it was flattened. In a map of 1 × 1 a weight has no neighbours. Sizes above 12 end
in an Elias-γ code, whose leading bits have contexts, too.

The same function encodes a row and decodes it, so that both see the same contexts.

Source: the contexts are this project's; mixing: see `mixing`; the γ code: Elias 1975, IEEE Trans. Inf. Theory 21, §3.
"""

from typing import NamedTuple

import numpy as np

from nncompress.coding.arithmetic import HALF, PART, code_bit
from nncompress.coding.mixing import FIRST, Model, code_counted, code_mixed, new_model
from nnlite.errors import FormatError
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import inner_kernel

POSITIONS, SIGNS, SIZES, BIASES = range(4)  # the parts that bits are spent on
PARTS = 4  # of a Coder for layers
NOTHING, SMALLEST = np.int64(0), np.int64(1)  # for ints, Numba would compile `code_size` once for each
UNARY = 12  # so many questions "more?" before the Elias-γ code
FINE, FINE_UNARY = 15, 2  # if sizes above 15 occur, only 2 questions: there are more sizes than contexts could learn
NEAR = 6  # sizes of neighbours are told apart up to this
TREE = 128  # of the γ code the leading 7 bits have contexts
MOST_BITS = 31  # of a γ code
MOST_DECISIONS = 2 + UNARY + 2 * MOST_BITS  # bits of one weight

# ⌊2 log2⌋ of 0 … 4096, roughly: twice the place of the leading bit, and the bit after it
HALF_OCTAVES = np.array([0, 0, *(2 * (n.bit_length() - 1) + (n >> n.bit_length() - 2 & 1) for n in range(2, 4097))])
DENSITIES = int(HALF_OCTAVES[-1]) + 1
COUNTED = np.array([n if n < 4 else 2 + n.bit_length() for n in range(1024)])  # counts in a column, in 13 classes
COUNTS = int(COUNTED[-1]) + 1


class Models(NamedTuple):
    """All models of a layer's coder."""

    columns: Model
    positions: Model
    signs: Model
    sizes: Model
    biases: Model
    bias_signs: Model


class Columns(NamedTuple):
    """The coder's knowledge of each column, in arrays (J,): has it a weight, how many so far, the sign of the last one."""

    used: np.ndarray
    count: np.ndarray
    sign: np.ndarray


def new_models():
    """Models that have learnt nothing. In `sizes` and `biases` the contexts of the γ code stand last."""
    sizes = (UNARY + 1) * (1 + (NEAR + 1) ** 2 + 13)
    return Models(new_model(16, 1), new_model(DENSITIES * COUNTS + 32, 2), new_model(9 + 81 + 3, 3),
                  new_model(sizes + TREE + MOST_BITS, 3, UNARY), new_model(UNARY + 1 + TREE + MOST_BITS, 1, UNARY),
                  new_model(1, 1))


def code_weights(coder, w, top, W=1, H=1):
    """Code the weights w (O, J) int8, with |w| up to `top`; a decoder fills w in.

    The J inputs of an output are maps of H × W, one after the other.
    Errors: FormatError for a size above `top`, given or decoded, and if a decoder comes to the end of the data.
    """
    models, J = new_models(), w.shape[1]
    columns = Columns((w != 0).any(axis=0).astype(np.int64), np.zeros(J, np.int64), np.zeros(J, np.int64))
    coder.reserve(J)
    code_columns(coder.tape, models.columns, columns.used, W, H)
    for o in range(len(w)):
        row = w[o].astype(np.int64)
        coder.reserve(J * MOST_DECISIONS)
        if np.abs(row).max(initial=0) > top or not code_row(coder.tape, models, columns, row, top, W, H):
            raise FormatError(f"row {o} of the weights has a size above {top}")
        if coder.past_the_end():
            raise FormatError(f"row {o} of {len(w)} lies beyond the end of the data")
        w[o] = row


def code_biases(coder, b, limit):
    """Code the whole numbers b (O,) int64, of sizes up to `limit`, which lies below 2^31; a decoder fills b in.

    Errors: those of `code_weights`.
    """
    models = new_models()
    coder.spend_on(BIASES)
    for o in range(len(b)):
        coder.reserve(MOST_DECISIONS)
        bias = code_bias(coder.tape, models.biases, models.bias_signs, b[o], limit)
        if max(abs(bias), abs(int(b[o]))) > limit:
            raise FormatError(f"bias {o} is beyond ±{limit}")
        if coder.past_the_end():
            raise FormatError(f"bias {o} of {len(b)} lies beyond the end of the data")
        b[o] = bias


@inner_kernel
def neighbours(values, j, W, H):
    """The neighbours of place j in its map of H × W: left, up, up-left, up-right; 0 outside the map.

    values (J,): maps of H × W, one after the other, each row by row.
    """
    x, y = j % W, j // W % H
    left = values[j - 1] if x > 0 else 0
    up = values[j - W] if y > 0 else 0
    up_left = values[j - W - 1] if x > 0 and y > 0 else 0
    up_right = values[j - W + 1] if x < W - 1 and y > 0 else 0
    return left, up, up_left, up_right


@inner_kernel
def _check_parts(tape):
    """ValueError if tape.bits lacks a part that bits are spent on: compiled code would write past its end."""
    if tape.bits.size < PARTS:
        raise ValueError("weights are coded in 4 parts: expects Coder(parts=4)")


@njit(cache=True)
def code_columns(tape, model, used, W, H):
    """Code which inputs have a weight: used (J,) of 0 and 1.   Errors: ValueError if the coder has fewer than PARTS parts."""
    _check_parts(tape)
    tape.state[PART] = POSITIONS
    for j in range(used.size):
        left, up, up_left, up_right = neighbours(used, j, W, H)
        used[j] = code_counted(tape, model, left + 2 * up + 4 * up_left + 8 * up_right, used[j])


@njit(cache=True)
def code_row(tape, models, columns, row, top, W, H):
    """Code one row of weights: row (J,) int64, |w| ≤ top; an encoder reads it, a decoder fills it in.

    Returns whether all sizes are within `top`. It stops at the first one that is not.
    Errors: ValueError if the coder has fewer than PARTS parts.
    """
    _check_parts(tape)
    position_slots, sign_slots, size_slots = np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    seen = there = total = 0
    for j in range(row.size):
        if not columns.used[j]:
            continue
        left, up, up_left, up_right = neighbours(row, j, W, H)
        left_left = row[j - 2] if j % W > 1 else 0

        tape.state[PART] = POSITIONS
        # (weights so far + 0.6) / (places so far + 4)
        density = HALF_OCTAVES[np.int64(10 * there + 6) * 4096 // (10 * seen + 40)]
        position_slots[0] = density * COUNTS + COUNTED[min(columns.count[j], 1023)]
        position_slots[1] = (DENSITIES * COUNTS + (left != 0) + 2 * (up != 0) + 4 * (up_left != 0) + 8 * (up_right != 0)
                             + 16 * (left_left != 0))
        is_there = code_mixed(tape, models.positions, FIRST, position_slots, 1 if row[j] != 0 else 0)
        seen += 1
        if not is_there:
            row[j] = 0
            continue

        tape.state[PART] = SIGNS
        sign_slots[0] = 3 * _sign(left) + _sign(up)
        sign_slots[1] = 9 + 27 * _sign(left) + 9 * _sign(up) + 3 * _sign(up_left) + _sign(up_right)
        sign_slots[2] = 90 + columns.sign[j]
        negative = code_mixed(tape, models.signs, FIRST, sign_slots, 1 if row[j] < 0 else 0)

        tape.state[PART] = SIZES
        near = (NEAR + 1) * min(abs(left), NEAR) + min(abs(up), NEAR)
        mean = min(2 * total // there, 12) if there else 0
        size_slots[0] = 0
        size_slots[1] = (UNARY + 1) * (1 + near)
        size_slots[2] = (UNARY + 1) * (1 + (NEAR + 1) ** 2 + mean)
        size = code_size(tape, models.sizes, size_slots, abs(row[j]), SMALLEST, top)
        if size > top:
            return False
        row[j] = -size if negative else size
        there, total = there + 1, total + size
        columns.count[j] += 1
        columns.sign[j] = _sign(row[j])
    return True


@njit(cache=True)
def code_bias(tape, sizes, signs, b, limit):
    """Code a whole number b of size up to `limit`: |b|, then whether it is negative, unless it is 0. Returns it.

    sizes, signs: the models of |b| and of the sign. In a decoder of damaged data |b| may be above `limit`.
    """
    size = code_size(tape, sizes, np.zeros(1, np.int64), abs(b), NOTHING, limit)
    if size == 0:
        return size
    return -size if code_counted(tape, signs, FIRST, 1 if b < 0 else 0) else size


@inner_kernel
def _sign(w):
    """0, 1, 2 for 0, positive, negative."""
    return 0 if w == 0 else 1 if w > 0 else 2


@inner_kernel
def code_size(tape, model, slots, size, least, top):
    """Code a whole number from `least` to `top`: "is it more than k?" for k = least, least + 1, …, then Elias's γ code.

    slots: the contexts of the first question. The contexts of the next questions follow them, so each question adds 1 to all
    slots, in place.   Returns the size; in a decoder of damaged data it may be above `top`.
    """
    last = min(top, least + (UNARY if top <= FINE else FINE_UNARY))
    for k in range(least, last):
        if not code_mixed(tape, model, k - least, slots, 1 if size > k else 0):
            return k
        for i in range(slots.size):
            slots[i] += 1
    return last if last == top else last + code_gamma(tape, model, size - last + 1) - 1


@inner_kernel
def code_gamma(tape, model, value):
    """Code a whole number v from 1 to 2^MOST_BITS − 1: how many bits it has, in unary, then its bits without the leading 1.

        v = 2^(width − 1) + the number that the other width − 1 bits write
    """
    lengths = model.p.size - MOST_BITS
    width = 1
    while width < MOST_BITS and code_counted(tape, model, lengths + width, 1 if value >> width else 0):
        width += 1
    result = 1
    for shift in range(width - 2, -1, -1):
        bit = value >> shift & 1
        bit = code_counted(tape, model, lengths - TREE + result, bit) if result < TREE else code_bit(tape, bit, HALF)
        result = 2 * result + bit
    return result
