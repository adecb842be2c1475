import numpy as np
import pytest

from nncompress.pruning import collect, magnitude_masks, surgeon_masks
from nncompress.pruning.inputs import input_rows
from nnlite import nn


def doubled(layer):
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return layer


def inputs(shape, seed=0):
    """Inputs that depend on each other: mixed along axis 1."""
    rng = np.random.default_rng(seed)
    return np.moveaxis(np.moveaxis(rng.normal(size=shape), 1, -1) @ rng.normal(size=(shape[1], shape[1])), -1, 1) + 0.5


def prune(layer, x, sparsity, **options):
    """-> masks, and the mean squared change of the layer's outputs."""
    before = layer(x).data
    evidence = collect(layer, [(x, None)], what=["input_moments"])
    masks = surgeon_masks(layer, sparsity, evidence, **options)
    return masks, np.mean((layer(x).data - before) ** 2)


@pytest.mark.parametrize("layer, shape", [
    (nn.Linear(6, 4, rng=0), (40, 6)), (nn.Linear(6, 4, bias=False, rng=0), (40, 6)),
    (nn.Conv2d(4, 4, 2, groups=2, rng=0), (6, 4, 5, 5)), (nn.Conv2d(2, 3, 2, padding=1, bias=False, rng=0), (6, 2, 5, 5)),
], ids=["linear", "no bias", "grouped convolution", "convolution"])
def test_the_kept_weights_and_the_bias_are_the_least_squares_fit_to_the_old_outputs(layer, shape):
    layer, x = doubled(layer), inputs(shape)
    y = layer(x).data
    masks, _ = prune(layer, x, 0.5, damping=0)
    mask = masks["weight"].reshape(layer.weight.shape[0], -1)
    assert (~mask).sum() == round(0.5 * mask.size)
    rows = input_rows(layer, x)
    targets = y if y.ndim == 2 else y.transpose(0, 2, 3, 1).reshape(-1, y.shape[1])
    for o, kept in enumerate(mask):
        if layer.bias is not None:
            kept = np.append(kept, True)
        fitted = np.linalg.lstsq(rows[o * len(rows) // len(mask)][:, kept], targets[:, o], rcond=None)[0]
        row = layer.weight.data[o].ravel()
        row = row if layer.bias is None else np.append(row, layer.bias.data[o])
        np.testing.assert_allclose(row[kept], fitted, atol=1e-9)
        assert not row[~kept].any()


def test_the_outputs_change_less_than_by_magnitude():
    x = inputs((60, 8))
    layer = doubled(nn.Linear(8, 6, rng=1))
    before, w = layer(x).data, layer.weight.data.copy()
    magnitude_masks(layer, 0.6).apply()
    by_magnitude = np.mean((layer(x).data - before) ** 2)
    layer.weight.data = w
    _, change = prune(layer, x, 0.6)
    assert change < by_magnitude / 2


def test_what_another_input_knows_is_removed_at_almost_no_cost():
    x = inputs((40, 3))
    x[:, 2] = 2 * x[:, 0] - 1                                               # the bias has to help
    layer = doubled(nn.Linear(3, 5, rng=0))
    masks, change = prune(layer, x, 1 / 3)
    assert (masks["weight"][:, [0, 2]].sum(axis=1) == 1).all() and change < 1e-8


def test_only_the_named_layers_change_and_float32_stays_float32():
    model = nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1))
    x, before = inputs((30, 4)).astype(np.float32), model.state_dict()
    evidence = collect(model, [(x, None)], what=["input_moments"])
    masks = surgeon_masks(model, {"2.weight": 0.4}, evidence)
    assert list(masks) == ["2.weight"] and (model[2].weight.data == 0).sum() == 6
    assert model[2].weight.dtype == np.float32 and (model[2].bias.data != before["2.bias"]).all()
    np.testing.assert_array_equal(model[0].weight.data, before["0.weight"])


def test_bad_requests_change_nothing():
    model = nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1))
    evidence = collect(model, [(inputs((30, 4)).astype(np.float32), None)], what=["input_moments"])
    before = model.state_dict()
    with pytest.raises(ValueError, match="2.weight: the sparsity has to be a number from 0 to 1, got 2"):
        surgeon_masks(model, {"0.weight": 0.5, "2.weight": 2}, evidence)
    with pytest.raises(ValueError, match="surgeon_masks: needs the input_moments of the weight"):
        surgeon_masks(model, 0.5, {"0.weight": evidence["0.weight"]})
    with pytest.raises(ValueError, match=r"2.weight: the moments are of 4 inputs, the weight \(3, 5\) has 5"):
        surgeon_masks(model, {"2.weight": 0.5}, {"2.weight": evidence["0.weight"]})
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
