"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
covariance, loss, alike = visible["covariance"], visible["loss"], visible["alike"]
NAN = np.nan


def unbiased(K, L):
    """HSIC₁ by its mean over fours, summed up without loops over all four: the formula of Song et al."""
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    first = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2)) - 2 * (one @ K @ L @ one) / (n - 2)
    return first / (n * (n - 3))


def debiased(x, y):
    K, L = x @ x.T, y @ y.T
    return unbiased(K, L) / np.sqrt(unbiased(K, K) * unbiased(L, L))


def debiased_by_kernels(domains, rng):
    for n, d, e in ((6, 2, 3), (9, 3, 5), (12, 20, 1)):
        x, y = rng.normal(size=(n, d)) + 3, rng.normal(size=(n, e))
        same(domains.linear_cka(x, y, True), debiased(x, y), within=1e-8)
    x, y = rng.normal(size=(40, 12, 60)), rng.normal(size=(40, 12, 60))
    values = [domains.linear_cka(a, b, True) for a, b in zip(x, y, strict=True)]
    assert abs(np.mean(values)) < 0.08, f"unrelated features have a debiased CKA of {np.mean(values):.3f} on the average"
    assert min(values) < 0, "debiased, some unrelated features lie a little below 0"


def in_batches(domains, rng):
    """The sums of HSIC₁ come first, the root and the division last. Batches of different size count as they are."""
    pairs = [(rng.normal(size=(n, 3)), rng.normal(size=(n, 5))) for n in (4, 7, 5)]
    pairs = [(x, np.concatenate([y, x], axis=1)) for x, y in pairs]
    sums = np.zeros(3)
    for x, y in pairs:
        K, L = x @ x.T, y @ y.T
        sums += unbiased(K, L), unbiased(K, K), unbiased(L, L)
    same(domains.minibatch_cka(*pairs), sums[0] / np.sqrt(sums[1] * sums[2]), within=1e-9)
    same(domains.minibatch_cka(pairs[1]), debiased(*pairs[1]), within=1e-9)


def descent(domains, rng):
    """Steps down the gradient make the covariances alike; the means stay."""
    x, y = rng.normal(size=(12, 3)), 2 * rng.normal(size=(9, 3)) + 5
    mean, start = x.mean(axis=0), loss(x, y)
    for _ in range(150):
        x = x - domains.coral_loss(x, y)[1]
    assert loss(x, y) < 0.02 * start, f"the loss fell from {start:.3g} to {loss(x, y):.3g} only"
    same(x.mean(axis=0), mean, within=1e-9)


def singular(domains, rng):
    """More features than samples: eigenvalues that rounding leaves below 0, and recoloured features without NaN."""
    x = rng.normal(size=(3, 8))
    C = covariance(x)
    root = np.asarray(domains.matrix_power(C, 0.5))
    assert np.isfinite(root).all(), "the root of a singular covariance has NaN"
    same(root @ root, C, within=1e-9)
    y = 2 * rng.normal(size=(4, 8))
    z = domains.recoloured(x, y)
    A = np.asarray(domains.matrix_power(C + np.eye(8), -0.5)) @ domains.matrix_power(covariance(y) + np.eye(8), 0.5)
    same(z, (x - x.mean(axis=0)) @ A + y.mean(axis=0), within=1e-9)
    same(domains.recoloured(x, x), x, within=1e-9)


def types(domains, rng):
    x, y = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    for got in domains.coral_loss(x, y):
        dtype(got, np.float32)
    dtype(domains.recoloured(x, y.astype(np.float64)), np.float32)
    dtype(domains.recoloured(x.astype(np.float64), y), np.float64)
    dtype(domains.matrix_power(np.eye(2, dtype=np.float32), 0.5), np.float64)
    same(domains.matrix_power([[4, 0], [0, 9]], 0.5), [[2, 0], [0, 3]], within=1e-12)
    same(domains.coral_loss_of_arrays([[0.0], [2.0]], [[5.0], [9.0]]), 9.0, within=1e-6)
    large = rng.normal(size=(20, 3))
    far = (large + 1000).astype(np.float32)
    same(domains.linear_cka(far, far[:, :1]), alike(far.astype(np.float64), far[:, :1].astype(np.float64)), within=1e-9)
    for got in (domains.linear_cka(x, x), domains.linear_cka(x, x, True), domains.coral_distance(x, y)):
        assert type(got) is float, f"expected a float, got a {type(got).__name__}"


def refusals(domains, rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    assert 0 <= domains.linear_cka(x, y) <= 1, "to refuse everything is no solution"
    for a, b in ((x, y), (x[:1], x), (x, x[:1]), (x[0], x), (np.where(x == x[2, 1], NAN, x), x), (x, x * np.inf)):
        refuses(domains.coral_loss, a, b)
    refuses(domains.coral_distance, x, y)
    refuses(domains.recoloured, x, y)
    for a, b in ((x, y[:4]), (x[:1], y[:1]), (x, np.ones((5, 2))), (np.zeros((5, 3)), y), (np.where(x == x[0, 0], NAN, x), y)):
        refuses(domains.linear_cka, a, b)
        refuses(domains.linear_cka, a, b, True)
    refuses(domains.linear_cka, x[:3], y[:3], True)
    assert 0 <= domains.linear_cka(x[:3], y[:3]) <= 1, "three samples are enough for CKA without the debiased form"
    refuses(domains.minibatch_cka)
    refuses(domains.minibatch_cka, (x, y), (x[:3], y[:3]))
    refuses(domains.minibatch_cka, (x, y), (x, y[:4]))
