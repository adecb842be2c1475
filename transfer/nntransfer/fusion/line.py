"""The losses on the straight line from one model's weights to another's, and the barrier between the two."""

import numpy as np

from nnlite.train import evaluate
from nntransfer.fusion.average import average_weights


def scores_on_line(first, second, loader, points=11, statistics=None):
    """The scores of models on the line between two models -> a list of {"position": t, "loss", "accuracy", …}.

        θ(t) = (1 − t) θ_1 + t θ_2        t = 0, 1/(points − 1), …, 1

    first, second: Modules of one architecture.   loader: of the images that `evaluate` scores them on.   points: at least 2.
    statistics: a loader of training images, for the running statistics of BatchNorm, as in `average_weights`; needed where the
    models have BatchNorm. The two ends are scored with statistics from it, too.
    Errors: ValueError for fewer points, and those of `average_weights`.
    Source: Goodfellow, Vinyals & Saxe 2015 (arXiv 1412.6544), §3.
    """
    if points < 2:
        raise ValueError(f"scores_on_line: a line has two ends, expected at least 2 points, got {points}")
    return [{"position": float(t), **evaluate(average_weights([first, second], [1 - t, t], statistics), loader)}
            for t in np.linspace(0, 1, points)]


def barrier(losses):
    """How far the loss between two models rises above the straight line between the losses of both.

        barrier = max_t [L(θ(t)) − (1 − t) L(θ_1) − t L(θ_2)]

    losses: L at equally spaced t from 0 to 1, at least 2 numbers -> a number ≥ 0; it is 0 where no point lies above.
    Errors: ValueError for fewer numbers.
    Source: Ainsworth, Hayase & Srinivasa 2023 (arXiv 2209.04836), definition 2.1; Frankle et al. 2020 (arXiv 1912.05671), §2.

    >>> barrier([0.5, 2.0, 1.5])                # 2.0 above the mean of 0.5 and 1.5
    1.0
    """
    L = np.asarray(losses, np.float64)
    if L.ndim != 1 or len(L) < 2:
        raise ValueError(f"barrier: expects the losses of at least 2 points on the line, got shape {L.shape}")
    t = np.linspace(0, 1, len(L))
    return float(max(0.0, (L - (1 - t) * L[0] - t * L[-1]).max()))
