"""Lowering: a model as a list of few, plain steps that inference runs one after the other.

Three things make the list shorter than the graph, and leave the function as it is:

* a BatchNorm after a convolution or linear layer is folded into its weights (at inference it is an affine map per channel):
  w' = w γ/√(σ² + ε),  b' = (b − μ) γ/√(σ² + ε) + β;  any other one becomes a 1×1 depthwise convolution;
* a ReLU whose input nobody else reads becomes a flag of the step before it;
* dropout and other operations that do nothing at inference were never on the tape.

The float32 plan runs the list as it is; `nncompress.quantize` turns it into integers.
"""

from dataclasses import dataclass, field

import numpy as np

from nnlite.functional.pooling import pooled_size
from nnlite.inference.graph import Node, trace


@dataclass
class Step:
    """One step: what it does, which earlier steps it reads (their numbers), and with what.

    kind: "input", "conv2d", "linear", "max_pool2d", "avg_pool2d", "add", "relu", "flatten", or "operation" (any other one).
    arrays: float32; for conv2d w (O, C/G, kh, kw) and b (O,); for linear w (O, I) and b (O,).
    options: for conv2d stride, padding, dilation, groups; for the pools kernel, stride, padding; all but groups are pairs.
    relu: whether the result is cut off at 0.   shape: of the output for one image, without N.
    """

    kind: str
    name: str
    inputs: list
    shape: tuple
    arrays: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    relu: bool = False


def lower(model, example):
    """The steps of a model, in the order of execution; the first is the input, the last gives the result.

    example: array (N, …), N may be 1.   Errors: those of `trace`.
    """
    graph = trace(model, example)
    state = model.state_dict()
    steps, number = [], {}  # number: the step that computes each node
    for node in graph.nodes:
        read = [number[x] for x in node.inputs]
        before = steps[read[0]] if read and len(graph.users(node.inputs[0])) == 1 else None
        if node.kind == "BatchNorm" and before is not None and _can_fold(before) and _only_x_varies(node):
            _fold(before, *_scale_and_shift(node, state))
            number[node] = read[0]
        elif node.kind == "ReLU" and before is not None and before.kind in ("conv2d", "linear", "add"):
            before.relu = True
            number[node] = read[0]
        else:
            number[node] = len(steps)
            steps.append(_step(node, read, state))
    return steps


def _step(node, inputs, state):
    """The step for one node of the graph."""
    kind, arrays, options, op = "operation", {}, {}, node.op
    if node.kind == "Input":
        kind = "input"
    elif (node.kind, len(node.shape)) in (("Conv2d", 4), ("Linear", 2)) and _only_x_varies(node):
        kind, given = node.kind.lower(), _constants(node, state)
        arrays = {"w": given["w"], "b": np.zeros(len(given["w"]), np.float32) if given["b"] is None else given["b"]}
        if kind == "conv2d":
            options = {"stride": op.stride, "padding": op.padding, "dilation": op.dilation, "groups": op.groups}
    elif node.kind == "BatchNorm" and _only_x_varies(node) and len(node.shape) == 4:
        kind = "conv2d"
        scale, shift = _scale_and_shift(node, state)
        arrays = {"w": scale.reshape(-1, 1, 1, 1), "b": shift}
        options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": len(scale)}
    elif node.kind in ("MaxPool2d", "AvgPool2d") and _windows_are_alike(node):
        kind = {"MaxPool2d": "max_pool2d", "AvgPool2d": "avg_pool2d"}[node.kind]
        options = {"kernel": op.kernel, "stride": op.stride, "padding": op.padding}
    elif node.kind == "Add" and len(inputs) == 2 and node.inputs[0].shape == node.inputs[1].shape:
        kind = "add"
    elif node.kind == "ReLU":
        kind = "relu"
    elif node.kind in ("Flatten", "Reshape") and node.shape == _flattened(node.inputs[0].shape):
        kind = "flatten"
    else:
        options = {"op": _for_any_batch(node), "arguments": _arguments(node, state)}
    return Step(kind, node.name, inputs, tuple(node.shape[1:]), arrays, options)


def _windows_are_alike(node):
    """Whether no window of a pooling reaches beyond its padding, and every place counts in a mean."""
    op, sizes = node.op, node.inputs[0].shape[2:]
    inside = tuple(map(pooled_size, sizes, op.kernel, op.stride, op.padding, (False, False)))
    return node.shape[2:] == inside and (getattr(op, "count_include_pad", True) or op.padding == (0, 0))


def _flattened(shape):
    return shape[0], int(np.prod(shape[1:]))


def _only_x_varies(node):
    """Whether the operation reads one earlier result, as its x, and otherwise only parameters and constants."""
    return node.inputs == [node.arguments["x"]]


def _constants(node, state):
    """{letter: array or None} of what an operation is called with and no earlier step computes; floats as float32."""
    given = {letter: state[value] if isinstance(value, str) else value
             for letter, value in node.arguments.items() if not isinstance(value, Node)}
    return {letter: a.astype(np.float32, copy=False) if a is not None and a.dtype.kind == "f" else a
            for letter, a in given.items()}


def _arguments(node, state):
    """What an operation is called with, in order: (True, None) for the result of an earlier step, else (False, array)."""
    constants = _constants(node, state)
    return [(letter not in constants, constants.get(letter)) for letter in node.arguments]


def _for_any_batch(node):
    """The operation; of a reshape that keeps the images apart, one that does so for any number of them."""
    if node.kind == "Reshape" and node.shape[0] == node.inputs[0].shape[0]:
        return type(node.op)((-1, *node.shape[1:]))
    return node.op


def _can_fold(step):
    return step.kind in ("conv2d", "linear") and not step.relu


def _scale_and_shift(node, state):
    """BatchNorm at inference as y = scale x + shift:  scale = γ/√(σ² + ε), shift = β − μ scale."""
    given = _constants(node, state)
    scale = 1 / np.sqrt(given["var"] + np.float32(node.op.eps))
    if given["gamma"] is not None:
        scale = given["gamma"] * scale
    shift = -given["mean"] * scale
    return scale, shift if given["beta"] is None else given["beta"] + shift


def _fold(step, scale, shift):
    """scale (w x + b) + shift = (scale w) x + (scale b + shift), per output channel."""
    w, b = step.arrays["w"], step.arrays["b"]
    step.arrays = {"w": w * scale.reshape(-1, *[1] * (w.ndim - 1)), "b": b * scale + shift}
