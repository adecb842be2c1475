"""Inference in integers.

Read in this order:
    requantize   from int32 sums back to 8 bits, by three laws
    steps        what a network in integers consists of
    reference    the formulas of such a network in NumPy, step by step
    plan         the same network on the integer kernels
    export       such a network as an ONNX file
    product      the int8 matrix product by itself: `nncompress.matmul_int8`
    packed       the same with weights of 4 bits in memory
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "export": ["int8_to_onnx"],
    "packed": ["PackedWeights"],
    "reference": ["run_reference"],
    "requantize": ["add_fixed_parameters", "float32_factor", "multiplier", "quantize_multiplier"],
    "steps": ["Int8Step"],
})
