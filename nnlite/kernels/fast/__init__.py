"""Kernels that run by default: the names of `loops`, file by file, on the register tile, in threads.

Each file begins with what it does differently, and how many times as fast as the loops it is. `tutorials/shelves.py` measures
that for each function, with the sizes of a CNN for 64 images; the files have its figures for one thread of an AMD EPYC with
AVX-512 (level avx512vnni), unless they say otherwise. Formulas and letters are in `loops`.

The list below ends with the names that only these kernels have: the layouts of the tile, and the table of stages, by which a
plan runs in one call.
"""

from nnlite.kernels.fast.convolution import LaidOut, conv2d, geometry, lay_out, narrow_channels, no_places, sums_buffer
from nnlite.kernels.fast.convolution_gradients import conv2d_gradients
from nnlite.kernels.fast.convolution_int8 import conv2d_int8, pack_conv_int8
from nnlite.kernels.fast.images import enter, to_nchw, to_nhwc
from nnlite.kernels.fast.int8_stages import quantize_images, run_stages_int8
from nnlite.kernels.fast.int8_steps import add_activations, quantize_rows, requantize_rows, sum_pool2d
from nnlite.kernels.fast.matmul import matmul, pack
from nnlite.kernels.fast.matmul_int8 import matmul_int8, pack_int8, panels_int8
from nnlite.kernels.fast.normalization import gradient_sums, moments, normalize, residual
from nnlite.kernels.fast.pointwise import relu, relu_gradient
from nnlite.kernels.fast.pooling import avg_pool2d, avg_pool2d_gradient, max_pool2d, max_pool2d_gradient
from nnlite.kernels.fast.sparse import csr_matmul, relative_matmul
from nnlite.kernels.fast.stages import CONVOLUTION, FLATTEN, LINEAR, LOGITS, run_stages, table, thread_sums
from nnlite.kernels.fast.updates import in_one_pass
from nnlite.kernels.loops.codes import unpack_int4, unpack_shared
from nnlite.kernels.loops.convolution import Walk, output_size
from nnlite.kernels.loops.convolution_int8 import PackedConvInt8
from nnlite.kernels.loops.matmul_int8 import PackedInt8
from nnlite.kernels.loops.pointwise import add_rows, erf
from nnlite.kernels.loops.pooling import Window
from nnlite.kernels.loops.requantize import Law
from nnlite.kernels.machine.memory import aligned, empty, empty_rows
from nnlite.kernels.machine.threads import most_threads, set_num_threads, threads_for
from nnlite.kernels.simd.level import LANES
from nnlite.kernels.simd.sliding import slides

__all__ = [
    "Law", "PackedConvInt8", "PackedInt8", "Walk", "Window", "add_activations", "add_rows", "aligned", "avg_pool2d",
    "avg_pool2d_gradient", "conv2d", "conv2d_gradients", "conv2d_int8", "csr_matmul", "empty", "empty_rows", "enter", "erf",
    "gradient_sums", "in_one_pass", "matmul", "matmul_int8", "max_pool2d", "max_pool2d_gradient", "moments", "most_threads",
    "normalize", "output_size", "pack_conv_int8", "pack_int8", "quantize_rows", "relative_matmul", "relu", "relu_gradient",
    "requantize_rows", "residual", "set_num_threads", "sum_pool2d", "to_nchw", "to_nhwc",
    "unpack_int4", "unpack_shared",
    # what `loops` does not have
    "CONVOLUTION", "FLATTEN", "LANES", "LINEAR", "LOGITS", "LaidOut", "geometry", "lay_out", "narrow_channels", "no_places",
    "pack", "panels_int8", "quantize_images", "run_stages", "run_stages_int8", "slides", "sums_buffer", "table", "thread_sums",
    "threads_for",
]
