"""The names part of a file: the names of the classes, and how images are normalized. It follows the last step.

    one bit       whether the images are bytes
    mean, std     once if all channels have the same numbers, else for each channel; as float32, with as many bits as they need
    names         one bit if the names are 0, 1, 2, …; else a text of at most 255 bytes for each class

The shape of an image and the number of classes are those of the plan. MNIST's part takes about 10 bytes, named classes take the
length of their names.
"""

import numpy as np

from nnlite.data import Input


def code_input(fields, given, steps):
    """Write the Input `given`, or read one (`given` is None then); returns it with mean and std as float32 holds them.

    steps: those of the plan.   Errors: FormatError for an Input that does not fit the plan.
    """
    shape, classes = steps[0].shape, steps[-1].shape
    if len(classes) != 1:
        fields.fail(f"a result of shape {classes} is not one number for each class")
    if given is not None and (tuple(given.shape), len(given.names)) != (shape, classes[0]):
        fields.fail(f"the Input has {len(given.names)} classes and images of shape {given.shape}, the plan has {classes[0]} "
                    f"classes and {shape}")
    fields.spend_on("names")
    dtype = "uint8" if fields.flag(given is not None and given.dtype == "uint8") else "float32"
    mean, std = _code_moments(fields, given, shape[0])
    names = _code_names(fields, given, classes[0])
    try:
        return Input(shape, dtype, mean, std, names)
    except ValueError as error:
        fields.fail(str(error))


def _code_moments(fields, given, channels):
    """Write or read the mean and the deviation of each channel -> (mean, std), two tuples."""
    rows = [] if given is None else list(zip(np.float32(given.mean), np.float32(given.std), strict=True))
    same = fields.flag(len(set(rows)) == 1)
    coded = [_code_pair(fields, *(rows[c] if rows else (0, 1))) for c in range(1 if same else channels)]
    mean, std = zip(*(coded * channels if same else coded), strict=True)
    return mean, std


def _code_pair(fields, mean, std):
    """Write or read the mean and the deviation of one channel."""
    if fields.coder.past_the_end():
        fields.fail("the file ends")
    if fields.flag(mean == 0):
        mean = 0.0
    else:
        sign = -1 if fields.flag(mean < 0) else 1
        mean = sign * float(fields.scale(abs(mean) if mean else 1, "a mean"))
    return mean, float(fields.scale(std, "a deviation"))


def _code_names(fields, given, count):
    """Write or read the names of the classes, `count` of them -> a tuple."""
    numbers = tuple(map(str, range(count)))
    if fields.flag(given is not None and given.names == numbers):
        return numbers
    return tuple(fields.text("" if given is None else given.names[k], f"the name of class {k}") for k in range(count))
