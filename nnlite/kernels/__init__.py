"""Kernels: arrays in, an array filled, no Tensor. Images are (N, H, W, C) here.

    loops/      read first: formulas in NumPy, and the same as plain loops
    fast/       what runs: the same results on the register tile, in threads
    simd/       registers, instructions, tiles: what emits LLVM
    machine/    threads, how work is shared out, cores, memory, the cache of compiled code
"""

from nnlite.kernels.fast.convolution import (
    LaidOut,
    conv2d,
    geometry,
    lay_out,
    narrow_channels,
    no_places,
    output_size,
    sums_buffer,
)
from nnlite.kernels.fast.convolution_gradients import conv2d_gradients
from nnlite.kernels.fast.convolution_int8 import conv2d_int8, pack_conv_int8
from nnlite.kernels.fast.images import enter, to_nchw, to_nhwc
from nnlite.kernels.fast.matmul import matmul, pack
from nnlite.kernels.fast.matmul_int8 import PackedInt8, matmul_int8, pack_int8, panels_int8
from nnlite.kernels.fast.pointwise import add_rows, erf, relu, relu_gradient
from nnlite.kernels.fast.pooling import Window, avg_pool2d, avg_pool2d_gradient, max_pool2d, max_pool2d_gradient
from nnlite.kernels.fast.stages import CONVOLUTION, FLATTEN, LINEAR, LOGITS, run_stages, table, thread_sums
from nnlite.kernels.machine.memory import aligned, empty, empty_rows, keep_freed_memory
from nnlite.kernels.machine.threads import threads_for
from nnlite.kernels.simd.level import LANES
from nnlite.kernels.simd.sliding import slides

keep_freed_memory()

__all__ = [
    "CONVOLUTION", "FLATTEN", "LANES", "LINEAR", "LOGITS", "LaidOut", "PackedInt8", "Window", "add_rows", "aligned",
    "avg_pool2d", "avg_pool2d_gradient", "conv2d", "conv2d_gradients", "conv2d_int8", "empty", "empty_rows", "enter", "erf",
    "geometry", "lay_out", "matmul", "matmul_int8", "max_pool2d", "max_pool2d_gradient", "narrow_channels",
    "no_places", "output_size", "pack", "pack_conv_int8", "pack_int8", "panels_int8", "relu", "relu_gradient",
    "run_stages", "slides", "sums_buffer", "table", "thread_sums", "threads_for", "to_nchw", "to_nhwc",
]
