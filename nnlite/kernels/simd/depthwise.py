"""Depthwise convolution: each channel by itself (G = C = O), so that the lanes of a register are neighbouring channels.

    z[n, i, j, o] = Σ_u Σ_v  x[n, i·s + u·d, j·s + v·d, o] · w[u, v, o]
    dw[u, v, o] = Σ_n Σ_i Σ_j  x[n, i·s + u·d, j·s + v·d, o] · dz[n, i, j, o]

As G matrix products of one column, this would leave all lanes but one idle. If a convolution is depthwise, `convolution` and
`convolution_gradients` take their sums from this file; everything else is the same.

Measured gain, on one thread of an AMD EPYC with AVX-512, for a whole network of four depthwise and pointwise convolutions
(16 to 128 channels, 32×32 pixels): a training step 2.4×, float32 inference 1.8× (one image) and 2.0× (64 images), int8
inference 2.3× and 10×. None of the bench's four models has such a layer; networks like MobileNet consist of them.
"""

from numba.extending import register_jitable

from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.simd.tile import make_tile
from nnlite.kernels.simd.vector import item_bytes, lanes

_tile_8, _tile_1 = make_tile(8, 1, depthwise=True), make_tile(1, 1, depthwise=True)


@register_jitable
def is_depthwise(G, C, O):
    """Whether each channel is a group of its own. A single channel is not depthwise, since it could fill only one lane."""
    return G == C == O and G > 1


@inner_kernel
def depthwise_strip(like, element, terms, a, row, b, c, c_row, M, N):
    """c[m, n] = Σ_p Σ_q Σ_k a[m·row + p·outer + q·inner + k·step + n] · b[p·b_outer + q·b_inner + k·b_row + n]

    m < M, n < N; addresses, strides and `Terms` as in `tile`. `element` is the size of a's numbers, which are floats of c's
    type, or bytes if c is int32. As in `strip`, a tile that would pass the last row is shifted back to end there.
    """
    for n in range(0, N, lanes(like)):
        left, a_n, b_n, c_n = N - n, a + n * element, b + n * item_bytes(like), c + n * item_bytes(like)
        m = 0
        while m < M:
            if M - m > 3 and M >= 8:
                count = max(1, (M - m) // 8)
                m = min(m, M - 8)
                _tile_8(like, terms, a_n + m * row, row, b_n, c_n + m * c_row, c_row, left, count)
                m += 8 * count
            else:
                _tile_1(like, terms, a_n + m * row, row, b_n, c_n + m * c_row, c_row, left, 1)
                m += 1
