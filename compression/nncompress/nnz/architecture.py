"""The architecture part of a file: each step's kind, inputs and options, checked as they are read.

Shapes are not stored: they follow from the input's shape, step by step (`nnlite.inference.kinds`).
"""

import numpy as np

from nncompress.int8.steps import Int8Step
from nncompress.quantization.post_training import LARGEST_K
from nnlite.inference.kinds import KINDS

NAMES = list(KINDS)  # a kind's number in the file is its position
MOST_STEPS, LARGEST_SIZE, LARGEST_OPTION = 4096, 2**20, 2047
MOST_NUMBERS = 2**26  # weights of a file; activations of one step for one image, its padding included


def write_step(writer, step):
    """kind, ReLU, name, inputs, scale and zero point; then what the kind needs."""
    writer.varint(2 * NAMES.index(step.kind) + step.relu)
    writer.text(step.name)
    writer.varint(len(step.inputs))
    for i in step.inputs:
        writer.varint(i)
    writer.array([step.S], "<f4")
    writer.varint(step.Z)
    if KINDS[step.kind].reads == 0:
        writer.varint(len(step.shape))
        for size in step.shape:
            writer.varint(size)
    for option in KINDS[step.kind].pairs:
        for value in step.options[option]:
            writer.varint(value)
    if KINDS[step.kind].w_axes:
        writer.varint(step.bits)
        for size in step.w.shape:
            writer.varint(size)
    for option in KINDS[step.kind].numbers:
        writer.varint(step.options[option])


def read_step(reader, steps):
    """The next step after `steps`, with its shape but without its arrays, and the shape of its weights (or None)."""
    code = reader.varint("a step's kind", 2 * len(NAMES) - 1)
    kind, relu = KINDS[NAMES[code // 2]], bool(code % 2)
    if (kind.reads == 0) != (not steps):
        reader.fail("the first step, and no other, is the input")
    name = reader.text()
    inputs = [reader.varint("an input's number", len(steps) - 1) for _ in range(reader.varint("the number of inputs", 2))]
    if len(inputs) != kind.reads:
        reader.fail(f"{name} ({kind.name}) cannot have {len(inputs)} inputs")
    S, Z = reader.array(1, "f4", "scales")[0], reader.varint("a zero point", 255)
    if not (np.isfinite(S) and S > 0):
        reader.fail(f"the scale of {name} is {S}; it has to be finite and above 0")
    step = Int8Step(kind.name, name, inputs, (), S, Z, {}, relu)
    if kind.reads == 0:
        step.shape = tuple(reader.varint("a size of the input", LARGEST_SIZE) for _ in range(reader.varint("the axes", 3)))
    for option in kind.pairs:
        step.options[option] = tuple(reader.varint(option, LARGEST_OPTION) for _ in range(2))
    w_shape = None
    if kind.w_axes:
        step.bits = reader.varint("the bits of a weight", 8)
        w_shape = tuple(reader.varint("a size of the weights", LARGEST_SIZE) for _ in range(kind.w_axes))
    for option in kind.numbers:
        step.options[option] = reader.varint(option, LARGEST_SIZE)
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
    kind = KINDS[step.kind]
    if step.relu and not kind.takes_relu:
        return f"a {step.kind} cannot have a ReLU in it"
    if any(0 in step.options.get(option, (1,)) for option in ("stride", "kernel", "dilation")):
        return "a stride, kernel or dilation is 0"
    if kind.moves and (step.S, step.Z) != (before[0].S, before[0].Z):
        return "its scale and zero point have to be those of its input"
    if kind.reads:
        step.shape = kind.shape([x.shape for x in before], step.options, w_shape)
        if step.shape is None or not _padded_size(before[0].shape, step.options) <= MOST_NUMBERS:
            return f"does not fit inputs of shape {', '.join(str(x.shape) for x in before)}"
    if len(step.shape) not in (1, 2, 3) or not 0 < np.prod(step.shape, dtype=object) <= MOST_NUMBERS:
        return f"a result of shape {step.shape} is outside the format's limits"
    return None


def _padded_size(shape, options):
    """How many numbers a step's input has for one image, with the border that its padding puts around it."""
    return np.prod(shape[:1], dtype=object) * np.prod(
        [n + 2 * p for n, p in zip(shape[1:], options.get("padding", (0, 0)), strict=False)], dtype=object)
