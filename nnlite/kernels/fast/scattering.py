"""The gradient of a convolution's input, scattered: each pixel of dz is added to the patch that it was computed from.

    dx[n, i·s + u·d, j·s + v, α] += Σ_β dz[n, i, j, β] · w[u, v, α, β]      from zeros on, for all i, j, u, v, α

The other way is to collect, as `convolution_gradients` does: each pixel of dx is then a sum over a patch of dz, around and
between whose pixels zeros were put. At stride 2, three of four products are with a zero; with a 5×5 kernel and a result of 8×8,
more than half are. Measured gain, on one thread of an AMD EPYC with AVX-512: a training step of lenet-5 27 to
32 %, of resnet 2 to 10 %.

For one row u of the kernel a pixel's share is one contiguous run of kw·C numbers of dx, so a row of dz times w[u] gives a row
of runs, which overlap and are added one by one. Letters as in `convolution`; without groups.
"""

import numpy as np

from nnlite.kernels.fast.convolution import LaidOut, with_whole_registers
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import aligned
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import product
from nnlite.kernels.simd.vector import lanes, load, store


def scatters(groups, Q, dz_pixels, dx_pixels):
    """Whether to scatter: rows of the kernel are whole runs (Q = 1), and collecting would at least double the products."""
    return groups == Q == 1 and 2 * dz_pixels <= dx_pixels


def lay_out_for_scattering(w):
    """w (1, kh, kw, C, O) -> LaidOut: (kh, O, kw·C), filled up with zeros to whole registers."""
    _, kh, kw, C, O = w.shape
    filled = with_whole_registers(aligned(w.reshape(kh, kw * C, O).swapaxes(1, 2)), LEVEL.vector_bytes // w.itemsize)
    return LaidOut(filled.reshape(-1), O * filled.shape[2], filled.shape[2], filled.shape[2])


@inner_kernel
def scatter_image(dz, w, g, runs, patches):
    """patches (H, W, C) = the sum of the shares of dz (H', W', O); w from `lay_out_for_scattering`, g of the convolution.

    runs (W', w.row): room for the shares of one row.
    """
    (out_h, out_w, O), (_, W, C), size, like = dz.shape, patches.shape, dz.itemsize, dz.dtype
    patches_data, numbers = np.intp(patches.ctypes.data), patches.size
    for k in range(0, numbers, lanes(like)):
        store(patches_data + k * size, load(like, patches_data, 0), numbers - k)
    dz_data, w_data, runs_data = np.intp(dz.ctypes.data), np.intp(w.numbers.ctypes.data), np.intp(runs.ctypes.data)
    row, pixel, run = W * C * size, g.sw * C * size, w.row * size
    for i in range(out_h):
        for u in range(g.P):
            product(like, dz_data + i * out_w * O * size, O * size, size, O, w_data + u * O * run, run, runs_data, run, out_w,
                    w.row)
            first = patches_data + (i * g.sh + u * g.dh) * row
            for j in range(out_w):
                for k in range(0, g.K, lanes(like)):
                    at, left = first + j * pixel + k * size, g.K - k
                    store(at, load(like, at, left) + load(like, runs_data + j * run + k * size, left), left)
