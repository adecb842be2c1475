"""The architecture part of a file: each step's kind, inputs and options, checked as they are read.

Shapes are not stored: they follow from the input's shape, step by step (`result_shape`).
"""

import numpy as np

from nncompress.int8.plan import Int8Step
from nncompress.quantization.post_training import LARGEST_K
from nnlite.kernels.fast.convolution import output_size

KINDS = ["input", "conv2d", "linear", "max_pool2d", "avg_pool2d", "add", "relu", "flatten"]
LAYERS = ("conv2d", "linear")
RECTIFIED = ("conv2d", "linear", "add")  # the kinds that a ReLU may be fused into
PAIRS = {"conv2d": ["stride", "padding", "dilation"], "max_pool2d": ["kernel", "stride", "padding"],
         "avg_pool2d": ["kernel", "stride", "padding"]}
MOST_STEPS, LARGEST_SIZE, LARGEST_OPTION = 4096, 2**20, 2047
MOST_NUMBERS = 2**26  # weights of a file; activations of one step for one image, its padding included


def write_step(writer, step):
    """kind, ReLU, name, inputs, scale and zero point; then what the kind needs."""
    writer.varint(2 * KINDS.index(step.kind) + step.relu)
    writer.text(step.name)
    writer.varint(len(step.inputs))
    for i in step.inputs:
        writer.varint(i)
    writer.array([step.S], "<f4")
    writer.varint(step.Z)
    if step.kind == "input":
        writer.varint(len(step.shape))
        for size in step.shape:
            writer.varint(size)
    for option in PAIRS.get(step.kind, []):
        for value in step.options[option]:
            writer.varint(value)
    if step.kind in LAYERS:
        writer.varint(step.bits)
        for size in step.w.shape:
            writer.varint(size)
    if step.kind == "conv2d":
        writer.varint(step.options["groups"])


def read_step(reader, steps):
    """The next step after `steps`, with its shape but without its arrays, and the shape of its weights (or None)."""
    code = reader.varint("a step's kind", 2 * len(KINDS) - 1)
    kind, relu = KINDS[code // 2], bool(code % 2)
    if (kind == "input") != (not steps):
        reader.fail("the first step, and no other, is the input")
    name = reader.text()
    inputs = [reader.varint("an input's number", len(steps) - 1) for _ in range(reader.varint("the number of inputs", 2))]
    if len(inputs) != {"input": 0, "add": 2}.get(kind, 1):
        reader.fail(f"{name} ({kind}) cannot have {len(inputs)} inputs")
    S, Z = reader.array(1, "f4", "scales")[0], reader.varint("a zero point", 255)
    if not (np.isfinite(S) and S > 0):
        reader.fail(f"the scale of {name} is {S}; it has to be finite and above 0")
    step = Int8Step(kind, name, inputs, (), S, Z, {}, relu)
    if kind == "input":
        step.shape = tuple(reader.varint("a size of the input", LARGEST_SIZE) for _ in range(reader.varint("the axes", 3)))
    for option in PAIRS.get(kind, []):
        step.options[option] = tuple(reader.varint(option, LARGEST_OPTION) for _ in range(2))
    w_shape = None
    if kind in LAYERS:
        step.bits = reader.varint("the bits of a weight", 8)
        w_shape = tuple(reader.varint("a size of the weights", LARGEST_SIZE) for _ in range(4 if kind == "conv2d" else 2))
    if kind == "conv2d":
        step.options["groups"] = reader.varint("groups", LARGEST_SIZE)
    problem = check_step(step, w_shape, [steps[i] for i in inputs])
    if problem:
        reader.fail(f"{name}: {problem}")
    return step, w_shape


def check_step(step, w_shape, before):
    """Set the step's shape; a sentence where something does not fit, else None."""
    if w_shape is not None and not (2 <= step.bits <= 8 and 0 < np.prod(w_shape, dtype=object) <= MOST_NUMBERS):
        return f"weights of shape {w_shape} with {step.bits} bits are outside the format's limits"
    if w_shape is not None and np.prod(w_shape[1:], dtype=object) > LARGEST_K:
        return f"{np.prod(w_shape[1:], dtype=object)} products add up, int32 is safe up to {LARGEST_K}"
    if step.relu and step.kind not in RECTIFIED:
        return f"a {step.kind} cannot have a ReLU in it"
    if any(0 in step.options.get(option, (1,)) for option in ("stride", "kernel", "dilation")):
        return "a stride, kernel or dilation is 0"
    if step.kind in ("max_pool2d", "flatten", "relu") and (step.S, step.Z) != (before[0].S, before[0].Z):
        return "its scale and zero point have to be those of its input"
    if step.kind != "input":
        step.shape = result_shape(step, w_shape, [x.shape for x in before])
        if step.shape is None:
            return f"does not fit inputs of shape {', '.join(str(x.shape) for x in before)}"
    if len(step.shape) not in (1, 2, 3) or not 0 < np.prod(step.shape, dtype=object) <= MOST_NUMBERS:
        return f"a result of shape {step.shape} is outside the format's limits"
    return None


def result_shape(step, w_shape, shapes):
    """The shape of a step's result for one image, or None where the shapes do not fit."""
    x, o = shapes[0], step.options
    if step.kind == "linear":
        return (w_shape[0],) if x == w_shape[1:] else None
    if step.kind == "flatten":
        return (int(np.prod(x)),)
    if step.kind == "add":
        return x if shapes[1] == x else None
    if step.kind == "relu":
        return x
    if len(x) != 3:
        return None
    if step.kind == "conv2d":
        O, c, *kernel = w_shape
        if o["groups"] == 0 or O % o["groups"] or x[0] != c * o["groups"]:
            return None
        channels, dilation = O, o["dilation"]
    else:
        kernel, channels, dilation = o["kernel"], x[0], (1, 1)
        if any(2 * p > k for p, k in zip(o["padding"], kernel, strict=True)):
            return None
        if step.kind == "max_pool2d" and kernel[0] * kernel[1] > 256:
            return None
    padded = [n + 2 * p for n, p in zip(x[1:], o["padding"], strict=True)]
    if x[0] * padded[0] * padded[1] > MOST_NUMBERS:
        return None
    size = [output_size(n, k, s, d) for n, k, s, d in zip(padded, kernel, o["stride"], dilation, strict=True)]
    return (channels, *size) if min(size) > 0 else None
