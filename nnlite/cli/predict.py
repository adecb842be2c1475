"""nnlite predict: the class of each image or table row, with its probability."""

import numpy as np

import nncompress
import nnlite
from nnlite import functional as F
from nnlite.cli.common import expected_images, load_task, takes_pixels
from nnlite.cli.inputs import is_nnz, read_inputs, stored_input
from nnlite.cli.own_model import read_model
from nnlite.data.input import check_same_input

SHOWN = 3  # classes of an image, in the text


def run(arguments):
    path = arguments.file
    taken = _taken(arguments)
    plan, names = _plan(path, taken, arguments.model), taken.names
    inputs, x = read_inputs(arguments.images, taken, normalized=plan.input is not None or not takes_pixels(plan))
    logits = plan(x)
    if not np.isfinite(logits).all():
        raise ValueError(f"{path} gives outputs that are NaN or infinite")
    rows = [_row(name, p, names) for name, p in zip(inputs, F.softmax(logits).data, strict=True)]
    return {"file": str(path), "predictions": rows}, "\n".join(map(_line, rows))


def _plan(path, taken, own):
    """The plan of a file.   ValueError unless it takes images of this shape and knows as many classes."""
    given, names = taken.shape, taken.names
    if is_nnz(path):
        plan = nncompress.load(path)
    else:
        model = read_model(path, own)
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
    """The Input that the file holds; without that, the one of --data.   ValueError where they are of other classes."""
    stored = stored_input(arguments.file)
    if stored is None and arguments.data is None:
        raise ValueError(f"{arguments.file} does not say how its images are normalized: give --data, the data set that it was "
                         "trained on")
    if arguments.data is None:
        return stored
    given = load_task(arguments).input
    if stored is None:
        return given
    check_same_input(arguments.file, stored, given)
    return stored


def _row(image, p, names):
    """An image, or a row of a table, with all classes, the likeliest first."""
    order = np.argsort(-p, kind="stable")
    return {"image": image, "class": names[order[0]], "probabilities": {names[k]: round(float(p[k]), 6) for k in order}}


def _line(row):
    likeliest = list(row["probabilities"].items())[:SHOWN]
    return f"{row['image']}: " + ", ".join(f"{name} {probability:.1%}" for name, probability in likeliest)
