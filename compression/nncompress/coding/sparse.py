"""Relative-index sparse form: an array that is mostly zeros is stored as its entries and the gaps between them.

Source: Han, Mao, Dally 2016, Deep Compression (arXiv 1510.00149), §2 and figure 2.
"""

import numpy as np

from nnlite.errors import FormatError


def relative_bits(dense, index_bits, value_bits):
    """Size in bits of the relative form when gaps and values are stored with a fixed width.

        bits = Σ_k (1 + ⌊r_k / 2^index_bits⌋) · (index_bits + value_bits)

    r_k is the number of zeros between the k-th non-zero and the one before it; the quotient counts the filler zeros
    (`to_relative`).   dense (N,), index_bits 1..16, value_bits: the width of a value -> int.
    """
    runs = _runs(np.flatnonzero(dense))
    stored = runs.size + int((runs >> index_bits).sum())
    return stored * (index_bits + value_bits)


def best_index_bits(dense, value_bits):
    """The `index_bits` (1..16) for which `relative_bits` is smallest; the smallest such width.

    Wide indices waste bits on short gaps, narrow ones need filler zeros for long gaps.

    >>> best_index_bits(np.arange(1000) % 10 == 0, value_bits=6)  # runs of nine zeros
    4
    """
    return min(range(1, 17), key=lambda index_bits: relative_bits(dense, index_bits, value_bits))


def from_relative(gaps, values, size):
    """Write the stored values back to their positions in an array of `size` elements, zeros elsewhere.

        position_k = Σ_{j ≤ k} (gap_j + 1) − 1

    gaps (M,) uint8 or uint16, values (M,)  ->  dense (size,) of the values' dtype.
    Errors: FormatError when gaps and values differ in number, or when a position lies beyond the size; TypeError for gaps of
    another type.

    >>> from_relative(np.uint16([1, 2, 7, 2]), np.array([34, 9, 0, 17]), 16)
    array([ 0, 34,  0,  0,  9,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 17])
    """
    gaps, values = np.asarray(gaps), np.asarray(values)
    if not np.can_cast(gaps.dtype, np.uint16):
        raise TypeError(f"from_relative: gaps are {gaps.dtype}, expects uint8 or uint16")
    if gaps.shape != values.shape or gaps.ndim != 1:
        raise FormatError(f"sparse array: gaps have shape {gaps.shape}, values {values.shape}, expects (M,) for both")
    positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if positions.size and positions[-1] >= size:
        k = int(np.argmax(positions >= size))
        raise FormatError(f"sparse array: entry {k} lies at position {positions[k]}, beyond the size {size}")
    dense = np.zeros(size, values.dtype)
    dense[positions] = values
    return dense


def to_relative(dense, index_bits):
    """Store each non-zero entry as (gap, value); the gap is the number of zeros since the entry before, or since the start.

        gap_k = r_k mod 2^index_bits, after ⌊r_k / 2^index_bits⌋ fillers of gap 2^index_bits − 1;   r_k: zeros in between

    A gap has `index_bits` bits, so it spans at most 2^index_bits − 1 zeros. In a longer run every 2^index_bits-th zero
    is stored as an entry itself, a *filler* with value zero. Zeros after the last non-zero are not stored: the size of
    the array tells them.

    dense (N,), index_bits 1..16  ->  gaps uint16 (M,), values (M,) of dense's dtype.
    Errors: ValueError when `dense` is not flat or `index_bits` out of range.

    The paper's figure 2 has 16 weights, non-zero at 1, 4 and 15, and 3-bit indices. The difference 15 − 4 = 11 exceeds
    2^3 = 8, so position 4 + 8 = 12 holds a filler:

        position    0   1    2   3   4    5   …   11  12   13  14  15
        dense       0   3.4  0   0   0.9  0   …   0   0    0   0   1.7
        stored          3.4          0.9              0            1.7
        difference      1            3                8            3        as the figure prints it
        gap             1            2                7            2        zeros skipped, as stored here

    >>> dense = np.zeros(16)
    >>> dense[[1, 4, 15]] = 3.4, 0.9, 1.7
    >>> to_relative(dense, index_bits=3)
    (array([1, 2, 7, 2], dtype=uint16), array([3.4, 0.9, 0. , 1.7]))

    Counting the skipped zeros (difference − 1) lets a difference of 8 fit into 3 bits, as the figure asks. The first
    gap counts the zeros before the first entry, so that an entry at position 0 has gap 0.
    """
    dense = np.asarray(dense)
    if dense.ndim != 1:
        raise ValueError(f"to_relative: dense has shape {dense.shape}, expects one dimension")
    if not 1 <= index_bits <= 16:
        raise ValueError(f"to_relative: index_bits is {index_bits}, expects 1 to 16")
    span = 1 << index_bits
    positions = np.flatnonzero(dense)
    runs = _runs(positions)
    fillers = runs // span
    entry = np.cumsum(fillers + 1) - 1  # where each non-zero comes in the stored order, after its fillers

    stored = positions.size + fillers.sum()
    gaps = np.full(stored, span - 1, np.uint16)
    gaps[entry] = runs % span
    values = np.zeros(stored, dense.dtype)
    values[entry] = dense[positions]
    return gaps, values


def _runs(positions):
    return np.diff(positions, prepend=-1) - 1
