"""Files of other programs: state dicts of arrays with names, and ONNX files.

Read in this order:
    states       {name: array} in .safetensors and .npz files, as PyTorch's users have them
    onnx_graph   an ONNX file as a chain of layers
    onnx_layers  which layer an ONNX operator is
    onnx_file    the checked file, and the model that it gives
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "onnx_file": ["from_onnx"],
    "states": ["read_state", "to_safetensors"],
})
