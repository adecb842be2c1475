import numpy as np
import pytest
from networks import Model, random_network

import nnlite
from nncompress import quantize
from nncompress.quantization.equalization import equal_pairs, equalize
from nnlite import functional as F
from nnlite import nn


def uneven(model, seed=0):
    """The model with channels of sizes from 0.01 to 100, and images for it, (5, 2, 8, 8)."""
    rng = np.random.default_rng(seed)
    for _, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            size = 10.0 ** rng.uniform(-2, 2, len(module.weight))
            w = rng.standard_normal(module.weight.shape) * size.reshape(-1, *[1] * (module.weight.ndim - 1))
            module.weight.data, module.bias.data = np.float32(w), np.float32(size * rng.standard_normal(len(size)))
    return model.eval(), rng.standard_normal((5, 2, 8, 8)).astype(np.float32)


MODELS = {
    "linear": lambda: [nn.Flatten(), nn.Linear(128, 7), nn.ReLU(), nn.Linear(7, 3)],
    "convolutions": lambda: [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3, stride=2, padding=1)],
    "grouped": lambda: [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 9, 3, groups=3), nn.ReLU(), nn.Conv2d(9, 2, 1)],
    "depthwise": lambda: [nn.Conv2d(2, 6, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Conv2d(6, 2, 1)],
    "pooled and flattened": lambda: [nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(3, 1, 1), nn.Flatten(),
                                     nn.Linear(45, 4)],
    "without a ReLU": lambda: [nn.Conv2d(2, 5, 3), nn.Conv2d(5, 3, 3)],
}


def ranges(first, second):
    """The largest |weight| that makes each channel in one layer, and that reads it in the next, weight by weight."""
    C, G = len(first.arrays["b"]), second.options.get("groups", 1)
    made, read = np.zeros(C), np.zeros(C)
    for index, w in np.ndenumerate(first.arrays["w"]):
        made[index[0]] = max(made[index[0]], abs(w))
    O, columns = second.arrays["w"].shape[:2]
    for (o, i, *_), w in np.ndenumerate(second.arrays["w"]):
        c = o // (O // G) * columns + i if second.kind == "conv2d" else i // (columns // C)
        read[c] = max(read[c], abs(w))
    return made, read


@pytest.mark.parametrize("name", MODELS)
def test_the_output_stays_and_both_ranges_of_each_channel_are_equal(name):
    model, x = uneven(nn.Sequential(*MODELS[name]()))
    before, after = nnlite.compile(model, x), equalize(model, x)
    y = before(x)
    np.testing.assert_allclose(after(x), y, rtol=0, atol=1e-5 * np.abs(y).max())
    pairs = equal_pairs(after.steps)
    assert len(pairs) == sum(bool(step.arrays) for step in after.steps) - 1
    for i, j in pairs:
        made, read = ranges(before.steps[i], before.steps[j])
        assert np.ptp(np.log10(made / read)) > 1
        made, read = ranges(after.steps[i], after.steps[j])
        np.testing.assert_allclose(made, read, rtol=1e-4)


def test_a_batch_norm_is_folded_first():
    model, x = uneven(nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 3)))
    model.train()(x)
    plan = equalize(model.eval(), x)
    np.testing.assert_allclose(*ranges(*(step for step in plan.steps if step.arrays)), rtol=1e-5)
    y = model(x).data
    np.testing.assert_allclose(plan(x), y, rtol=0, atol=1e-5 * np.abs(y).max())


def test_random_networks_keep_their_output():
    for seed in range(25):
        model, x = random_network(seed)
        y = model(x).data
        np.testing.assert_allclose(equalize(model, x)(x), y, rtol=0, atol=2e-4 * np.abs(y).max() + 1e-30, err_msg=str(seed))


def test_a_result_that_somebody_else_reads_is_left_alone():
    model = Model(lambda m, x: m.two(m.one(x)) + F.relu(m.one(x)), one=nn.Conv2d(2, 2, 1), two=nn.Conv2d(2, 2, 1))
    shared = Model(lambda m, x: (lambda h: m.two(h) + h)(m.one(x)), one=nn.Conv2d(2, 2, 1), two=nn.Conv2d(2, 2, 1))
    x = np.ones((1, 2, 3, 3), np.float32)
    assert len(equal_pairs(nnlite.compile(model.eval(), x).steps)) == 1
    assert equal_pairs(nnlite.compile(shared.eval(), x).steps) == []


def test_a_channel_without_weights_stays_as_it_is():
    model, x = uneven(nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 1)))
    model[0].weight.data[1] = 0
    first, second = (step.arrays for step in equalize(model, x).steps if step.arrays)
    assert first["b"][1] == model[0].bias.data[1]
    np.testing.assert_array_equal(second["w"][:, 1], model[2].weight.data[:, 1])


def test_one_scale_per_layer_then_loses_much_less():
    model, x = uneven(nn.Sequential(*MODELS["depthwise"]()))
    y = model(x).data
    plain, equal = (quantize(m, x, per="layer")(x) - y for m in (model, equalize(model, x)))
    assert 2 * equal.std() < plain.std()


def test_the_model_is_left_alone():
    model, x = uneven(nn.Sequential(*MODELS["linear"]()))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    equalize(model, x)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
