"""KINDS: what a kind of step is, in one table. Lowering, the plans, quantization and the `.nnz` file all read it.

A new kind is one class below and its name in KINDS. If it is to have an integer form, it also gets a runner in
`nncompress.int8.steps` and the same formula in `nncompress.int8.reference`; without them int8 refuses it by name.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.functional.pooling import pooled_size


class Kind:
    """What a step of a plan does, for one image of shape (C, H, W) or (F,).

    name: what `Step.kind` says; operations: names of the operations that may become such a step.
    reads: how many earlier results it reads; pairs, numbers: names of its options, which are (vertical, horizontal) or one
    number; w_axes: axes of its weights w, 0 without weights.
    instead: the kind that a node becomes if it cannot become this one; None without such a kind.
    moves: whether each number of the result is a number of the input, so that integers keep their scale and zero point.
    takes_relu, takes_pool: whether a ReLU and a 2×2 max-pooling that follow it can be computed in the same pass.
    """

    name, operations, instead = None, (), None
    reads, pairs, numbers, w_axes = 1, (), (), 0
    moves = takes_relu = takes_pool = False

    def lower(self, node, given):
        """(arrays, options) of the step for a node of the graph; or a sentence that says why the node cannot be such a step.

        given: {letter: array or None}, the operation's arguments that no earlier step computes.
        """
        return {}, {}

    def shape(self, shapes, options, w_shape=None):
        """The shape of the result, from the shapes of the results that the step reads; None if they do not fit."""
        return shapes[0]

    def runner(self, step):
        """A function from the results that the step reads to its own result, before any ReLU.

        All of them are (N, H, W, C) or (N, F), float32; a kind that moves numbers takes any dtype.
        """
        raise NotImplementedError

    def border(self, options):
        """The border of zeros, (rows above and below, columns left and right), that the step needs around its input."""
        return 0, 0


class Input(Kind):
    """The images that the plan is called with."""

    name, operations, reads = "input", ("Input",), 0

    def runner(self, step):
        return None


class Conv2d(Kind):
    """A convolution: arrays w (O, C/G, kh, kw) and b (O,)."""

    name, operations, w_axes = "conv2d", ("Conv2d",), 4
    pairs, numbers = ("stride", "padding", "dilation"), ("groups",)
    takes_relu = takes_pool = True

    def lower(self, node, given):
        if not only_x_varies(node):
            return "its weights are computed from the input"
        if given["w"].size == 0:
            return f"its weights {given['w'].shape} hold no numbers"
        return layer_arrays(given), {option: getattr(node.op, option) for option in (*self.pairs, *self.numbers)}

    def shape(self, shapes, options, w_shape=None):
        (x,), (O, c, *kernel), groups = shapes, w_shape, options["groups"]
        if len(x) != 3 or groups == 0 or O % groups or x[0] != c * groups:
            return None
        padded = (n + 2 * p for n, p in zip(x[1:], options["padding"], strict=True))
        size = tuple(map(kernels.output_size, padded, kernel, options["stride"], options["dilation"]))
        return (O, *size) if min(size) > 0 else None

    def walk(self, step):
        """The step's stride, dilation and padding as the kernels take them."""
        return kernels.Walk(*(step.options[option] for option in ("stride", "dilation", "padding")))

    def runner(self, step):
        w, b, walk = grouped(step.arrays["w"], step.options["groups"]), step.arrays["b"], self.walk(step)

        def run(x):
            x = kernels.to_nhwc(as_nchw(x), walk.padding)
            y = kernels.empty((len(x), *step.shape[1:], len(b)), np.float32)
            kernels.conv2d(x, w, y, walk, b)
            return y

        return run

    def border(self, options):
        return options["padding"]


class Linear(Kind):
    """A linear layer: arrays w (O, I) and b (O,)."""

    name, operations, w_axes, takes_relu = "linear", ("Linear",), 2, True

    def lower(self, node, given):
        if not only_x_varies(node):
            return "its weights are computed from the input"
        if given["w"].size == 0:
            return f"its weights {given['w'].shape} hold no numbers"
        if len(node.shape) != 2:
            return f"it is applied along the last of {len(node.shape)} axes, not to (N, features)"
        return layer_arrays(given), {}

    def shape(self, shapes, options, w_shape=None):
        return w_shape[:1] if shapes[0] == w_shape[1:] else None

    def runner(self, step):
        w, b = np.ascontiguousarray(step.arrays["w"].T), step.arrays["b"]
        return lambda x: kernels.matmul(x, w, b)


class Pool(Kind):
    """What the poolings share. No window reaches beyond the padding, and a mean counts all places of its window."""

    pairs = "kernel", "stride", "padding"

    def lower(self, node, given):
        op, sizes = node.op, node.inputs[0].shape[2:]
        inside = tuple(map(pooled_size, sizes, op.kernel, op.stride, op.padding, (False, False)))
        if node.shape[2:] != inside or not (getattr(op, "count_include_pad", True) or op.padding == (0, 0)):
            return "its windows are not alike (ceil_mode=True or count_include_pad=False)"
        return {}, {option: getattr(op, option) for option in self.pairs}

    def shape(self, shapes, options, w_shape=None):
        (x,), (kernel, stride, padding) = shapes, (options[option] for option in self.pairs)
        if len(x) != 3 or any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            return None
        if any(options[option] not in (0, 1) for option in self.numbers):
            return None
        size = tuple(map(pooled_size, x[1:], kernel, stride, padding, 2 * [options.get("ceil_mode", 0)]))
        return (x[0], *size) if min(size) > 0 else None

    def window(self, step):
        return kernels.Window(*(number for option in self.pairs for number in step.options[option]))


class MaxPool2d(Pool):
    """The largest number of each window; a window has at most 256 places."""

    name, operations, instead, moves = "max_pool2d", ("MaxPool2d",), "uneven_max_pool2d", True

    def shape(self, shapes, options, w_shape=None):
        return super().shape(shapes, options) if math.prod(options["kernel"]) <= 256 else None

    def runner(self, step):
        def run(x):
            y = np.empty((len(x), *step.shape[1:], x.shape[3]), x.dtype)
            kernels.max_pool2d(x, y, np.empty(y.shape, np.uint8), self.window(step))
            return y

        return run


class AvgPool2d(Pool):
    """The mean of each window, in which the zeros of the padding count."""

    name, operations, instead = "avg_pool2d", ("AvgPool2d",), "uneven_avg_pool2d"

    def runner(self, step):
        count_padding = bool(step.options.get("count_include_pad", True))

        def run(x):
            y = np.empty((len(x), *step.shape[1:], x.shape[3]), np.float32)
            kernels.avg_pool2d(x, y, self.window(step), count_padding)
            return y

        return run


class Uneven(Pool):
    """Poolings whose windows are not alike: with ceil_mode they reach beyond the padding, or a mean leaves out the padding."""

    operations, instead, numbers = (), None, ("ceil_mode",)

    def lower(self, node, given):
        numbers = {option: int(getattr(node.op, option)) for option in self.numbers}
        return {}, {option: getattr(node.op, option) for option in self.pairs} | numbers


class UnevenMaxPool2d(Uneven, MaxPool2d):
    """The largest number of each window."""

    name = "uneven_max_pool2d"


class UnevenAvgPool2d(Uneven, AvgPool2d):
    """The mean of the places of each window that count (`nnlite.functional.pooling.AvgPool2d`)."""

    name, numbers = "uneven_avg_pool2d", ("ceil_mode", "count_include_pad")


class Add(Kind):
    """The sum of two results of the same shape."""

    name, operations, reads, takes_relu = "add", ("Add",), 2, True

    def lower(self, node, given):
        if len(node.inputs) != 2:
            return "it adds a constant"
        if node.inputs[0].shape != node.inputs[1].shape:
            return f"it adds results of different shapes, {node.inputs[0].shape} and {node.inputs[1].shape}"
        return {}, {}

    def shape(self, shapes, options, w_shape=None):
        return shapes[0] if shapes[1] == shapes[0] else None

    def runner(self, step):
        return np.add


class ReLU(Kind):
    """max(x, 0), as a step of its own: only if the step before cannot compute it in the same pass."""

    name, operations, moves = "relu", ("ReLU",), True

    def runner(self, step):
        return lambda x: np.maximum(x, 0)


class Flatten(Kind):
    """An image or a vector as one vector, in the order (C, H, W)."""

    name, operations, moves = "flatten", ("Flatten", "Reshape"), True

    def lower(self, node, given):
        x = node.inputs[0].shape
        if node.shape != (x[0], math.prod(x[1:])):
            return f"it makes {node.shape} of {x}, not (N, all the rest)"
        return {}, {}

    def shape(self, shapes, options, w_shape=None):
        return (math.prod(shapes[0]),)

    def runner(self, step):
        return lambda x: (kernels.to_nchw(as_nchw(x)) if x.ndim == 4 else x).reshape(len(x), -1)


# The position of a kind is its number in `.nnz` files: a new one goes to the end.
KINDS = {kind.name: kind for kind in (Input(), Conv2d(), Linear(), MaxPool2d(), AvgPool2d(), Add(), ReLU(), Flatten(),
                                      UnevenMaxPool2d(), UnevenAvgPool2d())}
KIND_OF_OPERATION = {operation: kind for kind in KINDS.values() for operation in kind.operations}


def only_x_varies(node):
    """Whether the operation reads one earlier result, as its x, and otherwise only parameters and constants."""
    return node.inputs == [node.arguments["x"]]


def layer_arrays(given):
    """w and b of a layer; for a layer without a bias, b is zeros."""
    w, b = given["w"], given["b"]
    return {"w": w, "b": np.zeros(len(w), np.float32) if b is None else b}


def grouped(w, groups):
    """The kernels' layout of a convolution's weights: (O, C/G, kh, kw) -> (G, kh, kw, C/G, O/G)."""
    O, c, kh, kw = w.shape
    return np.ascontiguousarray(w.reshape(groups, O // groups, c, kh, kw).transpose(0, 3, 4, 2, 1))
