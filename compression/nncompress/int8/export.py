"""Export: an int8 plan as an ONNX file whose operators compute with the same integers.

Every result between input and logits equals the plan's by the law "float", bit for bit (the test compares them all). Two kinds
of steps are not written as ONNX Runtime's own QLinearAveragePool and QLinearAdd, because these round in another order:

    avg_pool2d    a depthwise QLinearConv with weights 1 and the scale 1 / (kh kw)
    add           (q1 − Z1) S1/S3 + (q2 − Z2) S2/S3 in float32, then QuantizeLinear with the scale 1

On a processor without VNNI instructions, ONNX Runtime adds pairs of 8-bit products in 16 bits, which may saturate: weights of 7
bits, or its session option `session.x64quantprecision`, are needed there.

Source: the ONNX operators' specification, opset 13; QGemm: onnxruntime/docs/ContribOperators.md.
"""

import numpy as np

from nncompress.int8.requantize import float32_factor
from nnlite.inference.export import import_onnx, onnx_file

ONE = np.float32(1)


def int8_to_onnx(plan):
    """An `Int8Plan` of the law "float" as the bytes of an ONNX file; the package onnx has to be installed.

    The file's input x is float32 (N, …), its output y the plan's logits, float32; N may be any number. The result of step i is
    called step{i}. It has the integers of `plan.run`, with images in the order (N, C, H, W).

        avg_pool2d: q3 = clamp(round(Σ (q1 − Z1) · (1 / (kh kw)) · S1/S3) + Z3, low, high), the sum over a window

    Errors: ImportError without onnx; ValueError for the laws "fixed" and "once", for which ONNX has no operators, and for a
    pooling whose windows differ in size (ceil_mode, or count_include_pad=False), with its name.
    """
    if plan.law != "float":
        raise ValueError(f"int8_to_onnx: the plan rounds by the law {plan.law!r}, ONNX by the law 'float'; "
                         "quantize(…, law='float'), --law float on the command line, makes a plan that can be exported")
    for step in plan.steps:
        if step.kind not in WRITERS:
            raise ValueError(f"int8_to_onnx: {step.name} is of the kind {step.kind}, which cannot be exported; what can be: "
                             f"{', '.join(WRITERS)}")
    graph = _Graph(import_onnx("int8_to_onnx"), plan)
    for i, step in enumerate(plan.steps):
        WRITERS[step.kind](graph, i, step)
    last = f"step{len(plan.steps) - 1}"
    if not plan.ends_in_sums:
        graph.add("DequantizeLinear", [last, *graph.grid(plan.steps[-1])], "y")
    return onnx_file(graph.onnx, plan.steps, graph.nodes, graph.constants, contrib=True)


class _Graph:
    """The nodes and constants written so far."""

    def __init__(self, onnx, plan):
        self.onnx, self.plan, self.nodes, self.constants = onnx, plan, [], []

    def add(self, operator, inputs, result, domain="", **attributes):
        """Append one operator; returns the name of its result.   inputs: names of results; arrays become constants."""
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        self.nodes.append(self.onnx.helper.make_node(operator, names, [result], domain=domain, **attributes))
        return result

    def constant(self, array):
        """Append a constant; returns its name."""
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def grid(self, step):
        """Scale and zero point of a step's result."""
        return np.float32(step.S), np.uint8(step.Z)

    def read(self, step, i=0):
        """What a step reads: the name of a result, its scale and its zero point."""
        return f"step{step.inputs[i]}", *self.grid(self.plan.steps[step.inputs[i]])

    def finish(self, i, step, write):
        """Write the result of step i by write(name), then cut it off at step.low and step.high.

        low is the zero point of a step with a ReLU, high less than 255 for activations of fewer than 8 bits. From 0 to 255 the
        range of uint8 cuts off the same numbers.
        """
        result = f"step{i}"
        if (step.low, step.high) == (0, 255):
            write(result)
        else:
            write(f"{result}.sums")
            self.add("Clip", [f"{result}.sums", np.uint8(step.low), np.uint8(step.high)], result)


def _input(graph, i, step):
    graph.finish(i, step, lambda y: graph.add("QuantizeLinear", ["x", *graph.grid(step)], y))


def _conv2d(graph, i, step):
    o = step.options
    _layer(graph, i, step, step.w, "ConvInteger", "QLinearConv", strides=o["stride"], pads=2 * o["padding"],
           dilations=o["dilation"], group=o["groups"])


def _linear(graph, i, step):
    _layer(graph, i, step, step.w.T, "MatMulInteger", "QGemm")


def _layer(graph, i, step, w, integer, requantized, **attributes):
    """Write a layer.

    integer: the operator of a last layer, whose sums times S1 S_w are the logits.   requantized: the operator of other layers.
    """
    x, S, Z = graph.read(step)
    none = np.zeros(len(step.w), np.int8)
    if step is graph.plan.steps[-1] and graph.plan.ends_in_sums:
        channels = (1, -1, *[1] * (step.w.ndim - 2))
        acc = graph.add(integer, [x, w, Z], "acc", **attributes)
        sums = graph.add("Add", [acc, step.b.reshape(channels)], "sums")
        real = graph.add("Cast", [sums], "real", to=graph.onnx.TensorProto.FLOAT)
        graph.add("Mul", [real, float32_factor(S, step.w_scale, 1).reshape(channels)], "y")
    elif requantized == "QGemm":
        inputs = [x, S, Z, w, step.w_scale, none, step.b, *graph.grid(step)]
        graph.finish(i, step, lambda y: graph.add("QGemm", inputs, y, "com.microsoft"))
    else:
        inputs = [x, S, Z, w, step.w_scale, none, *graph.grid(step), step.b]
        graph.finish(i, step, lambda y: graph.add("QLinearConv", inputs, y, **attributes))


def _max_pool2d(graph, i, step):
    o = step.options
    graph.add("MaxPool", [f"step{step.inputs[0]}"], f"step{i}", kernel_shape=o["kernel"], strides=o["stride"],
              pads=2 * o["padding"])


def _avg_pool2d(graph, i, step):
    o, C = step.options, step.shape[0]
    ones, share = np.ones((C, 1, *o["kernel"]), np.int8), np.float32(1 / (o["kernel"][0] * o["kernel"][1]))
    inputs = [*graph.read(step), ones, share, np.int8(0), *graph.grid(step)]
    graph.finish(i, step, lambda y: graph.add("QLinearConv", inputs, y, strides=o["stride"], pads=2 * o["padding"], group=C))


def _add(graph, i, step):
    terms = []
    for k in range(2):
        q, S, Z = graph.read(step, k)
        q = graph.add("Cast", [q], f"step{i}.q{k}", to=graph.onnx.TensorProto.FLOAT)
        centred = graph.add("Sub", [q, np.float32(Z)], f"step{i}.centred{k}")
        terms.append(graph.add("Mul", [centred, float32_factor(S, 1, step.S)], f"step{i}.term{k}"))
    total = graph.add("Add", terms, f"step{i}.total")
    graph.finish(i, step, lambda y: graph.add("QuantizeLinear", [total, ONE, np.uint8(step.Z)], y))


def _relu(graph, i, step):
    graph.add("Clip", [f"step{step.inputs[0]}", np.uint8(step.Z)], f"step{i}")


def _flatten(graph, i, step):
    graph.add("Flatten", [f"step{step.inputs[0]}"], f"step{i}")


WRITERS = {"input": _input, "conv2d": _conv2d, "linear": _linear, "max_pool2d": _max_pool2d, "avg_pool2d": _avg_pool2d,
           "add": _add, "relu": _relu, "flatten": _flatten}
