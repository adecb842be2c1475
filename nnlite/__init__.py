"""nnlite: neural networks from scratch in NumPy and Numba."""

from nnlite.lazy import lazily

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazily(__name__, {
    "tensor": ["Tensor", "no_grad", "Operation", "record"],
    "inference.graph": ["trace"],
    "inference.cost": ["summary"],
    "inference.plan": ["compile"],
    "checkpoint": ["save", "load"],
    "kernels": ["set_num_threads"],
    "errors": ["FormatError"],
}, rooms=("functional", "nn", "optim", "data", "train", "checkpoint", "models", "plot", "kernels", "inference", "foreign"))
