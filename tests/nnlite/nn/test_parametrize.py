import copy

import numpy as np
import pytest

import nnlite
from nncompress import quantize
from nncompress.pruning import magnitude_masks, shrink
from nnlite import Tensor, nn, optim
from nnlite import functional as F
from nnlite.inference.cost import summary


class Scaled(nn.Module):
    """w -> s·w with a learned s."""

    def __init__(self, s):
        self.s = nn.Parameter(np.float32(s))

    def forward(self, w):
        return self.s * w


class Masked(nn.Module):
    """w -> w ⊙ mask."""

    def __init__(self, mask):
        self.mask = nn.Buffer(np.asarray(mask, np.float32))

    def forward(self, w):
        return w * self.mask


class Shared(nn.Module):
    """Codebook -> weight; the codebook of a weight is its sorted values."""

    def right_inverse(self, w):
        values, codes = np.unique(w.data, return_inverse=True)
        self.codes = codes.reshape(w.shape)
        return Tensor(values)

    def forward(self, codebook):
        return F.index(codebook, self.codes)


def layer():
    layer = nn.Linear(2, 2, rng=0)
    layer.weight.data = np.array([[1, 2], [3, 4]], np.float32)
    return layer


def network():
    model = nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2, rng=1))
    return model, np.random.default_rng(0).standard_normal((5, 1, 4, 4)).astype(np.float32)


def test_the_weight_is_computed_from_the_original_at_each_use():
    fc = nn.register_parametrization(layer(), "weight", Scaled(0.5))
    assert fc.weight.data.tolist() == [[0.5, 1], [1.5, 2]]
    fc.parametrizations["weight"].original.data = np.array([[2, 0], [0, 0]], np.float32)
    assert fc.weight.data.tolist() == [[1, 0], [0, 0]]
    np.testing.assert_array_equal(fc(np.ones((1, 2), np.float32)).data, np.array([[1, 0]], np.float32) + fc.bias.data)
    assert (fc.in_features, fc.out_features) == (2, 2)


def test_the_original_and_the_transforms_parameters_are_found_saved_and_trained():
    fc = layer()
    weight = fc.weight
    nn.register_parametrization(fc, "weight", Scaled(0.5))
    named = dict(fc.named_parameters())
    assert set(named) == {"bias", "parametrizations.weight.original", "parametrizations.weight.0.s"} == set(fc.state_dict())
    assert named["parametrizations.weight.original"] is weight  # an optimizer made before goes on with it
    x = np.array([[1, 10]], np.float32)
    fc(x).sum().backward()
    # y_o = Σ_i s w[o, i] x_i:  dw = s x, ds = Σ w x
    assert weight.grad.tolist() == [[0.5, 5], [0.5, 5]]
    assert named["parametrizations.weight.0.s"].grad == 1 + 20 + 3 + 40
    optim.SGD(fc.parameters(), lr=1.0).step()
    assert weight.data.tolist() == [[0.5, -3], [2.5, -1]]


def test_transforms_are_applied_in_the_order_in_which_they_were_registered():
    fc = layer()
    nn.register_parametrization(fc, "weight", Scaled(2))
    nn.register_parametrization(fc, "weight", Masked([[1, 0], [0, 1]]))
    assert fc.weight.data.tolist() == [[2, 0], [0, 8]]
    assert "parametrizations.weight.1.mask" in fc.state_dict()


def test_removing_bakes_the_values_into_the_same_parameter():
    fc = layer()
    weight = fc.weight
    weight.requires_grad = False
    nn.register_parametrization(fc, "weight", Scaled(2))
    nn.remove_parametrization(fc, "weight")
    assert fc.weight is weight and weight.data.tolist() == [[2, 4], [6, 8]] and not weight.requires_grad
    assert set(fc.state_dict()) == {"bias", "weight"}


def test_a_right_inverse_says_what_the_original_is():
    fc = layer()
    fc.weight.data = np.array([[1, 2], [2, 1]], np.float32)
    nn.register_parametrization(fc, "weight", Shared())
    original = fc.parametrizations["weight"].original
    assert original.data.tolist() == [1, 2] and fc.weight.data.tolist() == [[1, 2], [2, 1]]
    fc(np.array([[1, 10]], np.float32)).sum().backward()
    assert original.grad.tolist() == [11, 11]  # the gradients of all weights that share a value are added
    nn.remove_parametrization(fc, "weight")
    assert fc.weight.data.tolist() == [[1, 2], [2, 1]]


def test_a_copy_has_its_own_original():
    fc = nn.register_parametrization(layer(), "weight", Scaled(2))
    twin = copy.deepcopy(fc)
    twin.parametrizations["weight"].original.data[...] = 0
    assert fc.weight.data.any() and not twin.weight.data.any()


def test_a_checkpoint_of_a_parametrized_model_is_loaded_into_another_one(tmp_path):
    model, x = network()
    nn.register_parametrization(model[0], "weight", Scaled(0.3))
    nnlite.save(tmp_path / "model.npz", model)
    other, _ = network()
    nn.register_parametrization(other[0], "weight", Scaled(1.0))
    nnlite.load(tmp_path / "model.npz", other)
    np.testing.assert_array_equal(other.eval()(x).data, model.eval()(x).data)


def test_trace_compile_quantize_and_summary_see_the_computed_weight():
    model, x = network()
    model.eval()
    nn.register_parametrization(model[0], "weight", Scaled(-2))
    nn.register_parametrization(model[4], "weight", Masked(np.arange(24).reshape(2, 12) % 3 == 0))
    baked = copy.deepcopy(model)
    nn.remove_parametrization(baked[0], "weight")
    nn.remove_parametrization(baked[4], "weight")
    np.testing.assert_array_equal(model(x).data, baked(x).data)
    assert repr(nnlite.trace(model, x)) == repr(nnlite.trace(baked, x))
    np.testing.assert_array_equal(nnlite.compile(model, x)(x), nnlite.compile(baked, x)(x))
    np.testing.assert_array_equal(quantize(model, x)(x), quantize(baked, x)(x))
    assert str(summary(model, x)) == str(summary(baked, x)) and summary(model, x).nonzero < 24 + 27 + 8
    assert "weight" not in vars(model[0]) and "weight" not in vars(model[4])  # nothing is left behind


def test_fused_layers_read_the_computed_weight():
    x = np.random.default_rng(1).standard_normal((2, 1, 6, 6)).astype(np.float32)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2))
    expected = model(x).data
    nn.register_parametrization(model[0], "weight", Scaled(2.0))
    model[0].bias.data *= 2
    np.testing.assert_array_equal(model(x).data, 2 * expected)  # relu(2z) = 2 relu(z), exactly


def test_the_computed_weight_cannot_be_assigned():
    fc = nn.register_parametrization(layer(), "weight", Scaled(2))
    with pytest.raises(TypeError, match=r"'weight' is computed from parametrizations.weight.original"):
        fc.weight = nn.Parameter(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize("prune", [lambda model, x: magnitude_masks(model, 0.5), lambda model, x: shrink(model, x, 0.5)])
def test_pruning_says_that_a_computed_weight_cannot_be_masked_or_cut(prune):
    model, x = network()
    nn.register_parametrization(model[0], "weight", Scaled(2))
    with pytest.raises(ValueError, match=r"(prune|dependency_groups): 0.weight is computed by a parametrization"):
        prune(model.eval(), x)


def test_what_cannot_be_parametrized_is_refused_and_left_as_it_was():
    fc = layer()
    with pytest.raises(ValueError, match="Linear has no parameter 'wieght'"):
        nn.register_parametrization(fc, "wieght", Scaled(2))
    with pytest.raises(TypeError, match="the transform is a function, expected a Module"):
        nn.register_parametrization(fc, "weight", lambda w: w)
    with pytest.raises(ValueError, match="'weight' of this Linear is not parametrized"):
        nn.remove_parametrization(fc, "weight")
    nn.register_parametrization(fc, "weight", Scaled(2))
    with pytest.raises(ValueError, match="Shared needs the plain weight"):
        nn.register_parametrization(fc, "weight", Shared())
    assert fc.weight.data.tolist() == [[2, 4], [6, 8]]


def test_an_attribute_that_is_not_there_is_still_an_error():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = layer().wieght
