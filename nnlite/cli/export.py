"""nnlite export: write a model as an ONNX file, in float32 or, from an .nnz file, in integers."""

import numpy as np

import nncompress
from nncompress.int8.export import int8_to_onnx
from nnlite import data
from nnlite.cli.common import check_out, is_nnz, load_model
from nnlite.files import write_atomically
from nnlite.inference.export import OPSET, to_onnx


def run(arguments):
    check_out(arguments.out, ".onnx", [arguments.file])
    integers = is_nnz(arguments.file)
    try:
        content, shape = _integers(arguments.file) if integers else _floats(arguments.file, _image_shape(arguments.data))
    except ImportError as error:
        raise ValueError(str(error)) from None
    write_atomically(arguments.out, lambda stream: stream.write(content))
    arithmetic = "int8" if integers else "float32"
    result = {"file": str(arguments.out), "format": "onnx", "opset": OPSET, "arithmetic": arithmetic, "image_shape": shape,
              "file_bytes": arguments.out.stat().st_size}
    return result, (f"{arguments.out}: {result['file_bytes']:,} bytes, ONNX (opset {OPSET}), {arithmetic}; "
                    f"input x (N, {', '.join(map(str, shape))}), output y")


def _image_shape(name):
    """The shape of an image of a data set, or of one's own data."""
    return data.SOURCES[name].shape if name in data.SOURCES else data.load(name)[0].images.shape[1:]


def _floats(path, shape):
    """(content, shape of the images) for an .npz file."""
    model, _ = load_model(path)
    try:
        return to_onnx(model, np.zeros((1, *shape), np.float32)), shape
    except ValueError as error:
        raise ValueError(f"{path}, with images of shape {shape}: {error}") from error


def _integers(path):
    """(content, shape of the images) for an .nnz file."""
    plan = nncompress.load(path)
    try:
        return int8_to_onnx(plan), plan.steps[0].shape
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
