"""nnlite: neural networks from scratch in NumPy and Numba.

Names are imported when they are first used, so that `import nnlite` and `nnlite --help` start at once, without Numba.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "Tensor": "nnlite.tensor",
    "no_grad": "nnlite.tensor",
    "Operation": "nnlite.tensor",
    "record": "nnlite.tensor",
    "trace": "nnlite.inference.graph",
    "summary": "nnlite.inference.cost",
    "compile": "nnlite.inference.plan",
    "save": "nnlite.checkpoint",
    "load": "nnlite.checkpoint",
    "set_num_threads": "nnlite.kernels",
    "FormatError": "nnlite.errors",
}
_ROOMS = ("functional", "nn", "optim", "data", "train", "checkpoint", "models", "plot", "kernels")

__all__ = [*_HOME, *_ROOMS]


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"nnlite.{name}")
    raise AttributeError(f"module 'nnlite' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
