"""Kernels to read first: of each kind of work the formula in NumPy (`…_formula`), then the same as plain loops.

The loops run compiled by Numba, or as they stand, under a debugger, with NUMBA_DISABLE_JIT=1. NNLITE_KERNELS=loops makes the
whole engine run on them. They use one thread, and nothing but arrays of NumPy.
"""

from nnlite.kernels.loops.codes import unpack_int4, unpack_shared
from nnlite.kernels.loops.convolution import Walk, conv2d, output_size
from nnlite.kernels.loops.convolution_gradients import conv2d_gradients
from nnlite.kernels.loops.convolution_int8 import PackedConvInt8, conv2d_int8, pack_conv_int8
from nnlite.kernels.loops.images import enter, to_nchw, to_nhwc
from nnlite.kernels.loops.int8_steps import add_activations, quantize_rows, requantize_rows, sum_pool2d
from nnlite.kernels.loops.machine import aligned, empty, empty_rows, most_threads, set_num_threads
from nnlite.kernels.loops.matmul import matmul
from nnlite.kernels.loops.matmul_int8 import PackedInt8, matmul_int8, pack_int8
from nnlite.kernels.loops.normalization import gradient_sums, moments, normalize, residual
from nnlite.kernels.loops.pointwise import add_rows, erf, relu, relu_gradient
from nnlite.kernels.loops.pooling import Window, avg_pool2d, avg_pool2d_gradient, max_pool2d, max_pool2d_gradient
from nnlite.kernels.loops.requantize import Law
from nnlite.kernels.loops.sparse import csr_matmul, relative_matmul
from nnlite.kernels.loops.updates import in_one_pass

__all__ = [
    "Law", "PackedConvInt8", "PackedInt8", "Walk", "Window", "add_activations", "add_rows", "aligned", "avg_pool2d",
    "avg_pool2d_gradient", "conv2d", "conv2d_gradients", "conv2d_int8", "csr_matmul", "empty", "empty_rows", "enter", "erf",
    "gradient_sums", "in_one_pass", "matmul", "matmul_int8", "max_pool2d", "max_pool2d_gradient", "moments", "most_threads",
    "normalize", "output_size", "pack_conv_int8", "pack_int8", "quantize_rows", "relative_matmul", "relu", "relu_gradient",
    "requantize_rows", "residual", "set_num_threads", "sum_pool2d", "to_nchw", "to_nhwc",
    "unpack_int4", "unpack_shared",
]
