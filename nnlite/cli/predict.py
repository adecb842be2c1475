"""nnlite predict: the class of each image, with its probability."""

import numpy as np

import nncompress
import nnlite
from nnlite import functional as F
from nnlite.cli.common import expected_images, is_nnz, load_task, takes_pixels
from nnlite.cli.inputs import input_of, read_images, stored_input

SHOWN = 3  # classes of an image, in the text


def run(arguments):
    path = arguments.file
    taken = _taken(arguments)
    plan, names = _plan(path, taken), taken["names"]
    images = read_images(arguments.images, taken, normalized=not takes_pixels(plan))
    rows = [_row(image, p, names) for image, p in zip(arguments.images, F.softmax(plan(images)).data, strict=True)]
    return {"file": str(path), "predictions": rows}, "\n".join(map(_line, rows))


def _plan(path, taken):
    """The plan of a file.   ValueError unless it takes images of this shape and knows as many classes."""
    given, names = tuple(taken["shape"]), taken["names"]
    if is_nnz(path):
        plan = nncompress.load(path)
    else:
        model = nnlite.load(path)
        try:
            plan = nnlite.compile(model, np.zeros((1, *given), np.float32))
        except ValueError as error:
            raise ValueError(f"{path} takes {expected_images(model)}, the data has {given}: {error}") from error
    shape, (classes, *_) = plan.steps[0].shape, plan.steps[-1].shape
    if shape != given or classes != len(names):
        raise ValueError(f"{path} takes images of shape {shape} and tells {classes} classes apart, the data has {given} and "
                         f"{len(names)}")
    return plan


def _taken(arguments):
    """What the file says of its images; without that, what --data says."""
    stored = None if is_nnz(arguments.file) else stored_input(arguments.file)
    if stored is not None and arguments.data is None:
        return stored
    if arguments.data is None:
        raise ValueError(f"{arguments.file} does not say how its images are normalized: give --data, the data set that it was "
                         "trained on")
    return input_of(load_task(arguments))


def _row(image, p, names):
    """An image with all classes, the likeliest first."""
    order = np.argsort(-p, kind="stable")
    return {"image": str(image), "class": names[order[0]], "probabilities": {names[k]: round(float(p[k]), 6) for k in order}}


def _line(row):
    likeliest = list(row["probabilities"].items())[:SHOWN]
    return f"{row['image']}: " + ", ".join(f"{name} {probability:.1%}" for name, probability in likeliest)
