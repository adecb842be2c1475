"""Groups of weights: k values stand for the weights of a layer, and each weight takes one of them.

    w_ij ≈ C[I_ij − 1]      C the codebook, k values in rising order; I the codes, one for each weight, 1 … k

Weights that are 0 (pruned) stay 0; their code is 0.

Source: Han, Mao, Dally 2016 (arXiv 1510.00149), Deep Compression, §3 and eq. 3.
"""

from typing import NamedTuple

import numpy as np

from nncompress.quantization.affine import check_finite

MOST_ROUNDS = 1000  # of Lloyd's algorithm, which takes some dozens


class Shared(NamedTuple):
    """Grouped weights. values (k,) float32, in rising order; codes of the weights' shape, 0 for a 0, i + 1 for values[i]."""

    values: np.ndarray
    codes: np.ndarray


def look_up(C, codes):
    """w_ij = C[I_ij − 1], the weights that the codes stand for; 0 where the code is 0.

    C (k,), codes 0 … k of any shape -> w of that shape and C's dtype.

    >>> look_up(np.array([-1.0, 0.5]), np.array([[0, 2], [1, 2]]))
    array([[ 0. ,  0.5],
           [-1. ,  0.5]])
    """
    return np.concatenate([np.zeros(1, C.dtype), C])[codes]


def codebook_gradient(dw, codes, k):
    """dC_i = Σ dw over all places whose code is i + 1: a value gets the gradients of all weights that share it.

    dw, codes 0 … k: arrays of one shape; code 0 belongs to no value -> (k,) of dw's dtype, summed in float64.
    Source: Han, Mao, Dally 2016, eq. 3.

    >>> codebook_gradient(np.array([[1.0, 10.0], [100.0, 1000.0]]), np.array([[0, 2], [1, 2]]), 3)
    array([ 100., 1010.,    0.])
    """
    return np.bincount(codes.ravel().astype(np.intp), dw.ravel(), k + 1)[1:].astype(dw.dtype)


def first_values(w, k, init, rng=None):
    """The values with which Lloyd's algorithm begins, in rising order, for numbers w (n,) in rising order -> (k,) float64.

    init "linear": k values from min w to max w in equal steps (for k = 1: min w). So the few large weights, which matter most,
    begin with values of their own.
    "density": the quantiles (i + ½)/k of w, i = 0 … k − 1. So each value begins with about as many weights.
    "random": k different ones of the numbers, drawn by `rng` (a Generator or seed); w has to have at least k different numbers.
    """
    if init == "linear":
        return np.linspace(w[0], w[-1], k)
    if init == "density":
        return np.quantile(w, (np.arange(k) + 0.5) / k)
    return np.sort(np.random.default_rng(rng).choice(np.unique(w), k, replace=False))


def nearest(w, values):
    """For each of the numbers w (any shape) the place of the nearest of the values (k,), which are in rising order.

    Of two equally near ones it is the lower.   -> integers 0 … k − 1 of w's shape; k from 1 up
    """
    return np.searchsorted((values[:-1] + values[1:]) / 2, w, side="left")


def lloyd(w, values):
    """The values where Lloyd's algorithm ends, for numbers w (n,) in rising order and the values (k,) where it begins.

        repeat:  I_i = nearest(w_i);   C_k = mean of the w_i with I_i = k;   a group without numbers is dropped

    until no value changes, at most MOST_ROUNDS times -> float64 (k,) or fewer, in rising order.
    """
    # Each group is a run of neighbours, whose sum is a difference of running sums.
    running = np.concatenate([[0.0], np.cumsum(w, dtype=np.float64)])
    for _ in range(MOST_ROUNDS):
        ends = np.searchsorted(w, (values[:-1] + values[1:]) / 2, side="right")
        starts, ends = np.concatenate([[0], ends]), np.concatenate([ends, [len(w)]])
        used = ends > starts
        means = (running[ends] - running[starts])[used] / (ends - starts)[used]
        if len(means) == len(values) and (means == values).all():
            break
        values = means
    return values


def kmeans(w, k, init="linear", rng=None):
    """Group the weights that are not 0 around at most k values -> Shared.

    `lloyd` starts from the `first_values` and computes in float64; then each weight gets the code of the nearest value. The
    squared error Σ (w_i − C[I_i − 1])² never grows from one round to the next. It ends in a local minimum, which depends on
    `init`. If at most k different weights are not 0, each of them is a value, exactly.

    w of any shape, float32 or rounded to it; k from 1 up; init "linear", "density" or "random", and its rng.
    codes are of the smallest unsigned type that holds the number of values.
    Errors: ValueError for another k or init, NaN and infinity.

    >>> kmeans([[0.0, 1.0, 1.5], [-2.0, -4.0, 1.25]], 2)
    Shared(values=array([-3.  ,  1.25], dtype=float32), codes=array([[0, 2, 2],
           [1, 1, 2]], dtype=uint8))
    """
    if not k >= 1:
        raise ValueError(f"kmeans: k has to be at least 1, got {k}")
    if init not in ("linear", "density", "random"):
        raise ValueError(f'kmeans: init has to be "linear", "density" or "random", got {init!r}')
    w = np.asarray(w, np.float32)
    check_finite("kmeans", w)
    numbers = np.sort(w[w != 0].astype(np.float64))
    values = np.unique(numbers)
    if len(values) > k:
        values = lloyd(numbers, first_values(numbers, k, init, rng))
    codes = np.where(w == 0, 0, nearest(w, values) + 1) if len(values) else np.zeros(w.shape)
    return Shared(values.astype(np.float32), codes.astype(np.min_scalar_type(len(values))))
