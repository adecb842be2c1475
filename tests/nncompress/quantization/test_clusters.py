import itertools

import numpy as np
import pytest
from support import sample

from nncompress.quantization.clusters import codebook_gradient, first_values, kmeans, look_up, nearest

INITS = ["linear", "density", "random"]


def squared_error(w, values, codes):
    return sum((t - (0 if c == 0 else values[c - 1])) ** 2 for t, c in zip(w.ravel().tolist(), codes.ravel(), strict=True))


def test_the_three_beginnings_by_hand():
    w = np.array([-4.0, -1, 0.5, 1, 1.5, 2, 2.5, 6])
    assert first_values(w, 3, "linear").tolist() == [-4, 1, 6]
    # quantile ⅛ lies ⅞ of the way from the first to the second of 8 numbers, −4 + ⅞·3; ⅜: 2⅝ steps; ⅝: 4⅜; ⅞: 6⅛
    assert first_values(w, 4, "density").tolist() == [-1.375, 0.8125, 1.6875, 2.9375]
    drawn = first_values(w, 5, "random", 3).tolist()
    assert drawn == sorted(drawn) and len(set(drawn)) == 5 and set(drawn) < set(w.tolist())
    assert drawn == first_values(w, 5, "random", 3).tolist() != first_values(w, 5, "random", 4).tolist()


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("k", [1, 2, 5, 16])
def test_it_ends_where_neither_step_changes_anything(init, k):
    w = np.random.default_rng(k).standard_normal((20, 30)).astype(np.float32) * (np.arange(30) % 3 > 0)
    values, codes = kmeans(w, k, init, rng=0)
    assert len(values) <= k and values.dtype == np.float32 and (np.diff(values) > 0).all()
    assert ((codes == 0) == (w == 0)).all()  # zeros stay zeros, and nothing else becomes one
    for i, value in enumerate(values):
        assert np.isclose(w[codes == i + 1].mean(dtype=np.float64), value, rtol=1e-5)
    kept = w[w != 0]
    assert (abs(kept - values[codes[w != 0] - 1]) <= abs(kept[:, None] - values).min(axis=1) + 1e-6).all()


@pytest.mark.parametrize("init", INITS)
def test_the_error_is_not_larger_than_at_the_beginning_and_near_the_least_one(init):
    w = np.sort(np.random.default_rng(4).standard_normal(12).astype(np.float32))
    first = first_values(w.astype(np.float64), 3, init, 0)
    begun = sum(min((t - c) ** 2 for c in first) for t in w.tolist())
    least = min(sum(np.sum((part - part.mean()) ** 2) for part in np.split(w, cuts))
                for cuts in itertools.combinations(range(1, 12), 2))  # the groups of the best grouping are neighbours
    error = squared_error(w, *kmeans(w, 3, init, rng=0))
    assert least * 0.999 <= error <= begun * 1.001 and error <= 2 * least


def test_few_different_weights_are_kept_exactly():
    w = np.float32([[0, 0.3, 0.3], [-7, 0.1, 0]])
    values, codes = kmeans(w, 5)
    assert values.tolist() == np.float32([-7, 0.1, 0.3]).tolist()
    assert np.concatenate([[np.float32(0)], values])[codes].tolist() == w.tolist()
    assert kmeans(np.zeros((2, 2)), 4).codes.tolist() == [[0, 0], [0, 0]] and len(kmeans(np.zeros(0), 4).values) == 0


def test_a_weight_in_the_middle_goes_to_the_lower_value():
    assert nearest(np.array([-1.0, 0.5, 0.51, 9]), np.array([0.0, 1.0])).tolist() == [0, 0, 1, 1]


def test_the_gradient_of_a_value_is_the_sum_over_its_weights():
    dw, codes = sample((5, 6), 2), np.random.default_rng(0).integers(0, 4, (5, 6))
    expected = [sum(t for t, c in zip(dw.flat, codes.flat, strict=True) if c == i + 1) for i in range(4)]
    np.testing.assert_allclose(codebook_gradient(dw, codes, 4), expected, rtol=1e-12, atol=1e-15)
    C = np.float32([0.5, -2.0, 3.0])
    assert look_up(C, codes).tolist() == [[0 if c == 0 else C[c - 1] for c in row] for row in codes]
    assert codebook_gradient(np.float32(dw), codes, 3).dtype == look_up(C, codes).dtype == np.float32


def test_what_cannot_be_grouped_is_named():
    with pytest.raises(ValueError, match="k has to be at least 1, got 0"):
        kmeans(np.ones(3), 0)
    with pytest.raises(ValueError, match="init has to be .* got 'forgy'"):
        kmeans(np.ones(3), 2, "forgy")
    with pytest.raises(ValueError, match="kmeans: 1 of 2 values are NaN"):
        kmeans([1, np.nan], 1)
