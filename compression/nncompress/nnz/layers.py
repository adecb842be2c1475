"""The arrays of one layer in a file: the scales and biases of its outputs, and its weights."""

import numpy as np

from nncompress.coding.layer import code_biases, code_weights
from nncompress.nnz.fields import LARGEST_NUMBER
from nncompress.nnz.records import Reader, Writer
from nncompress.nnz.weights import read_weights, write_weights
from nncompress.quantization.post_training import BIAS_LIMIT


def code_layer(fields, given, step, w_shape, largest, steps, coded):
    """Write the arrays of the step `given`, or read them; both fill them into `step` -> the form of the weights in words.

    w_shape, largest: the shape of the weights and the largest |weight|.   steps: those before.
    coded: whether a writer uses the arithmetic code for the weights; if not, the shortest of the other forms.
    """
    O = w_shape[0]
    S1 = steps[step.inputs[0]].S
    fields.spend_on("scales")
    step.w_scale = _code_scales(fields, np.ones(O, np.float32) if fields.reads else given.w_scale, step.name)
    fields.spend_on("biases")
    b = _code_biases(fields, np.zeros(O, np.int64) if fields.reads else given.b.astype(np.int64), S1, step.name)
    if np.abs(b).max() > BIAS_LIMIT:
        fields.fail(f"{step.name}: a bias is beyond ±{BIAS_LIMIT}")
    step.b = b.astype(np.int32)
    step.w, form = _code_weights(fields, given.w, w_shape, largest, step, map_of(step, w_shape, steps), coded)
    return form


def _code_scales(fields, w_scale, name):
    """The weight scales (O,): stored as one number if all are equal, else as one for each output."""
    if fields.flag((w_scale == w_scale[0]).all()):
        return np.full(len(w_scale), fields.scale(w_scale[0], f"a weight scale of {name}"))
    scales = np.empty(len(w_scale), np.float32)
    for o in range(len(w_scale)):
        scales[o] = fields.scale(w_scale[o], f"a weight scale of {name}")
        if fields.coder.past_the_end():
            fields.fail("the file ends")
    return scales


def _code_biases(fields, b, S1, name):
    """The biases b (O,): stored as k if all b = round(k / S1) and k is smaller, else as they are.

    A bias of k steps S_w becomes such a b in `quantize`. k is found and checked in float64, whose division and rounding give
    the same bits on every machine.
    """
    k = np.rint(b * np.float64(S1)).astype(np.int64) if S1 < 1 else b  # with larger steps, k would be no smaller than b
    on_grid = fields.flag(np.array_equal(from_grid(k, S1), b) and np.abs(k).max() < np.abs(b).max())
    numbers = k if on_grid else b
    fields.call(name, code_biases, numbers, BIAS_LIMIT)
    return from_grid(numbers, S1) if on_grid else numbers


def from_grid(k, S1):
    """b = round(k / S1), clipped to ±2 · BIAS_LIMIT, beyond what a bias may have.   k: in steps of S_w; S1: the inputs' scale.

    Source: Jacob et al. 2018 (arXiv 1712.05877), §2.4, for biases in steps of S1 S_w.
    """
    return np.clip(np.rint(k / np.float64(S1)), -2 * BIAS_LIMIT, 2 * BIAS_LIMIT).astype(np.int64)


def map_of(step, w_shape, steps):
    """(W, H) of the map in which the inputs of an output lie: the kernel's, or that of the image that was flattened before.

    (1, 1) for a linear layer that reads vectors.
    """
    if len(w_shape) == 4:
        return w_shape[3], w_shape[2]
    before = steps[step.inputs[0]]
    image = steps[before.inputs[0]].shape if before.kind == "flatten" else ()
    return (image[2], image[1]) if len(image) == 3 else (1, 1)


def _code_weights(fields, w, w_shape, largest, step, map, coded):
    """Write or read the weights -> (w int8 of w_shape, their form in words)."""
    if fields.flag(coded):
        flat = np.zeros((w_shape[0], int(np.prod(w_shape[1:]))), np.int8)
        if not fields.reads:
            flat[...] = w.reshape(flat.shape)
        fields.call(step.name, code_weights, flat, largest, *map)
        return flat.reshape(w_shape), "arithmetic"
    fields.spend_on("values")
    writer = Writer()
    if not fields.reads:
        write_weights(writer, w, step.bits)
    most = fields.coder.tape.data.size if fields.reads else LARGEST_NUMBER
    data = fields.data(bytes(writer.data), "the size of the weights", most)
    reader = Reader(data, fields.name)
    w, form = read_weights(reader, w_shape, step.bits)
    if reader.at != len(data):
        fields.fail(f"{len(data) - reader.at} bytes follow the weights")
    return w, form
