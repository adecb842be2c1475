"""What the tests of losses share: random distributions, and the check of the reductions."""

import math

import numpy as np
from support import positive

REDUCTIONS = ["mean", "sum", "none"]


def distributions(rows, classes, k=0):
    """Random probabilities, each row summing to 1."""
    p = positive((rows, classes), k)
    return p / p.sum(axis=1, keepdims=True)


def check_reductions(function, losses, divisor):
    """function(reduction) gives the losses themselves, their sum, and the sum over the divisor."""
    total = math.fsum(losses.reshape(-1))
    results = {reduction: function(reduction).data for reduction in REDUCTIONS}
    # A handful of roundings for each of fewer than a hundred losses.
    np.testing.assert_allclose(results["none"], losses, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(results["sum"], total, rtol=1e-13)
    np.testing.assert_allclose(results["mean"], total / divisor, rtol=1e-13)
    assert results["sum"].shape == results["mean"].shape == ()

