"""The convolution as the textbook's loops, compiled as they stand.   Letters as in `fast/convolution.py`."""

from nnlite.kernels.machine.cache import njit


@njit(cache=True)
def conv2d_loops(x, w, y):
    """y[n, i, j, o] = Σ_u Σ_v Σ_c x[n, i + u, j + v, c] w[u, v, c, o]: stride 1, one group.

    x (N, H, W, C) padded, w (kh, kw, C, O), y (N, H', W', O), filled and returned; floats, or uint8, int8 and int32.
    """
    kh, kw, C, O = w.shape
    N, out_h, out_w, _ = y.shape
    for n in range(N):
        for i in range(out_h):
            for j in range(out_w):
                y[n, i, j] = 0
                for u in range(kh):
                    for v in range(kw):
                        for c in range(C):
                            for o in range(O):
                                y[n, i, j, o] += x[n, i + u, j + v, c] * w[u, v, c, o]
    return y
