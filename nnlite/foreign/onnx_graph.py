"""An ONNX graph as a chain of layers, in which a sum of two branches and a ReLU is a Residual.

Each result of the graph gets a Link: the result before it, and the layer between the two. So the layers of a model are found by
going back from its output. Operators that nothing on this way needs (the labels of scikit-learn's files, say) are passed over.
"""

from dataclasses import dataclass

import numpy as np

from nnlite import nn
from nnlite.foreign.onnx_layers import LAYERS, Refused, axes_after, linear, named, weights

OWN_DOMAINS = ("", "ai.onnx")


@dataclass
class Link:
    """How a result comes about.   before: the name of an earlier result.   layer: a Module, or None where nothing changes.

    axes: of the result.   refused: a sentence, where no layer computes it.   terms: the two results that it is the sum of.
    """

    before: str | None
    layer: nn.Module | None
    axes: int
    refused: str = ""
    terms: tuple = ()


def links_of(graph, constants, source, axes, attributes):
    """{name of a result: Link}.

    graph: of an ONNX model.   constants: {name: array}, to which those of its operators are added.   source: the name of its
    input, which has so many axes.   attributes: function(node) -> {name: value}.
    """
    links = {source: Link(None, None, axes)}
    for node in graph.node:
        o = attributes(node)
        if node.op_type == "Constant" and "value" in o:
            constants[node.output[0]] = o["value"]
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        elif node.op_type == "Concat" and _ends_with_the_rest(node, constants):
            constants[node.output[0]] = np.int64([0, -1])  # sizes whose first is computed: N
        else:
            for name in node.output[:1]:
                links[name] = _link(node, o, constants, links)
    return links


def _ends_with_the_rest(node, constants):
    """Whether the operator puts −1 after one computed number: the sizes of x.view(x.size(0), -1) in PyTorch's files."""
    first, *rest = node.input
    return len(rest) == 1 and first not in constants and np.array_equal(constants.get(rest[0]), [-1])


def _link(node, o, constants, links):
    """The Link of one operator's result."""
    label = f"{node.op_type}{f' ({node.name})' if node.name else ''}"
    computed = [name for name in node.input if name in links]
    before = computed[0] if computed else None
    if not computed:
        return Link(None, None, 0, f"{label}: it does not depend on the input")
    axes = links[before].axes
    if node.op_type == "ZipMap":  # scikit-learn's: the same numbers, with the names of their classes
        return Link(before, None, axes)
    if node.domain not in OWN_DOMAINS or node.op_type not in LAYERS and node.op_type != "Add":
        return Link(before, None, axes, f"the operator {label} cannot be read; what can be: {', '.join(LAYERS)} and Add")
    try:
        if node.op_type == "Add":
            return _sum(node, constants, links, computed)
        if links[before].terms:
            if node.op_type != "Relu":
                raise Refused("it reads a sum of two branches; only a Relu can, as in a residual block")
            return _residual(links, before)
        if before != node.input[0]:
            raise Refused("its first input is a constant")
        layer = LAYERS[node.op_type](node, o, constants, axes)
        return Link(before, layer, axes_after(layer, axes))
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        return Link(before, None, axes, f"{label}: {error}")


def _sum(node, constants, links, computed):
    """A sum of two results; or of a result and a constant, which becomes the bias of the Linear before it."""
    if len(computed) == 2:
        return Link(None, None, links[computed[0]].axes, terms=tuple(computed))
    before = links[computed[0]]
    if not isinstance(before.layer, nn.Linear) or before.layer.bias is not None:
        raise Refused("it adds a constant to what is not the result of a MatMul")
    b = weights(node, constants, 1 - list(node.input).index(computed[0]))
    return Link(before.before, linear(before.layer.weight.data, b.reshape(-1)), 2)


def _residual(links, total):
    """The Link of relu(block(x) + shortcut(x)), where x is the last result that both terms come from."""
    first, second = links[total].terms
    ours, theirs = list(_ways_back(links, first)), set(_ways_back(links, second))
    x = next((name for name in ours if name in theirs), None)
    if x is None:
        raise Refused("its two terms do not come from one result")
    block, shortcut = (between(links, x, name) for name in (first, second))
    if not block:
        block, shortcut = shortcut, block
    if not block:
        raise Refused("it adds a result to itself")
    return Link(x, nn.Residual(named(block), named(shortcut) if shortcut else None), links[x].axes)


def _ways_back(links, name):
    """The names of a result and of all before it."""
    while name is not None:
        yield name
        name = links[name].before


def between(links, start, end):
    """The layers from one result to a later one.   Errors: Refused, with the operator that no layer computes."""
    layers = []
    while end != start:
        link = links[end]
        if link.refused:
            raise Refused(link.refused)
        if link.before is None:
            raise Refused("a sum of two branches without a Relu after it cannot be read")
        layers += [link.layer] if link.layer is not None else []
        end = link.before
    return layers[::-1]
