"""Network slimming: BatchNorm's scales γ say which channels matter, if the training has pulled them towards 0.

    slim = lambda: shrink_scales(model, 1e-4 * optimizer.param_groups[0]["lr"])
    fit(model, loader, optimizer, epochs=10, after_step=slim)
    groups = dependency_groups(model, example)
    shrink_to(model, groups, channels_to_keep(scale_scores(model, groups), 0.5, scope="global"))
"""

import numpy as np

from nnlite import nn


def shrink_scales(model, amount):
    """Pull every scale γ of every BatchNorm towards 0, in place: a step down the L1 term λ Σ |γ| of the loss.

        γ ← sign(γ) · max(|γ| − amount, 0),   amount = lr · λ

    This is the proximal step: a small γ becomes exactly 0. With gradient steps it would swing around 0. Call it after every
    step of the optimizer. λ is 1e-4 or 1e-5 in the paper.

    Errors: ValueError for an amount below 0, and a model that has no BatchNorm with a scale.
    Source: Liu et al. 2017 (arXiv 1708.06519), eq. 1; the step: Parikh & Boyd 2014, Proximal Algorithms, §6.5.2.
    """
    if not amount >= 0:
        raise ValueError(f"shrink_scales: the amount lr · λ has to be a number from 0 up, got {amount}")
    scales = [parameter for _, parameter in _scales(model)]
    if not scales:
        raise ValueError(f"shrink_scales: {type(model).__name__} has no BatchNorm with a scale γ")
    for gamma in scales:
        gamma.data[...] = np.sign(gamma.data) * np.maximum(np.abs(gamma.data) - amount, 0)
        gamma.changed("shrink_scales")


def scale_scores(model, groups):
    """How much the channels of each group matter: the magnitudes of their scales.

        score_c = Σ |γ_c|   over the BatchNorms of the group

    groups: from `dependency_groups` -> {group name: scores (size,)}; a group that has no BatchNorm is not in it. For
    `channels_to_keep`.
    Source: Liu et al. 2017 (arXiv 1708.06519), §3; for sets joined by a residual addition, the sum.
    """
    scales = {name: np.abs(parameter.data).astype(np.float64) for name, parameter in _scales(model)}
    found = {}
    for group in groups:
        for name, axis, repeat in group.members:
            if axis == 0 and name in scales:
                found[group.name] = found.get(group.name, 0) + scales[name].reshape(-1, repeat).sum(axis=1)
    return found


def _scales(model):
    """[(name, γ)] of every BatchNorm that has one."""
    return [(f"{prefix}.weight" if prefix else "weight", module.weight) for prefix, module in model.named_modules()
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.weight is not None]
