import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.pruning.groups import Group, Member, dependency_groups
from nncompress.pruning.structured import group_scores, shrink, shrink_to
from nnlite import compile, load, models, nn, optim, save, trace
from nnlite import functional as F

QUICK = settings(deadline=None, max_examples=25)
IMAGE = (3, 2, 8, 8)


# ---- random networks: what each step does to (layers, channels, size of the image)


def block(kind, c, o, rng):
    """Layers from c to o channels (or as many as they say), as a list."""
    conv = nn.Conv2d(c, o, 3, padding=1, rng=rng)
    if kind == "conv":
        return [conv, nn.LeakyReLU()], o
    if kind == "conv, bn":
        return [nn.Conv2d(c, o, 3, padding=1, bias=False, rng=rng), nn.BatchNorm2d(o), nn.ReLU()], o
    if kind == "residual":
        inner = nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, c, 1, rng=rng))
        return [nn.Residual(inner)], c
    if kind == "residual with a convolution":
        inner = nn.Sequential(conv, nn.ReLU(), nn.Conv2d(o, o, 3, padding=1, rng=rng), nn.BatchNorm2d(o))
        return [nn.Residual(inner, nn.Conv2d(c, o, 1, rng=rng))], o
    if kind == "grouped":
        return [nn.Conv2d(c, 2 * o, 1, rng=rng), nn.ReLU(), nn.Conv2d(2 * o, 3 * o, 3, padding=1, groups=o, rng=rng)], 3 * o
    depthwise = nn.Conv2d(c, 2 * c, 3, padding=1, groups=c, rng=rng)
    return [depthwise, nn.BatchNorm2d(2 * c), nn.ReLU(), nn.Conv2d(2 * c, o, 1, rng=rng)], o


@st.composite
def networks(draw):
    """A network for IMAGE: some blocks, perhaps a pooling, flatten or the mean of the image, two or three linear layers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = ["conv", "conv, bn", "residual", "residual with a convolution", "depthwise", "grouped"]
    layers, c = block("conv", IMAGE[1], draw(st.integers(1, 6)), rng)
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        more, c = block(kind, c, draw(st.integers(1, 6)), rng)
        layers += more
    side = draw(st.sampled_from([8, 4, 2, 1]))
    layers += [nn.AdaptiveAvgPool2d(1) if side == 1 else nn.MaxPool2d(8 // side), nn.Flatten()]
    hidden = draw(st.integers(1, 7))
    layers += [nn.Linear(c * side * side, hidden, rng=rng), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, 4, rng=rng)]
    return doubled(nn.Sequential(*layers), rng)


def doubled(model, rng):
    """The model in float64, so that rounding hides nothing, and with random numbers in place of BatchNorm's zeros and ones."""
    for _, tensor in [*model.named_parameters(), *model.named_buffers()]:
        tensor.data = rng.uniform(0.5, 1.5, tensor.shape) if tensor.ndim == 1 else tensor.data.astype(np.float64)
    return model.eval()


def images(seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=IMAGE).astype(dtype)


def slices(model, group, channels, axis):
    """The arrays that have the group on this axis, and the index that picks the channels."""
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    for name, member_axis, repeat in group.members:
        if member_axis == axis:
            indices = [c * repeat + k for c in channels for k in range(repeat)]
            yield tensors[name].data, (slice(None),) * axis + (indices,)


def drawn_channels(data, groups):
    """{group name: some of its channels, never all}"""
    return {g.name: sorted(data.draw(st.sets(st.integers(0, g.size - 1), max_size=g.size - 1))) for g in groups}


def without(group, removed):
    return [c for c in range(group.size) if c not in removed]


def assert_same_outputs(y, expected):
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


# ---- the outputs


@QUICK
@given(model=networks(), data=st.data())
def test_removing_filters_that_are_zero_leaves_the_outputs_unchanged(model, data):
    x = images()
    groups = dependency_groups(model, x[:1])
    removed = drawn_channels(data, groups)
    for group in groups:
        for array, index in slices(model, group, removed[group.name], axis=0):  # weight, bias, γ, β, and statistics as well
            array[index] = 0
    expected = model(x).data
    kept = shrink(model, x[:1], {g.name: len(removed[g.name]) / g.size for g in groups})
    assert {name: indices.tolist() for name, indices in kept.items()} == {g.name: without(g, removed[g.name]) for g in groups}
    assert_same_outputs(model(x).data, expected)


@QUICK
@given(model=networks(), data=st.data())
def test_the_smaller_model_computes_what_the_whole_one_does_when_nothing_reads_the_removed_channels(model, data):
    x = images()
    groups = dependency_groups(model, x[:1])
    removed = drawn_channels(data, groups)
    keep = {g.name: without(g, removed[g.name]) for g in groups}
    for group in groups:
        for array, index in slices(model, group, removed[group.name], axis=1):
            array[index] = 0
    expected = model(x).data
    shrink_to(model, groups, keep)
    assert_same_outputs(model(x).data, expected)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    for group in groups:
        for name, axis, repeat in group.members:
            assert tensors[name].shape[axis] == len(keep[group.name]) * repeat
            assert tensors[name].data.flags.c_contiguous and tensors[name].dtype == np.float64


def test_the_channels_of_a_resnet_join_across_its_blocks():
    model = doubled(models.resnet(8, in_channels=2, width=0.5), np.random.default_rng(0))
    x = images()
    for name in ("conv1.weight", "block1_1.block.conv2.weight", "bn1.weight", "bn1.bias", "block1_1.block.bn2.weight",
                 "block1_1.block.bn2.bias"):
        dict(model.named_parameters())[name].data[[1, 4]] = 0
    expected = model(x).data
    kept = shrink(model, x, {"conv1": 0.25})
    assert kept["conv1"].tolist() == [0, 2, 3, 5, 6, 7]
    assert model.block2_1.shortcut.conv.weight.shape == (16, 6, 1, 1)
    assert_same_outputs(model(x).data, expected)


# ---- which channels go


def test_group_scores_add_up_the_magnitudes_of_everything_that_makes_a_channel():
    members = Member("a.weight", 0, 1), Member("a.bias", 0, 1), Member("dw.weight", 0, 2), Member("b.weight", 1, 1)
    group = Group("a", 2, members)
    state = {"a.weight": np.array([[1.0, -2.0], [0.5, 0.0]]), "a.bias": np.array([9.0, 9.0]),
             "dw.weight": np.array([[1.0], [-1.0], [3.0], [4.0]]), "b.weight": np.array([[5.0, 6.0]])}
    assert group_scores(group, state).tolist() == [1 + 2 + 1 + 1, 0.5 + 3 + 4]


@pytest.mark.parametrize("model, example, name, makers", [
    (models.cnn(seed=1), np.zeros((1, 3, 32, 32), np.float32), "conv2", ["conv2.weight"]),
    (models.lenet_300_100(seed=2), np.zeros((1, 784), np.float32), "fc1", ["fc1.weight"]),
    (models.resnet(8, seed=3), np.zeros((1, 3, 8, 8), np.float32), "conv1", ["conv1.weight", "block1_1.block.conv2.weight"]),
], ids=["convolution", "linear", "residual"])
def test_the_filters_of_lowest_l1_norm_go_and_the_others_are_copied(model, example, name, makers):
    before = model.state_dict()
    n = len(before[makers[0]])
    norms = [sum(sum(abs(w) for w in before[maker][c].ravel().tolist()) for maker in makers) for c in range(n)]
    lowest = sorted(range(n), key=norms.__getitem__)[: round(0.3 * n)]
    kept = shrink(model, example, {name: 0.3})
    assert list(kept) == [name]
    assert kept[name].tolist() == [c for c in range(n) if c not in lowest]
    for maker in makers:
        np.testing.assert_array_equal(model.state_dict()[maker], before[maker][kept[name]])


def test_flatten_lays_out_each_filter_as_a_block_of_pixels():
    model = models.cnn()
    before = model.state_dict()
    kept = shrink(model, np.zeros((1, 3, 32, 32), np.float32), {"conv2": 0.75})["conv2"]
    by_filter = before["fc1.weight"].reshape(128, 32, 8, 8)
    np.testing.assert_array_equal(model.fc1.weight.data.reshape(128, 8, 8, 8), by_filter[:, kept])


def test_the_score_of_a_filter_is_summed_in_float64():
    group = Group("a", 3, (Member("a.weight", 0, 1),))
    state = {"a.weight": np.float32([[2**25, 1, 1, 1, 0], [0] * 5, [2**25, -1, 0, 0, 0]])}  # float32 knows no 2²⁵ + 1
    assert group_scores(group, state).tolist() == [2**25 + 3, 0, 2**25 + 1]


def test_another_criterion_may_choose():
    model = models.lenet_300_100()
    number = np.arange(300.0)[:, None]
    kept = shrink(model, np.zeros((1, 784), np.float32), {"fc1": 0.99}, criterion=lambda w, evidence: number + 0 * w)
    assert kept["fc1"].tolist() == [297, 298, 299]


def test_a_criterion_gets_the_evidence_of_each_weight_that_makes_the_group():
    model = models.resnet(8, seed=3)
    evidence = {name: name for name in model.state_dict()}
    seen = []

    def criterion(w, evidence):
        seen.append((evidence, w.shape))
        return np.abs(w)

    shrink(model, np.zeros((1, 3, 8, 8), np.float32), {"conv1": 0.3}, criterion, evidence)
    assert seen == [("conv1.weight", (16, 3, 3, 3)), ("block1_1.block.conv2.weight", (16, 16, 3, 3))]


def test_one_channel_of_each_group_stays():
    model = models.resnet(8)
    x = np.zeros((1, 3, 8, 8), np.float32)
    kept = shrink(model, x, 1.0)
    assert all(len(indices) == 1 for indices in kept.values()) and len(kept) == 6
    assert model(x).shape == (1, 10)


def test_the_indices_may_come_in_any_order():
    model = models.lenet_300_100().eval()
    x = np.random.default_rng(0).normal(size=(5, 784)).astype(np.float32)
    expected = model(x).data
    shrink_to(model, dependency_groups(model, x), {"fc1": np.arange(300)[::-1]})
    np.testing.assert_allclose(model(x).data, expected, atol=1e-5)


# ---- the model is really smaller


def test_half_the_filters_make_the_model_of_half_the_width():
    model, narrow = models.cnn(), models.cnn(width=0.5)
    x = np.zeros((1, 3, 32, 32), np.float32)
    shrink(model, x, 0.5)
    assert [p.shape for p in model.parameters()] == [p.shape for p in narrow.parameters()]
    assert sum(p.size for p in model.parameters()) == 8 * 27 + 8 + 16 * 72 + 16 + 64 * 1024 + 64 + 640 + 10
    macs = {node.name: node.macs for node in trace(model, x).nodes if node.macs}
    assert macs == {"conv1": 8 * 27 * 32 * 32, "conv2": 16 * 72 * 16 * 16, "fc1": 64 * 1024, "fc2": 640}


def test_a_depthwise_layer_gets_as_many_groups_as_it_reads_channels():
    model = nn.Sequential(nn.Conv2d(2, 6, 1, rng=0), nn.Conv2d(6, 12, 3, padding=1, groups=6, rng=1),
                          nn.Conv2d(12, 12, 3, padding=1, groups=12, rng=1), nn.AdaptiveAvgPool2d(), nn.Flatten(),
                          nn.Linear(12, 2, rng=2))
    shrink(model, images(dtype=np.float32), 0.5)
    assert [(layer.in_channels, layer.groups, layer.out_channels) for layer in (model[1], model[2])] == [(3, 3, 6), (6, 6, 6)]
    assert model(images(dtype=np.float32)).shape == (3, 2)


def test_a_grouped_convolution_loses_whole_groups():
    model = nn.Sequential(nn.Conv2d(2, 8, 1, rng=0), nn.Conv2d(8, 12, 3, padding=1, groups=4, rng=1), nn.AdaptiveAvgPool2d(),
                          nn.Flatten(), nn.Linear(12, 2, rng=2))
    model[0].weight.data[2:4], model[1].weight.data[3:6] = 0, 0                 # the second group's
    kept = shrink(model, images(dtype=np.float32), 0.25)
    assert kept["0"].tolist() == [0, 2, 3] and model[0].out_channels == 6 and model[4].in_features == 9
    assert (model[1].in_channels, model[1].groups, model[1].out_channels) == (6, 3, 9)


def test_a_smaller_model_trains_with_a_new_optimizer_and_an_old_one_says_so():
    model = models.resnet(8, in_channels=2, width=0.5)
    x, y = images(dtype=np.float32), np.array([1, 2, 3])

    def step(optimizer):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    old = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    step(old)
    shrink(model, x, 0.5)
    assert model.bn1.weight.grad is None and model.bn1.running_mean.shape == (4,)
    with pytest.raises(ValueError, match="make a new optimizer when a parameter has changed its shape"):
        step(old)
    new = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = [step(new) for _ in range(20)]
    assert losses[-1] < losses[0] / 10


@pytest.mark.parametrize("make", [
    lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
    lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    lambda parameters: optim.Adam(parameters, lr=0.01),
], ids=["momentum", "nesterov", "Adam"])
def test_with_its_averages_cut_the_optimizer_goes_on_as_if_dead_neurons_had_never_been_there(make):
    # The dead ones are the last: then what they add to each sum, zeros, comes last, and no sum is rounded in another order.
    model, alone = (nn.Sequential(nn.Linear(16, 64, rng=0), nn.ReLU(), nn.Linear(64, 10, rng=1)) for _ in range(2))
    x, y = batch((32, 16), 10)
    for each in (model, alone):
        each[0].bias.data[32:] = -100                                       # never above 0 after the ReLU
    whole, smaller = make(model.parameters()), make(alone.parameters())
    train_for(model, whole, x, y, 6)
    train_for(alone, smaller, x, y, 3)
    shrink_to(alone, dependency_groups(alone, x), {"0": np.arange(32)}, optimizer=smaller)
    train_for(alone, smaller, x, y, 3)
    cut = {"0.weight": np.s_[:32], "0.bias": np.s_[:32], "2.weight": np.s_[:, :32], "2.bias": np.s_[:]}
    for i, (name, w) in enumerate(alone.state_dict().items()):
        np.testing.assert_array_equal(w, model.state_dict()[name][cut[name]])
        for key, average in smaller.state[i].items():
            np.testing.assert_array_equal(average, whole.state[i][key] if key == "step" else whole.state[i][key][cut[name]])


def batch(shape, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape).astype(np.float32), rng.integers(0, classes, shape[0])


def train_for(model, optimizer, x, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("make", [
    lambda: models.resnet(8, in_channels=2, width=0.5),
    lambda: nn.Sequential(nn.Conv2d(2, 4, 1, rng=0), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 3, groups=4, rng=1), nn.ReLU(),
                          nn.Conv2d(8, 6, 1, rng=2), nn.Conv2d(6, 6, 3, groups=2, rng=3), nn.Conv2d(6, 4, 1, rng=4), nn.ReLU(),
                          nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 6, rng=5), nn.ReLU(), nn.Linear(6, 3, rng=6)),
], ids=["residual", "depthwise, grouped, flatten"])
def test_masks_and_averages_lose_the_channels_of_the_weights(make):
    model, x, y = make(), *batch(IMAGE, 3)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    train_for(model, optimizer, x, y, 2)
    before, averages = model.state_dict(), optimizer.state_dict()["state"]
    marks = {name: w.copy() for name, w in before.items()}                  # each average carries its weight's own values
    for i, (name, _) in enumerate(model.named_parameters()):
        optimizer.state[i]["exp_avg"][...] = marks[name]
    shrink(model, x, 0.5, optimizer=optimizer)
    assert any(model.state_dict()[name].shape != w.shape for name, w in before.items())
    for i, (_, parameter) in enumerate(model.named_parameters()):
        np.testing.assert_array_equal(optimizer.state[i]["exp_avg"], parameter.data)
        assert optimizer.state[i]["exp_avg_sq"].shape == parameter.shape and optimizer.state[i]["step"] == averages[i]["step"]
    train_for(model, optimizer, x, y, 2)                                    # and it goes on


def test_an_optimizer_of_another_model_or_of_old_shapes_is_refused_and_nothing_changes():
    model, (x, y) = models.lenet_300_100(in_features=16), batch((8, 16), 10)
    other = optim.SGD(models.lenet_300_100(in_features=16).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="shrink_to: the SGD has none of the model's parameters"):
        shrink(model, x, 0.5, optimizer=other)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train_for(model, optimizer, x, y, 1)
    shrink(model, x, {"fc1": 0.5})
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"the optimizer's momentum_buffer of fc1.weight has shape \(300, 16\), the parameter "
                                         r"\(150, 16\): make a new optimizer"):
        shrink(model, x, {"fc2": 0.5}, optimizer=optimizer)
    assert unchanged(model, before)


def test_a_smaller_model_shrinks_again():
    model, x = models.resnet(8), np.zeros((1, 3, 8, 8), np.float32)
    shrink(model, x, 0.5)
    kept = shrink(model, x, 0.5)
    assert [len(indices) for indices in kept.values()] == [4, 4, 8, 8, 16, 16]
    assert model(x).shape == (1, 10)


# ---- what cannot be done


def unchanged(model, before):
    return all(np.array_equal(w, before[name]) for name, w in model.state_dict().items())


@pytest.mark.parametrize("fraction, message", [
    (1.5, "shrink: the fraction of fc1 has to be a number from 0 to 1, got 1.5"),
    ({"fc1": 0.5, "fc2": -0.5}, "shrink: the fraction of fc2 has to be a number from 0 to 1, got -0.5"),
    ({"fc3": 0.5}, r"shrink: there is no \['fc3'\] to prune, only \['fc1', 'fc2'\]"),
])
def test_a_bad_fraction_changes_nothing(fraction, message):
    model = models.lenet_300_100()
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        shrink(model, np.zeros((1, 784), np.float32), fraction)
    assert unchanged(model, before)


def test_a_model_without_removable_channels_is_refused():
    with pytest.raises(ValueError, match="shrink: Linear has no channels that can be removed"):
        shrink(nn.Linear(3, 2, rng=0), np.zeros((1, 3), np.float32), 0.5)


def test_all_zero_and_nan_filters_are_refused_with_the_groups_name():
    model, x = models.lenet_300_100(), np.zeros((1, 784), np.float32)
    model.fc2.weight.data[:] = 0
    with pytest.raises(ValueError, match="shrink: fc2: all 100 scores are zero, so nothing says which 50 to remove"):
        shrink(model, x, 0.5)
    model.fc2.weight.data[3, 0] = np.nan
    with pytest.raises(ValueError, match="shrink: fc2: 1 of 100 scores are NaN"):
        shrink(model, x, 0.5)
    assert model.fc1.weight.shape == (300, 784)


@pytest.mark.parametrize("keep, message", [
    ({"fc1": []}, r"fc1 needs a list of at least one index, got \[\]"),
    ({"fc1": np.zeros(0, int)}, r"fc1 needs a list of at least one index, got \[\]"),
    ({"fc1": [0.0, 1.0]}, r"fc1 needs a list of at least one index, got \[0.0, 1.0\]"),
    ({"fc2": [1], "fc1": [0, 300]}, r"fc1 has the channels 0 to 299, each to be kept at most once, got \[0, 300\]"),
    ({"fc1": [-1, 0]}, r"fc1 has the channels 0 to 299, each to be kept at most once, got \[-1, 0\]"),
    ({"fc1": [7, 7]}, r"fc1 has the channels 0 to 299, each to be kept at most once, got \[7, 7\]"),
    ({"conv1": [0]}, r"there is no \['conv1'\] to prune, only \['fc1', 'fc2'\]"),
])
def test_bad_indices_change_nothing(keep, message):
    model, x = models.lenet_300_100(), np.zeros((1, 784), np.float32)
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        shrink_to(model, dependency_groups(model, x), keep)
    assert unchanged(model, before)


def test_groups_of_before_a_change_are_refused():
    model, x = models.lenet_300_100(), np.zeros((1, 784), np.float32)
    groups = dependency_groups(model, x)
    shrink_to(model, groups, {"fc1": range(10)})
    with pytest.raises(ValueError, match=r"group fc1 has 300 channels, 1 on axis 0 of fc1.weight for each, but its shape is "
                                         r"\(10, 784\): find the groups again"):
        shrink_to(model, groups, {"fc1": range(5)})


def test_a_shrunk_depthwise_network_is_saved_and_loaded_bit_for_bit(tmp_path):
    def network(seed):
        rng = np.random.default_rng(seed)
        return nn.Sequential(nn.Conv2d(3, 8, 1, rng=rng), nn.Conv2d(8, 16, 3, padding=1, groups=8, rng=rng), nn.ReLU(),
                             nn.Conv2d(16, 6, 1, rng=rng), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4, rng=rng))

    model, x = network(1), np.random.default_rng(0).standard_normal((2, 3, 6, 6)).astype(np.float32)
    shrink(model, x, 0.4)
    assert (model[0].out_channels, model[1].groups, model[1].out_channels) == (5, 5, 10)
    save(tmp_path / "small.npz", model)
    loaded = load(tmp_path / "small.npz", network(2))
    assert loaded(x).data.tobytes() == model(x).data.tobytes()
    assert compile(loaded, x)(x).tobytes() == compile(model, x)(x).tobytes()
