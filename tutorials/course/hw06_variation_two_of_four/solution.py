"""N of M: of every M neighbouring weights at most N are kept. With 2 of 4, processors skip the zeros without searching."""

import itertools

import numpy as np


def nm_mask(scores, n, m):
    """True for the n highest scores of every m neighbours in a row.

    The neighbours are scores[o, 0 … m − 1], scores[o, m … 2m − 1], and so on. Of equal scores the first is the lower one.

    scores (O, I), I a multiple of m; 0 ≤ n ≤ m, whole numbers, 1 ≤ m -> booleans (O, I).
    Errors: ValueError for other n, m or I, for scores that have not two axes, and for NaN scores.
    Source: Mishra et al. 2021 (arXiv 2104.08378), §3.

    >>> nm_mask(np.array([[0.1, -3.0, 2.0, 0.1, 1.0, 1.0, 1.0, 1.0]]), 2, 4).astype(int)
    array([[0, 0, 1, 1, 0, 0, 1, 1]])
    """
    scores = np.asarray(scores)
    if not 1 <= m or not 0 <= n <= m:
        raise ValueError(f"nm_mask: {n} of {m} cannot be kept")
    if scores.ndim != 2 or scores.shape[1] % m:
        raise ValueError(f"nm_mask: scores have shape {scores.shape}, expects (O, I) with I a multiple of {m}")
    if np.isnan(scores).any():
        raise ValueError("nm_mask: some scores are NaN")
    blocks = scores.reshape(-1, m)
    mask = np.ones(blocks.shape, bool)
    np.put_along_axis(mask, np.argsort(blocks, axis=1, kind="stable")[:, : m - n], False, axis=1)
    return mask.reshape(scores.shape)


def compress(w, mask, n, m):
    """The kept weights and where each lies among its m neighbours: what a processor stores.

        values[o, j n + k] = the k-th kept weight of the j-th m neighbours of row o, from left to right
        places[o, j n + k] = its place among them, 0 … m − 1

    w (O, I), mask (O, I) booleans with exactly n True in every m neighbours -> values (O, I n / m) of w's dtype, places
    (O, I n / m) uint8. A kept weight may be 0.
    Errors: ValueError for a mask of another shape or with another number of True in some neighbours.

    >>> compress(np.array([[5.0, 6.0, 7.0, 8.0]]), np.array([[False, True, False, True]]), 2, 4)
    (array([[6., 8.]]), array([[1, 3]], dtype=uint8))
    """
    w, mask = np.asarray(w), np.asarray(mask)
    if mask.shape != w.shape or w.shape[1] % m or (mask.reshape(-1, m).sum(axis=1) != n).any():
        raise ValueError(f"compress: the mask {mask.shape} does not keep {n} of every {m} of the weights {w.shape}")
    rows = w.shape[0], w.shape[1] // m * n
    _, places = np.nonzero(mask.reshape(-1, m))
    return w[mask].reshape(rows), places.astype(np.uint8).reshape(rows)


def expand(values, places, n, m):
    """The weights with their zeros, from what `compress` gave: w[o, j m + places[o, j n + k]] = values[o, j n + k].

    values (O, J n), places (O, J n) integers -> w (O, J m) of the values' dtype, 0 where no weight was kept.
    Errors: ValueError for a place outside 0 … m − 1.

    >>> expand(np.array([[6.0, 8.0]]), np.array([[1, 3]], np.uint8), 2, 4)
    array([[0., 6., 0., 8.]])
    """
    columns = columns_of(places, n, m)
    w = np.zeros((values.shape[0], values.shape[1] // n * m), values.dtype)
    np.put_along_axis(w, columns, values, axis=1)
    return w


def columns_of(places, n, m):
    """The column of w that each stored weight belongs to: that of the first of its m neighbours, and its place among them.

    places (O, J n) integers of any type, J n of them in a row, n for every m neighbours -> int64 (O, J n), numbers below J m.
    Errors: ValueError for a place outside 0 … m − 1, from `raise_for_places`.
    """
    raise_for_places(places, m)
    return np.arange(places.shape[1]) // n * m + places.astype(np.int64)


def raise_for_places(places, m):
    """ValueError for a place outside 0 … m − 1."""
    if places.size and not 0 <= places.min() <= places.max() < m:
        raise ValueError(f"a place is outside 0 … {m - 1}")


def nm_matmul(x, values, places, n, m):
    """y = x wᵀ from the compressed weights, with n products for every m: w itself is not built.

        y[b, o] = Σ_j Σ_k x[b, j m + places[o, j n + k]] · values[o, j n + k]

    x (B, J m), values and places (O, J n) -> y (B, O), of the dtype that x times values has.
    Errors: ValueError for an x of another width, or a place outside 0 … m − 1.
    """
    if x.shape[1] != values.shape[1] // n * m:
        raise ValueError(f"nm_matmul: x has {x.shape[1]} columns, the weights {values.shape[1] // n * m}")
    columns = columns_of(places, n, m)
    return np.stack([x[:, columns[o]] @ values[o] for o in range(len(values))], axis=1)


def transposable_mask(scores):
    """A mask that keeps 2 of 4 along the rows *and* along the columns, so that w and wᵀ both can be skipped through.

    In every block of 4 × 4, rows 4i … 4i + 3 and columns 4j … 4j + 3, two are kept in each row and two in each column. Of all
    such masks of a block the one whose kept scores have the largest sum is taken; of equal ones, any.

    scores (O, I), both multiples of 4, finite -> booleans (O, I).   Errors: ValueError for other shapes.
    Source: Hubara et al. 2021 (arXiv 2102.08124), §4; their algorithm is faster. A block has 90 such masks.

    >>> int(transposable_mask(np.arange(16.0).reshape(4, 4)).sum())
    8
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[0] % 4 or scores.shape[1] % 4:
        raise ValueError(f"transposable_mask: scores have shape {scores.shape}, expects multiples of 4")
    rows = [row for row in itertools.product((0, 1), repeat=4) if sum(row) == 2]
    masks = np.array(list(itertools.product(rows, repeat=4)))                           # (1296, 4, 4)
    masks = masks[(masks.sum(axis=1) == 2).all(axis=1)]                                 # (90, 4, 4)
    O, I = scores.shape
    blocks = scores.reshape(O // 4, 4, I // 4, 4).transpose(0, 2, 1, 3)                 # (O/4, I/4, 4, 4)
    best = np.tensordot(blocks, masks, axes=((2, 3), (1, 2))).argmax(axis=2)
    return masks[best].transpose(0, 2, 1, 3).reshape(O, I).astype(bool)
