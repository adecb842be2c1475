"""nnlite export: write a model as an ONNX file, in float32."""

import numpy as np

from nnlite import data
from nnlite.cli.common import check_out, load_model
from nnlite.files import write_atomically
from nnlite.inference.export import OPSET, to_onnx


def run(arguments):
    check_out(arguments.out, ".onnx", [arguments.file])
    (model, _), shape = load_model(arguments.file), data.SOURCES[arguments.data].shape
    try:
        content = to_onnx(model, np.zeros((1, *shape), np.float32))
    except ImportError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        raise ValueError(f"{arguments.file}, with images of shape {shape} ({arguments.data}): {error}") from error
    write_atomically(arguments.out, lambda stream: stream.write(content))
    result = {"file": str(arguments.out), "format": "onnx", "opset": OPSET, "arithmetic": "float32", "image_shape": shape,
              "file_bytes": arguments.out.stat().st_size}
    return result, (f"{arguments.out}: {result['file_bytes']:,} bytes, ONNX (opset {OPSET}), float32; "
                    f"input x (N, {', '.join(map(str, shape))}), output y")
