"""Pruning before any training and without any data: what flows through a weight, if all weights are taken without their signs.

Each path from an input to an output multiplies the sizes of its weights. R adds up all paths. A weight's score is the part of R
that goes through it. If all weights are pruned at once by such a score, a whole layer can go, and nothing flows any more. If
they are pruned in many small steps, with new scores in each, no layer goes as long as a path can stay (SynFlow).

weights: the matrices W_1 (D_1, D_0), W_2 (D_2, D_1), …, W_L (D_L, D_{L−1}) of a network, a list. Between them stand ReLUs;
biases do not count. masks: booleans of the same shapes, True where a weight is kept.

Source: Tanaka, Kunin, Yamins & Ganguli 2020 (arXiv 2006.05467), §6 and algorithm 1.
"""

import math

import numpy as np


def check(weights):
    """The weights as float64 arrays.   ValueError for none, for other axes than two, for sizes that do not fit, and for NaN."""
    weights = [np.asarray(W, np.float64) for W in weights]
    if not weights or any(W.ndim != 2 for W in weights):
        raise ValueError(f"expects matrices, one for each layer, got the shapes {[W.shape for W in weights]}")
    for below, above in zip(weights, weights[1:], strict=False):
        if above.shape[1] != below.shape[0]:
            raise ValueError(f"a layer with {below.shape[0]} outputs stands before one with {above.shape[1]} inputs")
    if not all(np.isfinite(W).all() for W in weights):
        raise ValueError("a weight is NaN or infinite")
    return weights


def count_paths(masks):
    """How many paths of kept weights lead from an input to an output: an int, exact however many they are.

        1ᵀ M_L … M_2 M_1 1        M_l the masks as zeros and ones

    Errors: those of `check`.

    >>> count_paths([np.array([[True, True], [False, True]]), np.array([[True, False]])])
    2
    """
    check(masks)
    ways = [1] * np.shape(masks[0])[1]
    for M in masks:
        ways = [sum(n for n, kept in zip(ways, row, strict=True) if kept) for row in np.asarray(M, bool).tolist()]
    return sum(ways)


def flow_shares(weights):
    """Which part of R flows through each weight.

        R = 1ᵀ |W_L| … |W_2| |W_1| 1        share of w in W_l = |w| ∂R/∂|w| / R

    So the shares of a layer sum up to 1, in each layer. R itself may be too large or too small for a float: 200 layers of 100
    neurons, or weights of 1e-200, give exact shares all the same.
    -> a list of float64 arrays of the weights' shapes.
    Errors: those of `check`; ValueError where nothing flows, R = 0.

    >>> [share.tolist() for share in flow_shares([np.array([[1.0, -3.0], [0.0, 4.0]]), np.array([[2.0, 0.5]])])]
    [[[0.2, 0.6], [0.0, 0.2]], [[0.8, 0.2]]]
    """
    sizes = [np.abs(W) for W in check(weights)]
    sizes = [W / max(W.max(), np.finfo(float).tiny) for W in sizes]
    up = [np.ones(sizes[0].shape[1])]
    for W in sizes:
        up.append(normalized(W @ up[-1]))
    if not up[-1].any():
        raise ValueError("flow_shares: no path of nonzero weights leads from an input to an output")
    down, shares = np.ones(len(sizes[-1])), []
    for W, x in zip(reversed(sizes), reversed(up[:-1]), strict=True):
        share = down[:, None] * W * x
        shares.append(share / share.sum())
        down = normalized(down @ W)
    return shares[::-1]


def normalized(x):
    """x divided by its largest number, which is above 0; x itself where all are 0."""
    return x / x.max() if x.any() else x


def kept_at(step, steps, final):
    """The part of the weights that is kept after a step of the schedule: each step keeps the same part of what is left.

        ρ_t = ρ^(t / n)        ρ_0 = 1, ρ_n = ρ

    step t = 0 … n, steps n ≥ 1, final ρ in (0, 1] -> a float.   Errors: ValueError for others.

    >>> round(kept_at(1, 2, 0.01), 12)
    0.1
    """
    if not 0 < final <= 1 or steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"kept_at: expects steps from 1 up, a step from 0 to steps and a part in (0, 1], got {steps}, {step} "
                         f"and {final}")
    return float(final ** (step / steps))


def keep_most(scores, count):
    """True for the `count` highest scores of all layers together; of equal ones the first stay, in the order of the layers.

    scores: a list of arrays -> a list of booleans of their shapes.
    Errors: ValueError for a count below 0 or above the number of all scores.

    >>> [mask.tolist() for mask in keep_most([np.array([[3.0, 1.0]]), np.array([[1.0], [2.0]])], 3)]
    [[[True, True]], [[False], [True]]]
    """
    together = np.concatenate([np.ravel(s) for s in scores])
    if not 0 <= count <= len(together):
        raise ValueError(f"keep_most: {count} of {len(together)} cannot be kept")
    mask = np.zeros(len(together), bool)
    mask[np.argsort(-together, kind="stable")[:count]] = True
    ends = np.cumsum([np.size(s) for s in scores])[:-1]
    return [part.reshape(np.shape(s)) for part, s in zip(np.split(mask, ends), scores, strict=True)]


def prune_by_flow(weights, final, steps):
    """The masks after n steps. In each step the shares of what is left say what stays.

        step t = 1 … n:   s = flow_shares(W ⊙ M),   M = keep_most(s, ⌈ρ_t · number of all weights⌉)

    M keeps everything at first. A weight that is 0, or that lies on no path any more, has the share 0: it goes before others.
    -> a list of booleans of the weights' shapes; the weights stay as they are.
    Errors: those of `check` and `kept_at`; ValueError where nothing flows any more, in the weights or after a step.
    """
    weights = check(weights)
    total, masks = sum(W.size for W in weights), [np.ones(W.shape, bool) for W in weights]
    kept_at(0, steps, final)  # refuses wrong options before any work
    for t in range(1, steps + 1):
        shares = flow_shares([W * M for W, M in zip(weights, masks, strict=True)])
        masks = keep_most(shares, math.ceil(kept_at(t, steps, final) * total))
    flow_shares([W * M for W, M in zip(weights, masks, strict=True)])  # refuses masks through which nothing flows
    return masks


def on_a_path(masks):
    """The masks without the weights that no path from an input to an output uses: these do nothing.

    A weight is used if an input leads to its column, and its row leads to an output.
    -> a list of booleans; the given masks stay as they are.   Errors: those of `check`.

    >>> [mask.tolist() for mask in on_a_path([np.array([[True, False], [False, True]]), np.array([[True, False]])])]
    [[[True, False], [False, False]], [[True, False]]]
    """
    check(masks)
    masks = [np.array(M, bool) for M in masks]
    reached = [np.ones(masks[0].shape[1], bool)]
    for M in masks:
        reached.append((M & reached[-1]).any(axis=1))
    leads = np.ones(len(masks[-1]), bool)
    for i in reversed(range(len(masks))):
        masks[i] = masks[i] & leads[:, None] & reached[i]
        leads = masks[i].any(axis=0)
    return masks
