"""The best grouping: of all ways to give n numbers k values, the one with the least error. Lloyd's algorithm may miss it.

In rising order the groups of the best one are runs of neighbours. So it is found from left to right: the best grouping of the
first j numbers into m groups is the best one of the first i into m − 1 groups, and the run from i to j, for the right i.
"""

import numpy as np


def running_sums(w, h):
    """Σ h, Σ h w and Σ h w² over the first j numbers, for j = 0 … n.

    w (n,) numbers, h (n,) their importance -> float64 (3, n + 1); column 0 is zeros.

    >>> running_sums(np.array([1.0, 3.0]), np.array([2.0, 1.0])).tolist()
    [[0.0, 2.0, 3.0], [0.0, 2.0, 5.0], [0.0, 2.0, 11.0]]
    """
    w, h = np.asarray(w, np.float64), np.asarray(h, np.float64)
    return np.concatenate([np.zeros((3, 1)), np.cumsum([h, h * w, h * w * w], axis=1)], axis=1)


def group_cost(sums, i, j):
    """The least Σ h_t (w_t − c)² over i ≤ t < j, for the best number c, from the running sums alone.

        c = Σ h w / Σ h        cost = Σ h w² − (Σ h w)² / Σ h

    i ≤ j: whole numbers, or arrays of them that broadcast -> floats of their shape, never below 0; 0 where Σ h is 0.

    >>> float(group_cost(running_sums(np.array([1.0, 3.0, 9.0]), np.ones(3)), 0, 2))
    2.0
    """
    weight, first, second = sums[:, j] - sums[:, i]
    cost = second - np.divide(first * first, weight, out=np.zeros_like(first), where=weight > 0)
    return np.where(weight > 0, np.maximum(cost, 0), 0.0)


def least_costs(sums, k):
    """D[m, j]: the least cost of the first j numbers in exactly m groups, none of them empty.

        D[0, 0] = 0        D[m, j] = min over i < j of D[m − 1, i] + group_cost(i, j)        infinite where there is no way

    sums (3, n + 1) of numbers in rising order, k from 0 up -> float64 (k + 1, n + 1).

    >>> least_costs(running_sums(np.array([1.0, 3.0, 9.0]), np.ones(3)), 2)[2].tolist()
    [inf, inf, 0.0, 2.0]
    """
    n = sums.shape[1] - 1
    D = np.full((k + 1, n + 1), np.inf)
    D[0, 0] = 0
    for m in range(1, k + 1):
        for j in range(m, n + 1):
            i = np.arange(j)
            D[m, j] = (D[m - 1, :j] + group_cost(sums, i, np.full(j, j))).min()
    return D


def group_starts(sums, k):
    """Where the k groups of a best grouping begin: the places i of their first numbers, in rising order.

    From the end: the last group of the first j numbers begins at an i with D[k, j] = D[k − 1, i] + group_cost(i, j); of several
    such i at the lowest. Then the same for the first i numbers and k − 1 groups.
    sums (3, n + 1), 1 ≤ k ≤ n -> integers (k,), the first is 0.   Errors: ValueError for another k.

    >>> group_starts(running_sums(np.array([1.0, 3.0, 9.0]), np.ones(3)), 2).tolist()
    [0, 2]
    """
    n = sums.shape[1] - 1
    if not 1 <= k <= n:
        raise ValueError(f"group_starts: {n} numbers cannot have {k} groups")
    D, starts, j = least_costs(sums, k), [], n
    for m in range(k, 0, -1):
        i = np.arange(j)
        j = int(np.argmin(D[m - 1, :j] + group_cost(sums, i, np.full(j, j))))
        starts.append(j)
    return np.array(starts[::-1])


def best_values(w, h, k):
    """The best k values for the numbers w, each number t weighing h_t, and which of them each number gets.

        Σ_t h_t (w_t − values[codes_t])² is the least possible; a value is the mean Σ h w / Σ h of its group (0 where Σ h = 0)

    w of any shape and order, h ≥ 0 of w's shape, 1 ≤ k ≤ their number -> values float64 (k,), codes int64 of w's shape, 0 for
    the group of the lowest numbers to k − 1 for that of the highest. With h = the second derivative of the loss, it is the loss
    that suffers least.
    Errors: ValueError for another k, h of another shape or below 0, NaN.

    >>> best_values(np.array([9.0, 1.0, 3.0]), np.array([1.0, 1.0, 3.0]), 2)
    (array([2.5, 9. ]), array([1, 0, 0]))
    """
    w, h = np.asarray(w, np.float64), np.asarray(h, np.float64)
    if h.shape != w.shape or np.isnan(w).any() or not (h >= 0).all():
        raise ValueError(f"best_values: w {w.shape} needs importances of its shape from 0 up, got {h.shape}; and no NaN")
    order = np.argsort(w, axis=None, kind="stable")
    sums = running_sums(w.reshape(-1)[order], h.reshape(-1)[order])
    starts = group_starts(sums, k)
    weight, first, _ = np.diff(sums[:, [*starts, w.size]], axis=1)
    codes = np.empty(w.size, np.int64)
    codes[order] = np.searchsorted(starts, np.arange(w.size), side="right") - 1
    return np.divide(first, weight, out=np.zeros(k), where=weight > 0), codes.reshape(w.shape)
