"""The graph of a model: the operations that one run on an example leaves on the tape.

The graph is the project's only description of a model. Structured pruning, lowering and `summary` read it. Lowering folds
BatchNorm and gives steps; the float32 plan, the int8 plan and export to ONNX use these steps. Backward runs along the tape.
"""

import inspect

import numpy as np

from nnlite.backward import topological_order
from nnlite.nn.module import inference_mode
from nnlite.nn.parametrize import computed_once
from nnlite.tensor import Tensor, tracing


class Node:
    """One step of a model: an operation, its arguments, and the shape of its result.

    name: unique; the layer's name where the step has parameters ("conv1"), else the operation's with a number ("relu_1").
    op: the Operation (None for the input), kind its class's name ("Conv2d"; "Input").
    arguments: {letter of forward: Node, parameter name (str), constant array, or None}.
    shape: of the output; macs: multiply-accumulates of this step.
    """

    def __init__(self, name, op, arguments, shape, macs):
        self.name, self.op, self.arguments, self.shape, self.macs = name, op, arguments, shape, macs

    @property
    def kind(self):
        return "Input" if self.op is None else type(self.op).__name__

    @property
    def inputs(self):
        """The Nodes that this one reads."""
        return [value for value in self.arguments.values() if isinstance(value, Node)]

    @property
    def parameters(self):
        """{letter: name of the parameter or buffer}."""
        return {letter: value for letter, value in self.arguments.items() if isinstance(value, str)}

    def __repr__(self):
        reads = ", ".join(f"{letter}={getattr(value, 'name', value)}" for letter, value in self.arguments.items())
        return f"{self.name}: {self.kind}({reads}) -> {self.shape}"


class Graph:
    """The nodes in the order of execution; the first is the input, the last the output."""

    def __init__(self, nodes):
        self.nodes = nodes

    @property
    def output(self):
        return self.nodes[-1]

    def users(self, node):
        """The nodes that read `node`."""
        return [user for user in self.nodes if node in user.inputs]

    def __repr__(self):
        return "\n".join(map(repr, self.nodes))


def trace(model, example):
    """Run the model once on an example, in inference mode, and return its Graph.

    example: array (N, …) as the model takes it; N may be 1. The model's mode and statistics stay as they were.
    Errors: ValueError for an example that is a single number, for an output that is not one Tensor or does not come from the
    input by recorded operations, and for a model that changes its input in place.
    """
    x = Tensor(example)
    if x.ndim == 0:
        raise ValueError("trace: the example is a single number, expected an array (N, …)")
    with computed_once(model):
        return _traced(model, x)


def _traced(model, x):
    with inference_mode(model), tracing(x):
        y = _run(model, x)
    if not isinstance(y, Tensor):
        raise ValueError(f"trace: the model has to return one Tensor, it returned {type(y).__name__}")
    if x.operation is not None:
        raise ValueError("trace: the model changes its input in place; write x = x + … for a new Tensor instead of x += …")
    order = topological_order(y)
    if not any(tensor is x for tensor in order):
        raise ValueError("trace: the model's output does not come from its input by operations of nnlite.functional")
    names = {id(tensor): name for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    nodes = {id(x): Node("input", None, {}, x.shape, 0)}
    taken = {"input"}
    for tensor in order:
        if tensor.operation is not None:
            arguments = _arguments(tensor.operation, nodes, names)
            name = _name(tensor.operation, arguments, taken)
            taken.add(name)
            nodes[id(tensor)] = Node(name, tensor.operation, arguments, tensor.shape, tensor.operation.macs(tensor.data))
    return Graph(list(nodes.values()))


def _run(model, x):
    try:
        return model(x)
    except ValueError as error:
        raise ValueError(f"{error} (where the model is run on an example of shape {x.shape})") from error


def _arguments(op, nodes, names):
    letters = list(inspect.signature(op.forward).parameters)
    if len(letters) < len(op.inputs):  # forward(self, *x)
        letters = [f"{letters[0]}{i}" for i in range(len(op.inputs))]
    return {letter: _argument(tensor, nodes, names) for letter, tensor in zip(letters, op.inputs, strict=False)}


def _argument(tensor, nodes, names):
    if tensor is None:
        return None
    if id(tensor) in nodes:
        return nodes[id(tensor)]
    return names.get(id(tensor), np.asarray(tensor.data))


def _name(op, arguments, taken):
    parameters = [value for value in arguments.values() if isinstance(value, str)]
    base = parameters[0].rpartition(".")[0] if parameters else ""
    base = base or type(op).__name__.lower()
    if parameters and base not in taken:
        return base
    number = 1
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"
