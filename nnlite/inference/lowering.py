"""Lowering: a model as a list of few, plain steps that inference runs one after the other.

Three things make the list shorter than the graph, but do not change the function that it computes:

* a BatchNorm after a convolution or linear layer is folded into its weights (at inference it is an affine map per channel):
  w' = w γ/√(σ² + ε),  b' = (b − μ) γ/√(σ² + ε) + β;  any other BatchNorm of images becomes a 1×1 depthwise convolution;
* a ReLU becomes a flag of the step before it, if nothing else reads that step's result;
* dropout and other operations that do nothing at inference were never on the tape.

`kinds` says which operation becomes which step. All other operations become steps of the kind "operation". The float32 plan
computes them by the operation itself; `nncompress.quantize`, which turns the list into integers, refuses them by name.
"""

from dataclasses import dataclass, field

import numpy as np

from nnlite.inference.graph import Node, trace
from nnlite.inference.kinds import KIND_OF_OPERATION, KINDS, only_x_varies
from nnlite.nn.parametrize import computed_once


@dataclass
class Step:
    """One step: what it does, which earlier steps it reads (their numbers), and with what.

    kind: a name of `KINDS`, or "operation" (any other one).
    arrays, options: those of the kind; arrays are float32. A step "operation" has three options: op (the Operation), arguments
    (its arguments in order: (True, None) for the result of an earlier step, (False, array) for a constant) and reason (a
    sentence that says why it is not one of the other kinds).
    relu: whether max(·, 0) is applied to the result.   shape: that of the result for one image, without N.
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

    example: array (N, …), N may be 1.
    Errors: those of `trace`; ValueError for a BatchNorm whose running statistics hold NaN, infinity or a negative variance.
    """
    with computed_once(model):
        graph, state = trace(model, example), model.state_dict()
    fixed = _reshapes_to_a_fixed_number(graph, model, example)
    steps, number = [], {}  # number: the step that computes each node
    for node in graph.nodes:
        read = [number[x] for x in node.inputs]
        before = steps[read[0]] if read and len(graph.users(node.inputs[0])) == 1 else None
        given = _constants(node, state)
        if before is not None and _is_scale_and_shift(node) and before.kind in ("conv2d", "linear") and not before.relu:
            _fold(before, *_scale_and_shift(node, given))
            number[node] = read[0]
        elif before is not None and node.kind == "ReLU" and before.kind in KINDS and KINDS[before.kind].takes_relu:
            before.relu = True
            number[node] = read[0]
        else:
            number[node] = len(steps)
            steps.append(_step(node, read, given, node in fixed))
    return steps


def _reshapes_to_a_fixed_number(graph, model, example):
    """The reshapes whose first size is a fixed number: with one more image in the example, their first size stays the same."""
    doubtful = [i for i, node in enumerate(graph.nodes) if node.kind == "Reshape" and node.inputs
                and node.shape[:1] == node.inputs[0].shape[:1] and node.op.shape[0] != -1]
    if not doubtful:
        return []
    try:
        longer = trace(model, np.concatenate([example, example[-1:]])).nodes
    except ValueError:  # no other number of images is possible
        longer = graph.nodes
    return [graph.nodes[i] for i in doubtful if longer[i].shape[0] == graph.nodes[i].shape[0]]


def _step(node, inputs, given, fixed):
    """The step for one node of the graph.   fixed: whether it is one of `_reshapes_to_a_fixed_number`."""
    kind, shape = KIND_OF_OPERATION.get(node.kind), tuple(node.shape[1:])
    if _is_scale_and_shift(node) and len(node.shape) == 4:
        return Step("conv2d", node.name, inputs, shape, *_one_by_one(*_scale_and_shift(node, given)))
    if kind is None:
        reason = "no kind of step computes it"
    elif not inputs and node.op is not None:
        reason = "it does not depend on the input"
    elif fixed:
        reason = f"its first size is {node.shape[0]}, whatever the number of images"
    else:
        lowered = kind.lower(node, given)
        if isinstance(lowered, str) and kind.instead:
            kind = KINDS[kind.instead]
            lowered = kind.lower(node, given)
        if not isinstance(lowered, str):
            return Step(kind.name, node.name, inputs, shape, *lowered)
        reason = lowered
    arguments = [(letter not in given, given.get(letter)) for letter in node.arguments]
    options = {"op": _alone(node, fixed), "arguments": arguments, "reason": reason}
    return Step("operation", node.name, inputs, shape, {}, options)


def _constants(node, state):
    """{letter: array or None}: the operation's arguments that no earlier step computes; floats as float32."""
    given = {letter: state[value] if isinstance(value, str) else value
             for letter, value in node.arguments.items() if not isinstance(value, Node)}
    return {letter: a.astype(np.float32, copy=False) if a is not None and a.dtype.kind == "f" else a
            for letter, a in given.items()}


def _alone(node, fixed):
    """A copy of the operation without the tape. A reshape that keeps the images apart gets −1 for N, so that any N fits."""
    op = type(node.op).__new__(type(node.op))
    vars(op).update(node.op.options)
    if node.kind == "Reshape" and node.inputs and node.shape[:1] == node.inputs[0].shape[:1] and not fixed:
        op.shape = (-1, *node.shape[1:])
    return op


def _is_scale_and_shift(node):
    """Whether the node is a BatchNorm with running statistics, which is an affine map of each channel."""
    return node.kind == "BatchNorm" and only_x_varies(node) and not node.op.training


def _scale_and_shift(node, given):
    """BatchNorm at inference as y = scale x + shift:  scale = γ/√(σ² + ε), shift = β − μ scale."""
    mean, var, gamma, beta = (given[letter] for letter in ("mean", "var", "gamma", "beta"))
    if not (np.isfinite(mean).all() and np.isfinite(var).all() and (var >= 0).all()):
        raise ValueError(f"lower: {node.name}: the running statistics of this BatchNorm hold NaN, infinity or a negative "
                         "variance; reset_running_stats() and run training images through the model in train mode")
    scale = 1 / np.sqrt(var + np.float32(node.op.eps))
    if gamma is not None:
        scale = gamma * scale
    shift = -mean * scale
    return scale, shift if beta is None else beta + shift


def _fold(step, scale, shift):
    """scale (w x + b) + shift = (scale w) x + (scale b + shift), per output channel."""
    w, b = step.arrays["w"], step.arrays["b"]
    step.arrays = {"w": w * scale.reshape(-1, *[1] * (w.ndim - 1)), "b": b * scale + shift}


def _one_by_one(scale, shift):
    """The arrays and options of a depthwise convolution: y = scale x + shift."""
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": len(scale)}
    return {"w": scale.reshape(-1, 1, 1, 1), "b": shift}, options
