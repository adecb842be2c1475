"""Version 1 of the format, which is read and no longer written.

    bytes 0–3    "NNZ" and the version, 1
    byte  4      requantization law: 0 fixed, 1 float
    varint       number of steps; then each step:
                   kind, ReLU, name, inputs, scale, zero point, options, sizes
                   for a layer: w_scale float32 (O,), b int32 (O,), and the weights (`weights.read_weights`)
    last 4       CRC-32 of all before, little-endian
"""

import numpy as np

from nncompress.int8.plan import LAWS
from nncompress.int8.steps import Int8Step
from nncompress.nnz.architecture import LARGEST_OPTION, LARGEST_SIZE, MOST_STEPS, NAMES, check_step
from nncompress.nnz.inspection import LayerSize
from nncompress.nnz.records import Reader
from nncompress.nnz.weights import read_weights
from nncompress.quantization.post_training import BIAS_LIMIT
from nnlite.inference.kinds import KINDS


def read(data, name, most):
    """(steps, law, [LayerSize], {part: bits}) of a file's content.

    name: begins the error messages.   most: how many weights the file may hold.   Errors: FormatError.
    """
    reader = Reader(data[:-4], name)
    law = reader.take(5, "header")[4]
    if law >= 2:
        reader.fail(f"the law is {law}; there are 2")
    steps, layers, weights_left = [], [], most
    for _ in range(reader.varint("the number of steps", MOST_STEPS)):
        step, w_shape = read_step(reader, steps)
        if w_shape is not None:
            weights_left -= int(np.prod(w_shape))
            if weights_left < 0:
                reader.fail(f"more than {most} weights are outside the limits of a file of {len(data)} bytes")
            layers.append(read_layer(reader, step, w_shape))
        steps.append(step)
    if reader.at != len(reader.data):
        reader.fail(f"{len(reader.data) - reader.at} bytes follow the last step")
    if len(steps) < 2:
        reader.fail("there is no step but the input")
    return steps, LAWS[law], layers, reader.spent


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


def read_layer(reader, step, w_shape):
    """Read the arrays of a layer into `step` -> its LayerSize."""
    start, before = reader.at, dict(reader.spent)
    step.w_scale = reader.array(w_shape[0], "f4", "scales")
    if not (np.isfinite(step.w_scale).all() and (step.w_scale > 0).all()):
        reader.fail(f"{step.name}: a weight scale is not finite or not above 0")
    step.b = reader.array(w_shape[0], "i4", "biases")
    if np.abs(step.b.astype(np.int64)).max() > BIAS_LIMIT:
        reader.fail(f"{step.name}: a bias is beyond ±{BIAS_LIMIT}")
    step.w, form = read_weights(reader, w_shape, step.bits)
    parts = {part: (bits - before.get(part, 0)) / 8 for part, bits in reader.spent.items()}
    return LayerSize(step.name, step.kind, w_shape, w_shape, step.bits, form, int(np.count_nonzero(step.w)),
                     reader.at - start, parts)
