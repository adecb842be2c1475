"""The gradient of a convolution's input, scattered: each pixel of dz adds its share to the patch that it was made from.

    dx[n, i·s + u·d, j·s + v, α] += Σ_β dz[n, i, j, β] · w[u, v, α, β]      from zeros on, for all i, j, u, v, α

Collected instead, as `convolution_gradients` does, each pixel of dx is a sum over a patch of dz that has been bordered with
zeros and spread out to the stride: at stride 2 three of four products are with a zero, and with a kernel of 5×5 and a result of
8×8 more than half.

For one row u of the kernel a pixel's share is one contiguous run of kw·C numbers of dx, so a row of dz times w[u] gives a row
of runs, which overlap and are added one by one. Letters as in `convolution`; without groups.
"""

from nnlite.kernels.convolution import with_whole_registers
from nnlite.kernels.matmul import copy_rows
from nnlite.kernels.memory import aligned
from nnlite.kernels.simd import LEVEL
from nnlite.kernels.strip import product
from nnlite.kernels.threads import inner_kernel
from nnlite.kernels.vector import lanes, load, store


def scatters(groups, Q, dz_pixels, dx_pixels):
    """Whether to scatter: rows of the kernel are whole runs (Q = 1), and collecting would at least double the products."""
    return groups == Q == 1 and 2 * dz_pixels <= dx_pixels


def lay_out_for_scattering(w):
    """w (1, kh, kw, C, O) -> (kh, O, kw·C), filled up with zeros to whole registers."""
    _, kh, kw, C, O = w.shape
    return with_whole_registers(aligned(w.reshape(kh, kw * C, O).swapaxes(1, 2)), LEVEL.vector_bytes // w.itemsize)


@inner_kernel
def scatter_image(dz, dz_row, out_h, out_w, w, L, g, runs, patches, dx, top, left):
    """dx (H, W, C) of one image; dz an address, dz_row bytes a row; w from `lay_out_for_scattering`, L numbers of a run count.

    runs (out_w, as wide as w) and patches (H + 2·top, W + 2·left, C) are scratch.
    """
    like, size, C = dx.dtype, dx.itemsize, dx.shape[2]
    kh, O, width = w.shape
    _, W, _ = patches.shape
    run_row, patch_row, pixel = width * size, W * C * size, g.sw * C * size
    runs_data, patches_data = runs.ctypes.data, patches.ctypes.data
    patches[...] = 0
    for i in range(out_h):
        for u in range(kh):
            product(like, dz + i * dz_row, O * size, size, O, w.ctypes.data + u * O * run_row, run_row, runs_data, run_row,
                    out_w, width)
            row = patches_data + (i * g.sh + u * g.dh) * patch_row
            for j in range(out_w):
                for k in range(0, L, lanes(like)):
                    at = row + j * pixel + k * size
                    share = load(like, runs_data + j * run_row + k * size, L - k)
                    store(at, load(like, at, L - k) + share, L - k)
    rows, numbers = dx.shape[0], dx.shape[1] * C
    copy_rows(like, patches_data + top * patch_row + left * C * size, patch_row, dx.ctypes.data, numbers * size, rows, numbers)
