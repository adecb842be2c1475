"""Export: a model as an ONNX file in float32, which ONNX Runtime and other tools run.

The package onnx is an extra (`pip install 'nnlite[onnx]'`), imported only when a model is exported.
"""

from nnlite.inference.lowering import lower

OPSET, IR_VERSION = 13, 8  # of 2021: old enough for every ONNX Runtime in use


def _convolution(step):
    o = step.options
    return "Conv", {"strides": o["stride"], "pads": 2 * o["padding"], "dilations": o["dilation"], "group": o["groups"],
                    "kernel_shape": step.arrays["w"].shape[2:]}


def _window(step):
    o = step.options
    return {"kernel_shape": o["kernel"], "strides": o["stride"], "pads": 2 * o["padding"]}


# For each kind of step the ONNX operator and its attributes. Its inputs are the results that the step reads, then w and b.
OPERATORS = {
    "conv2d": _convolution,
    "linear": lambda step: ("Gemm", {"transB": 1}),
    "max_pool2d": lambda step: ("MaxPool", _window(step)),
    "avg_pool2d": lambda step: ("AveragePool", _window(step) | {"count_include_pad": 1}),
    "add": lambda step: ("Add", {}),
    "relu": lambda step: ("Relu", {}),
    "flatten": lambda step: ("Flatten", {}),
}


def to_onnx(model, example):
    """A model as the bytes of an ONNX file: one operator for each step of its lowered graph, BatchNorm folded.

    The file's input x is float32 (N, …), with the example's shape after N; N may be any number. Its output y equals the result
    of the model in inference mode, up to float32 rounding.   example: array (N, …), any N, for one trace.
    Errors: ImportError if the package onnx is not installed; ValueError for an operation that is not in OPERATORS, with its
    name; those of `trace`.   Source: the ONNX operators' specification, opset 13.
    """
    onnx = import_onnx("to_onnx")
    steps = lower(model, example)
    results, nodes, constants = [], [], []
    for i, step in enumerate(steps):
        result = "y" if step is steps[-1] else f"step{i}"
        results.append("x" if step.kind == "input" else result)
        if step.kind != "input":
            operator, attributes = _operator(step)
            inputs = [results[j] for j in step.inputs]
            for letter in step.arrays:
                constants.append(onnx.numpy_helper.from_array(step.arrays[letter], f"step{i}.{letter}"))
                inputs.append(constants[-1].name)
            sums = f"step{i}.sums" if step.relu else result
            nodes.append(onnx.helper.make_node(operator, inputs, [sums], name=step.name, **attributes))
            if step.relu:
                nodes.append(onnx.helper.make_node("Relu", [sums], [result], name=f"{step.name}.relu"))
    return onnx_file(onnx, steps, nodes, constants)


def onnx_file(onnx, steps, nodes, constants, contrib=False):
    """The bytes of a file with these nodes and constants, from x to y.   contrib: with ONNX Runtime's own operators."""
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ("N", *step.shape))
            for name, step in (("x", steps[0]), ("y", steps[-1]))]
    opsets = [("", OPSET), ("com.microsoft", 1)][: 1 + contrib]
    graph = onnx.helper.make_graph(nodes, "nnlite", ends[:1], ends[1:], constants)
    file = onnx.helper.make_model(graph, producer_name="nnlite", ir_version=IR_VERSION,
                                  opset_imports=[onnx.helper.make_opsetid(*opset) for opset in opsets])
    return file.SerializeToString()


def import_onnx(caller):
    """The package onnx.   ImportError, with the caller's name, where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise ImportError(f"{caller}: needs the package onnx, which is not installed: pip install 'nnlite[onnx]'") from None
    return onnx


def _operator(step):
    if step.kind not in OPERATORS:
        operation = type(step.options["op"]).__name__ if step.kind == "operation" else step.kind
        raise ValueError(f"to_onnx: {step.name} is the operation {operation}, which cannot be exported; what can be: "
                         f"{', '.join(OPERATORS)}, and ReLU and BatchNorm after them")
    return OPERATORS[step.kind](step)
