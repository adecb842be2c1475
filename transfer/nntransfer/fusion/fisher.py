"""Fisher-weighted averaging: a model's weight counts more in the mean if the model's outputs depend more on it."""

import copy

import numpy as np

from nnlite import functional as F
from nnlite.tensor import no_grad
from nntransfer.fusion.alike import check_alike
from nntransfer.fusion.statistics import check_statistics, with_new_statistics


def diagonal_fisher(model, loader):
    """How much the model's answers change with each weight: {name of a parameter: array of its shape, float64}.

        F_i = 1/N Σ_n Σ_c p(c|x_n) (∂ ln p(c|x_n)/∂θ_i)²        p(·|x) = softmax(model(x))

    This is the exact diagonal of the Fisher matrix over the N images; labels are not used. It takes N · classes backward passes
    of one image each, so use a few hundred images.
    model: a Module, which stays as it is. It infers: no dropout, BatchNorm by its running statistics.   loader: yields batches
    (images, …).
    Errors: ValueError for a loader without an image.
    Source: Matena & Raffel 2021 (arXiv 2111.09832), §3, eq. 4 and 5.
    """
    model = copy.deepcopy(model).eval()
    parameters = dict(model.named_parameters())
    for parameter in parameters.values():
        parameter.requires_grad = True  # also of a frozen layer
    fisher, n = {name: np.zeros(parameter.shape) for name, parameter in parameters.items()}, 0
    for images, *_ in loader:
        for image in images:
            n += 1
            with no_grad():
                p = F.softmax(model(image[None])).data[0]
            for c in range(len(p)):
                model.zero_grad()
                F.log_softmax(model(image[None]))[0, c].backward()
                for name, parameter in parameters.items():
                    if parameter.grad is not None:
                        fisher[name] += p[c] * np.square(parameter.grad, dtype=np.float64)
    if n == 0:
        raise ValueError("diagonal_fisher: the loader gives no image")
    return {name: total / n for name, total in fisher.items()}


def fisher_average(models, fishers, loader=None):
    """A new model whose every weight is the mean of the models' weights, each counted by its Fisher information.

        θ_i = Σ_m F_m,i θ_m,i / Σ_m F_m,i        and the plain mean where all F_m,i are 0

    With equal Fishers it is `average_weights`.

    models: Modules of one architecture.   fishers: for each model, {name of a parameter: array of its shape, numbers ≥ 0}, as
    `diagonal_fisher` gives it.   loader: as in `average_weights`; needed where the models have BatchNorm.
    The new model is a copy of the first one, in inference mode.
    Errors: ValueError for models that are not alike, for Fishers that do not fit, and for BatchNorm without a loader.
    Source: Matena & Raffel 2021 (arXiv 2111.09832), §3, eq. 3.
    """
    models, fishers = check_alike("fisher_average", models), list(fishers)
    _check_fishers(models, fishers)
    check_statistics("fisher_average", models[0], loader)
    mean = copy.deepcopy(models[0]).eval()
    parameters = [dict(model.named_parameters()) for model in models]
    for name, tensor in mean.named_parameters():
        theta = np.stack([own[name].data.astype(np.float64) for own in parameters])
        weight = np.stack([np.asarray(fisher[name], np.float64) for fisher in fishers])
        weight = np.where(weight.sum(axis=0) > 0, weight, 1.0)
        tensor.data, tensor.grad = ((weight * theta).sum(axis=0) / weight.sum(axis=0)).astype(tensor.dtype), None
    return with_new_statistics(mean, loader)


def _check_fishers(models, fishers):
    if len(fishers) != len(models):
        raise ValueError(f"fisher_average: expects the Fisher information of each of {len(models)} models, got {len(fishers)}")
    for m, fisher in enumerate(fishers):
        for name, parameter in models[m].named_parameters():
            F_m = np.asarray(fisher.get(name, np.nan), np.float64)
            if F_m.shape != parameter.shape or not (F_m >= 0).all() or not np.isfinite(F_m).all():
                got = F_m.shape if name in fisher else "none"
                raise ValueError(f"fisher_average: the Fisher information of {name} in model {m} has to be {parameter.shape} "
                                 f"of finite numbers ≥ 0, got {got}")
