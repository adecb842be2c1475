"""`.nnz`: a quantized network in one file, and nothing in it but what the network needs.

    bytes 0–3    "NNZ" and the version, 2 to 4
    then one arithmetic code (`nncompress.coding.arithmetic`) of these fields (`fields.Fields`):
                   requantization law; number of steps; then each step:
                   kind, name, ReLU, inputs, options, sizes, scale, zero point (`architecture.code_step`)
                   of a layer: weight scales, biases, weights (`layers.code_layer`)
                 in version 3, and in version 4 after a bit that says so: normalization and names (`names.code_input`)
    last 4       CRC-32 of all before, little-endian

What follows from the rest (shapes, multipliers, packed weights) is not stored, nor are units that nothing depends on. The other
units come in an order that is cheap to code (`live`). So the loaded plan may have smaller arrays than the saved one. Its logits
are the same, bit for bit.

    scales       one for a layer where all are equal, else one for each output; with as many bits as the mantissa needs
    biases       whole numbers b. If they lie on the grid of the weights, b = round(k / S_in) for whole k, then k is stored
    weights      bit by bit with contexts (`nncompress.coding.layer`), or in the shortest form of `weights` (fixed width,
                 Huffman, relative index), whichever takes fewer bits

A file has the oldest version that holds its plan: 3 for one with normalization and names, 4 for the law "once" and for
activations of fewer than 8 bits, else 2. Version 4 has two bits for the law instead of one, and three bits for how many bits
each step's activations have. Files of version 1 can be read (`version1`).

A sparse file may be much smaller than the arrays that it stands for. So that a small file cannot claim any amount of memory, a
file of n bytes may hold 2^23 + 256 n weights, and never more than 2^26 (`most_weights`). With 99 % of the weights 0, a byte
stands for about 80 weights.
"""

import zlib

import numpy as np

from nncompress.coding.arithmetic import Coder
from nncompress.coding.layer import code_weights
from nncompress.int8.plan import LAWS, Int8Plan
from nncompress.nnz import version1
from nncompress.nnz.architecture import MOST_NUMBERS, MOST_STEPS, UNKNOWN, code_step
from nncompress.nnz.fields import Fields
from nncompress.nnz.inspection import PARTS, Inspection, LayerSize
from nncompress.nnz.layers import code_layer, map_of
from nncompress.nnz.live import live_plan
from nncompress.nnz.names import code_input
from nncompress.nnz.records import Writer
from nncompress.nnz.weights import write_weights
from nnlite.errors import FormatError
from nnlite.files import check_ending, open_to_read, write_atomically

MAGIC, PLAIN, NAMED, LATEST = b"NNZ", 2, 3, 4  # versions that are written


def save(path, plan):
    """Write an Int8Plan (from `quantize`) to `path`, whole or not at all; returns the number of bytes.

    The file has a names part if `plan.input` is an Input, such as nnlite.data.input_of(dataset, preprocessing).
    Errors: TypeError for anything but an Int8Plan; ValueError for a path that ends like another kind of file, such as .npz;
    FormatError for a plan beyond the format's limits (see `architecture`); OSError if the file cannot be written.
    """
    if not isinstance(plan, Int8Plan):
        raise TypeError(f"save: expects an int8 plan, as nncompress.quantize makes it, got {type(plan).__name__}")
    check_ending(path, ".nnz")
    data = to_bytes(plan, str(path))
    from_bytes(data, str(path))  # what could not be read back is not written
    write_atomically(path, lambda stream: stream.write(data))
    return len(data)


def to_bytes(plan, name="nnz"):
    """The content of the file; `name` begins the error messages.

    Units with a constant result can be folded into the biases of the layer that reads them, or stay. If there are such units,
    the content is made in both ways, and the smaller one is returned.
    """
    plans = [live_plan(plan)]
    unfolded = live_plan(plan, fold=False)
    if plans[0].parameters < unfolded.parameters:  # new biases may be off the grid, and so cost more than dead units
        plans.append(unfolded)
    return min((_write(each, name, plan.input) for each in plans), key=len)


def _write(plan, name, input):
    """The content of the file for these steps. Each layer's weights are coded in two ways, and the smaller one is stored."""
    layers = [step for step in plan.steps if step.w is not None]
    plain = [id(step) for step in layers if _plain_is_smaller(step, plan.steps)]
    fields = Fields(name, version=_least_version(plan, input))
    code_plan(fields, plan.steps, plan.law, MOST_NUMBERS, plain)
    if fields.version == LATEST:
        fields.flag(input is not None)
    if input is not None:
        code_input(fields, input, plan.steps)
    content = MAGIC + bytes([fields.version]) + fields.coder.finish()
    return content + zlib.crc32(content).to_bytes(4, "little")


def _least_version(plan, input):
    """The oldest version that holds a plan: older programs read its file, too."""
    if plan.law == "once" or any(step.high < 255 for step in plan.steps):
        return LATEST
    return PLAIN if input is None else NAMED


def code_plan(fields, given, law, most, plain=()):
    """Write the steps `given`, or read those of a file if `given` is empty -> (steps, law, [LayerSize]).

    most: how many weights the file may hold.   plain: ids of the steps whose weights are written without the arithmetic code.
    """
    law = fields.choice(law, LAWS, 2 if fields.version == LATEST else 1)
    count = fields.number(len(given) - 1, "the number of steps, less one,", MOST_STEPS - 1) + 1
    if count < 2:
        fields.fail("there is no step but the input")
    steps, layers, left = [], [], most
    for i in range(count):
        one = given[i] if given else UNKNOWN
        step, w_shape, largest = code_step(fields, one, steps, i == count - 1)
        if w_shape is not None:
            left -= int(np.prod(w_shape))
            if left < 0:
                fields.fail(f"more than {most} weights are outside the limits of a file of this size")
            before = fields.spent
            form = code_layer(fields, one, step, w_shape, largest, steps, id(one) not in plain)
            parts = {part: (bits - before[part]) / 8 for part, bits in fields.spent.items()}
            layers.append(LayerSize(step.name, step.kind, w_shape, dense_shape(step, w_shape, steps), step.bits, form,
                                    int(np.count_nonzero(step.w)), sum(parts.values()), parts))
        if fields.coder.past_the_end():
            fields.fail("the file ends")
        steps.append(step)
        fields.spend_on("header")
    return steps, law, layers


def dense_shape(step, w_shape, steps):
    """The shape of a layer's weights before dead units were left out, here and in the layers that it reads."""
    before = step
    while before.inputs and before.kind != "add":
        before = steps[before.inputs[0]]
        if before.w is not None:
            break
    wider = w_shape[1] * (before.width or len(before.w)) // len(before.w) if before.w is not None else w_shape[1]
    return (step.width or w_shape[0], wider, *w_shape[2:])


def _plain_is_smaller(step, steps):
    """Whether fixed width, Huffman or the relative index takes fewer bits for a layer's weights than the arithmetic code."""
    plain, coder = Writer(), Coder(parts=len(PARTS))
    write_weights(plain, step.w, step.bits)
    code_weights(coder, step.w.reshape(len(step.w), -1).copy(), int(np.abs(step.w).max()), *map_of(step, step.w.shape, steps))
    return 8 * len(plain.data) + 2 * len(plain.data).bit_length() < coder.tape.bits.sum()


def load(path):
    """The Int8Plan of a file: load(path)(images) equals the saved plan's logits bit for bit.

    Errors: FormatError for a file that is damaged, truncated or of another kind; FileNotFoundError; OSError if the file
    cannot be read.
    """
    return from_bytes(_content(path), str(path))


def _content(path):
    with open_to_read(path) as stream:
        return stream.read()


def from_bytes(data, name="nnz"):
    """The Int8Plan of a file's content; `name` begins the error messages.   Errors: FormatError, as for `load`."""
    return _read(data, name)[0]


def most_weights(size):
    """How many weights a file of `size` bytes may hold."""
    return min(MOST_NUMBERS, 2**23 + 256 * size)


def _read(data, name):
    """(plan, [LayerSize], {part: bits}, version) of a file's content."""
    if data[:3] != MAGIC:
        hint = "; nnlite.load reads .npz files" if data[:2] == b"PK" else ""
        raise FormatError(f"{name}: is not an .nnz file: it begins with {bytes(data[:4])!r}, not {MAGIC!r}{hint}")
    if len(data) < 10:
        raise FormatError(f"{name}: is cut off after {len(data)} bytes")
    if not 1 <= data[3] <= LATEST:
        raise FormatError(f"{name}: has format version {data[3]}, this program reads versions 1 to {LATEST}")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise FormatError(f"{name}: the checksum does not fit its {len(data)} bytes: the file is damaged or cut off")
    input = None
    if data[3] == 1:
        steps, law, layers, spent = version1.read(data, name, most_weights(len(data)))
    else:
        fields = Fields(name, data[4:-4], data[3])
        steps, law, layers = code_plan(fields, (), None, most_weights(len(data)))
        named = fields.flag(False) if data[3] == LATEST else data[3] == NAMED
        input = code_input(fields, None, steps) if named else None
        fields.check_end()
        spent = fields.spent
        spent["header"] += 32
        spent["padding"] = 8 * (len(data) - 4) - sum(spent.values())  # the code's last byte is rounded up
    spent["checksum"] = 32
    try:
        plan = Int8Plan(steps, law)
    except ValueError as error:
        raise FormatError(f"{name}: the scales do not fit together: {error}") from None
    plan.input = input
    return plan, layers, spent, data[3]


def inspect(path):
    """What a file holds, and what its bytes are spent on -> Inspection, to print or to read.   Errors: those of `load`."""
    data = _content(path)
    plan, layers, spent, version = _read(data, str(path))
    parts = {part: spent.get(part, 0) / 8 for part in PARTS}
    return Inspection(str(path), version, len(data), plan.law, plan.steps[0].shape, layers, parts, plan.parameters, plan.macs,
                      plan.input)
