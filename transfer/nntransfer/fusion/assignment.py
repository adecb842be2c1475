"""The assignment problem: give each row its own column, so that the sum is as large as possible.

Of n rows and n columns, n! pairings are possible. The Hungarian method finds the best one in n³ steps. It works on costs
c = −gains, and pairs one row after the other. Each row i has a price u_i and each column j a price v_j, with u_i + v_j ≤ c_ij.
Row i and column j may be paired if u_i + v_j = c_ij. A new row looks for a free column along such pairs: from the row to a
column, from the column to the row that has it now, and so on. If no further pair is possible, the prices change by the smallest
amount that makes one possible (Dijkstra's shortest path). The search ends at a free column. Then all rows along the path take
the columns that the search found for them.
"""

import numpy as np

from nnlite.kernels.machine.cache import njit


def best_assignment(gains):
    """The column of each row, each column once, for the largest sum of gains.

        columns = argmax_p Σ_i gains[i, p_i]

    gains: array (n, n) of finite numbers, computed in float64 -> int64 (n,). Time ~ n³. Of equally good pairings the same one
    is found each time.
    Errors: ValueError for an array that is not square, and for NaN or infinity.
    Source: Kuhn 1955, "The Hungarian method for the assignment problem"; shortest paths: Jonker & Volgenant 1987, Computing 38.

    >>> best_assignment([[3, 1], [4, 1]])           # 1 + 4 are more than 3 + 1
    array([1, 0])
    """
    gains = np.asarray(gains, np.float64)
    if gains.ndim != 2 or gains.shape[0] != gains.shape[1]:
        raise ValueError(f"best_assignment: expects as many columns as rows, got shape {gains.shape}")
    if not np.isfinite(gains).all():
        raise ValueError(f"best_assignment: gains have to be finite, got {gains[~np.isfinite(gains)][0]}")
    columns = np.empty(len(gains), np.int64)
    _pair_all(np.ascontiguousarray(-gains), columns)
    return columns


@njit(cache=True)
def _pair_all(c, columns):
    """columns[i] = the column of row i, for the smallest sum of the costs c (n, n). Row and column n are the place to start."""
    n = len(c)
    u, v = np.zeros(n + 1), np.zeros(n + 1)
    row_of = np.full(n + 1, n)      # of each column; n: none
    before = np.zeros(n + 1, np.int64)   # the column before this one on the shortest path
    for i in range(n):
        row_of[n] = i
        column = _search(c, u, v, row_of, before)
        while column != n:          # exchange the pairs along the path, from its end
            row_of[column] = row_of[before[column]]
            column = before[column]
    for j in range(n):
        columns[row_of[j]] = j


@njit(cache=True)
def _search(c, u, v, row_of, before):
    """The free column at the end of the shortest path from the new row, row_of[n]; u, v and before are changed."""
    n = len(c)
    distance, done = np.full(n, np.inf), np.zeros(n + 1, np.bool_)
    column = n
    while row_of[column] != n:
        done[column] = True
        i, step, nearest = row_of[column], np.inf, n
        for j in range(n):
            if not done[j]:
                slack = c[i, j] - u[i] - v[j]
                if slack < distance[j]:
                    distance[j], before[j] = slack, column
                if distance[j] < step:
                    step, nearest = distance[j], j
        for j in range(n + 1):
            if done[j]:  # the first of them is column n
                u[row_of[j]] += step
                v[j] -= step
            elif j < n:
                distance[j] -= step
        column = nearest
    return column
