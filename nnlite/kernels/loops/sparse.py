"""Products with a sparse weight: the stored entries of each row times x, for both storage forms.

Letters: x (B, I), w (O, I), y (B, O); b < B, r < O a row of w, c < I a column of it, k a stored entry. The entries of row r are
those with starts[r] ≤ k < starts[r + 1]. All floats are float32.

Source: Saad 2003, Iterative Methods for Sparse Linear Systems, §3.4 and §3.5; the relative form: Han et al. 2016, EIE (arXiv
1602.01528), §III.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def sparse_matmul_formula(x, w):
    """y[b, r] = Σ_c x[b, c] w[r, c], over the c where w[r, c] is not 0.   w (O, I), dense"""
    return np.array([[(x[b, row != 0] * row[row != 0]).sum() for row in w] for b in range(len(x))]).reshape(len(x), len(w))


@njit(cache=True)
def csr_matmul(values, columns, starts, x, y):
    """y[b, r] = Σ_k values[k] · x[b, columns[k]] over the entries k of row r.

    values (K,), columns (K,) and starts (O + 1,) unsigned integers, x (B, I); y (B, O) is filled.
    """
    B, O = y.shape
    for b in range(B):
        for r in range(O):
            total = np.float32(0)
            for k in range(starts[r], starts[r + 1]):
                total += values[k] * x[b, columns[k]]
            y[b, r] = total


@njit(cache=True)
def relative_matmul(gaps, codes, codebook, starts, before, x, y):
    """y[b, r] = Σ_k codebook[codes[k]] · x[b, c_k] over the entries k of row r, with c_k = c_(k−1) + gaps[k] + 1.

    gaps, codes (K,) and starts (O + 1,) unsigned integers, codebook (≤ 256,), before (O,) int32: the column of the entry before
    the first of row r; x (B, I); y (B, O) is filled. An entry of code 0 is a filler: it moves c and adds nothing.
    """
    B, O = y.shape
    for b in range(B):
        for r in range(O):
            total, c = np.float32(0), np.intp(before[r])
            for k in range(starts[r], starts[r + 1]):
                c += np.intp(gaps[k]) + 1
                if codes[k] != 0:
                    total += codebook[codes[k]] * x[b, c]
            y[b, r] = total
