"""The architecture part of a file: each step's kind, inputs and options, checked as they are read.

Shapes are not stored: they follow from the input's shape, step by step (`nnlite.inference.kinds`). The usual values take one
bit each: a step reads the one before it, a zero point is 0, a stride is 1, layers are called conv1, conv2, …, fc1, …
"""

import numpy as np

from nncompress.int8.steps import Int8Step
from nncompress.quantization.post_training import LARGEST_K
from nnlite.inference.kinds import KINDS

NAMES = list(KINDS)  # a kind's number in the file is its position
MOST_STEPS, LARGEST_SIZE, LARGEST_OPTION = 4096, 2**20, 2047
MOST_NUMBERS = 2**26  # weights of a file; activations of one step for one image, its padding included
UNKNOWN = Int8Step("", "", [], (), np.float32(1), 0)  # passed in by a reader, which does not know the step yet


def code_step(fields, given, steps, last):
    """Write or read the step that follows `steps`.

    given: the step to write; UNKNOWN in a reader.
    last: whether this is the last step. The logits of a last layer without ReLU are not rounded to 8 bits. So its S and Z mean
    nothing: they are not stored, and are read as 1 and 0.
    -> (the step with its shape but without its arrays; the shape of its weights, or None; its largest |weight|, or 0)
    """
    kind = KINDS[fields.choice(given.kind, NAMES, 4)]
    if (kind.reads == 0) != (not steps):
        fields.fail("the first step, and no other, is the input")
    step = Int8Step(kind.name, "", [], (), given.S, given.Z, {})
    step.name = _code_name(fields, given.name, kind, steps)
    step.relu = fields.flag(given.relu) if kind.takes_relu else given.relu
    step.inputs = _code_inputs(fields, given.inputs, kind, step.name, len(steps))
    if kind.reads == 0:
        axes = fields.number(len(given.shape) - 1, "the number of axes, less one,", 2) + 1
        step.shape = tuple(fields.number(n, "a size of the input", LARGEST_SIZE) for n in _padded(given.shape, axes))
    _code_options(fields, step, given, kind)
    w_shape, largest = _code_sizes(fields, step, given, kind, steps) if kind.w_axes else (None, 0)
    _code_scale(fields, step, given, kind, steps, last)
    problem = check_step(step, w_shape, [steps[i] for i in step.inputs])
    if problem:
        fields.fail(f"{step.name}: {problem}")
    return step, w_shape, largest


def standard_name(kind, steps):
    """The usual name of the next step: conv1, conv2, …, fc1, …; input; maxpool2d_1, …, flatten_1, …

    kind: that of the step.   steps: those before it; steps of the same kind are counted.
    """
    number = 1 + sum(step.kind == kind.name for step in steps)
    if kind.name == "input":
        return "input"
    if kind.w_axes:
        return f"conv{number}" if kind.name == "conv2d" else f"fc{number}"
    return f"{kind.operations[0].lower() if kind.operations else kind.name}_{number}"


def _code_name(fields, name, kind, steps):
    standard = standard_name(kind, steps)
    return standard if fields.flag(name == standard) else fields.text(name, "a name")


def _code_inputs(fields, inputs, kind, name, before):
    """The numbers of the steps that this step reads.   before: how many steps there are before it.

    A step that reads only the one before it takes one bit.
    """
    if not fields.reads and (len(inputs) != kind.reads or any(not 0 <= i < before for i in inputs)):
        fields.fail(f"{name} ({kind.name}) cannot read the results {inputs} of {before}")
    previous = [before - 1]
    if kind.reads == 1 and fields.flag(inputs == previous):
        return previous
    return [before - 1 - fields.number(before - 1 - i, "the number of steps between a result and its reader", before - 1)
            for i in _padded(inputs, kind.reads)]


def _code_options(fields, step, given, kind):
    """Set step.options: strides, paddings, windows, dilations, groups; ceil_mode and count_include_pad of an uneven pooling."""
    usual = {"kernel": (2, 2), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    for option in kind.pairs:
        if option == "stride" and "kernel" in step.options:
            usual["stride"] = step.options["kernel"]
        step.options[option] = fields.pair(given.options.get(option, (0, 0)), usual[option], option, LARGEST_OPTION)
    for option in kind.numbers:
        value = given.options.get(option, 1)
        step.options[option] = 1 if fields.flag(value == 1) else fields.number(value, option, LARGEST_SIZE)


def _code_sizes(fields, step, given, kind, steps):
    """Code the sizes of a layer, and set step.width and step.bits -> (w_shape, the largest |weight|).

    How many numbers one output reads is not stored, because it follows from the layer's input.
    """
    shape = (0,) * kind.w_axes if given.w is None else given.w.shape
    before = steps[step.inputs[0]].shape
    O = fields.number(shape[0], "the outputs of a layer", LARGEST_SIZE)
    step.width = None if fields.flag(given.width in (None, O)) else fields.number(given.width or 0, "a width", LARGEST_SIZE)
    if kind.name == "conv2d":
        height = fields.number(shape[2], "the height of a kernel", LARGEST_SIZE)
        width = height if fields.flag(shape[2] == shape[3]) else fields.number(shape[3], "the width of a kernel", LARGEST_SIZE)
        w_shape = (O, before[0] // max(step.options["groups"], 1), height, width)
    else:
        w_shape = (O, before[0])
    if given.w is not None and given.w.shape != w_shape:
        fields.fail(f"{step.name}: does not fit inputs of shape {before}")
    largest = 0 if given.w is None else max(int(given.w.max(initial=0)), -int(given.w.min(initial=0)))
    largest = fields.number(largest, "the largest weight", 127)
    least = max(2, largest.bit_length() + 1)
    step.bits = least if fields.flag(given.bits == least) else fields.number(given.bits, "the bits of a weight", 8)
    if step.bits < least:
        fields.fail(f"{step.name}: {step.bits} bits do not hold the weight {largest}")
    return w_shape, largest


def _code_scale(fields, step, given, kind, steps, last):
    """Set S and Z of the result. A kind that only moves numbers has those of its input; logits have S = 1 and Z = 0."""
    if last and kind.w_axes and not step.relu:
        step.S, step.Z = np.float32(1), 0
    elif kind.moves and fields.reads:
        step.S, step.Z = steps[step.inputs[0]].S, steps[step.inputs[0]].Z
    elif not kind.moves:
        fields.spend_on("scales")
        step.S = fields.scale(given.S, f"the scale of {step.name}")
        if not 0 <= given.Z <= 255:
            fields.fail(f"the zero point of {step.name} is {given.Z}, expects 0 to 255")
        step.Z = 0 if fields.flag(given.Z == 0) else fields.coder.number(int(given.Z), 8)
        if fields.version >= 4:
            _code_high(fields, step, given)
        fields.spend_on("header")


def _code_high(fields, step, given):
    """The largest integer of a step's results, 2^bits − 1, as the bits of its activations, 1 to 8."""
    bits = fields.coder.number(int(given.high).bit_length() - 1, 3) + 1
    step.high = 2**bits - 1
    if not fields.reads and given.high != step.high:
        fields.fail(f"the largest activation of {step.name} is {given.high}, expects 1, 3, 7, … or 255")
    if step.Z > step.high:
        fields.fail(f"the zero point of {step.name} is {step.Z}, its activations have {bits} bits")


def _padded(numbers, count):
    """The numbers as given, or `count` zeros in a reader, which has none yet."""
    return numbers if len(numbers) == count else (0,) * count


def check_step(step, w_shape, before):
    """Set step.shape, and check the step -> None, or a sentence that says what does not fit.

    w_shape: of a layer's weights, else None.   before: the steps that the step reads.
    """
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
