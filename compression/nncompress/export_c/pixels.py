"""What the file of a plan says of its images and classes, as constants in C: integers for pixels, names for classes."""

import numpy as np

from nncompress.quantization.affine import quantize_affine


def pixel_integers(plan):
    """The integer that the plan reads for each pixel 0 … 255: uint8 (C, 256), or (1, 256) where all channels have the same.

        q = clamp(round((p/255 − mean)/std / S) + Z, 0, high)

    None where the plan does not know its images, where they are not bytes, and where each pixel is its own integer.

    Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1.
    """
    if plan.input is None or plan.input.dtype != "uint8" or len(plan.input.shape) != 3:
        return None
    first, channels = plan.steps[0], plan.input.shape[0]
    x = np.broadcast_to(np.arange(256, dtype=np.uint8), (1, channels, 1, 256))
    for transform in plan.input.preprocessing:
        x = transform(x, None)
    q = quantize_affine(x, first.S, first.Z, 0, first.high, np.uint8)[0, :, 0]
    if (q == np.arange(256)).all():
        return None
    return q[:1] if (q == q[0]).all() else q


def class_names(plan):
    """The names of the classes as string literals; None where they are numbers or unknown."""
    if plan.input is None or plan.input.names == tuple(map(str, range(len(plan.input.names)))):
        return None
    return [_literal(name) for name in plan.input.names]


def _literal(name):
    """A text in quotes. What is not a plain ASCII letter is written as the octal numbers of its UTF-8 bytes."""
    return '"' + "".join(chr(b) if chr(b).isalnum() and b < 128 or b in b" _-.," else f"\\{b:03o}" for b in name.encode()) + '"'
