import math

import numpy as np
import pytest

from nncompress.pruning.criteria.bits import loss_per_bit, loss_per_bit_scores, place_bits
from nncompress.pruning.evidence import Evidence


def test_the_score_is_the_rise_of_a_quadratic_loss_for_each_bit():
    def loss(a, b):
        return 3 * a * a + 5 * b * b              # ∂²/∂a² = 6, ∂²/∂b² = 10
    t, h, bits = np.array([0.5, -2.0]), np.array([6.0, 10.0]), np.array([4.0, 8.0])
    rises = np.array([loss(0.5, -2.0) - loss(0.0, -2.0), loss(0.5, -2.0) - loss(0.5, 0.0)])
    np.testing.assert_allclose(loss_per_bit(t, h, bits), 2 * rises / [4, 8], rtol=1e-15)
    np.testing.assert_allclose(loss_per_bit(t, h, bits, gamma=2), 2 * rises / [16, 64], rtol=1e-15)


def bits_by_loops(kept, C, H, W):
    """`place_bits` place by place, with the classes in a dict."""
    O, p_mean, counts, classes = len(kept), max(kept.mean(), 1e-4), {}, {}
    k = kept.reshape(O, C, H, W)
    column = k.sum(axis=0).astype(float)
    for o in range(O):
        for c in range(C):
            for y in range(H):
                for x in range(W):
                    near = [(v, u) for v in (y - 1, y, y + 1) for u in (x - 1, x, x + 1) if 0 <= v < H and 0 <= u < W]
                    density = column[c, y, x]
                    if H * W > 1:
                        around = sum(column[c, v, u] for v, u in near) / 9 if C == 1 else column[c].mean()
                        density = (density + around) / 2
                    row = math.log2((k[o].sum() + 4 * p_mean) / (C * H * W + 4))
                    cell = int(1.5 * (row + math.log2((density + 4 * p_mean) / (O + 4)) - math.log2(p_mean))) + 15
                    neighbours = sum(k[o, c, v, u] for v, u in near) - k[o, c, y, x] if H * W > 1 else 0
                    key = classes[o, c, y, x] = min(15, max(0, cell)), int(neighbours)
                    ones, all_ = counts.get(key, (0, 0))
                    counts[key] = ones + int(k[o, c, y, x]), all_ + 1
    bits = np.zeros(k.shape)
    for place, key in classes.items():
        p = (counts[key][0] + 2 * p_mean + 0.02) / (counts[key][1] + 2.04)
        bits[place] = min(14, max(0, math.log2((1 - p) / p))) + 3
    return bits.reshape(kept.shape)


@pytest.mark.parametrize("maps, density", [((1, 5, 4), 0.3), ((3, 3, 3), 0.15), ((12, 1, 1), 0.5), ((2, 3, 3), 0.0)])
def test_the_bits_of_a_place_are_counted_over_places_of_its_class(maps, density):
    rng = np.random.default_rng(0)
    kept = rng.random((7, math.prod(maps))) < density * rng.random((7, 1)) * 2
    np.testing.assert_allclose(place_bits(kept, maps), bits_by_loops(kept, *maps), rtol=1e-12)
    if maps[1] > 1:
        np.testing.assert_array_equal(place_bits(kept.reshape(7, *maps)), place_bits(kept, maps).reshape(7, *maps))


def test_a_weight_in_a_cluster_costs_fewer_bits_than_one_that_stands_alone():
    kept = np.zeros((40, 1, 9, 9), bool)
    kept[:, 0, 1:4, 1:4] = True
    kept[::8, 0, 7, 7] = True
    bits = place_bits(kept)
    assert bits[0, 0, 2, 2] < bits[0, 0, 7, 7] - 2


def test_the_criterion_takes_curvature_and_the_nonzeros():
    rng = np.random.default_rng(1)
    w = rng.standard_normal((4, 6)) * (rng.random((4, 6)) < 0.5)
    h = rng.random((4, 6))
    scores = loss_per_bit_scores(maps=(1, 2, 3), gamma=1.5)
    np.testing.assert_allclose(scores(w, Evidence(curvature=h)), w * w * h / place_bits(w != 0, (1, 2, 3)) ** 1.5)
    with pytest.raises(ValueError, match="needs the curvature of the weight"):
        scores(w, None)


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"an output has 6 inputs, maps \(2, 2, 2\) have 8"):
        place_bits(np.ones((3, 6), bool), (2, 2, 2))
