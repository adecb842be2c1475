"""What the losses share: the reduction of many numbers to one, and the check of two shapes.

Each loss gives one number for each element or example; `reduction` says what becomes of these numbers:

    "mean"         their mean (each loss states what the mean divides by)
    "sum"          their sum
    "none"         the numbers themselves
    "batchmean"    their sum divided by the number of examples N; only `kl_div` has this option

In every loss the options after the two arrays are keyword-only, because `fit` passes everything that a loader yields by
position.

Source: Cover & Thomas, Elements of Information Theory, §2.1, for 0 ln 0 = 0; the names are PyTorch's.
"""

import numpy as np

from nnlite.functional import reduction as reductions
from nnlite.functional.elementwise import divide
from nnlite.tensor import Tensor


def reduce(loss, reduction, batch=None):
    """The mean or the sum of the losses, their sum divided by `batch` ("batchmean"), or the losses themselves ("none").

    loss: a Tensor of any shape.   batch: the number of examples, or None for a loss without "batchmean".
    Errors: ValueError for another reduction, and for the mean of no numbers.
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
    """x as a Tensor; a Tensor is returned itself, with its tape.   TypeError for a tuple, such as (logits, features)."""
    if isinstance(x, tuple):
        raise TypeError(f"a loss takes one Tensor, got a tuple of {len(x)}; a model that returns several needs its own loss")
    return x if isinstance(x, Tensor) else Tensor(x)


def check_same_shape(name, x, y):
    """ValueError unless x and y have the same shape: a loss does not broadcast, since that is nearly always a mistake."""
    if x.shape != y.shape:
        raise ValueError(f"{name}: input {x.shape} and target {y.shape} differ in shape")


def times_log(p, log_q):
    """p · ln q, number by number; 0 where p = 0, also for ln q = −∞, because x ln x → 0 as x → 0.

    p, log_q: arrays of the same shape; log_q holds ln q -> an array of that shape.
    """
    return p * np.where(p == 0, 0, log_q)
