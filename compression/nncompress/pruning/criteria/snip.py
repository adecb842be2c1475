"""SNIP finds the connections that matter before any training.

It looks once at the initial weights, with one batch, and ranks the weights of all layers together. Then the network is trained
with the masks:

    evidence = collect(model, [batch], what=["gradient"])
    criterion = snip_scores(prunable_weights(model), evidence)
    masks = criterion_masks(model, criterion, 0.95, evidence, scope="global")
"""

import numpy as np

from nncompress.pruning.evidence import needed


def snip_scores(model_weights, evidence):
    """A criterion whose scores are each weight's share of the sensitivity of all connections.

        score = |g · w| / Σ |g · w|,   g = ∂L/∂w of one batch,   Σ over all weights of all layers

    A network with BatchNorm has to have its running statistics first: let it see some batches in training mode.

    model_weights {name: w}, evidence {name: Evidence with a gradient} of the same names
    -> criterion(w, evidence of w) -> scores of w's shape; all scores of all layers sum up to 1.
    Errors: ValueError for evidence without a gradient, and where every g · w is 0 or one is NaN.
    Source: Lee, Ajanthan, Torr 2019 (arXiv 1810.02340), eq. 6 and algorithm 1.

    >>> from nncompress.pruning.evidence import Evidence
    >>> weights = {"a": np.array([1.0, -2.0]), "b": np.array([3.0])}
    >>> evidence = {"a": Evidence(gradient=np.array([1.0, 0.5])), "b": Evidence(gradient=np.array([-2.0]))}
    >>> snip_scores(weights, evidence)(weights["a"], evidence["a"]).tolist()
    [0.125, 0.125]
    """
    total = sum(np.abs(needed("snip_scores", evidence.get(name), "gradient") * w).sum() for name, w in model_weights.items())
    if not 0 < total < np.inf:
        raise ValueError(f"snip_scores: Σ |g · w| over all weights is {total}, which nothing can be divided by")
    return lambda w, evidence: np.abs(needed("snip_scores", evidence, "gradient") * w) / total
