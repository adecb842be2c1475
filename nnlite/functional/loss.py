"""What the losses share: the reduction of many numbers to one, and the check of two shapes.

Each loss gives one number for each element or example; `reduction` says what becomes of these numbers:

    "mean"         their mean (what it divides by stands in each loss)
    "sum"          their sum
    "none"         the numbers themselves
    "batchmean"    their sum divided by the number of examples N; `kl_div` alone knows it

In every loss the options after the two arrays are given by name, as `fit` hands on whatever a loader yields by position.

Source: Cover & Thomas, Elements of Information Theory, §2.1, for 0 ln 0 = 0; the names are PyTorch's.
"""

import numpy as np

from nnlite.functional import reduction as reductions
from nnlite.functional.elementwise import divide
from nnlite.tensor import Tensor


def reduce(loss, reduction, batch=None):
    """The losses' mean, sum, sum over the batch size ("batchmean", where `batch` is given), or the losses themselves.

    Errors: ValueError for another reduction.
    """
    if reduction == "mean":
        return reductions.mean(loss)
    if reduction == "sum":
        return reductions.sum(loss)
    if reduction == "none":
        return loss
    if reduction == "batchmean" and batch is not None:
        return divide(reductions.sum(loss), batch)
    names = "mean, sum or none" if batch is None else "mean, sum, batchmean or none"
    raise ValueError(f"reduction has to be {names}, got {reduction!r}")


def array(x):
    """The array of a Tensor, or x as an array."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def as_tensor(x):
    """x as a Tensor; one that is on a tape stays on it. TypeError for a tuple, such as a model's (logits, features)."""
    if isinstance(x, tuple):
        raise TypeError(f"a loss takes one Tensor, got a tuple of {len(x)}; a model that returns several needs its own loss")
    return x if isinstance(x, Tensor) else Tensor(x)


def check_same_shape(name, x, y):
    """ValueError unless x and y have one shape: a loss does not broadcast, since that is a mistake nearly always."""
    if x.shape != y.shape:
        raise ValueError(f"{name}: input {x.shape} and target {y.shape} differ in shape")


def times_log(p, log_q):
    """p · ln q, number by number; 0 where p = 0, also for ln q = −∞, because x ln x → 0 as x → 0.

    p, log_q: arrays of one shape, of ln q the second -> an array of that shape.
    """
    return p * np.where(p == 0, 0, log_q)
