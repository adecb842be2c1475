import inspect

import numpy as np
import pytest

from nnlite import functional as F
from nnlite import load, models, save


def size(model):
    return sum(p.size for p in model.parameters())


def image(channels, pixels, n=2):
    H, W = pixels if isinstance(pixels, tuple) else (pixels, pixels)
    return np.random.default_rng(0).standard_normal((n, channels, H, W)).astype(np.float32)


BUILDERS = [models.mlp, models.lenet_300_100, models.lenet_5, models.cnn, models.resnet]


# ---- the sizes in the literature ----


def test_lenet_300_100_has_the_266_610_parameters_of_han_2015():
    assert size(models.lenet_300_100()) == 266_610  # (784 + 1) 300 + (300 + 1) 100 + (100 + 1) 10


def test_lenet_5_has_the_431_080_parameters_of_caffes():
    # (25 + 1) 20 + (20·25 + 1) 50 + (800 + 1) 500 + (500 + 1) 10
    assert size(models.lenet_5()) == 520 + 25_050 + 400_500 + 5_010 == 431_080


def test_the_articles_cnn_has_268_650_parameters():
    # (3·9 + 1) 16 + (16·9 + 1) 32 + (2048 + 1) 128 + (128 + 1) 10
    assert size(models.cnn()) == 448 + 4_640 + 262_272 + 1_290 == 268_650


def test_the_articles_mlp_has_101_770_parameters():
    assert size(models.mlp()) == 785 * 128 + 129 * 10 == 101_770


def test_resnet_8_has_78_042_parameters():
    stem = 3 * 9 * 16 + 2 * 16  # conv without bias, BN with γ and β
    stage1 = 2 * (16 * 9 * 16) + 2 * 2 * 16
    stage2 = 16 * 9 * 32 + 32 * 9 * 32 + 16 * 32 + 3 * 2 * 32  # the shortcut is a 1×1 convolution with BN
    stage3 = 32 * 9 * 64 + 64 * 9 * 64 + 32 * 64 + 3 * 2 * 64
    assert size(models.resnet(8)) == stem + stage1 + stage2 + stage3 + 65 * 10 == 78_042


def test_resnet_20_has_the_parameters_of_he_2015_and_those_of_its_two_shortcuts():
    # 269,722 ("0.27M", table 6) with shortcuts that have none; here 16·32 + 2·32 and 32·64 + 2·64 more
    assert size(models.resnet(20)) == 269_722 + 576 + 2_176


# ---- shapes ----


@pytest.mark.parametrize(
    "model, x",
    [
        (models.mlp(in_features=64), image(1, 8)),
        (models.mlp(in_features=64), image(1, 8).reshape(2, 64)),
        (models.lenet_300_100(), image(1, 28)),
        (models.lenet_5(), image(1, 28)),
        (models.lenet_5(in_channels=3, image_size=32), image(3, 32)),
        (models.lenet_5(image_size=16), image(1, 16)),
        (models.cnn(), image(3, 32)),
        (models.cnn(in_channels=1, image_size=8), image(1, 8)),
        (models.cnn(in_channels=1, image_size=30), image(1, 30)),
        (models.resnet(8, in_channels=1), image(1, 28)),
        (models.resnet(14), image(3, 32)),
        (models.resnet(8, in_channels=1), image(1, 8)),
        (models.cnn(in_channels=16, image_size=(24, 40)), image(16, (24, 40))),
        (models.cnn(in_channels=2, image_size=[5, 31]), image(2, (5, 31))),
        (models.lenet_5(image_size=(17, 40)), image(1, (17, 40))),
        (models.resnet(8, in_channels=5), image(5, (24, 40))),
        (models.mlp(in_features=7), image(1, 7)[:, 0, 0]),
    ],
)
def test_a_model_gives_ten_logits_for_each_image_and_every_parameter_a_gradient(model, x):
    logits = model(x)
    assert (logits.shape, logits.dtype) == ((2, 10), np.float32)
    F.cross_entropy(logits, np.array([3, 7])).backward()
    assert all(p.grad is not None and np.abs(p.grad).max() > 0 for p in model.parameters())


@pytest.mark.parametrize("build", BUILDERS)
def test_a_model_has_as_many_outputs_as_classes(build):
    model = build(classes=3)
    *_, last = model.children()
    assert last.out_features == 3


def test_a_residual_block_adds_its_input():
    model = models.resnet(8).eval()
    block = model.block1_1
    for conv in (block.block.conv1, block.block.conv2):
        conv.weight.data = np.zeros_like(conv.weight.data)
    x = image(16, 8)
    np.testing.assert_array_equal(block(x).data, np.maximum(x, 0))  # relu(0 + x)


def test_a_resnet_halves_the_image_from_stage_to_stage():
    x = models.resnet(14).eval()
    shapes = []
    for name, module in x.named_children():
        if name.startswith("block"):
            module.register_forward_hook(lambda module, inputs, y: shapes.append(y.shape[1:]))
    x(image(3, 32))
    assert shapes == [(16, 32, 32)] * 2 + [(32, 16, 16)] * 2 + [(64, 8, 8)] * 2


# ---- seed, width, architecture ----


def bits(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


@pytest.mark.parametrize("build", BUILDERS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(build):
    assert bits(build(seed=5)) == bits(build(seed=5))
    first, second = build(seed=5).state_dict(), build(seed=6).state_dict()
    weights = [name for name in first if "bn" not in name]  # BatchNorm starts at 1 and 0
    assert all(not np.array_equal(first[name], second[name]) for name in weights)


@pytest.mark.parametrize("build", BUILDERS)
def test_no_two_layers_of_a_model_start_with_the_same_numbers(build):
    starts = [p.data.reshape(-1)[0] for name, p in build().named_parameters() if "bn" not in name]
    assert len(set(starts)) == len(starts)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_weights_do_not_depend_on_numpys_global_seed(build):
    np.random.seed(1)
    first = bits(build())
    np.random.seed(2)
    assert bits(build()) == first


def test_width_multiplies_every_hidden_size_and_nothing_else():
    narrow = models.cnn(width=0.5)
    assert [p.shape for p in narrow.parameters()] == [
        (8, 3, 3, 3), (8,), (16, 8, 3, 3), (16,), (64, 16 * 8 * 8), (64,), (10, 64), (10,),
    ]
    assert models.mlp(width=0.25).fc1.out_features == 32
    assert [models.lenet_300_100(width=0.1).fc1.out_features, models.lenet_300_100(width=0.1).fc2.out_features] == [30, 10]
    assert [models.lenet_5(width=2).conv2.out_channels, models.lenet_5(width=2).fc1.in_features] == [100, 1600]
    assert models.resnet(8, width=0.25).fc.in_features == 16


def test_a_tiny_width_leaves_one_of_each():
    assert {p.shape[0] for p in models.lenet_300_100(width=1e-9).parameters()} == {1, 10}


@pytest.mark.parametrize("build", BUILDERS)
def test_a_model_remembers_how_to_be_built_again(build):
    model = build(classes=4, width=0.5, seed=3)
    architecture = model.architecture
    assert architecture["name"] == build.__name__
    assert architecture["arguments"].keys() == inspect.signature(build).parameters.keys()
    again = getattr(models, architecture["name"])(**architecture["arguments"])
    assert bits(again) == bits(model)


def test_an_mlp_has_as_many_hidden_layers_as_sizes():
    model = models.mlp(6, (5, 4, 3), 2)
    assert [p.shape for p in model.parameters()] == [(5, 6), (5,), (4, 5), (4,), (3, 4), (3,), (2, 3), (2,)]
    assert [name for name, _ in model.named_children()] == ["flatten", "fc1", "relu1", "fc2", "relu2", "fc3", "relu3", "fc4"]
    assert bits(models.mlp(hidden=(128,))) == bits(models.mlp(hidden=128))
    assert [p.shape for p in models.mlp(6, (), 2).parameters()] == [(2, 6), (2,)]
    assert models.mlp(6, (8, 4), width=0.5).fc3.in_features == 2


def test_dropout_follows_each_hidden_layer_of_an_mlp_and_leaves_its_weights_as_they_are():
    model = models.mlp(6, (5, 4), 2, dropout=0.25)
    names = ["flatten", "fc1", "relu1", "dropout1", "fc2", "relu2", "dropout2", "fc3"]
    assert [name for name, _ in model.named_children()] == names
    assert bits(model) == bits(models.mlp(6, (5, 4), 2))
    assert (model.dropout1.p, model.dropout2.p) == (0.25, 0.25)
    x = np.ones((4, 6), np.float32)
    assert model(x).data.tobytes() == models.mlp(6, (5, 4), 2, dropout=0.25)(x).data.tobytes()
    assert len({rng.random() for rng in model.generators()}) == 2
    with pytest.raises(ValueError, match=r"Dropout: the probability has to be in \[0, 1\), got 1"):
        models.mlp(dropout=1)


def test_a_checkpoint_builds_an_mlp_of_several_hidden_layers_again(tmp_path):
    model, x = models.mlp(6, (5, 4), 2, seed=3, dropout=0.25), np.ones((1, 6), np.float32)
    save(tmp_path / "a.npz", model)
    loaded = load(tmp_path / "a.npz")
    assert loaded.architecture == model.architecture
    assert loaded.eval()(x).data.tobytes() == model.eval()(x).data.tobytes()


def test_a_resnet_takes_an_image_of_one_pixel():
    assert models.resnet(8).eval()(image(3, 1)).shape == (2, 10)


def test_positional_arguments_are_remembered_by_name():
    arguments = models.cnn(1, 8).architecture["arguments"]
    assert arguments == {"in_channels": 1, "image_size": 8, "classes": 10, "width": 1.0, "seed": 0}


# ---- what cannot be built ----


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf")])
def test_a_width_that_is_not_above_0_is_refused(build, width):
    message = f"{build.__name__}: width, the multiplier of the layers' sizes, has to be finite and above 0, got {width}"
    with pytest.raises(ValueError, match=message):
        build(width=width)


@pytest.mark.parametrize(("build", "arguments"), [
    (models.mlp, {"in_features": 2.5}), (models.mlp, {"hidden": 0}), (models.mlp, {"hidden": (3, 2.5)}),
    (models.lenet_300_100, {"classes": -1}), (models.lenet_5, {"in_channels": 0}),
    (models.resnet, {"depth": 8.0}), (models.resnet, {"classes": float("nan")}),
])
def test_a_size_that_is_not_a_whole_number_is_refused_by_name(build, arguments):
    ((name, value),) = arguments.items()
    value = value[-1] if isinstance(value, tuple) else value
    with pytest.raises(ValueError, match=f"{build.__name__}: {name} has to be a whole number from 1 up, got {value}"):
        build(**arguments)


@pytest.mark.parametrize("seed", [None, -1, 1.5, np.random.default_rng(0)])
def test_a_seed_that_would_not_give_the_same_weights_again_is_refused(seed):
    with pytest.raises(ValueError, match="cnn: seed has to be a whole number from 0 up, got"):
        models.cnn(seed=seed)


def test_images_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="lenet_5: an image of 15×15 pixels is too small"):
        models.lenet_5(image_size=15)
    with pytest.raises(ValueError, match="lenet_5: an image of 40×15 pixels is too small"):
        models.lenet_5(image_size=(40, 15))
    with pytest.raises(ValueError, match="cnn: an image of 3×40 pixels is too small"):
        models.cnn(image_size=(3, 40))


@pytest.mark.parametrize("size", [28.0, "32", (24,), (24, 40, 3), (0, 24), (24, 4.5)])
def test_an_image_size_is_one_whole_number_or_two(size):
    with pytest.raises(ValueError, match=r"cnn: image_size has to be a whole number from 1 up, or two, \(H, W\), got"):
        models.cnn(image_size=size)


@pytest.mark.parametrize("depth", [2, 7, 9, 10])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth):
    with pytest.raises(ValueError, match=rf"depth has to be 6n \+ 2 \(8, 14, 20, …\), got {depth}"):
        models.resnet(depth)
