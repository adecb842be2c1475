"""Optimal transport: move the samples of one domain onto those of another, each as little as can be.

A plan P says how much of sample i goes to sample j. Its rows sum up to the weights a of the one domain, its columns to the
weights b of the other. The best plan has the least Σ_ij P_ij C_ij, where C_ij is what the way from i to j costs. A plan that is
smoothed by ε is found by two formulas in turns (Sinkhorn):

    P minimises Σ_ij P_ij C_ij + ε Σ_ij P_ij ln(P_ij / (a_i b_j))

x (n, d), y (m, d): features. a (n,), b (m,): weights from 0 up that sum up to 1. C (n, m). ε > 0 has the unit of the costs.
All results are float64, and the inputs stay as they are.

Source: Cuturi 2013 (arXiv 1306.0895); for domains: Courty et al. 2017 (arXiv 1507.00504).
"""

import numpy as np


def costs(x, y):
    """C_ij = |x_i − y_j|²: x (n, d), y (m, d) -> (n, m); exactly 0 for equal samples.

    Errors: ValueError for features that are not (n, d) and (m, d).

    >>> costs(np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 0.0]])).tolist()
    [[1.0], [4.0]]
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"costs: features have the shapes {x.shape} and {y.shape}, expected (n, d) and (m, d)")
    return ((x[:, None] - y) ** 2).sum(axis=2)


def half_step(C, g, b, eps):
    """The potential f of the rows that fits the potential g of the columns.

        f_i = −ε ln Σ_j b_j exp((g_j − C_ij) / ε)

    C (n, m), g (m,), b (m,) -> f (n,). A column with b_j = 0 does not count. No exponential overflows, and not all of them
    become 0, however large the costs are beside ε.

    >>> half_step(np.array([[0.0, 7000.0]]), np.zeros(2), np.array([0.5, 0.5]), 1.0).round(6).tolist()
    [0.693147]
    """
    with np.errstate(divide="ignore"):
        z = (g - C) / eps + np.log(b)
    top = z.max(axis=1, keepdims=True)
    return -eps * (top[:, 0] + np.log(np.exp(z - top).sum(axis=1)))


def potentials(C, a, b, eps, steps):
    """The potentials f and g after so many rounds. Each round finds f from g, then g from f; g is 0 at first.

    g from f is the same formula with Cᵀ and a.   steps: from 1 up -> f (n,), g (m,).
    Errors: ValueError for an ε that is not above 0 or not finite, for steps below 1, and for weights of another shape, below 0,
    or with a sum that differs from 1 by more than 1e-6.
    """
    check(C, a, b, eps)
    if steps < 1:
        raise ValueError(f"potentials: steps is a whole number from 1 up, got {steps}")
    g = np.zeros(len(b))
    for _ in range(steps):
        f = half_step(C, g, b, eps)
        g = half_step(C.T, f, a, eps)
    return f, g


def check(C, a, b, eps):
    """ValueError for the ε and the weights that `potentials` refuses."""
    if not 0 < eps < np.inf:
        raise ValueError(f"potentials: eps has to be a number above 0, got {eps}")
    for name, w, n in (("a", a, C.shape[0]), ("b", b, C.shape[1])):
        if np.shape(w) != (n,) or not (np.asarray(w) >= 0).all() or not abs(np.sum(w) - 1) <= 1e-6:
            raise ValueError(f"potentials: {name} has to be {n} numbers from 0 up whose sum is 1, got {w}")


def plan(C, a, b, eps, steps):
    """The plan of the potentials.

        P_ij = a_i b_j exp((f_i + g_j − C_ij) / ε)

    -> P (n, m). Its columns sum up to b; its rows nearly to a, the better the more steps.   Errors: those of `potentials`.
    """
    f, g = potentials(C, a, b, eps, steps)
    return np.outer(a, b) * np.exp((f[:, None] + g - C) / eps)


def divergence(x, y, eps, steps):
    """How far two domains are apart; 0 for a domain and itself.

        S = V(x, y) − ½ V(x, x) − ½ V(y, y)        V(x, y) = Σ_i a_i f_i + Σ_j b_j g_j

    f and g are the potentials of C = costs(x, y) after `steps` rounds; all samples of a domain weigh the same, 1/n and 1/m.
    -> a number.   Errors: those of `costs` and `potentials`.
    Source: Feydy et al. 2019 (arXiv 1810.08278), eq. 3.
    """
    def value(x, y):
        a, b = uniform(x), uniform(y)
        f, g = potentials(costs(x, y), a, b, eps, steps)
        return a @ f + b @ g

    return value(x, y) - value(x, x) / 2 - value(y, y) / 2


def uniform(x):
    """1/n for each sample of x."""
    return np.full(len(x), 1 / len(x))


def divergence_gradient(x, y, eps, steps):
    """dS/dx (n, d), the gradient of `divergence` at plans that have converged.

        dS/dx_i = 2 Σ_j P_ij (x_i − y_j) − Σ_j (Q_ij + Q_ji) (x_i − x_j)

    P is the plan from x to y, Q that from x to x: at the best potentials only the costs count, not how the plans change.
    Errors: those of `divergence`.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    P = plan(costs(x, y), uniform(x), uniform(y), eps, steps)
    Q = plan(costs(x, x), uniform(x), uniform(x), eps, steps)
    Q = Q + Q.T
    to_y = P.sum(axis=1, keepdims=True) * x - P @ y
    to_x = Q.sum(axis=1, keepdims=True) * x - Q @ x
    return 2 * to_y - to_x


def moved(P, y):
    """Where the samples of the one domain arrive in the other: the mean of the places that they go to.

        x'_i = Σ_j P_ij y_j / Σ_j P_ij

    P (n, m), y (m, d) -> (n, d).   Errors: ValueError for a P with another m, and for a row of P that sums up to 0.
    Source: Courty et al. 2017, eq. 14.

    >>> moved(np.array([[0.25, 0.25], [0.5, 0.0]]), np.array([[0.0], [4.0]])).tolist()
    [[2.0], [0.0]]
    """
    P, y = np.asarray(P, np.float64), np.asarray(y, np.float64)
    rows = P.sum(axis=1, keepdims=True)
    if P.shape[1] != len(y) or not (rows > 0).all():
        raise ValueError(f"moved: a plan {P.shape} for {len(y)} samples; each row has to sum up to more than 0, the least sum "
                         f"is {rows.min()}")
    return P @ y / rows


def moved_along(new, x, arrived):
    """Where new samples arrive that no plan knows: each moves as the nearest of the old samples has moved.

        new'_i = new_i + arrived_k − x_k        k = argmin_k |new_i − x_k|², of equal ones the first

    new (l, d), x (n, d), arrived (n, d) -> (l, d).
    Errors: those of `costs`; ValueError for an `arrived` of another shape than x.
    Source: Courty et al. 2017, §4.2.
    """
    if np.shape(arrived) != np.shape(x):
        raise ValueError(f"moved_along: x has the shape {np.shape(x)}, what arrived {np.shape(arrived)}")
    nearest = costs(new, x).argmin(axis=1)
    return new + (np.asarray(arrived, np.float64) - x)[nearest]
