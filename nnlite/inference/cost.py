"""What a model costs: numbers to keep, and multiply-accumulates (MACs) to run it on one image."""

from typing import NamedTuple

import numpy as np

from nnlite.inference.graph import trace
from nnlite.nn.parametrize import computed_once

BYTES = 4  # of a float32


class Row(NamedTuple):
    """One step of the model; the columns of a Summary."""

    name: str
    kind: str
    shape: tuple
    parameters: int
    nonzero: int
    macs: int
    bytes: int


class Summary:
    """The cost of a model, step by step and in total; `print(summary)` is a table.

    rows: a Row for every step with parameters or MACs: its name, kind ("Conv2d"), output shape for one image,
    number of parameters, how many of them are not 0, MACs for one image, bytes of its parameters and buffers as float32.
    parameters, nonzero, macs, bytes: the totals, in which a parameter that two steps use counts once.
    """

    def __init__(self, rows, parameters, nonzero, bytes):
        self.rows, self.parameters, self.nonzero, self.bytes = rows, parameters, nonzero, bytes
        self.macs = sum(row.macs for row in rows)

    def __str__(self):
        head = ["layer", "kind", "output", "parameters", "non-zero", "MACs", "bytes"]
        body = [[row.name, row.kind, "×".join(map(str, row.shape)), *map(_grouped, row[3:])] for row in self.rows]
        total = ["total", "", "", *map(_grouped, (self.parameters, self.nonzero, self.macs, self.bytes))]
        widths = [max(map(len, column)) for column in zip(head, *body, total, strict=True)]
        rule = "  ".join("─" * width for width in widths)
        lines = [_line(head, widths), rule, *(_line(cells, widths) for cells in body), rule, _line(total, widths)]
        return "\n".join(lines)

    __repr__ = __str__


def _grouped(number):
    return f"{number:,}"


def _line(cells, widths):
    """One line of the table: the first three cells are words, aligned left; the others are numbers, aligned right."""
    words = [f"{cell:<{width}}" for cell, width in zip(cells[:3], widths[:3], strict=True)]
    numbers = [f"{cell:>{width}}" for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(words + numbers)


def count_parameters(model):
    """How many numbers training may change. A parameter that two layers share counts once; buffers do not count."""
    return sum(parameter.size for parameter in model.parameters())


def count_nonzero(model):
    """How many of the parameters are not 0. Unstructured pruning lowers this count; `count_parameters` stays the same."""
    return sum(int(np.count_nonzero(parameter.data)) for parameter in model.parameters())


def summary(model, example):
    """The Summary of a model, computed from its graph.

        MACs of a convolution = O·H'·W' · C/G·kh·kw      of a linear layer = O·I

    Zeros are multiplied as well: a mask lowers `nonzero`, smaller arrays lower all columns.
    example: array (N, …) as the model takes it. Errors: ValueError for an example without images, and those of `trace`.

    >>> import numpy as np
    >>> from nnlite import models
    >>> cost = summary(models.lenet_300_100(), np.zeros((1, 1, 28, 28), np.float32))
    >>> cost.parameters, cost.macs, cost.bytes
    (266610, 266200, 1066440)
    """
    if np.ndim(example) == 0 or len(example) == 0:
        raise ValueError(f"summary: the example has shape {np.shape(example)}, expected (N, …) with at least one image")
    with computed_once(model):
        graph = trace(model, example)
        parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    rows = [_row(node, parameters, buffers, len(example)) for node in graph.nodes if node.macs or node.parameters]
    used = {name for node in graph.nodes for name in node.parameters.values()}
    return Summary(rows, *_sizes(used, parameters, buffers))


def _row(node, parameters, buffers, N):
    count, nonzero, size = _sizes(node.parameters.values(), parameters, buffers)
    return Row(node.name, node.kind, node.shape[1:], count, nonzero, node.macs // N, size)


def _sizes(names, parameters, buffers):
    """(number of parameters, number of parameters that are not 0, bytes) of the arrays with these names."""
    trained = [parameters[name].data for name in names if name in parameters]
    kept = [buffers[name].data for name in names if name in buffers]
    count = sum(array.size for array in trained)
    nonzero = sum(int(np.count_nonzero(array)) for array in trained)
    return count, nonzero, BYTES * (count + sum(array.size for array in kept))
