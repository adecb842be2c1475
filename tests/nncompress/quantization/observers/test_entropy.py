import math

import numpy as np
import pytest

from nncompress.quantization.observers import Entropy


def divergence(counts, i, levels):
    """KL(P ‖ Q) with loops, as the slides have it."""
    P = [float(c) for c in counts[:i]]
    P[-1] += float(sum(counts[i:]))
    Q = [0.0] * i
    for level in range(levels):
        bins = [j for j in range(i) if j * levels // i == level]
        filled = [j for j in bins if counts[j] > 0]
        for j in filled:
            Q[j] = sum(float(counts[b]) for b in bins) / len(filled)
    total = 0.0
    for p, q in zip(P, Q, strict=True):
        if p > 0:
            if q == 0:
                return math.inf
            total += p / sum(P) * math.log(p / sum(P) / (q / sum(Q)))
    return total


@pytest.mark.parametrize("low, levels", [(0, 256), (-1, 128)])
def test_the_divergence_is_that_of_the_slides(low, levels):
    rng = np.random.default_rng(0)
    seen, counts = Entropy(), np.floor(1000 * np.exp(-np.arange(600) / 70) * rng.random(600))
    seen.low = low
    for i in 256, 300, 511, 600:
        assert seen.divergence(counts, i) == pytest.approx(divergence(counts, i, levels), rel=1e-9)


def test_an_empty_last_bin_with_values_beyond_rules_a_range_out():
    counts = np.ones(600)
    counts[299] = 0
    assert Entropy().divergence(counts, 300) == np.inf


def test_evenly_spread_values_keep_their_range():
    seen = Entropy()
    seen.observe(np.linspace(0, 1, 100_001))
    assert seen.range() == (0.0, 1.0)


def test_zeros_do_not_decide():
    x = np.abs(np.random.default_rng(0).standard_normal(50_000))
    one, two = Entropy(), Entropy()
    one.observe(x)
    two.observe(np.append(x, np.zeros(500_000)))
    assert one.range() == two.range()
