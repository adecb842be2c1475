"""A sparsity for each layer, from its sensitivity, so that all layers together fit a budget.

Every layer may cost the same drop δ of accuracy. A layer that reaches δ late is pruned hard, a sensitive one little. A larger δ
lets all sparsities rise, so bisection finds the smallest δ whose sparsities fit the budget.
"""

import numpy as np

from nncompress.pruning.masks import prunable_weights
from nnlite.inference.graph import trace

STEPS = 60  # of the bisection: the interval shrinks to 2⁻⁶⁰ of its length


def layer_costs(model, example, unit, bits=32):
    """The cost of one kept weight in each layer -> {parameter name: cost}.

        parameters: 1        bytes: bits / 8        macs: the layer's MACs for one image / its number of weights

    In a convolution a weight is used once at each output position, so that few weights can be many MACs.

    example   array (N, …) as the model takes it
    unit      "parameters", "macs" or "bytes"
    bits      what a kept weight takes in the file, its place included: Deep Compression's LeNet-300-100 has 6 + 5

    Errors: ValueError for another unit, bits ≤ 0, and a model with nothing to prune.
    Source: MACs as `nnlite.summary`; bits as in Han, Mao & Dally 2016 (arXiv 1510.00149), §3.

    >>> from nnlite import models
    >>> layer_costs(models.lenet_5(), np.zeros((1, 1, 28, 28), np.float32), "macs")
    {'conv1.weight': 576.0, 'conv2.weight': 64.0, 'fc1.weight': 1.0, 'fc2.weight': 1.0}
    """
    weights = prunable_weights(model)
    if unit == "parameters":
        return dict.fromkeys(weights, 1.0)
    if unit == "bytes" and bits > 0:
        return dict.fromkeys(weights, bits / 8)
    if unit != "macs":
        raise ValueError(f"layer_costs: the unit is 'parameters', 'macs' or 'bytes' with bits above 0, got {unit!r} and {bits}")
    macs = dict.fromkeys(weights, 0.0)
    for node in trace(model, example).nodes:
        name = node.parameters.get("w")
        if name in macs:
            macs[name] += node.macs / len(example)
    return {name: macs[name] / w.size for name, w in weights.items()}


def tolerated_sparsity(sparsities, drops, delta):
    """The largest sparsity at which a layer's curve has not yet fallen by more than δ.

        s(δ) = max s with drop(s') ≤ δ for all s' ≤ s,   drop linear between the measured points, drop(0) = 0

    sparsities (S,) rising, drops (S,) of the same -> a number from 0 to the largest measured sparsity.
    Errors: ValueError for a δ below 0.   Source: Li et al. 2017 (arXiv 1608.08710), §3.2, with a curve between the points.

    >>> [tolerated_sparsity([0.5, 0.9], [0.01, 0.05], delta) for delta in (0.005, 0.01, 0.03, 1)]
    [0.25, 0.5, 0.7, 0.9]
    """
    if not delta >= 0:
        raise ValueError(f"tolerated_sparsity: the drop has to be 0 or more, got {delta}")
    s, fall = np.array([0.0, *sparsities]), np.array([0.0, *drops])
    above = np.flatnonzero(fall > delta)
    if not above.size:
        return float(s[-1])
    i = above[0]  # the curve passes δ between i − 1 and i
    part = (delta - fall[i - 1]) / (fall[i] - fall[i - 1])
    return float(round(s[i - 1] + part * (s[i] - s[i - 1]), 12))


def sparsities_for_budget(curves, costs, sizes, budget):
    """The sparsities of the smallest common drop that fits a budget -> {parameter name: sparsity}.

        s_l = s_l(δ),   δ the smallest with Σ_l c_l · (n_l − round(s_l · n_l)) ≤ budget

    curves    Curves of `sensitivity`
    costs     {parameter name: c, the cost of one kept weight}, of `layer_costs`
    sizes     {parameter name: n, its number of weights}, or a model, which has them
    budget    in the unit of the costs, for all these weights together; biases are not counted

    A drop of one layer is measured with all others whole. Several layers pruned together lose more than δ; retraining brings
    most of it back.
    Errors: ValueError for a curve without a cost or size, and for a budget that even the largest measured sparsities exceed.
    Source: Han et al. 2015 (arXiv 1506.02626), §5, chooses the layers' thresholds by their sensitivity; δ by bisection.
    """
    if not isinstance(sizes, dict):
        sizes = {name: w.size for name, w in prunable_weights(sizes).items()}
    missing = sorted(set(curves.scores) - (set(costs) & set(sizes)))
    if missing:
        raise ValueError(f"sparsities_for_budget: {missing} has a curve, but no cost or no size")

    def at(delta):
        return {name: tolerated_sparsity(curves.sparsities, curves.dense - scores, delta)
                for name, scores in curves.scores.items()}

    def cost(sparsities):
        return sum(costs[name] * (sizes[name] - round(s * sizes[name])) for name, s in sparsities.items())

    low, high = 0.0, max(float(np.max(curves.dense - scores)) for scores in curves.scores.values())
    high = max(high, 0.0)
    if cost(at(high)) > budget:
        raise ValueError(f"sparsities_for_budget: at the largest measured sparsity {curves.sparsities[-1]:g} the layers still "
                         f"cost {cost(at(high)):g}, the budget is {budget:g}: measure higher sparsities")
    if cost(at(low)) <= budget:
        return at(low)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if cost(at(middle)) <= budget else (middle, high)
    return at(high)
