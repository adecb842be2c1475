"""What the tests ask of your code: they send arrays and names, and get arrays back.

First two files of this handout get the names that your files import:

    needed(criterion, evidence, what)    the part `what` of an Evidence ("gradient", "curvature");
                                         ValueError where it is None or the evidence is None
    check_fraction(name, value)          ValueError unless value is a number from 0 to 1
"""

from typing import NamedTuple

import numpy as np

from nncompress.pruning import evidence as evidences
from nncompress.pruning import scores


class Evidence(NamedTuple):
    """What is known about one weight, in arrays of its shape; None: it was not gathered."""

    gradient: np.ndarray | None = None
    curvature: np.ndarray | None = None


def needed(criterion, evidence, what):
    found = getattr(evidence, what, None)
    if found is None:
        raise ValueError(f"{criterion}: needs the {what} of the weight")
    return found


def check_fraction(name, value):
    if not (isinstance(value, (int, float, np.floating)) and 0 <= value <= 1):
        raise ValueError(f"{name} has to be a number from 0 to 1, got {value!r}")


evidences.Evidence, evidences.needed, scores.check_fraction = Evidence, needed, check_fraction
from nncompress.pruning import regrowth, surgeon  # noqa: E402  these import the names above
from nncompress.pruning.criteria import obd, snip, taylor  # noqa: E402


def taylor_scores(w, gradient=None):
    return taylor.taylor_scores(w, Evidence(gradient=gradient))


def obd_scores(w, curvature=None):
    return obd.obd_scores(w, Evidence(curvature=curvature))


def snip_scores(weights, gradients):
    """weights, gradients: arrays, a layer each; None for a gradient that is not known -> the scores of all layers."""
    names = [f"layer{i}" for i in range(len(weights))]
    evidence = {name: Evidence(gradient=g) for name, g in zip(names, gradients, strict=True)}
    criterion = snip.snip_scores(dict(zip(names, weights, strict=True)), evidence)
    return tuple(criterion(w, evidence[name]) for name, w in zip(names, weights, strict=True))


def saliencies(w, inverse):
    return surgeon.saliencies(w, inverse)


def compensation(w, inverse, q):
    return surgeon.compensation(w, inverse, q)


def without_index(inverse, q):
    return surgeon.without_index(inverse, q)


def remove_one_by_one(w, inverse, count, fixed=0):
    """(the new w, what was removed, the costs), and w and the inverse as they are afterwards"""
    return *surgeon.remove_one_by_one(w, inverse, count, fixed), w, inverse


def least_squares(w, H, kept):
    return surgeon.least_squares(w, H, kept)


def regrown_fraction(step, steps, initial=0.3):
    return regrowth.regrown_fraction(step, steps=steps, initial=initial)


def regrown_mask(w, g, mask, fraction):
    """(the new mask, the old one afterwards)"""
    return regrowth.regrown_mask(w, g, mask, fraction), mask
