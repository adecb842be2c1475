import itertools

import numpy as np
import pytest
from support import sample

from nncompress import quantize
from nncompress.quantization.sharing import Lookup, SharedWeight, first_values, kmeans, nearest, share_weights
from nnlite import Tensor, nn
from nnlite.tensor import record

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


def test_the_gradient_of_a_value_is_the_sum_over_the_weights_that_share_it():
    codes, dw = np.array([[1, 0, 2], [2, 2, 4]]), sample((2, 3), 3)
    C = Tensor(np.array([0.5, -1.0, 7.0, 2.0]), requires_grad=True)
    w = record(Lookup(codes), C)
    assert w.data.tolist() == [[0.5, 0, -1], [-1, -1, 2]]
    w.backward(dw)
    expected = [sum(dw[i, j] for i in range(2) for j in range(3) if codes[i, j] == k + 1) for k in range(4)]
    np.testing.assert_allclose(C.grad, expected, rtol=1e-12)


def test_the_same_seed_draws_the_same_values():
    w = sample((6, 7), 1).astype(np.float32)
    a, b = (share_weights(nn.Sequential(nn.Linear(7, 6, rng=0), nn.Linear(6, 2, rng=1)), 4, "random", rng=5) for _ in range(2))
    for one, two in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert kmeans(w, 4, "random", 1).values.tolist() == kmeans(w, 4, "random", 1).values.tolist()


def test_training_moves_the_values_and_keeps_the_groups(digits):
    model = share_weights(digits.model(), 3)
    shared = [layer for layer in model.modules() if "parametrizations" in vars(layer)]
    before = [(layer.parametrizations["weight"].original.data.copy(), layer.weight.data) for layer in shared]
    wrong = digits.errors(model.eval())
    digits.fit(model, lr=1e-2)
    assert digits.errors(model) < 0.75 * wrong
    for layer, (values, weight) in zip(shared, before, strict=True):
        assert (layer.parametrizations["weight"].original.data != values).all() and len(np.unique(layer.weight.data)) == 3
        for value in np.unique(weight):
            assert len(np.unique(layer.weight.data[weight == value])) == 1
    plan = quantize(model, digits.calibration, per="layer")
    assert all(len(np.unique(step.w)) <= 3 for step in plan.steps if step.w is not None)
    assert abs(digits.errors(plan) - digits.errors(model)) <= 4


def test_pruned_weights_stay_zero_through_the_training_of_the_codebook(digits):
    model = digits.model()
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.data *= abs(layer.weight.data) > 0.05
    zeros = [layer.weight.data == 0 for layer in model.modules() if isinstance(layer, nn.Linear)]
    digits.fit(share_weights(model, 4), epochs=1)
    for layer, zero in zip([m for m in model.modules() if isinstance(m, nn.Linear)], zeros, strict=True):
        nn.remove_parametrization(layer, "weight")
        assert zero.any() and ((layer.weight.data == 0) == zero).all() and len(np.unique(layer.weight.data)) <= 5


def test_what_cannot_be_grouped_is_named():
    with pytest.raises(ValueError, match="k has to be at least 1, got 0"):
        kmeans(np.ones(3), 0)
    with pytest.raises(ValueError, match="init has to be .* got 'forgy'"):
        kmeans(np.ones(3), 2, "forgy")
    with pytest.raises(ValueError, match="kmeans: 1 of 2 values are NaN"):
        nn.register_parametrization(nn.Linear(1, 1), "weight", SharedWeight(2)) and kmeans([1, np.nan], 1)
    with pytest.raises(ValueError, match="no layer is called 'fc9', there are 0"):
        share_weights(nn.Sequential(nn.Linear(2, 2)), {"fc9": 2})
