"""The int8 matrix product by itself.

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.2 and §2.3.
"""

import numpy as np

from nnlite import kernels

UINT8, INT32 = np.dtype(np.uint8), np.dtype(np.int32)


def pack_int8(w):
    """Lay weights out in the order in which `matmul_int8` reads them: w (K, N) int8 -> PackedInt8.

    The fast kernels read panels of columns, as wide as a tile, in which four neighbouring k of each column lie side by side
    (`kernels/fast/matmul_int8.py`). Weights are packed once, for any number of products.
    Errors: TypeError for another dtype than int8, ValueError for another number of axes than two.
    """
    w = np.asarray(w)
    if w.dtype != np.int8:
        raise TypeError(f"pack_int8: expects int8, got {w.dtype}")
    if w.ndim != 2:
        raise ValueError(f"pack_int8: expects a matrix (K, N), got shape {w.shape}")
    return kernels.pack_int8(w)


def matmul_int8(a, packed, out=None):
    """c[m, n] = Σ_k a[m, k] w[k, n], exact in int32.

    a (M, K) uint8, packed = pack_int8(w) with w (K, N) int8 -> c (M, N) int32; `out`, if given, is filled and returned.
    Errors: TypeError for an a that is not uint8, or weights that are not packed; ValueError for shapes that do not fit, for an
    `out` that is not contiguous, writeable int32 (M, N), and for K above 65,793, where int32 could overflow (255 · 128 · K).
    """
    a = np.asarray(a)
    if a.dtype != UINT8 or not isinstance(packed, kernels.PackedInt8):
        raise TypeError(f"matmul_int8: expects uint8 and what pack_int8 returns, got {a.dtype} and {type(packed).__name__}")
    if a.ndim != 2 or a.shape[1] != packed.K:
        raise ValueError(f"matmul_int8: a {a.shape} does not fit weights ({packed.K}, {packed.N})")
    if packed.K > 65_793:
        raise ValueError(f"matmul_int8: K is {packed.K}; int32 sums are safe up to 65793")
    shape = (len(a), packed.N)
    if out is None:
        out = kernels.empty_rows(*shape, INT32)
    elif out.shape != shape or out.dtype != INT32 or not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(f"matmul_int8: out has to be writeable, contiguous int32 {shape}, got {out.dtype} {out.shape}")
    kernels.matmul_int8(np.ascontiguousarray(a), packed, out)
    return out
