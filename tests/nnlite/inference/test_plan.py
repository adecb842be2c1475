import copy
import pickle

import numpy as np
import pytest
from networks import Model, random_network
from support import every_other_reversed, fortran_ordered, sample

import nnlite
from nnlite import functional as F
from nnlite import models, nn, trace

MODELS = {
    "mlp": (lambda **options: models.mlp(in_features=50, **options), (2, 5, 5)),
    "lenet_300_100": (models.lenet_300_100, (1, 28, 28)),
    "lenet_5": (models.lenet_5, (1, 28, 28)),
    "cnn": (models.cnn, (3, 32, 32)),
}


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def eager(model, x):
    return model.eval()(nnlite.Tensor(x)).data


def assert_same_bits(a, b):
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_array_equal(a, b)


# ---- equal to the model, bit for bit where nothing is folded


@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_model_equals_the_model_bit_for_bit(name):
    build, shape = MODELS[name]
    model, x = build(seed=3), images(5, *shape)
    assert_same_bits(nnlite.compile(model, x[:1])(x), eager(model, x))


@pytest.mark.parametrize("seed", range(40))
def test_a_compiled_random_network_without_batch_norm_equals_it_bit_for_bit(seed):
    model, x = random_network(seed, batch_norm=False)
    assert_same_bits(nnlite.compile(model, x)(x), eager(model, x))


@pytest.mark.parametrize("O", [1, 2, 3, 10, 13, 33, 49, 68])
def test_a_ragged_layer_has_the_models_bits_whatever_the_layout_and_the_other_images(O):
    model, x = nn.Sequential(nn.Linear(300, O, rng=0), nn.ReLU()), images(37, 300)
    plan, expected = nnlite.compile(model, x), eager(model, x)
    for view in (np.asarray, fortran_ordered, every_other_reversed):
        assert_same_bits(eager(model, view(x)), expected)
        assert_same_bits(plan(view(x)), expected)
    assert_same_bits(np.concatenate([plan(one[None]) for one in x]), expected)
    model[0].weight.data = np.asfortranarray(model[0].weight.data)
    assert_same_bits(eager(model, x), expected)


@pytest.mark.parametrize("forward, shape", [
    (lambda m, x: F.gelu(x), (4,)),
    (lambda m, x: F.softmax(F.tanh(x)), (4,)),
    (lambda m, x: F.log_softmax(F.leaky_relu(x)), (4,)),
    (lambda m, x: F.relu(F.gelu(F.relu(x) - 0.5)), (2, 3, 4)),
    (lambda m, x: F.softmax(m.conv(x), dim=1), (3, 4, 5)),
    (lambda m, x: m.norm(m.conv(x)), (3, 4, 5)),
    (lambda m, x: F.relu(m.dense(x)), (3, 4, 5)),
    (lambda m, x: m.dense(x), (2, 5)),
    (lambda m, x: m.conv(x) * F.sigmoid(m.gate(F.adaptive_avg_pool2d(x))), (3, 4, 5)),
    (lambda m, x: F.concatenate([m.conv(x), x], dim=1), (3, 4, 5)),
    (lambda m, x: F.conv2d(x, m.conv.weight * 2, m.conv.bias), (3, 4, 5)),
    (lambda m, x: F.pad(x, (1, 0, 2, 1))[:, :, 1:], (3, 4, 5)),
    (lambda m, x: F.permute(m.conv(x), 0, 2, 3, 1).mean(dim=-1), (3, 4, 5)),
    (lambda m, x: x.reshape(x.shape[0], 5, 12).transpose(1, 2), (3, 4, 5)),
    (lambda m, x: F.matmul(x, x.transpose(1, 2)), (3, 4)),
    (lambda m, x: m.bn(x), (5,)),
    (lambda m, x: x + 0.0, (3,)),
])
def test_any_other_operation_runs_as_it_is(forward, shape):
    model = Model(forward, conv=nn.Conv2d(3, 6, 1, rng=0), gate=nn.Conv2d(3, 6, 1, rng=1), norm=nn.LayerNorm((6, 4, 5)),
                  dense=nn.Linear(5, 7, rng=2), bn=nn.BatchNorm1d(5))
    x = images(3, *shape)
    assert_same_bits(nnlite.compile(model, x[:1])(x), eager(model, x))


# ---- equal up to rounding where BatchNorm is folded


def rounding_bound(model, x):
    """How far two float32 evaluations of a model may lie apart, each with its sums in whatever order.

    By induction over the graph, |computed − exact| ≤ k u M with u = eps/2: M is what the model gives with the absolute
    values of all numbers, k the number of roundings along a path (a sum of K products: K + 1 with the bias; BatchNorm in
    either form: 10). ReLU and maximum pass errors on. Two evaluations are then within k·eps·M.
    """
    state, found = model.state_dict(), {}
    for node in trace(model, x).nodes:
        given = {letter: np.abs(state[v]).astype(np.float64) if isinstance(v, str) else found.get(v)
                 for letter, v in node.arguments.items()}
        before = max((found[node_before, "k"] for node_before in node.inputs), default=0)
        if node.kind == "Input":
            M, k = np.abs(x).astype(np.float64), 0
        elif node.kind == "BatchNorm":
            channel = (-1, *[1] * (len(node.shape) - 2))
            scale = given["gamma"] / np.sqrt(given["var"] + node.op.eps)
            M, k = scale.reshape(channel) * (given["x"] + given["mean"].reshape(channel)) + given["beta"].reshape(channel), 10
        else:
            M = copy.copy(node.op).forward(*given.values())
            k = 0
            if node.kind in ("Conv2d", "Linear"):
                k = given["w"][0].size + 1
            elif node.kind == "AvgPool2d":
                k = int(np.prod(node.op.kernel)) + 1
            elif node.kind == "Add":
                k = 1
        found[node], found[node, "k"] = M, before + k
    return found[node, "k"] * np.finfo(np.float32).eps * found[node]


@pytest.mark.parametrize("seed", range(60))
def test_a_compiled_random_network_with_batch_norm_equals_it_up_to_rounding(seed):
    model, x = random_network(seed)
    y = nnlite.compile(model, x)(x)
    assert y.dtype == np.float32
    assert (np.abs(y - eager(model, x)) <= rounding_bound(model, x)).all()


@pytest.mark.parametrize("depth", [8, 14])
def test_a_compiled_resnet_equals_it_bit_for_bit_where_float32_is_exact(depth):
    # Few small whole weights, and BatchNorm that multiplies by powers of two: no rounding anywhere, folded or not.
    rng, model = np.random.default_rng(5), models.resnet(depth, width=0.5)
    for _, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            O, c, kh, kw = module.weight.shape
            module.weight.data[:] = 0
            for o in range(O):
                module.weight.data[o].flat[rng.integers(0, c * kh * kw, 2)] = rng.choice([-1, 1], 2)
        elif isinstance(module, nn.BatchNorm2d):
            C = module.num_features
            module.eps = 0.0
            module.weight.data = np.float32(rng.choice([-1, 1, 2], C))
            module.running_var.data = np.float32(rng.choice([1, 4], C))
            module.bias.data, module.running_mean.data = np.float32(rng.integers(-3, 4, (2, C)))
    x = rng.integers(-3, 4, (3, 3, 32, 32)).astype(np.float32)
    y = eager(model, x)
    assert len(np.unique(y)) == y.size
    assert_same_bits(nnlite.compile(model, x)(x), y)


# ---- calls


@pytest.mark.parametrize("N", [1, 2, 9, 33])
def test_any_number_of_images(N):
    model, x = models.lenet_5(seed=1), images(N, 1, 28, 28)
    plan = nnlite.compile(model, images(4, 1, 28, 28))
    y = plan(x)
    assert y.shape == (N, 10)
    assert_same_bits(y, eager(model, x))
    assert_same_bits(y, np.concatenate([plan(one[None]) for one in x]))


@pytest.mark.parametrize("view", [np.asfortranarray, lambda x: x[::-1][::-1], lambda x: x.repeat(2, axis=3)[..., ::2],
                                  lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)])
def test_images_of_any_layout_in_memory_give_the_same_bits_and_stay_as_they_are(view):
    model, x = models.cnn(image_size=8, seed=1), images(3, 3, 8, 8)
    plan, seen = nnlite.compile(model, x), view(x)
    assert_same_bits(plan(seen), plan(x))
    np.testing.assert_array_equal(seen, images(3, 3, 8, 8))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_floats_are_taken_as_float32(dtype):
    plan, x = nnlite.compile(models.mlp(4), images(1, 4)), images(3, 4).astype(dtype)
    assert_same_bits(plan(x), plan(x.astype(np.float32)))


def test_a_model_in_float64_is_compiled_in_float32():
    model, x = random_network(20)
    expected = nnlite.compile(model, x)(x)
    for tensor in [*model.parameters(), *(buffer for _, buffer in model.named_buffers())]:
        tensor.data = tensor.data.astype(np.float64)
    assert_same_bits(nnlite.compile(model, x.astype(np.float64))(x), expected)


def test_a_result_stays_as_it_is_when_the_plan_is_called_again():
    plan = nnlite.compile(models.cnn(image_size=8), images(1, 3, 8, 8))
    first = plan(images(2, 3, 8, 8))
    kept = first.copy()
    plan(images(2, 3, 8, 8, seed=1))
    np.testing.assert_array_equal(first, kept)


def test_the_plan_stays_as_it_is_when_the_model_is_trained_on():
    model, x = models.mlp(4), images(2, 4)
    plan = nnlite.compile(model, x)
    before = plan(x)
    for parameter in model.parameters():
        parameter.data += 1
    assert_same_bits(plan(x), before)


def test_compiling_is_inference_whatever_the_mode_of_the_model():
    model = nn.Sequential(nn.Linear(4, 50, rng=0), nn.BatchNorm1d(50), nn.Dropout(0.5, rng=1)).train()
    x = images(3, 4)
    y = nnlite.compile(model, x)(x)
    assert model.training
    assert (np.abs(y - eager(model, x)) <= rounding_bound(model, x)).all()


def test_an_operation_keeps_nothing_of_the_images():
    plan = nnlite.compile(nn.GELU(), images(1, 4))
    op = plan.steps[1].options["op"]
    before = dict(vars(op))
    plan(images(2, 4))
    assert vars(op).keys() == before.keys() and all(vars(op)[name] is before[name] for name in before)


def test_nan_and_infinity_go_through_as_in_the_model():
    model, x = models.cnn(image_size=8), images(3, 3, 8, 8)
    x[0, 1, 2, 3], x[1, 0, 0, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(nnlite.compile(model, x)(x), eager(model, x))


# ---- errors


@pytest.mark.parametrize("wrong, message", [
    (images(2, 3, 8, 9), r"plan: expects floats of shape \(N, 3, 8, 8\), got float32 \(2, 3, 8, 9\)"),
    (images(3, 8, 8), r"expects floats of shape \(N, 3, 8, 8\), got float32 \(3, 8, 8\)"),
    (np.zeros((2, 3, 8, 8), np.uint8), r"expects floats of shape \(N, 3, 8, 8\), got uint8 \(2, 3, 8, 8\)"),
    (np.zeros((2, 3, 8, 8), bool), "got bool"),
    (np.zeros((2, 3, 8, 8), complex), "got complex128"),
    (np.zeros((0, 3, 8, 8), np.float32), "plan: the batch is empty"),
    (None, r"got object \(\)"),
    ("images", r"got <U6 \(\)"),
])
def test_what_is_no_batch_of_images_is_refused(wrong, message):
    plan = nnlite.compile(models.cnn(image_size=8), images(1, 3, 8, 8))
    with pytest.raises(ValueError, match=message):
        plan(wrong)


def test_an_example_that_the_model_does_not_take_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match="input has 1 channels, weight .* expects 3"):
        nnlite.compile(models.cnn(), images(1, 1, 32, 32))


def test_a_model_whose_shapes_depend_on_the_number_of_images_is_refused_for_another_number():
    plan = nnlite.compile(Model(lambda m, x: F.permute(x, 1, 0)), images(2, 5))
    with pytest.raises(ValueError, match=r"permute_1 gave \(5, 3\), traced was \(N, 2\): the model's shapes depend"):
        plan(images(3, 5))


@pytest.mark.parametrize("stride, padding, kernel", [(1, 1, 3), (2, 0, 3), (1, 2, 5), (3, 0, 2), ((1, 2), (0, 1), (2, 3))])
@pytest.mark.parametrize("O", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("width", [6, 18, 40])
def test_convolutions_of_few_channels_give_the_bits_of_the_steps_one_by_one(width, O, stride, padding, kernel):
    model = nn.Sequential(nn.Conv2d(3, O, kernel, stride=stride, padding=padding, rng=0), nn.ReLU(), nn.MaxPool2d(2))
    images = np.random.default_rng(O).standard_normal((3, 3, 17, width)).astype(np.float32)
    plan = nnlite.compile(model, images)
    np.testing.assert_array_equal(plan(images), plan.run(images)[-1].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 2), (2, 0)])
def test_an_image_is_flattened_without_the_border_that_a_convolution_wants_around_it(padding):
    def flattened_and_convolved(m, x):
        x = m.first(x)
        return m.head(F.flatten(x, 1)) + m.other(F.flatten(m.second(x), 1))

    x = images(3, 2, 7, 8)
    second = nn.Conv2d(3, 4, 3, padding=padding, rng=1)
    after = (5 + 2 * padding[0] - 2) * (6 + 2 * padding[1] - 2)
    model = Model(flattened_and_convolved, first=nn.Conv2d(2, 3, 3, rng=0), second=second,
                  head=nn.Linear(3 * 5 * 6, 7, rng=2), other=nn.Linear(4 * after, 7, rng=3))
    assert_same_bits(nnlite.compile(model, x)(x), eager(model, x))


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_plan_can_be_copied_and_pickled(copied, called):
    images = sample((5, 1, 12, 12)).astype(np.float32)
    for model in (models.cnn(1, 12, width=0.25), nn.Sequential(nn.Flatten(), nn.Linear(144, 3, rng=0), nn.GELU())):
        plan = nnlite.compile(model, images)
        expected = plan(images)
        twin = copied(plan if called else nnlite.compile(model, images))
        plan.steps[-1].arrays.clear()
        assert twin(images).tobytes() == expected.tobytes()


def test_the_plan_of_a_model_that_does_nothing_in_inference_returns_its_input():
    for x in (sample((70, 2, 3, 4)).astype(np.float32), sample((5, 4)).astype(np.float32)):
        plan = nnlite.compile(nn.Sequential(nn.Dropout(), nn.Dropout(0.1)), x)
        y = plan(x)
        np.testing.assert_array_equal(y, x)
        assert not np.shares_memory(y, x) and not np.shares_memory(y, plan(x))


@pytest.mark.parametrize("statistics", [{"running_mean": np.nan}, {"running_var": np.inf}, {"running_var": -1.0}])
def test_statistics_that_are_none_are_refused(statistics):
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.BatchNorm1d(2))
    for name, value in statistics.items():
        getattr(model[1], name).data[1] = value
    message = "^lower: 1: the running statistics of this BatchNorm hold NaN, infinity or a negative variance"
    with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
        nnlite.compile(model, np.ones((1, 3), np.float32))


def test_batch_norm_that_always_uses_the_batch_is_not_folded():
    model = Model(lambda m, x: F.batch_norm(m.fc(x), None, None, training=True), fc=nn.Linear(3, 2, rng=0))
    images = sample((6, 3)).astype(np.float32)
    np.testing.assert_allclose(nnlite.compile(model, images)(images), model(images).data, rtol=1e-5, atol=1e-6)


def test_a_condition_that_the_model_computes_is_computed_by_the_plan():
    model, x = Model(lambda m, x: F.where(x > 0, x, 10 * x)), images(4, 3)
    plan = nnlite.compile(model, x[:1])
    np.testing.assert_array_equal(plan(-x), np.where(-x > 0, -x, -10 * x))


@pytest.mark.parametrize(("forward", "message"), [
    (lambda m, x: x + F.index(m.weight, x[:, 0] > 0), "^index: the places are computed by the model; its graph would keep"),
    (lambda m, x: x + F.embedding(x, m.weight), "^embedding: the indices are computed by the model; its graph would keep"),
])
def test_places_that_the_model_computes_are_refused(forward, message):
    with pytest.raises(ValueError, match=message):
        trace(Model(forward, weight=nn.Parameter(np.ones((3, 3), np.float32))), np.ones((1, 3), np.float32))


def test_a_model_that_changes_its_input_in_place_is_refused():
    def forward(model, x):
        x += 1.0
        return x * 2.0

    with pytest.raises(ValueError, match="^trace: the model changes its input in place; write x = x"):
        nnlite.compile(Model(forward), images(2, 3))


def test_a_reshape_to_a_fixed_number_is_not_taken_for_one_that_keeps_the_images_apart():
    x = images(4, 3, 2)
    plan = nnlite.compile(Model(lambda m, x: F.reshape(x, 2, -1)), x[:2])
    np.testing.assert_array_equal(plan(x[2:]), x[2:].reshape(2, 6))
    with pytest.raises(ValueError, match=r"gave \(2, 12\), traced was \(N, 6\): the model's shapes depend on the number"):
        plan(x)
    follows = nnlite.compile(Model(lambda m, x: F.reshape(x, x.shape[0], -1)), x[:1])
    np.testing.assert_array_equal(follows(x), x.reshape(4, 6))


def test_examples_and_images_may_be_tensors():
    x = images(3, 4)
    plan = nnlite.compile(nn.ReLU(), nnlite.Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(plan(nnlite.Tensor(x, requires_grad=True)), np.maximum(x, 0))
    with pytest.raises(ValueError, match=r"^trace: the example is a single number, expected an array \(N, …\)$"):
        nnlite.compile(nn.ReLU(), np.float32(3))
