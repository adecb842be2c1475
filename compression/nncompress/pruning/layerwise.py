"""Layer-wise Optimal Brain Surgeon: OBS for each row of each layer, so that the layer's outputs change least.

The output of a row is y = w·x, with the bias as the last weight and a 1 at the end of x. Its mean squared change is
δwᵀ H δw, H = mean x xᵀ of the layer's inputs. It is a quadratic, so OBS is exact; and H is the same for every row.
"""

import numpy as np

from nncompress.pruning.evidence import needed
from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import check_fraction, per_name
from nncompress.pruning.surgeon import damped, damped_inverse, least_squares, remove_one_by_one


def surgeon_masks(model, sparsity, evidence, damping=1e-6):
    """Remove weights layer by layer and change the others, so that each layer's outputs stay as close as they can.

        ΔE = ½ mean (w·x − v·x)²,   v the new weights of a row, its bias included

    For every row, `remove_one_by_one` gives an order of removal and the cost of each step. The layer's round(sparsity · n)
    cheapest weights go. Biases stay, but change. Each layer is fitted by itself, to its inputs in the whole network.

    model       its weights of Linear and Conv2d and their biases change in place: the removed weights are 0
    sparsity    from 0 to 1, or {parameter name: sparsity} for the layers to prune
    evidence    {parameter name: Evidence with input_moments}, from `collect`
    damping     see `damped_inverse`

    -> Masks, for further training. A row of K inputs takes K³ steps: 300 rows of 784 inputs take minutes.
    Errors: ValueError for a sparsity outside [0, 1], an unknown name, missing evidence, moments of another layer, or NaN
    weights; nothing has changed then.
    Source: Dong, Chen, Pan 2017 (arXiv 1705.07565), algorithm 1; one by one: Frantar & Alistarh 2022 (arXiv
    2208.11580), §4.
    """
    parameters = dict(model.named_parameters())
    changed, masks = {}, {}
    for name, s in per_name("prune", sparsity, prunable_weights(model)).items():
        check_fraction(f"{name}: the sparsity", s)
        w, bias = parameters[name].data, parameters.get(name.removesuffix("weight") + "bias")
        moments = needed("surgeon_masks", evidence.get(name), "input_moments")
        rows, fixed = _rows(name, w, bias, moments)
        damped_moments = [damped(H, damping) for H in moments]
        kept = _cheapest_removed(rows, [damped_inverse(H, damping) for H in moments], fixed, round(s * w.size))
        new = np.empty_like(rows)
        for g, o in np.ndindex(rows.shape[:2]):
            new[g, o] = least_squares(rows[g, o], damped_moments[g], kept[g, o])
        masks[name] = kept[..., : w[0].size].reshape(w.shape)
        changed[name] = (parameters[name], new[..., : w[0].size].reshape(w.shape))
        if fixed:
            changed[name, "bias"] = (bias, new[..., -1].reshape(-1))
    for parameter, array in changed.values():
        parameter.data[...] = array
        parameter.changed("surgeon_masks")
    return Masks(model, masks)


def _rows(name, w, bias, moments):
    """The weights of each output with its bias at the end -> (G, O/G, K) and how many of a row's numbers are a bias."""
    rows, fixed = w.reshape(len(moments), -1, w[0].size).astype(np.float64), int(bias is not None)
    K = rows.shape[2]
    if moments.shape[1] != K + fixed:
        raise ValueError(f"{name}: the moments are of {moments.shape[1] - fixed} inputs, the weight {w.shape} has {K}")
    if not np.isfinite(w).all():
        raise ValueError(f"{name}: {np.sum(~np.isfinite(w))} of {w.size} weights are NaN or infinite")
    return (np.concatenate([rows, bias.data.reshape(*rows.shape[:2], 1)], axis=2) if fixed else rows), fixed


def _cheapest_removed(rows, inverses, fixed, count):
    """False for the `count` weights whose removal costs least, in each row in its own order of removal -> (G, O/G, K)."""
    walks = [[remove_one_by_one(row, inverse, len(row) - fixed, fixed) for row in group]
             for group, inverse in zip(rows, inverses, strict=True)]
    costs = np.array([[np.maximum.accumulate(cost) for *_, cost in group] for group in walks])  # nothing overtakes in a row
    cheap = np.zeros(costs.size, bool)
    cheap[np.argsort(costs, axis=None, kind="stable")[:count]] = True
    kept = np.ones(rows.shape, bool)
    for (g, o), number in np.ndenumerate(cheap.reshape(costs.shape).sum(axis=2)):
        _, order, _ = walks[g][o]
        kept[g, o, order[:number]] = False
    return kept
