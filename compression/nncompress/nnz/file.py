"""`.nnz`: a quantized network in one file, and nothing in it but what the network needs.

    bytes 0–3    "NNZ" and the version, 1
    byte  4      requantization law: 0 fixed, 1 float
    varint       number of steps; then each step:
                   architecture (`architecture.write_step`): kind, name, inputs, scale, zero point, options, sizes
                   for a layer: w_scale float32 (O,), b int32 (O,), and the weights (`weights.write_weights`)
    last 4       CRC-32 of all before, little-endian

What follows from the rest (shapes, multipliers, packed weights) is not stored. Loading gives the plan that was saved, and
so its logits, bit for bit.

A sparse file may be much smaller than the arrays that it stands for: zeros after the last stored weight of a layer take no
byte at all. So that a small file cannot claim any amount of memory, a file of n bytes may hold 2^23 + 256 n weights, and never
more than 2^26 (`most_weights`). With 99 % of the weights 0, a byte stands for about 80 weights.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from nncompress.int8.plan import LAWS, Int8Plan
from nncompress.nnz.architecture import MOST_NUMBERS, MOST_STEPS, read_step, write_step
from nncompress.nnz.records import Reader, Writer
from nncompress.nnz.weights import read_weights, write_weights
from nncompress.quantization.post_training import BIAS_LIMIT
from nnlite.errors import FormatError
from nnlite.files import check_ending, open_to_read, write_atomically

MAGIC, VERSION = b"NNZ", 1
PARTS = ("header", "codebooks", "indices", "values", "scales", "biases", "padding", "checksum")


def save(path, plan):
    """Write an Int8Plan (from `quantize`) to `path`, whole or not at all; returns the number of bytes.

    Errors: TypeError for anything but an Int8Plan; ValueError for a path that ends like another kind of file, such as .npz;
    FormatError for a plan beyond the format's limits (see `architecture`); OSError if the file cannot be written.
    """
    if not isinstance(plan, Int8Plan):
        raise TypeError(f"save: expects an int8 plan, as nncompress.quantize makes it, got {type(plan).__name__}")
    check_ending(path, ".nnz")
    data = to_bytes(plan)
    from_bytes(data, str(path))  # what could not be read back is not written
    write_atomically(path, lambda stream: stream.write(data))
    return len(data)


def to_bytes(plan):
    """The content of the file."""
    writer = Writer()
    writer.data += MAGIC + bytes([VERSION, LAWS.index(plan.law)])
    writer.varint(len(plan.steps))
    for step in plan.steps:
        write_step(writer, step)
        if step.w is not None:
            writer.array(step.w_scale, "<f4")
            writer.array(step.b, "<i4")
            write_weights(writer, step.w, step.bits)
    return bytes(writer.data) + zlib.crc32(writer.data).to_bytes(4, "little")


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
    """The Int8Plan of a file's content; `name` stands in error messages."""
    return _read(data, name)[0]


def most_weights(size):
    """How many weights a file of `size` bytes may hold."""
    return min(MOST_NUMBERS, 2**23 + 256 * size)


def _read(data, name):
    """(plan, [LayerSize], {part: bits}) of a file's content."""
    reader = Reader(data[:-4], name)
    if data[:3] != MAGIC:
        hint = "; nnlite.load reads .npz files" if data[:2] == b"PK" else ""
        raise FormatError(f"{name}: is no .nnz file: it begins with {bytes(data[:4])!r}, not {MAGIC!r}{hint}")
    if len(data) < 10:
        raise FormatError(f"{name}: is cut off after {len(data)} bytes")
    if data[3] != VERSION:
        raise FormatError(f"{name}: has format version {data[3]}, this program reads version {VERSION}")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise FormatError(f"{name}: the checksum does not fit its {len(data)} bytes: the file is damaged or cut off")
    law = reader.take(5, "header")[4]
    if law >= len(LAWS):
        reader.fail(f"the law is {law}; there are {len(LAWS)}")
    steps, layers, most = [], [], most_weights(len(data))
    weights_left = most
    for _ in range(reader.varint("the number of steps", MOST_STEPS)):
        step, w_shape = read_step(reader, steps)
        if w_shape is not None:
            weights_left -= int(np.prod(w_shape))
            if weights_left < 0:
                reader.fail(f"more than {most} weights are outside the limits of a file of {len(data)} bytes")
            layers.append(_read_layer(reader, step, w_shape))
        steps.append(step)
    if reader.at != len(reader.data):
        reader.fail(f"{len(reader.data) - reader.at} bytes follow the last step")
    if len(steps) < 2:
        reader.fail("there is no step but the input")
    reader.spend("checksum", 32)
    try:
        return Int8Plan(steps, LAWS[law]), layers, reader.spent
    except ValueError as error:
        raise FormatError(f"{name}: the scales do not fit together: {error}") from None


def _read_layer(reader, step, w_shape):
    """Fill the arrays of a layer; returns its LayerSize."""
    start = reader.at
    step.w_scale = reader.array(w_shape[0], "f4", "scales")
    if not (np.isfinite(step.w_scale).all() and (step.w_scale > 0).all()):
        reader.fail(f"{step.name}: a weight scale is not finite or not above 0")
    step.b = reader.array(w_shape[0], "i4", "biases")
    if np.abs(step.b.astype(np.int64)).max() > BIAS_LIMIT:
        reader.fail(f"{step.name}: a bias is beyond ±{BIAS_LIMIT}")
    step.w, form = read_weights(reader, w_shape, step.bits)
    return LayerSize(step.name, step.kind, w_shape, step.bits, form, int(np.count_nonzero(step.w)), reader.at - start)


@dataclass
class LayerSize:
    """One layer in a file: bytes are those of its scales, biases and weights."""

    name: str
    kind: str
    shape: tuple
    bits: int
    form: str
    nonzero: int
    bytes: int


@dataclass
class Inspection:
    """What is in a file. parts: {part: bytes}, which add up to file_bytes (a part may end inside a byte)."""

    path: str
    file_bytes: int
    law: str
    input_shape: tuple
    layers: list
    parts: dict
    parameters: int
    macs: int

    def __str__(self):
        weights = sum(int(np.prod(layer.shape)) for layer in self.layers)
        lines = [f"{self.path}: {self.file_bytes:,} bytes, law {self.law}, input {self.input_shape}, {len(self.layers)} "
                 f"layers, {weights:,} weights ({4 * weights / self.file_bytes:.1f}× smaller than in float32)", "",
                 f"{'layer':24} {'weights':>18} {'kept':>7} {'bits':>4}  {'form':18} {'bytes':>9} {'bits/weight':>11}"]
        for layer in self.layers:
            size = int(np.prod(layer.shape))
            lines.append(f"{layer.name:24} {'×'.join(map(str, layer.shape)):>18} {layer.nonzero / size:7.1%} {layer.bits:4}  "
                         f"{layer.form:18} {layer.bytes:9,} {8 * layer.bytes / size:11.2f}")
        lines += ["", f"{'part':12} {'bytes':>12} {'share':>7}"]
        for part, size in self.parts.items():
            lines.append(f"{part:12} {size:12,.1f} {size / self.file_bytes:7.1%}")
        return "\n".join([*lines, f"{'total':12} {sum(self.parts.values()):12,.1f} {1:7.1%}"])


def inspect(path):
    """What a file holds and what its bytes are spent on; print it, or read its fields.   Errors: those of `load`."""
    data = _content(path)
    plan, layers, spent = _read(data, str(path))
    parts = {part: spent.get(part, 0) / 8 for part in PARTS}
    return Inspection(str(path), len(data), plan.law, plan.steps[0].shape, layers, parts, plan.parameters, plan.macs)
