"""The backward pass: from a Tensor along the tape to the leaves.

At each operation y = f(x_1, x_2, …) the gradient dy of the output becomes the gradients of the inputs (the chain rule):

    dx_i = Σ over every use of x_i of  (∂y/∂x_i)ᵀ dy
"""

import inspect

import numpy as np

from nnlite.changes import what_changed

USED = object()  # the `operation` of a Tensor whose tape was used by `backward` and freed


def run_backward(root, gradient):
    """Add to `grad` of every leaf below `root` its part of `gradient`, an array of root's shape; then free the tape.

    Before anything is computed, `check_kept_arrays` looks at every operation on the tape. `input_gradients` is called once for
    each operation, when the gradient dy of its result is complete, which is the sum over all uses of the result. If the result
    got no gradient, the operation is left out.
    A leaf is a Tensor without an operation. Its `grad` is None or an array of its shape, also of shape (). A new `grad` shares
    its memory neither with another Tensor's nor with `gradient`. No leaf changes before all gradients are computed, so an error
    leaves everything as it was. At the end each operation is taken off the tape (`free`), and its result's `operation` is USED.
    """
    order = topological_order(root)
    for y in order:
        if y.operation is not None:
            check_kept_arrays(y.operation)
    gradients, new, leaves = {id(root): gradient}, set(), []
    for y in reversed(order):
        dy = gradients.pop(id(y), None)
        if dy is None:
            continue
        if y.operation is None:
            leaves.append((y, np.asarray(dy) if id(y) in new else np.array(dy)))
            continue
        for x, dx in input_gradients(y.operation, dy):
            key = id(x)
            if key in gradients or y.operation.makes_new_gradients:
                new.add(key)
            gradients[key] = gradients[key] + dx if key in gradients else dx
    for x, dx in leaves:
        x.grad = dx if x.grad is None else np.asarray(x.grad + dx)
    for y in order:
        if y.operation is not None:
            free(y.operation)
            y.operation = USED


def topological_order(root):
    """Every Tensor that `root` was made from, each once and after all of its inputs; `root` comes last -> a list.

    A Tensor's inputs are its `live_inputs`; a leaf, whose operation is None, has no inputs. A tape may be 100,000 operations
    deep, and Python's functions cannot call themselves so often.
    """
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        tensor, inputs_done = stack.pop()
        if inputs_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            if tensor.operation is None:
                order.append(tensor)
            else:
                stack.append((tensor, True))
                stack += [(x, False) for x in reversed(live_inputs(tensor))]
    return order


def live_inputs(tensor):
    if tensor.operation is USED:
        raise RuntimeError(
            "backward: the tape of this tensor was already used and freed; run the forward pass again, "
            "or add the losses up and call backward once"
        )
    return [x for x in tensor.operation.inputs if x is not None]


def check_kept_arrays(operation):
    """RuntimeError if an array that the operation keeps was changed in place."""
    found = what_changed(operation.kept)
    if found is not None:
        i, array, by = found
        kind = type(operation.inputs[i]).__name__ if i < len(operation.inputs) else "Tensor"
        raise RuntimeError(
            f"backward: {type(operation).__name__} keeps {letter_of(operation, i)}, a {kind} of shape {array.shape}, which was "
            f"changed after the forward pass by {by}; call backward before that, or run the forward pass again")


def letter_of(operation, i):
    """What `forward` calls its input i: "w"; after the last input comes the result."""
    if i == len(operation.inputs):
        return "its result"
    parameters = list(inspect.signature(operation.forward).parameters.values())
    named = i < len(parameters) and parameters[i].kind is not inspect.Parameter.VAR_POSITIONAL
    return f"its input {parameters[i].name if named else i}"


def input_gradients(operation, dy):
    """operation.backward(dy), checked: a tuple with a gradient of its input's shape, or None, for each input."""
    name, inputs, gradients = type(operation).__name__, operation.inputs, operation.backward(dy)
    if not isinstance(gradients, tuple):
        raise TypeError(f"{name}.backward returned {type(gradients).__name__}, expects a tuple with one gradient (or None) "
                        f"for each of its {len(inputs)} inputs")
    if len(gradients) != len(inputs):
        raise ValueError(f"{name}.backward returned {len(gradients)} gradients for {len(inputs)} inputs")
    for i, (x, dx) in enumerate(zip(inputs, gradients, strict=True)):
        if x is not None and x.requires_grad and dx is not None:
            dx = np.asarray(dx, x.dtype)
            if dx.shape != x.shape:
                raise ValueError(f"{name}.backward: the gradient of {letter_of(operation, i)} has shape {dx.shape}, "
                                 f"the input has shape {x.shape}")
            yield x, dx


def free(operation):
    """Take an operation off the tape: its options stay, the arrays that forward kept are removed."""
    options = operation.options
    vars(operation).clear()
    vars(operation).update(options)
