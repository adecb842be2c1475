"""BatchNorm in a compressed network: before weights are rounded, its scale moves into them.

In the file, a BatchNorm after a convolution or linear layer is part of that layer's weights, w γ/√(σ² + ε). These products have
to lie on the grid, and they only stay there if γ and σ² no longer change.
"""

import numpy as np

from nnlite.inference.graph import trace


def folded_batch_norms(model, example):
    """[(name of the layer, name of its BatchNorm)] for each BatchNorm that alone reads a Conv2d's or Linear's output."""
    graph, pairs = trace(model, example), []
    for node in graph.nodes:
        x, gamma = node.arguments.get("x"), node.arguments.get("gamma")
        if node.kind == "BatchNorm" and isinstance(gamma, str) and x.kind in ("Conv2d", "Linear"):
            if len(graph.users(x)) == 1 and isinstance(x.arguments.get("w"), str):
                pairs.append((x.arguments["w"].rpartition(".")[0], gamma.rpartition(".")[0]))
    return pairs


def fold(model, pairs, grid, curvature):
    """Move the scale of each BatchNorm into the layer before it; what is left of it adds a trained number to each channel.

        w ← w s,  b ← b s,  β ← β − μ s        s = γ/√(σ² + ε);   then γ = 1, μ = 0, σ² = 1 − ε

    In inference the model computes the same as before. In training its BatchNorms no longer look at the batch.
    grid: the `OnGrid`, whose latents and averages are scaled along.   curvature: h ← h / s² for the layer's weights.
    Source: Jacob et al. 2018 (arXiv 1712.05877), §3.2, for w s.
    """
    modules = dict(model.named_modules())
    for layer, name in pairs:
        norm = modules[name]
        s = norm.weight.data / np.sqrt(norm.running_var.data + np.float32(norm.eps))
        norm.bias.data = norm.bias.data - norm.running_mean.data * s
        norm.weight.data, norm.running_mean.data = np.ones_like(s), np.zeros_like(s)
        norm.running_var.data = np.full_like(s, 1 - norm.eps)
        for parameter in grid.layers[layer]:
            grid.scale_rows(parameter, s)
            curvature.scale_rows(parameter, 1 / np.maximum(s * s, 1e-12))
    grid.refresh()
    freeze(model, pairs)


def freeze(model, pairs):
    """From now on the BatchNorms infer, and their γ is not trained. A run that is resumed calls it, too."""
    modules = dict(model.named_modules())
    for _, name in pairs:
        modules[name].frozen, modules[name].weight.requires_grad = True, False
