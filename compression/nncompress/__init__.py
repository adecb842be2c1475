"""nncompress: pruning, quantization, int8 inference and coding, all of it real: integers, bytes, milliseconds."""

from nncompress import sparse
from nncompress.int8.plan import Int8Plan
from nncompress.int8.product import matmul_int8, pack_int8
from nncompress.nnz.file import inspect, load, save
from nncompress.quantization.post_training import quantize

__all__ = ["Int8Plan", "inspect", "load", "matmul_int8", "pack_int8", "quantize", "save", "sparse"]
