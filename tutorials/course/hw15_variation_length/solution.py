"""A weight's length and its direction, learned apart (DoRA).

When all weights are fine-tuned, a row of a weight can turn without growing. With LoRA, turning and growing go together. Here
each row, which makes one output, has a length m of its own. Its direction comes from W and from a matrix of low rank.

    W'[o] = m[o] V[o] / |V[o]|        V = W + s B A

W (O, …), as a matrix (O, I) with I = W.size / O; m (O,); A (r, I); B (O, r); s a number. |·| is the length of a row. All arrays
are of one float dtype, and so is every result; the inputs stay as they are.

Source: Liu et al. 2024 (arXiv 2402.09353), §4.
"""

import numpy as np


def direction(W, A, B, s):
    """V = W + s B A, with the shape of W.

    Errors: ValueError for an A that does not have I columns, a B that does not have O rows, and for different r.

    >>> direction(np.array([[1.0, 0.0]]), np.array([[2.0, 3.0]]), np.array([[1.0]]), 0.5).tolist()
    [[2.0, 1.5]]
    """
    O, I = len(W), W[0].size
    if A.ndim != 2 or A.shape[1] != I or B.shape != (O, len(A)):
        raise ValueError(f"direction: W {W.shape} takes A (r, {I}) and B ({O}, r), got {A.shape} and {B.shape}")
    return W + (s * (B @ A)).reshape(W.shape).astype(W.dtype)


def lengths(V):
    """|V[o]| = √Σ V[o]² of each row: V (O, …) -> (O,), in V's dtype; added up in float64.

    >>> lengths(np.array([[3.0, 4.0], [0.0, -2.0]])).tolist()
    [5.0, 2.0]
    """
    return np.sqrt(np.sum(V.reshape(len(V), -1) ** 2, axis=1, dtype=np.float64)).astype(V.dtype)


def start(W, r, rng):
    """The m, A and B with which training begins, so that W' = W.

        m = |W|        A from U(−1/√I, 1/√I)        B = 0

    r is cut to the smaller one of O and I.   rng: a Generator or a seed -> m (O,), A (r, I), B (O, r) in W's dtype.
    Errors: ValueError for an r below 1.
    """
    O, I = len(W), W[0].size
    if r < 1:
        raise ValueError(f"start: the rank is a whole number from 1 up, got {r}")
    r = min(r, O, I)
    A = np.random.default_rng(rng).uniform(-1, 1, (r, I)) / np.sqrt(I)
    return lengths(W), A.astype(W.dtype), np.zeros((O, r), W.dtype)


def weight(W, m, A, B, s):
    """W' of the formula above -> an array of W's shape. A row with V[o] = 0 has W'[o] = 0.

    m may have any sign.   Errors: those of `direction`; ValueError for an m that is not (O,).

    >>> weight(np.array([[3.0, 4.0]]), np.array([10.0]), np.zeros((1, 2)), np.zeros((1, 1)), 1.0).tolist()
    [[6.0, 8.0]]
    """
    V = direction(W, A, B, s)
    if m.shape != (len(W),):
        raise ValueError(f"weight: W {W.shape} takes m ({len(W)},), got {m.shape}")
    return V * column(ratio(m, lengths(V)), V)


def column(x, V):
    """x (O,) with as many axes as V (O, …), so that it multiplies V's rows."""
    return x.reshape(-1, *[1] * (V.ndim - 1))


def ratio(x, n):
    """x / n, and 0 where n is 0."""
    return np.divide(x, n, out=np.zeros_like(n), where=n > 0)


def gradients(G, W, m, A, B, s, constant=False):
    """The gradients of m, A and B from G, that of W'.

        dm[o] = G[o]·V[o] / |V[o]|
        dV[o] = m[o]/|V[o]| (G[o] − V[o] (V[o]·G[o]) / |V[o]|²)        constant: dV[o] = m[o]/|V[o]| G[o]
        dB = s dV Aᵀ        dA = s Bᵀ dV

    constant: the length |V| counts as a number that does not change; this saves memory and hardly changes what is learned.
    G (O, …) of W's shape -> dm (O,), dA (r, I), dB (O, r). A row with V[o] = 0 gives no gradient.
    Errors: those of `weight`; ValueError for a G of another shape.
    Source: Liu et al. 2024, eq. 6 and 7, and §4.3 for `constant`.
    """
    weight(W, m, A, B, s)  # checks the shapes
    if G.shape != W.shape:
        raise ValueError(f"gradients: W is {W.shape}, the gradient {G.shape}")
    V = direction(W, A, B, s)
    G, n, V = G.reshape(len(G), -1), lengths(V), V.reshape(len(V), -1)
    along = ratio(np.sum(G * V, axis=1), n)
    dV = G if constant else G - V * ratio(along, n)[:, None]
    dV = dV * ratio(m, n)[:, None]
    return along, s * (B.T @ dV), s * (dV @ A.T)


def change(before, after):
    """How much fine-tuning has changed the lengths of a weight's rows, and how much their directions.

        length    = 1/O Σ_o | |after[o]| − |before[o]| |
        direction = 1/O Σ_o (1 − cos(after[o], before[o]))

    before, after (O, …) -> two numbers. A row of zeros has no direction. The second mean is over the rows that have a direction
    before and after; without such a row it is 0.
    Errors: ValueError for different shapes.
    Source: Liu et al. 2024, eq. 3 and 4.

    >>> tuple(round(float(x), 3) for x in change(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]])))
    (2.0, 1.0)
    """
    if before.shape != after.shape:
        raise ValueError(f"change: the weights have the shapes {before.shape} and {after.shape}")
    n, k = lengths(before), lengths(after)
    product = np.sum((before * after).reshape(len(n), -1), axis=1)
    have = (n > 0) & (k > 0)
    turned = 1 - product[have] / (n[have] * k[have])
    return np.abs(k - n).mean(), turned.mean() if len(turned) else 0.0
