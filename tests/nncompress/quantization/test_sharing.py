import numpy as np
import pytest
from support import sample

from nncompress import quantize
from nncompress.quantization.clusters import kmeans
from nncompress.quantization.sharing import Lookup, share_weights
from nnlite import Tensor, nn
from nnlite.tensor import record


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


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no layer is called 'fc9', there are 0"):
        share_weights(nn.Sequential(nn.Linear(2, 2)), {"fc9": 2})
