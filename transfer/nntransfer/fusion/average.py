"""The mean of several models' weights: one model, as small and as fast as each of them."""

import copy
import math

import numpy as np

from nntransfer.fusion.alike import check_alike
from nntransfer.fusion.statistics import check_statistics, with_new_statistics


def average_weights(models, shares=None, loader=None):
    """A new model whose weights are the mean of the models' weights.

        θ = Σ_m a_m θ_m / Σ_m a_m

    It is useful where the models lie in one valley of the loss: fine-tuned from one pretrained model (`soups`), or with their
    neurons in the same order (`matching`). Elsewhere the mean of good models is a bad one.

    models: Modules of one architecture.   shares: the a_m, one number ≥ 0 for each model; equal ones by default. The sum is
    computed in float64 and rounded once to the weights' dtype.   loader: batches (images, …) of the training data; needed where
    the models have BatchNorm, whose running statistics are then estimated anew (`nntransfer.finetune.reestimate_statistics`).
    The new model is a copy of the first one, in inference mode.
    Errors: TypeError for what is not a Module; ValueError for models that are not alike, with the first difference, for shares
    that do not fit, and for BatchNorm without a loader.
    Source: Wortsman et al. 2022 (arXiv 2203.05482), §2, "uniform soup".

    >>> from nnlite import nn
    >>> first, second = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    >>> first.weight.data, second.weight.data = np.float32([[1, 4]]), np.float32([[3, -4]])
    >>> average_weights([first, second]).weight.data
    array([[2., 0.]], dtype=float32)
    >>> average_weights([first, second], shares=[3, 1]).weight.data
    array([[1.5, 2. ]], dtype=float32)
    """
    models = check_alike("average_weights", models)
    check_statistics("average_weights", models[0], loader)
    a = _checked(shares, len(models))
    mean = copy.deepcopy(models[0]).eval()
    for tensor, *others in zip(*map(_arrays, [mean, *models]), strict=True):
        if tensor.dtype.kind == "f":  # whole numbers count batches
            total = sum(share * other.data.astype(np.float64) for share, other in zip(a, others, strict=True))
            tensor.data = (total / sum(a)).astype(tensor.dtype)
            tensor.grad = None
    return with_new_statistics(mean, loader)


def _arrays(model):
    return [tensor for _, tensor in (*model.named_parameters(), *model.named_buffers())]


def _checked(shares, n):
    a = [1.0] * n if shares is None else [float(share) for share in shares]
    if len(a) != n or not all(0 <= share < math.inf for share in a) or sum(a) == 0:
        raise ValueError(f"average_weights: shares has to be {n} numbers from 0 up, not all 0, got {shares}")
    return a
