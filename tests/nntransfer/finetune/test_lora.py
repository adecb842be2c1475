import numpy as np
import pytest

import nnlite
from nncompress.quantization import affine
from nnlite import functional as F
from nnlite import models, nn, no_grad, optim
from nntransfer import unfreeze
from nntransfer.finetune import add_lora, merge_lora


def a_model(**options):
    return models.cnn(in_channels=1, image_size=8, width=0.25, classes=5, **options)


def a_batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((8, 1, 8, 8)).astype(np.float32), rng.integers(0, 5, 8)


def train(model, steps=4, lr=0.5):
    images, labels = a_batch()
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model.train()(images), labels).backward()
        optimizer.step()


def int8(W):
    S = affine.symmetric_scale(W, 8, axis=0)
    return affine.quantize_affine(W, S, 0, -127, 127, np.int8), S


every_base = pytest.mark.parametrize("base", [None, int8])


def test_the_weight_is_w_plus_alpha_over_r_times_b_a():
    model = a_model()
    W = {name: dict(model.named_modules())[name].weight.data.copy() for name in ("conv1", "conv2", "fc1")}
    assert add_lora(model, rank=2, alpha=3) == ["conv1", "conv2", "fc1"]
    for name, before in W.items():
        layer, rng = dict(model.named_modules())[name], np.random.default_rng(1)
        adapter = layer.parametrizations["weight"][0]
        adapter.B.data = rng.standard_normal(adapter.B.shape).astype(np.float32)
        expected = np.zeros(before.shape)
        for index in np.ndindex(before.shape):
            i = np.ravel_multi_index(index[1:], before.shape[1:])
            expected[index] = before[index] + 1.5 * sum(adapter.B.data[index[0], k] * adapter.A.data[k, i] for k in range(2))
        np.testing.assert_allclose(layer.weight.data, expected, rtol=1e-4, atol=1e-6)


def test_training_starts_from_the_pretrained_model_bit_for_bit():
    model, images = a_model().eval(), a_batch()[0]
    with no_grad():
        before = model(images).data
        add_lora(model, rank=2)
        np.testing.assert_array_equal(model(images).data, before)


def test_an_int8_base_is_off_by_half_a_step_at_most():
    model = a_model()
    W = model.fc1.weight.data.copy()
    add_lora(model, rank=2, base=int8)
    step = np.abs(W).max(axis=1, keepdims=True) / 127
    assert (np.abs(model.fc1.weight.data - W) <= step * 0.501).all()
    assert model.fc1.weight.data.tobytes() != W.tobytes()


@every_base
def test_only_the_adapters_and_the_head_move(base):
    model = a_model()
    names = add_lora(model, rank=2, base=base)
    unfreeze(model, "fc2")
    before = model.state_dict()
    train(model)
    moved = {name for name, array in model.state_dict().items() if array.tobytes() != before[name].tobytes()}
    B = "original" if base else "0.B"
    adapters = {f"{name}.parametrizations.weight.{end}" for name in names for end in (B, "0.A")}
    assert moved == adapters | {"fc2.weight", "fc2.bias"}


@every_base
def test_merged_equals_unmerged_bit_for_bit(base):
    model, images = a_model(), a_batch(1)[0]
    add_lora(model, rank=2, base=base, alpha=5)
    unfreeze(model, "fc2")
    train(model)
    model.eval()
    with no_grad():
        unmerged = model(images).data
        plan = nnlite.compile(model, images)(images)
        assert merge_lora(model) == ["conv1", "conv2", "fc1"]
        np.testing.assert_array_equal(model(images).data, unmerged)
        np.testing.assert_array_equal(nnlite.compile(model, images)(images), plan)
    assert list(model.state_dict()) and {n: a.shape for n, a in model.state_dict().items()} == {
        n: a.shape for n, a in a_model().state_dict().items()}


def test_a_merged_model_is_saved_and_loaded(tmp_path):
    model, images = a_model(), a_batch()[0]
    add_lora(model, rank=1)
    train(model)
    merge_lora(model)
    nnlite.save(tmp_path / "m.npz", model)
    with no_grad():
        np.testing.assert_array_equal(nnlite.load(tmp_path / "m.npz").eval()(images).data, model.eval()(images).data)


def test_the_int8_base_stays_codes_of_one_byte_and_no_float_copy_is_kept():
    model = a_model()
    q, S = int8(model.fc1.weight.data)
    shape = model.fc1.weight.shape
    add_lora(model, rank=2, base=int8)
    train(model)
    state = {name.removeprefix("fc1.parametrizations.weight."): a for name, a in model.state_dict().items() if "fc1.p" in name}
    assert state["0.q"].dtype == np.int8 and state["0.q"].tobytes() == q.tobytes()
    np.testing.assert_array_equal(state["0.S"], S)
    floats = sum(a.size for a in state.values() if a.dtype == np.float32)
    assert floats == shape[0] + 2 * (shape[0] + shape[1])


def test_few_parameters_train():
    model = models.lenet_300_100()
    add_lora(model, rank=4)
    training = sum(p.data.size for p in model.parameters() if p.requires_grad)
    assert training == 4 * (784 + 300) + 4 * (300 + 100)


def test_a_rank_above_a_layers_size_is_cut_to_it():
    model = a_model()
    add_lora(model, rank=100, layers=["conv1"])
    assert model.conv1.parametrizations["weight"][0].A.shape == (4, 9)


def test_gradients_of_a_and_b_are_those_of_the_formula():
    layer = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Linear(2, 2, rng=1))
    layer[0].weight.data = layer[0].weight.data.astype(np.float64)
    layer[0].bias.data = layer[0].bias.data.astype(np.float64)
    add_lora(layer, rank=1, alpha=2)
    adapter = layer[0].parametrizations["weight"][0]
    adapter.B.data = np.array([[0.5], [-1.0]])
    x, dy = np.random.default_rng(0).standard_normal((2, 4, 3))[..., :3], np.random.default_rng(1).standard_normal((4, 2))
    (layer[0](x[0]) * dy).sum().backward()
    dW = dy.T @ x[0]
    np.testing.assert_allclose(adapter.B.grad, 2 * dW @ adapter.A.data.T, rtol=1e-10)
    np.testing.assert_allclose(adapter.A.grad, 2 * adapter.B.data.T @ dW, rtol=1e-10)
    assert adapter.A.data.dtype == np.float64 and layer[0].parametrizations["weight"].original.grad is None


def test_layers_are_chosen_by_patterns_and_the_same_seed_draws_the_same_adapters():
    drawn = []
    for seed in (0, 0, 1):
        model = a_model()
        assert add_lora(model, rank=1, layers=["conv*"], rng=seed) == ["conv1", "conv2"]
        drawn.append(model.conv1.parametrizations["weight"][0].A.data.tobytes())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("options, sentence", [
    (dict(rank=0), "the rank is a whole number from 1 up, got 0"),
    (dict(rank=1, alpha=0), "alpha has to be a number above 0, got 0"),
    (dict(rank=1, layers=["relu1"]), "no Linear or Conv2d layer 'relu1', only conv1, conv2, fc1, fc2"),
    (dict(rank=1, base=lambda W: (W, 1.0)), r"the base of conv1 gives float32 \(4, 1, 3, 3\), expected int8 \(4, 1, 3, 3\)"),
    (dict(rank=1, base=lambda W: (W.astype(np.int8), np.ones(3))), "the base of conv1 gives 3 scales, expected 1 or 4"),
])
def test_bad_input_is_refused_and_the_model_stays(options, sentence):
    model = a_model()
    before = list(model.state_dict())
    with pytest.raises(ValueError, match=f"add_lora: .*{sentence}"):
        add_lora(model, **options)
    assert list(model.state_dict()) == before and all(p.requires_grad for p in model.parameters())


def test_a_second_adapter_and_a_merge_without_one_are_refused():
    model = a_model()
    with pytest.raises(ValueError, match="merge_lora: this Sequential has no adapter"):
        merge_lora(model)
    add_lora(model, rank=1)
    with pytest.raises(ValueError, match="add_lora: conv1.weight is computed by a parametrization"):
        add_lora(model, rank=1)
    with pytest.raises(ValueError, match="no layer gets an adapter: .* has no Linear or Conv2d layer but its head"):
        add_lora(nn.Sequential(nn.Linear(2, 2, rng=0)), rank=1)
    eleven = nn.Sequential(*(nn.Linear(2, 2, rng=0) for _ in range(11)))
    with pytest.raises(TypeError, match=r"layers is a list of names, such as \['10'\], got the string '10'"):
        add_lora(eleven, rank=1, layers="10")  # would be the layers 1 and 0
