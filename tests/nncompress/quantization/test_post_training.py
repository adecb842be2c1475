from functools import partial

import numpy as np
import pytest
from networks import Model, assert_same_plan, random_network

import nnlite
from nncompress import quantize
from nncompress.int8 import run_reference
from nncompress.int8.plan import LAWS
from nncompress.quantization import equalize
from nncompress.quantization.observers import Entropy, MovingAverage, Percentile, SquaredError
from nncompress.quantization.post_training import LARGEST_K
from nncompress.quantization.rounding import adaround, round_by_rate
from nnlite import Tensor, data, models, nn, optim
from nnlite import functional as F

TINY = np.finfo(np.float32).tiny


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def linear(w, b):
    """A linear layer with these numbers."""
    layer = nn.Linear(*np.shape(w)[::-1])
    layer.weight.data, layer.bias.data = np.float32(w), np.float32(b)
    return layer


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("build", [lambda: models.cnn(1, 8, width=0.5), lambda: models.resnet(8, 1, width=0.25)])
def test_a_network_of_zeros_says_zero(build, law):
    model, x = build(), images(5, 1, 8, 8)
    for parameter in model.parameters():
        parameter.data = np.zeros_like(parameter.data)
    assert not quantize(model, x, law=law)(x).any()


@pytest.mark.parametrize("law", LAWS)
def test_channels_that_never_varied_are_quantized(law):
    # The running variance of every channel has shrunk to 0, so that folding divides by √ε alone.
    model, x = models.resnet(8, 1, width=0.25), images(5, 1, 8, 8)
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.data = np.zeros_like(buffer.data)
    logits = model.eval()(x).data
    assert np.isfinite(logits).all()
    assert (quantize(model, x, law=law)(x) - logits).std() <= 0.02 * logits.std()


@pytest.mark.parametrize("law", LAWS)
def test_the_output_of_a_pruned_neuron_is_its_bias_to_within_a_step(law):
    # Inputs are large, biases and weights are not: with S_w = 1 for a channel of zeros the bias would be 0 steps of S1 = 100.
    model = nn.Sequential(linear([[0, 0], [1e-4, 0]], [0.3, 0.1]), nn.ReLU(), linear(np.eye(2), [0, 0]))
    x = np.float32([[25500, 0], [0, 100]])
    plan = quantize(model, x, law=law)
    hidden = plan.steps[1]
    np.testing.assert_allclose(plan(x)[:, 0], 0.3, rtol=0, atol=hidden.S)
    assert hidden.S < 0.02


# ---- activations


@pytest.mark.parametrize("law", LAWS)
def test_scales_and_zero_points_are_those_of_the_ranges_seen(law):
    model = nn.Sequential(linear([[2.0]], [0.5]), nn.ReLU(), linear([[-1.0]], [0.0]), nn.ReLU(), linear([[1.0]], [1.0]))
    plan = quantize(model, np.float32([[-1.0], [3.0], [0.2]]), law=law)
    seen = [(step.S, step.Z) for step in plan.steps]
    assert seen[0] == (np.float32(4 / 255), 64)  # −1 … 3: Z = round(255/4)
    assert seen[1] == (np.float32(6.5 / 255), 0)  # relu(2x + 0.5): 0 … 6.5
    assert seen[2] == (1, 0)  # relu(−h): nothing but 0


def test_pooling_relu_and_flatten_keep_scale_and_zero_point():
    model = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(1), nn.Flatten())
    plan = quantize(model, images(5, 2, 4, 4))
    assert [step.kind for step in plan.steps] == ["input", "max_pool2d", "relu", "max_pool2d", "flatten"]
    assert len({(step.S, step.Z) for step in plan.steps}) == 1


def test_an_addition_that_cancels_is_quantized_under_both_laws():
    # x + (−1 + 1e−6) x: a millionth of its inputs, finer than the fixed law can add.
    model = Model(lambda m, x: m.last(x + m.layer(x)), layer=linear([[-1 + 1e-6]], [0]), last=linear([[1]], [0]))
    for law in LAWS:
        plan = quantize(model, np.float32([[0], [1], [2]]), law=law)
        assert plan.steps[2].kind == "add"
        assert np.abs(plan(np.float32([[2]]))).max() <= 2 * plan.steps[0].S


# ---- calibration


def test_an_array_a_list_and_a_loader_calibrate_alike():
    model, x = models.cnn(image_size=8, width=0.25), images(600, 3, 8, 8)
    x[599] *= 10  # in the last batch of each
    expected = quantize(model, x)
    assert expected.steps[0].S == np.float32((float(x.max()) - float(x.min())) / 255)
    labels = np.zeros(600, np.int64)
    # labels beside the images, as a DataLoader has them
    loader = data.DataLoader(data.Dataset(x, labels, classes=10), batch_size=64, shuffle=True)
    batches = [x[i : i + 100] for i in range(0, 600, 100)]
    for calibration in batches, iter(batches), [(x[:300], labels[:300]), (x[300:], labels[300:])], loader, x.astype(np.float64):
        assert_same_plan(quantize(model, calibration), expected)


def test_quantizing_twice_gives_the_same_bits_and_leaves_the_model_alone():
    for seed in range(10):
        model, x = random_network(seed)
        model.train()
        before = model.state_dict()
        for law in LAWS:
            one, two = quantize(model, x, law=law), quantize(model, x, law=law)
            assert_same_plan(one, two)
            np.testing.assert_array_equal(one(x), two(x))
        assert model.training
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, before[name])


def test_the_plan_holds_the_bits_that_were_asked_for():
    model, x = models.lenet_300_100(64), images(10, 64)
    for bits in range(2, 9):
        plan = quantize(model, x, bits=bits)
        layers = [step for step in plan.steps if step.w is not None]
        assert {step.bits for step in layers} == {bits}
        assert all(np.abs(step.w).max() == 2 ** (bits - 1) - 1 for step in layers)


# ---- one scale for a layer


def on_a_grid(seed):
    """(model, {layer: s}, {layer: k}, pixels / 255): weights k s and biases of the same grid."""
    rng, model = np.random.default_rng(seed), models.cnn(1, 8, width=0.25) if seed % 2 else models.lenet_300_100(64)
    steps, integers = {}, {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            s = np.float32(10 ** rng.uniform(-3, 0))
            k, k_b = rng.integers(-127, 128, module.weight.shape), rng.integers(-99, 100, module.bias.shape)
            module.weight.data, module.bias.data = np.float32(k * np.float64(s)), np.float32(k_b * np.float64(s))
            steps[name], integers[name] = s, (k, k_b)
    pixels = rng.integers(0, 256, (20, 1, 8, 8)).astype(np.uint8)
    pixels[0, 0, 0, :2] = 0, 255
    return model, steps, integers, pixels


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("given", [True, False])
def test_a_grid_for_each_layer_runs_as_it_is(seed, given):
    model, steps, integers, pixels = on_a_grid(seed)
    x = pixels.astype(np.float32) / np.float32(255)
    plan = quantize(model, x, per="layer", steps=steps if given else None, input_scale=1 / 255 if given else None)
    assert (plan.steps[0].S, plan.steps[0].Z) == (np.float32(1 / 255), 0)
    layers = [step for step in plan.steps if step.w is not None]
    assert len(layers) == len(integers)
    for step in layers:
        k, k_b = integers[step.name]
        np.testing.assert_array_equal(step.w, k)
        assert (step.w_scale == steps[step.name]).all()
        np.testing.assert_array_equal(step.b, np.rint(k_b / np.float64(plan.steps[step.inputs[0]].S)))
    np.testing.assert_array_equal(plan.quantize_input(x), pixels.transpose(0, 2, 3, 1))


def test_steps_may_name_some_layers_only():
    model, x = models.mlp(4), images(20, 4)
    one, two = quantize(model, x), quantize(model, x, steps={"fc1": 0.01})
    (fc1, fc2), (_, before) = ([step for step in plan.steps if step.w is not None] for plan in (two, one))
    assert (fc1.w_scale == np.float32(0.01)).all()
    np.testing.assert_array_equal(fc2.w_scale, before.w_scale)
    np.testing.assert_array_equal(fc1.w, np.clip(np.rint(model.fc1.weight.data / np.float32(0.01)), -127, 127))


def test_weights_beyond_a_given_step_are_clamped():
    model = nn.Sequential(linear([[0.2, -9], [0.24, 0.26]], [0.5, 1]))
    layer = quantize(model, np.float32([[63.75, 0]]), bits=3, steps={"0": 0.5}).steps[1]  # S = 1/4, Z = 0
    np.testing.assert_array_equal(layer.w, [[0, -3], [0, 1]])
    np.testing.assert_array_equal(layer.b, [4, 8])


def test_layers_may_have_bits_of_their_own():
    model, x = models.mlp(4), images(20, 4)
    layers = [step for step in quantize(model, x, bits={"fc2": 3}).steps if step.w is not None]
    assert [(step.bits, np.abs(step.w).max()) for step in layers] == [(8, 127), (3, 3)]


@pytest.mark.parametrize("options, message", [
    ({"bits": {"fc1": 9}}, "quantize: bits has to be a whole number from 2 to 8, got 9"),
    ({"bits": {"fc9": 4}}, "quantize: bits has an entry for 'fc9'; the layers are fc1, fc2"),
    ({"per": "tensor"}, "quantize: per has to be one of channel, layer, got 'tensor'"),
    ({"steps": {"fc9": 0.1}}, "quantize: steps has an entry for 'fc9'; the layers are fc1, fc2"),
    ({"steps": {"fc1": 0}}, "quantize: fc1: the step of the weights has to be finite and positive, got 0"),
    ({"input_scale": 0}, "quantize: input_scale has to be finite and positive, got 0"),
    ({"input_scale": 1 / 255}, "quantize: input_scale 0.00392157 stands for inputs from 0 to 1, calibration has .* -1 to 2"),
])
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        quantize(models.mlp(4), np.float32([[-1, 2, 0, 0]]), **options)


# ---- everything together


OPTIONS = [
    {"per": "layer"}, {"observer": Percentile}, {"observer": Entropy, "correct_bias": True},
    {"observer": SquaredError, "per": "layer", "bits": 5},
    {"rounding": partial(adaround, steps=20), "bits": 4, "correct_bias": True},
    {"rounding": partial(round_by_rate, price=0.001), "per": "layer"}, {"observer": MovingAverage},
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("options", OPTIONS)
def test_plans_of_random_networks_equal_their_formulas_whatever_the_options(options, law):
    for seed in range(OPTIONS.index(options), 21, len(OPTIONS)):
        model, x = random_network(seed)
        for each in model, equalize(model, x):
            plan = quantize(each, x, law=law, **options)
            np.testing.assert_array_equal(plan(x), run_reference(plan, x), err_msg=str(seed))


def test_a_float32_plan_is_quantized_as_its_model():
    model, x = models.cnn(1, 8, width=0.25), images(20, 1, 8, 8)
    assert_same_plan(quantize(nnlite.compile(model, x), x), quantize(model, x))


# ---- what it costs


@pytest.fixture(scope="module")
def digits():
    train, test = data.load("digits")
    return [((part.images / 255).astype(np.float32), part.labels) for part in (train, test)]


@pytest.mark.parametrize("build", [lambda: models.cnn(1, 8, width=0.5), lambda: models.lenet_300_100(64),
                                   lambda: models.resnet(8, 1, width=0.5)])
def test_eight_bits_keep_what_a_trained_network_says(digits, build):
    (x, y), (test_x, _) = digits
    model = build()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for i in [*range(0, len(x), 32)] * 3:
        loss = F.cross_entropy(model(x[i : i + 32]), y[i : i + 32])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits = model.eval()(test_x).data
    for law in LAWS:
        noise = {bits: (quantize(model, x[:300], bits=bits, law=law)(test_x) - logits).std() for bits in (8, 6, 4)}
        assert noise[8] <= 0.02 * logits.std()
        assert 1.5 * noise[8] < noise[6] and 1.5 * noise[6] < noise[4]  # a bit less doubles the noise of the weights
        eight = quantize(model, x[:300], law=law)(test_x)
        assert (eight.argmax(axis=1) != logits.argmax(axis=1)).sum() <= 2  # of 360


# ---- errors


@pytest.mark.parametrize("bits", [1, 9, 0, -8, 8.0, "8", None])
def test_bits_outside_2_to_8_are_refused(bits):
    with pytest.raises(ValueError, match=f"quantize: bits has to be a whole number from 2 to 8, got {bits}"):
        quantize(models.mlp(4), images(3, 4), bits=bits)


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="quantize: the requantization law has to be one of fixed, float, once, got 'exact'"):
        quantize(models.mlp(4), images(3, 4), law="exact")


def test_calibration_may_come_in_every_form():
    model, x = models.mlp(4, hidden=3, classes=2), images(600, 4)
    labels, expected = np.zeros(600, np.int64), quantize(model, x)
    dataset = data.Dataset(x.reshape(600, 1, 1, 4), labels, classes=2)
    for calibration in (Tensor(x), [Tensor(x[:9]), Tensor(x[9:])], [[x, labels]], [(x, labels, labels)], iter([x, x[:0]])):
        assert_same_plan(quantize(model, calibration), expected)
    of_images = quantize(model, x.reshape(600, 1, 1, 4))
    for calibration in (dataset, data.DataLoader(dataset, batch_size=70)):
        assert_same_plan(quantize(model, calibration), of_images)
    with pytest.raises(ValueError, match="^quantize: calibration holds uint8, expects floats as the model takes them$"):
        quantize(model, data.Dataset(np.zeros((3, 1, 1, 4), np.uint8), labels[:3], classes=2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name, letter", [("fc1.weight", "w"), ("fc2.bias", "b")])
def test_weights_that_are_no_numbers_are_refused_with_the_name_of_the_layer(value, name, letter):
    model = models.mlp(4)
    dict(model.named_parameters())[name].data.flat[1] = value
    with pytest.raises(ValueError, match=f"quantize: {name[:3]}, {letter}: 1 of .* values are NaN or infinite, the first at"):
        quantize(model, images(3, 4))


@pytest.mark.parametrize("calibration, message", [
    (np.zeros((0, 4), np.float32), "quantize: calibration holds no images; some hundred training images do"),
    ([], "quantize: calibration holds no images"),
    ([np.zeros((0, 4), np.float32)], "quantize: calibration holds no images"),
    (np.float32([[1, np.nan, 2, 3]]), r"quantize: calibration: 1 of 4 values are NaN or infinite, the first at index \(0, 1\)"),
    ([images(2, 4), np.float32([[1, 2, -np.inf, 3]])], "quantize: calibration: 1 of 4 values are NaN or infinite"),
    (np.zeros((3, 4), np.uint8), "quantize: calibration holds uint8, expects floats as the model takes them"),
    ([images(2, 4), images(2, 5)], r"quantize: a calibration batch has images of shape \(5,\), the first one \(4,\)$"),
    (images(3, 5), "linear: x has 5 features, w .* expects 4"),
])
def test_calibration_that_says_nothing_is_refused(calibration, message):
    with pytest.raises(ValueError, match=message):
        quantize(models.mlp(4), calibration)


def test_activations_that_overflow_are_refused():
    model = nn.Sequential(linear([[1e30]], [0]), nn.ReLU(), linear([[1e30]], [0]))
    with pytest.raises(ValueError, match="values are NaN or infinite"):
        quantize(model, np.float32([[1.0]]))


@pytest.mark.parametrize("model, example, message", [
    (nn.Sequential(nn.Linear(4, 4), nn.GELU()), images(2, 4), r"quantize: gelu_1 \(GELU\) has no integer form here"),
    (nn.Sequential(nn.Linear(4, 4), nn.Softmax()), images(2, 4), r"quantize: softmax_1 \(Softmax\) has no integer form"),
    (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)), images(2, 4), r"quantize: 2 \(BatchNorm\) has no integer"),
    (nn.Linear(4, 4), images(2, 3, 4), r"\(Linear\) has no .*: it is applied along the last of 3 axes, not .* are conv2d"),
    (nn.AdaptiveAvgPool2d((2, 3)), images(2, 1, 5, 5), r"\(AdaptiveAvgPool2d\) has no integer form here: no kind of step"),
    (nn.Conv2d(1, 2, 2, padding="same"), images(2, 1, 5, 5), r"\(Pad\) has no integer form here: no kind of step"),
    (nn.Dropout(), images(2, 4), "^quantize: in inference this model returns its input; there is nothing"),
    (Model(lambda m, x: x + 1.0), images(2, 4), r"quantize: add_1 \(Add\) has no integer form"),
])
def test_operations_without_an_integer_form_are_refused_by_name(model, example, message):
    with pytest.raises(ValueError, match=message):
        quantize(model, example)


def test_a_layer_that_adds_up_more_than_int32_holds_is_refused():
    model = nn.Linear(LARGEST_K + 1, 1)
    with pytest.raises(ValueError, match=f"quantize: .* adds up {LARGEST_K + 1} products; int32 is safe up to {LARGEST_K}"):
        quantize(model, np.zeros((1, LARGEST_K + 1), np.float32))
