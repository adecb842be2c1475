"""ONNX in: the file of another program, such as PyTorch's and scikit-learn's exporters, as a Sequential.

The package onnx is an extra (`pip install 'nnlite[onnx]'`), imported only when a file is read.
"""

import math
from typing import NamedTuple

import numpy as np

from nnlite import nn
from nnlite.errors import FormatError, shortened
from nnlite.files import open_to_read
from nnlite.foreign.onnx_graph import between, links_of
from nnlite.foreign.onnx_layers import named
from nnlite.inference.export import import_onnx

MOST_NUMBERS = 2**20  # of one image


class Imported(NamedTuple):
    """A model from an ONNX file.

    model    an `nn.Sequential`, in inference mode. A Softmax at the end is left out: the results are logits.
    shape    of one image, (C, H, W), or (F,)
    names    of the classes, where scikit-learn's file has them, else None
    """

    model: nn.Sequential
    shape: tuple
    names: list | None


def from_onnx(path, shape=None):
    """The model of an ONNX file whose graph is a chain of layers, in which residual blocks may stand.

    shape: of one image, where the file leaves height and width open. Of several outputs the first that can be computed counts.
    Errors: FormatError for a damaged file, and for an operator that no layer of nnlite.nn computes, with its name;
    ImportError where the package onnx is missing; FileNotFoundError; OSError.
    """
    with open_to_read(path) as stream:
        data = stream.read()
    onnx = import_onnx("from_onnx")
    try:
        file = onnx.load_model_from_string(data)
        onnx.checker.check_model(file)
    except Exception as error:  # of protobuf and of onnx's checker
        raise FormatError(f"{path}: not an ONNX file, or a damaged one: {shortened(error)}") from None
    try:
        return _imported(onnx, file, shape)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise FormatError(f"{path}: {error}") from None


def _imported(onnx, file, shape):
    graph = file.graph
    constants = {tensor.name: _array(onnx, tensor) for tensor in graph.initializer}
    source, shape = _input(graph, constants, shape)

    def attributes(node):
        values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        return values | {"value": _array(onnx, values["value"])} if node.op_type == "Constant" and "value" in values else values

    links = links_of(graph, constants, source, len(shape) + 1, attributes)
    layers, output = _layers(links, source, graph.output)
    if layers and isinstance(layers[-1], (nn.Softmax, nn.LogSoftmax)):
        layers.pop()
    model = named(layers).eval()
    _check_runs(model, shape, [dim.dim_value for dim in output.type.tensor_type.shape.dim])
    return Imported(model, shape, _class_names(graph, constants))


def _array(onnx, tensor):
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"the weights {tensor.name!r} are in another file; export the model with its weights in one file")
    return onnx.numpy_helper.to_array(tensor)


def _input(graph, constants, shape):
    """(name, shape of one image) of the graph's one input."""
    inputs = [entry for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise ValueError(f"it has {len(inputs)} inputs ({', '.join(entry.name for entry in inputs)}), expected one")
    kind = inputs[0].type.tensor_type
    if kind.elem_type not in (1, 11):
        raise ValueError(f"its input {inputs[0].name!r} does not take float32 numbers (ONNX's type {kind.elem_type})")
    dims = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]
    if len(dims) not in (2, 4):
        raise ValueError(f"its input {inputs[0].name!r} has {len(dims)} axes, expected (N, C, H, W) or (N, F)")
    given = tuple(shape or dims[1:])
    if any(size and size != one for size, one in zip(dims[1:], given, strict=False)) or len(given) != len(dims) - 1:
        raise ValueError(f"its images have shape {tuple(dims[1:])}, got the shape {given}")
    if math.prod(given) > MOST_NUMBERS:
        raise ValueError(f"its images have shape {given}, which is more than {MOST_NUMBERS:,} numbers")
    if not all(size > 0 for size in given):
        raise ValueError(f"it leaves the size of its images open, {tuple(size or '?' for size in given)}; give --shape, as in "
                         "--shape 1,28,28")
    return inputs[0].name, given


def _layers(links, source, outputs):
    """(the layers to the first output that can be computed, this output); for none, the reason of the last one."""
    reason = "it has no output"
    for output in outputs:
        try:
            if output.name not in links:
                raise ValueError(f"its output {output.name!r} does not depend on its input")
            return between(links, source, output.name), output
        except ValueError as error:
            reason = error
    raise ValueError(reason)


def _check_runs(model, shape, sizes):
    """ValueError unless the layers fit together for an image of this shape, and give a number for each class.

    sizes: those of the result as the file states them, 0 where it leaves one open.
    """
    try:
        y = model(np.zeros((1, *shape), np.float32))
    except (ValueError, MemoryError) as error:
        raise ValueError(f"its layers do not fit together for an image of shape {shape}: {error}") from None
    if y.ndim != 2:
        raise ValueError(f"it gives results of shape {y.shape[1:]} for one image, expected a number for each class")
    if sizes and sizes[-1] not in (0, y.shape[1]):
        raise ValueError(f"its layers give {y.shape[1]} numbers for an image, its output is said to have {sizes[-1]}")


def _class_names(graph, constants):
    """The names that scikit-learn's files have for the classes, or None."""
    for node in graph.node:
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in constants:
            return [name.decode() if isinstance(name, bytes) else str(name) for name in constants[node.input[0]].ravel()]
    return None
