import copy

import numpy as np
import pytest

import nnlite
from nnlite import data, models, nn, no_grad, optim
from nnlite import functional as F
from nnlite.train import fit
from nntransfer import discriminative_groups, freeze, layer_groups, replace_head, thaw, unfreeze

SMALL = {
    "mlp": dict(in_features=256, hidden=12),
    "lenet_300_100": dict(in_features=256, width=0.05),
    "lenet_5": dict(in_channels=1, image_size=16, width=0.2),
    "cnn": dict(in_channels=1, image_size=16, width=0.25),
    "resnet": dict(in_channels=1, width=0.25),
}
GROUPS = {
    "mlp": ["fc1", "fc2"],
    "lenet_300_100": ["fc1", "fc2", "fc3"],
    "lenet_5": ["conv1", "conv2", "fc1", "fc2"],
    "cnn": ["conv1", "conv2", "fc1", "fc2"],
    "resnet": ["conv1", "block1_1", "block2_1", "block3_1", "fc"],
}
every_model = pytest.mark.parametrize("name", SMALL)


def build(name, **arguments):
    return getattr(models, name)(**SMALL[name], **arguments)


def a_batch(classes=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((8, 1, 16, 16)).astype(np.float32), rng.integers(0, classes, 8)


def train(model, optimizer, steps=3):
    model.train()
    images, labels = a_batch()
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def changed(before, model):
    """Names of the parameters and buffers whose bits are other than before."""
    return {name for name, array in model.state_dict().items() if array.tobytes() != before[name].tobytes()}


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@every_model
def test_one_fine_tuning_step_is_w_minus_alpha_times_the_gradient_bit_for_bit(name):
    model, alpha = build(name), 0.037
    train(model, optim.Adam(model.parameters(), lr=1e-3))  # the pretraining
    replace_head(model, 3, rng=1)
    W_old = {key: parameter.data.copy() for key, parameter in model.named_parameters()}
    images, labels = a_batch(classes=3)

    twin = copy.deepcopy(model)  # ∇J(W_old), by a model that takes no step
    F.cross_entropy(twin(images), labels).backward()
    F.cross_entropy(model(images), labels).backward()
    optim.SGD(model.parameters(), lr=alpha).step()

    for key, parameter in twin.named_parameters():
        expected = [np.float32(w - np.float32(alpha) * g)
                    for w, g in zip(W_old[key].flat, parameter.grad.flat, strict=True)]
        W_new = dict(model.named_parameters())[key].data
        assert np.abs(parameter.grad).max() > 0
        assert W_new.ravel().tobytes() == np.array(expected, np.float32).tobytes(), key


@every_model
def test_a_new_head_has_the_asked_for_classes_and_all_else_stays(name):
    model, before = build(name), build(name).state_dict()
    head = replace_head(model, 3, rng=5)
    assert head == GROUPS[name][-1]
    assert list(model.state_dict()) == list(before)
    assert changed(before, model) == {f"{head}.weight", f"{head}.bias"}
    model.eval()
    assert model(a_batch()[0]).shape == (8, 3)


@every_model
def test_the_architecture_of_a_model_with_a_new_head_builds_it_again(name):
    model = build(name)
    replace_head(model, 3, rng=5)
    again = getattr(models, model.architecture["name"])(**model.architecture["arguments"])
    again.load_state_dict(model.state_dict())
    images, _ = a_batch()
    np.testing.assert_array_equal(again.eval()(images).data, model.eval()(images).data)


def test_a_pretrained_model_is_loaded_given_a_head_and_saved_again(tmp_path):
    nnlite.save(tmp_path / "old.npz", build("resnet"))
    model = nnlite.load(tmp_path / "old.npz")
    replace_head(model, 3, rng=5)
    nnlite.save(tmp_path / "new.npz", model)
    assert changed(model.state_dict(), nnlite.load(tmp_path / "new.npz")) == set()


def test_the_head_of_a_shrunk_model_takes_the_inputs_that_are_left():
    model = build("cnn")
    keep = [0, 3, 4, 7, 11]
    model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data[keep], model.fc1.bias.data[keep]
    model.fc2.weight.data = model.fc2.weight.data[:, keep]
    replace_head(model, 3, rng=0)
    assert model.fc2.weight.shape == (3, 5)
    assert model(a_batch()[0]).shape == (8, 3)


def test_the_same_seed_draws_the_same_head():
    drawn = []
    for seed in (1, 1, 2):
        model = build("mlp")
        replace_head(model, 4, rng=seed)
        drawn.append(model.fc2.weight.data.tobytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_head_without_bias_stays_without():
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, bias=False, rng=0))
    assert replace_head(model, 5, rng=0) == "2"
    assert model[2].bias is None and model[2].out_features == 5


def test_a_head_inside_a_block_is_found():
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3, rng=0), nn.Linear(3, 2, rng=0)))
    assert replace_head(model, 5, rng=0) == "1.1"
    assert model(np.zeros((1, 4), np.float32)).shape == (1, 5)


def test_models_without_a_head_and_heads_without_classes_are_errors():
    with pytest.raises(ValueError, match="replace_head: there is no Linear layer in this Sequential"):
        replace_head(nn.Sequential(nn.Conv2d(1, 1, 3, rng=0)), 5, rng=0)
    with pytest.raises(ValueError, match="replace_head: there is no Linear layer in this Linear"):
        replace_head(nn.Linear(2, 2, rng=0), 5, rng=0)
    with pytest.raises(ValueError, match="replace_head: a head needs at least 1 class, got 0"):
        replace_head(build("mlp"), 0, rng=0)


@every_model
def test_layer_groups_run_from_the_input_to_the_head_and_hold_every_parameter_once(name):
    model = build(name)
    groups = layer_groups(model)
    assert list(groups) == GROUPS[name]
    grouped = [id(parameter) for parameters in groups.values() for parameter in parameters]
    assert grouped == [id(parameter) for parameter in model.parameters()]


def test_a_normalization_belongs_to_the_layer_before_it():
    model = build("resnet")
    assert [p.shape for p in layer_groups(model)["conv1"]] == [(4, 1, 3, 3), (4,), (4,)]
    assert any(p is model.bn1.weight for p in layer_groups(model)["conv1"])


def test_a_normalization_before_all_other_layers_is_a_group_of_its_own():
    groups = layer_groups(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2, rng=0)))
    assert {name: len(parameters) for name, parameters in groups.items()} == {"0": 2, "1": 2}


def test_parameters_of_the_model_itself_are_grouped_too():
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    model.scale = nn.Parameter(np.ones((2, 2), np.float32))
    assert sum(len(parameters) for parameters in layer_groups(model).values()) == len(model.parameters()) == 3


@every_model
def test_frozen_layers_stay_bit_identical_through_training_and_all_others_move(name):
    model, frozen = build(name), GROUPS[name][:-1]
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    train(model, optimizer)  # so that momentum and gradients are there when the layers are frozen
    freeze(model)
    unfreeze(model, GROUPS[name][-1])
    before = model.state_dict()
    train(model, optimizer)
    assert frozen and changed(before, model) == {f"{GROUPS[name][-1]}.weight", f"{GROUPS[name][-1]}.bias"}


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop])
def test_every_optimizer_leaves_frozen_layers_alone(make):
    model = build("cnn")
    freeze(model, "conv1", "fc1.weight")
    before = model.state_dict()
    train(model, make(model.parameters(), lr=0.01, weight_decay=0.1))
    names = {name for name, _ in model.named_parameters()}
    assert changed(before, model) == names - {"conv1.weight", "conv1.bias", "fc1.weight"}


def test_a_gradient_from_before_the_freezing_moves_nothing():
    model = build("mlp")
    images, labels = a_batch()
    F.cross_entropy(model(images), labels).backward()
    freeze(model, "fc1")
    before = model.state_dict()
    optim.SGD(model.parameters(), lr=0.1).step()
    assert changed(before, model) == {"fc2.weight", "fc2.bias"}


def test_backward_ends_at_the_lowest_layer_that_trains():
    model = build("cnn")
    freeze(model, "conv1", "conv2")
    assert not model.conv2(model.relu1(model.conv1(a_batch()[0]))).requires_grad  # not on the tape: no work, no memory
    freeze(model)
    assert not model(a_batch()[0]).requires_grad


def test_a_frozen_batch_norm_normalizes_by_its_running_statistics_and_keeps_them():
    model = build("resnet")
    train(model, optim.SGD(model.parameters(), lr=0.1))
    images, _ = a_batch(seed=1)
    with no_grad():
        at_inference = model.eval()(images).data
        freeze(model)
        before = model.state_dict()
        np.testing.assert_array_equal(model.train()(images).data, at_inference)
    assert changed(before, model) == set()


def test_a_thawed_batch_norm_learns_its_statistics_again():
    model = build("resnet")
    freeze(model)
    unfreeze(model, "block3_1", "fc")
    before = model.state_dict()
    train(model, optim.SGD(model.parameters(), lr=0.1))
    statistics = {name for name in changed(before, model) if "running" in name}
    assert statistics == {name for name, _ in model.named_buffers() if name.startswith("block3_1.")}


@every_model
def test_unfreeze_undoes_freeze(name):
    model = build(name)
    everything = trainable(model)
    freeze(model)
    assert trainable(model) == set()
    unfreeze(model)
    assert trainable(model) == everything


def test_a_name_means_that_layer_and_not_one_that_starts_alike():
    model = nn.Sequential(*(nn.Linear(2, 2, rng=0) for _ in range(12)))
    freeze(model, "1")
    assert {f"{i}.weight" for i in range(12)} - trainable(model) == {"1.weight"}


@pytest.mark.parametrize("pattern, frozen", [
    ("conv*", {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}),
    ("*.bias", {"conv1.bias", "conv2.bias", "fc1.bias", "fc2.bias"}),
    ("fc?", {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}),
    ("*", {f"{layer}.{kind}" for layer in GROUPS["cnn"] for kind in ("weight", "bias")}),
])
def test_a_pattern_means_the_layers_and_parameters_that_it_fits(pattern, frozen):
    model = build("cnn")
    everything = trainable(model)
    freeze(model, pattern)
    assert everything - trainable(model) == frozen
    unfreeze(model, pattern)
    assert trainable(model) == everything


def test_a_pattern_reaches_into_blocks_and_freezes_their_statistics():
    model = build("resnet")
    freeze(model, "block?_1.block.bn*")
    assert model.block1_1.block.bn1.frozen and model.block3_1.block.bn2.frozen and not model.bn1.frozen
    assert model.block1_1.block.conv1.weight.requires_grad


def test_a_pattern_that_fits_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"freeze: the model has no parameter in 'bn\*', only in fc1, fc2"):
        freeze(build("mlp"), "bn*")


@pytest.mark.parametrize("function", [freeze, unfreeze])
def test_a_name_that_is_not_there_is_an_error_that_says_what_is_and_nothing_changes(function):
    model = build("mlp")
    before = trainable(model)
    with pytest.raises(ValueError, match=rf"{function.__name__}: the model has no parameter in 'conv1', only in fc1, fc2"):
        function(model, "fc1", "conv1")
    assert trainable(model) == before


def test_the_rates_fall_by_the_papers_factor_from_the_head_down():
    groups = discriminative_groups(build("cnn"), lr=2.6**3)
    np.testing.assert_allclose([group["lr"] for group in groups], [1, 2.6, 2.6**2, 2.6**3], rtol=1e-14)
    halves = discriminative_groups(build("resnet"), lr=0.1, decay=0.5)
    np.testing.assert_allclose([group["lr"] for group in halves], [0.1 / 16, 0.1 / 8, 0.1 / 4, 0.1 / 2, 0.1], rtol=1e-14)


def test_a_decay_of_1_gives_all_layers_one_rate():
    assert [group["lr"] for group in discriminative_groups(build("cnn"), lr=0.3, decay=1)] == [0.3] * 4


@every_model
def test_each_layer_takes_its_step_at_its_own_rate(name):
    model, twin = build(name), build(name)
    images, labels = a_batch()
    for m in (model, twin):
        F.cross_entropy(m(images), labels).backward()
    optim.SGD(discriminative_groups(model, lr=0.1, decay=0.5)).step()
    for depth, layer in enumerate(reversed(GROUPS[name])):
        for new, old in zip(layer_groups(model)[layer], layer_groups(twin)[layer], strict=True):
            np.testing.assert_array_equal(new.data, old.data - np.float32(0.1 * 0.5**depth) * old.grad)


@pytest.mark.parametrize("decay", [0, -0.5, 2.6, float("nan")])
def test_a_decay_that_would_make_lower_layers_faster_is_an_error(decay):
    with pytest.raises(ValueError, match=f"decay has to be above 0 and at most 1, got {decay}"):
        discriminative_groups(build("mlp"), lr=0.1, decay=decay)


@every_model
def test_each_epoch_thaws_one_more_layer_from_the_head_down(name):
    model = build(name)
    for epoch in range(len(GROUPS[name]) + 2):
        thaw(model, epoch)
        expected = {id(p) for layer in GROUPS[name][::-1][: epoch + 1] for p in layer_groups(model)[layer]}
        assert {id(p) for p in model.parameters() if p.requires_grad} == expected


def test_a_layer_moves_from_the_epoch_on_in_which_it_is_thawed():
    model = build("resnet")
    optimizer = optim.SGD(discriminative_groups(model, lr=0.1))
    for epoch in range(5):
        thaw(model, epoch)
        before = model.state_dict()
        train(model, optimizer, steps=1)
        layers = {name.partition(".")[0].replace("bn1", "conv1") for name in changed(before, model)}
        assert layers == set(GROUPS["resnet"][::-1][: epoch + 1])


def test_fit_goes_on_epoch_by_epoch_between_the_thawings():
    training, _ = data.load("digits")
    loader = data.DataLoader(training[:128], 32, transform=data.preprocessing("digits"))
    model = models.cnn(in_channels=1, image_size=8, width=0.25)
    optimizer = optim.SGD(discriminative_groups(model, lr=0.1))
    history = []
    for epoch in range(3):
        thaw(model, epoch)
        before = model.state_dict()
        fit(model, loader, optimizer, epochs=epoch + 1, history=history, progress=False)
        moved = {name.partition(".")[0] for name in changed(before, model)}
        assert moved == set(GROUPS["cnn"][::-1][: epoch + 1])
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_thawing_by_epoch_does_not_depend_on_what_was_frozen_before_so_that_a_resumed_run_goes_on():
    model, resumed = build("cnn"), build("cnn")
    for epoch in range(3):
        thaw(model, epoch)
    thaw(resumed, 2)
    assert trainable(resumed) == trainable(model) == {f"{x}.{y}" for x in ("conv2", "fc1", "fc2") for y in ("weight", "bias")}


def test_epochs_below_0_are_an_error():
    with pytest.raises(ValueError, match="thaw: epochs are counted from 0, got -1"):
        thaw(build("mlp"), -1)


def test_a_list_of_names_in_the_place_of_names_is_an_error():
    with pytest.raises(TypeError, match=r"freeze: a name is a string, such as 'conv1' or 'conv\*', got \['fc1'\]"):
        freeze(build("mlp"), ["fc1"])


def test_a_new_head_has_the_dtype_of_the_old_one():
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Linear(3, 2, rng=0))
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    replace_head(model, 5, rng=0)
    assert model(np.ones((1, 4))).dtype == np.float64
