"""Weights kept as codes of 4 bits, two in a byte, and made int8 again when they are needed.

Letters: codes (n,) uint8, w (2n,) int8. The low half of codes[i] is the code of w[i], the high half that of w[n + i].

Source: of two numbers in a byte, the layout is this project's.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def unpack_formula(codes, codebook):
    """w[i] = codebook[codes[i] mod 16], w[n + i] = codebook[⌊codes[i] / 16⌋]:  codebook (16,) int8 -> w (2n,) int8"""
    return codebook[np.concatenate([codes & 15, codes >> 4])]


@njit(cache=True)
def unpack_int4(codes, w):
    """w[i] = codes[i] mod 16 − 8, w[n + i] = ⌊codes[i] / 16⌋ − 8:  the codebook −8 … 7 needs no table."""
    n = codes.size
    for i in range(n):
        w[i] = np.int8(codes[i] & 15) - np.int8(8)
        w[n + i] = np.int8(codes[i] >> 4) - np.int8(8)


@njit(cache=True)
def unpack_shared(codes, codebook, w):
    """w[i] = codebook[codes[i] mod 16], w[n + i] = codebook[⌊codes[i] / 16⌋]"""
    n = codes.size
    for i in range(n):
        w[i] = codebook[codes[i] & 15]
        w[n + i] = codebook[codes[i] >> 4]
