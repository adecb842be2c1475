import errno
import inspect
import io
import json
import os
import pickle
import resource
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_run import make_model, make_run

import nnlite
from nnlite import models, nn, optim, train
from nnlite.architecture import BUILDERS
from nnlite.checkpoint import load, load_state, resume, save
from nnlite.errors import FormatError

SMALL = {
    "mlp": (models.mlp(in_features=36, hidden=5, seed=1), (1, 6, 6)),
    "lenet_300_100": (models.lenet_300_100(in_features=36, width=0.03, seed=1), (1, 6, 6)),
    "lenet_5": (models.lenet_5(image_size=16, width=0.1, seed=1), (1, 16, 16)),
    "cnn": (models.cnn(in_channels=1, image_size=8, width=0.2, seed=1), (1, 8, 8)),
    "resnet": (models.resnet(depth=8, in_channels=1, width=0.2, seed=1), (1, 8, 8)),
}


def mlp(seed=0):
    return models.mlp(in_features=6, hidden=4, classes=3, seed=seed)


def assert_same_arrays(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert (a[name].dtype, a[name].shape, a[name].tobytes()) == (b[name].dtype, b[name].shape, b[name].tobytes()), name


def members(path):
    """{name: bytes} of a file's members, in their order."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def tamper(path, manifest=(), replaced=()):
    """Change entries of a file's manifest, and replace members; None removes one."""
    contents = members(path)
    contents["manifest.json"] = json.dumps(json.loads(contents["manifest.json"]) | dict(manifest))
    contents |= replaced
    write_members(path, {name: content for name, content in contents.items() if content is not None})


# --- save and load ---


@pytest.mark.parametrize("name", SMALL)
def test_a_model_of_nnlite_is_built_again_from_its_file_with_the_same_bits(name, tmp_path):
    model, shape = SMALL[name]
    for buffer in dict(model.named_buffers()).values():
        buffer.data = buffer.data + 0.25
    save(tmp_path / "a.npz", model)
    loaded = load(tmp_path / "a.npz")
    assert_same_arrays(loaded.state_dict(), model.state_dict())
    assert loaded.architecture == model.architecture
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    np.testing.assert_array_equal(loaded.eval()(x).data, model.eval()(x).data)


def test_a_model_for_images_of_8_by_13_pixels_is_built_from_a_file(tmp_path):
    model = models.cnn(in_channels=5, image_size=(8, 13), width=0.2, seed=1)
    save(tmp_path / "m.npz", model)
    again, x = load(tmp_path / "m.npz"), np.ones((2, 5, 8, 13), np.float32)
    np.testing.assert_array_equal(again(x).data, model(x).data)
    assert again.architecture == model.architecture


def test_every_model_of_nnlite_can_be_built_from_a_file():
    public = {name for name, value in vars(models).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert public == set(BUILDERS) == set(SMALL)


def test_the_arrays_can_be_read_by_numpy_and_the_manifest_by_any_json_reader(tmp_path):
    model = mlp()
    save(tmp_path / "a.npz", model, metadata={"data": "mnist"})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["model/fc1.weight"], model.fc1.weight.data)
        manifest = json.loads(file["manifest.json"])
    assert manifest["format"] == "nnlite checkpoint" and manifest["version"] == 1
    assert manifest["nnlite"] == nnlite.__version__
    assert manifest["architecture"] == {
        "name": "mlp", "arguments": {"in_features": 6, "hidden": 4, "classes": 3, "width": 1.0, "seed": 0, "dropout": 0.0},
    }
    assert manifest["metadata"] == {"data": "mnist"}


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save(tmp_path / name, mlp())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_file_has_the_name_that_was_given_and_nothing_is_beside_it(tmp_path):
    save(str(tmp_path / "without suffix"), mlp())
    assert os.listdir(tmp_path) == ["without suffix"]


def test_nnlite_save_and_load_are_these_functions():
    assert (nnlite.save, nnlite.load) == (save, load)


def test_a_shrunk_model_keeps_the_shapes_of_its_arrays(tmp_path):
    model = mlp()
    keep = np.array([True, False, True, True])
    model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data[keep], model.fc1.bias.data[keep]
    model.fc2.weight.data = model.fc2.weight.data[:, keep]
    save(tmp_path / "a.npz", model)
    loaded = load(tmp_path / "a.npz")
    assert (loaded.fc1.out_features, loaded.fc2.in_features) == (3, 3)
    assert_same_arrays(loaded.state_dict(), model.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 1, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x).data, model(x).data)


def in_float64(model):
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return model


def test_float64_fortran_order_and_special_values_come_back_in_a_model_of_float64(tmp_path):
    model = in_float64(mlp())
    model.fc1.weight.data = np.asfortranarray(np.arange(24.0).reshape(4, 6))
    model.fc1.weight.data[0, :4] = np.nan, np.inf, -0.0, 5e-324
    save(tmp_path / "a.npz", model)
    assert_same_arrays(load(tmp_path / "a.npz", in_float64(mlp())).state_dict(), model.state_dict())


@pytest.mark.parametrize("dtypes", [["f2"] * 4, ["f8"] * 4, ["f4", "f8", "f2", "f8"]])
def test_numbers_of_other_float_types_are_rounded_to_those_of_the_model(dtypes, tmp_path):
    model, rng = mlp(), np.random.default_rng(0)
    for parameter, dtype in zip(model.parameters(), dtypes, strict=True):
        parameter.data = rng.normal(size=parameter.shape).astype(dtype)
    save(tmp_path / "a.npz", model)
    loaded = load(tmp_path / "a.npz")
    for name, array in model.state_dict().items():
        assert loaded.state_dict()[name].dtype == np.float32
        assert loaded.state_dict()[name].ravel().tolist() == [np.float32(value) for value in array.ravel()]
    x = np.ones((2, 1, 2, 3), np.float32)
    assert nnlite.compile(loaded.eval(), x)(x).dtype == np.float32


def test_a_number_that_the_models_type_cannot_hold_is_a_format_error(tmp_path):
    model = in_float64(mlp())
    model.fc2.bias.data[1] = 1e300
    save(tmp_path / "a.npz", model)
    with pytest.raises(FormatError, match=r"a.npz: fc2.bias holds 1e\+300 \(float64\), which the model's float32 cannot hold"):
        load(tmp_path / "a.npz")


def test_a_model_of_ones_own_is_loaded_into_one_that_is_given(tmp_path):
    model, other = make_model(seed=0), make_model(seed=1)
    save(tmp_path / "a.npz", model)
    other[0].weight.grad = np.ones_like(other[0].weight.data)
    assert load(tmp_path / "a.npz", other) is other
    assert_same_arrays(other.state_dict(), model.state_dict())
    assert other[0].weight.grad is None
    save(tmp_path / "a.npz", nn.ModuleList(model))
    with pytest.raises(ValueError, match=r"a.npz does not say how to build its model.*load\(path, model\)"):
        load(tmp_path / "a.npz")


def test_the_loaded_arrays_can_be_trained(tmp_path):
    save(tmp_path / "a.npz", mlp())
    for parameter in load(tmp_path / "a.npz").parameters():
        parameter.data += 1.0


def other_names(model):
    model.extra = nn.Linear(1, 1)


def other_axes(model):
    model.fc1.weight.data = np.zeros((4, 6, 1), np.float32)


def other_dtype(model):
    model.fc2.bias.data = np.zeros(3, np.int64)


@pytest.mark.parametrize("change, message", [
    (other_names, r"another model: \[\] missing, \['extra.bias', 'extra.weight'\] unexpected"),
    (other_axes, r"fc1.weight is float32 \(4, 6, 1\), the model expects float32 with 2 axes, such as \(4, 6\)"),
    (other_dtype, r"fc2.bias is int64 \(3,\), the model expects float32"),
])
def test_the_file_of_another_model_is_named_and_the_model_stays_as_it_was(change, message, tmp_path):
    model, saved = mlp(), mlp(seed=1)
    change(saved)
    save(tmp_path / "a.npz", saved)
    with pytest.raises(FormatError, match=f"a.npz: .*{message}"):
        load(tmp_path / "a.npz", model)
    assert_same_arrays(model.state_dict(), mlp().state_dict())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 20))
def test_masks_come_back_bit_for_bit(tmp_path_factory, seed, rows, columns):
    path = tmp_path_factory.mktemp("masks") / "a.npz"
    model = models.mlp(in_features=columns, hidden=rows)
    rng = np.random.default_rng(seed)
    masks = {name: rng.random(p.shape) < 0.5 for name, p in model.named_parameters() if "fc1" in name}
    save(path, model, masks=masks)
    loaded = load_state(path).masks
    assert list(loaded) == ["fc1.weight", "fc1.bias"]
    assert_same_arrays(loaded, masks)
    assert len(members(path)["masks/fc1.weight.npy"]) == 128 + -(-rows * columns // 8)  # eight entries to a byte


@pytest.mark.parametrize("mask, message", [
    ({"fc9.weight": np.ones((4, 6), bool)}, "mask for 'fc9.weight', and no parameter"),
    ({"fc1.weight": np.ones((6, 4), bool)}, r"mask of fc1.weight is bool \(6, 4\), expected bool \(4, 6\)"),
    ({"fc1.weight": np.ones((4, 6))}, r"mask of fc1.weight is float64"),
])
def test_a_mask_that_does_not_fit_is_not_saved(mask, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "a.npz", mlp(), masks=mask)
    assert os.listdir(tmp_path) == []


def test_metadata_keeps_what_json_can_hold_and_numpy_numbers(tmp_path):
    given = {"data": "digits", "scale": np.float32(0.5), "keep": (1, np.int64(2)), "note": "ü\ud800", "big": 2**200}
    save(tmp_path / "a.npz", mlp(), metadata=given)
    assert load_state(tmp_path / "a.npz").metadata == given | {"scale": 0.5, "keep": [1, 2]}
    with pytest.raises(TypeError, match="JSON, which cannot hold this object"):
        save(tmp_path / "a.npz", mlp(), metadata={"x": object()})
    assert load_state(tmp_path / "a.npz").metadata["big"] == 2**200  # the old file is still there


def test_only_modules_are_saved(tmp_path):
    with pytest.raises(TypeError, match="save: expects a nnlite.nn.Module, got a function"):
        save(tmp_path / "a.npz", mlp)


# --- resume ---


def trained_run(path, seed=0, epochs=2):
    model, optimizer, schedule, loader = run = make_run(seed=seed)
    history = train.fit(model, loader, optimizer, epochs, schedule=schedule, checkpoint=path)
    return run, history


def test_resume_puts_back_weights_statistics_moments_counters_rates_and_generators(tmp_path):
    (model, optimizer, schedule, loader), history = trained_run(tmp_path / "a.npz")
    run = make_run(seed=5)
    assert resume(tmp_path / "a.npz", *run) == history
    assert_same_arrays(run[0].state_dict(), model.state_dict())
    assert optimizer.state_dict()["param_groups"] == run[1].state_dict()["param_groups"]
    assert optimizer.state.keys() == run[1].state.keys() == set(range(7))
    for i, entry in optimizer.state.items():
        assert_same_arrays({k: np.asarray(v) for k, v in entry.items()}, {k: np.asarray(v) for k, v in run[1].state[i].items()})
    assert run[2].t == schedule.t == 2 * len(loader)
    assert run[3].rng.bit_generator.state == loader.rng.bit_generator.state
    for a, b in zip(model.generators(), run[0].generators(), strict=True):
        assert a.bit_generator.state == b.bit_generator.state


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_numpys_generators_go_on_with_the_same_numbers(kind, tmp_path):
    def with_generator(seed):
        model = nn.Sequential(nn.Dropout(0.5, rng=np.random.Generator(kind(seed))), nn.Linear(2, 2, rng=0))
        return model, optim.SGD(model.parameters())

    model, optimizer = with_generator(1)
    model[0].rng.integers(9, size=3, dtype=np.uint32)  # an odd number of halves: one is left over
    save(tmp_path / "a.npz", model, optimizer=optimizer)
    other, other_optimizer = with_generator(2)
    assert resume(tmp_path / "a.npz", other, other_optimizer) == []
    for draw in (lambda rng: rng.integers(9, size=5, dtype=np.uint32), lambda rng: rng.random(5)):
        np.testing.assert_array_equal(draw(model[0].rng), draw(other[0].rng))


def test_resume_names_what_is_of_another_kind_or_missing(tmp_path):
    trained_run(tmp_path / "a.npz", epochs=1)
    model, optimizer, schedule, loader = make_run()
    state = model.state_dict()

    def resumed(message, *run):
        with pytest.raises(ValueError, match=message):
            resume(tmp_path / "a.npz", *run)
        assert_same_arrays(model.state_dict(), state)

    resumed("a.npz was written with the optimizer Adam, this run has AdamW", *make_run(optim.AdamW))
    resumed("written with the schedule LinearWarmup, this run has None", model, optimizer, None, loader)
    resumed("schedule LinearWarmup, this run has StepLR", model, optimizer, optim.StepLR(optimizer, 1), loader)
    resumed("2 generators in the model and one in the loader, this run has 2 .* and none", model, optimizer, schedule)
    save(tmp_path / "a.npz", model)
    resumed("written with the optimizer None, this run has Adam", model, optimizer)


def test_a_file_from_before_sgd_had_dampening_is_resumed(tmp_path):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    save(tmp_path / "a.npz", model, optimizer=optimizer)
    saved = json.loads(members(tmp_path / "a.npz")["manifest.json"])["optimizer"]
    del saved["param_groups"][0]["dampening"]
    tamper(tmp_path / "a.npz", {"optimizer": saved})
    model = mlp()
    optimizer = optim.SGD(model.parameters(), dampening=0.5)
    resume(tmp_path / "a.npz", model, optimizer)
    assert optimizer.param_groups[0]["dampening"] == 0.0 and optimizer.param_groups[0]["momentum"] == 0.9


def test_resume_says_which_file_does_not_fit_the_optimizer(tmp_path):
    trained_run(tmp_path / "a.npz", epochs=1)
    model, _, _, loader = make_run()
    optimizer = optim.Adam(model.parameters())
    schedule = optim.LinearWarmup(optimizer, 3)
    with pytest.raises(ValueError, match=r"a.npz does not fit this run: Adam: .* groups of \[1, 6\] .* of \[7\]"):
        resume(tmp_path / "a.npz", model, optimizer, schedule, loader)


def test_a_shrunk_model_with_masks_is_resumed(tmp_path):
    def run(seed):
        model = mlp(seed)
        model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data[:2], model.fc1.bias.data[:2]
        model.fc2.weight.data = model.fc2.weight.data[:, :2]
        return model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    model, optimizer = run(0)
    batches = [(np.ones((2, 1, 2, 3), np.float32), np.array([0, 1]))]
    train.fit(model, batches, optimizer, 1, checkpoint=tmp_path / "a.npz")
    other = load(tmp_path / "a.npz")
    other_optimizer = optim.SGD(other.parameters(), lr=0.1)
    history = resume(tmp_path / "a.npz", other, other_optimizer)
    for each, its_optimizer in ((model, optimizer), (other, other_optimizer)):
        train.fit(each, batches, its_optimizer, 2, history=list(history))
    assert_same_arrays(model.state_dict(), other.state_dict())


# --- damage ---


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    """(a checkpoint's bytes, its contents, a path to write damaged copies to)"""
    path = tmp_path_factory.mktemp("damage") / "damaged.npz"
    model = mlp()
    optimizer = optim.Adam(model.parameters())
    batches = [(np.ones((2, 1, 2, 3), np.float32), np.array([0, 1]))]
    train.fit(model, batches, optimizer, 1, checkpoint=path, masks={"fc1.bias": np.array([1, 0, 1, 1], bool)})
    return path.read_bytes(), load_state(path), path


def assert_format_error_or_same_content(path, content):
    try:
        state = load_state(path)
    except FormatError as error:
        assert str(error).startswith(str(path))
        return
    for arrays in ("model", "masks"):
        assert_same_arrays(getattr(state, arrays), getattr(content, arrays))
    assert repr(state.optimizer) == repr(content.optimizer)
    for field in ("architecture", "schedule", "generators", "loader", "history", "metadata"):
        assert getattr(state, field) == getattr(content, field)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_file_cut_off_anywhere_is_a_format_error(whole_file, data):
    whole, _, path = whole_file
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(FormatError, match="damaged.npz: "):
        load_state(path)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_changed_bytes_give_a_format_error_or_the_same_content(whole_file, data):
    whole, content, path = whole_file
    damaged = bytearray(whole)
    tail = st.integers(max(0, len(whole) - 2000), len(whole) - 1)  # the directory, where most can go wrong
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1) | tail, min_size=1, max_size=3)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    assert_format_error_or_same_content(path, content)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300), st.booleans())
def test_foreign_bytes_are_a_format_error(whole_file, content, with_magic):
    *_, path = whole_file
    path.write_bytes(b"PK\x03\x04" * with_magic + content)
    with pytest.raises(FormatError, match="damaged.npz: "):
        load_state(path)


def test_other_kinds_of_files_are_named_as_such(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(FormatError, match=r"a.npz: not a checkpoint: starts with b'\\x89PNG', an .npz file"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="starts with b''"):
        load(path)
    np.savez(path, weights=np.ones(3))
    with pytest.raises(FormatError, match="a.npz: there is no manifest.json in it"):
        load(path)
    write_members(path, {"manifest.json": json.dumps({"name": "something else", "version": 1})})
    with pytest.raises(FormatError, match="not a checkpoint: .* does not name the format 'nnlite checkpoint'"):
        load(path)


def test_files_that_cannot_be_read_are_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        load(tmp_path / "nowhere.npz")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


@pytest.mark.parametrize("manifest, replaced, message", [
    ({"version": 2}, {}, f"version 2; nnlite {nnlite.__version__} reads version 1"),
    ({"history": None}, {}, "'history' is missing or of a wrong type"),
    ({"history": [{"loss": 1.5}, {"loss": [1.5]}]}, {}, "the history of epoch 2 holds something other than numbers"),
    ({"history": [{"loss": 10**30}]}, {}, "the history of epoch 1 holds something other than numbers"),
    ({"history": [[]]}, {}, "the history of epoch 1 holds something other than numbers"),
    ({}, {"model/fc1.weight.npy": None}, "there is no model/fc1.weight.npy in it"),
    ({}, {"model/fc1.weight.npy": b"abc"}, "fc1.weight.npy: its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6)))[:-1]}, r"fc1.weight.npy: 191 bytes are not a float64 .* \(4, 6\)"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6), "U3"))}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6), "m8"))}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.asfortranarray(np.zeros((4, 6))))}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6))).replace(b"(4, 6)", b"(4L,6)")}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6))).replace(b", }", b", (")}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6))).replace(b"(4, 6)", b"(-4, )")}, "its header is not one that NumPy"),
    ({}, {"model/fc1.weight.npy": npy(np.zeros((4, 6))).replace(b"<f8", b"<f3")}, "damaged or truncated"),
    ({}, {"model/fc1.weight.npy": npy(np.array([[{}]]), allow_pickle=True)}, "its header is not one that NumPy"),
    ({"masks": {"fc1.bias": [5]}}, {}, r"the mask of fc1.bias is bool \(5,\), expected bool \(4,\)"),
    ({"masks": {"fc1.bias": [400]}}, {}, r"a mask of shape \[400\] does not fit into uint8 \(1,\)"),
    ({"masks": {}}, {}, "damaged or truncated: 'fc1.bias'"),
    ({"optimizer": {"name": "Adam", "numbers": {}, "param_groups": []}}, {}, "damaged or truncated: 0"),
])
def test_a_file_that_contradicts_itself_is_a_format_error(whole_file, manifest, replaced, message):
    whole, _, path = whole_file
    path.write_bytes(whole)
    tamper(path, manifest, replaced)
    with pytest.raises(FormatError, match=f"damaged.npz: .*{message}"):
        load_state(path)


def with_nonsense(draw, value):
    """A list or dict in which one thing, at any depth, is of another kind."""
    value = value.copy()
    key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    if isinstance(value[key], dict | list) and value[key] and draw(st.booleans()):
        value[key] = with_nonsense(draw, value[key])
    else:
        value[key] = draw(st.sampled_from([None, True, -1, 10**30, 0.5, "x", [], {}, [[]], {"x": 1}]))
    return value


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_manifest_with_nonsense_in_it_ends_in_a_value_error_or_not_at_all(whole_file, data):
    whole, _, path = whole_file
    path.write_bytes(whole)
    tamper(path, with_nonsense(data.draw, json.loads(members(path)["manifest.json"])))
    model = mlp()
    try:
        resume(path, model, optim.Adam(model.parameters()))
    except ValueError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("architecture, message", [
    ({"name": "Module", "arguments": {}}, "unknown architecture 'Module', expected one of mlp, "),
    ({"name": "__import__", "arguments": {"name": "os"}}, "unknown architecture '__import__'"),
    ({"name": ["mlp"], "arguments": {}}, "unknown architecture"),
    ({}, "unknown architecture None"),
    ({"name": "mlp", "arguments": {"depth": 3}}, "mlp cannot be built from .*depth"),
    ({"name": "mlp", "arguments": None}, "mlp cannot be built from None"),
    ({"name": "resnet", "arguments": {"depth": 2}}, "resnet: depth has to be 6n"),
    ({"name": "resnet", "arguments": {"depth": 8}}, "depth is 8, a file of 43 numbers in 4 arrays allows 4"),
    ({"name": "mlp", "arguments": {"in_features": 44}}, "in_features is 44, a file of 43 numbers in 4 arrays allows 43"),
    ({"name": "mlp", "arguments": {"classes": 10**400}}, "mlp cannot be built from"),
    ({"name": "cnn", "arguments": {"image_size": 42}}, "image_size is 42, too large for a file of 43 numbers"),
    ({"name": "cnn", "arguments": {"image_size": [4, 10**9]}}, r"image_size is \[4, 1000000000\], too large for a file of 43"),
    ({"name": "cnn", "arguments": {"image_size": [4, 4, 4]}}, "too many values"),
    ({"name": "cnn", "arguments": {"in_channels": 44}}, "in_channels is 44"),
    ({"name": "mlp", "arguments": {"width": 0}}, "width is 0, it has to be above 0 and finite"),
    ({"name": "mlp", "arguments": {"width": float("inf")}}, "width is inf, it has to be above 0 and finite"),
    ({"name": "mlp", "arguments": {"width": "wide"}}, "mlp cannot be built from"),
    ({"name": "lenet_300_100", "arguments": {}}, "another model: .* missing"),
])
def test_an_architecture_that_is_none_is_a_format_error(whole_file, architecture, message):
    whole, _, path = whole_file
    path.write_bytes(whole)
    tamper(path, {"architecture": architecture})
    with pytest.raises(FormatError, match=f"damaged.npz: .*{message}"):
        load(path)


class Bomb:
    """Unpickling it would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_is_never_opened(whole_file, tmp_path):
    whole, _, path = whole_file
    path.write_bytes(whole)
    array = np.array([[Bomb(tmp_path / "exploded")]], object)
    tamper(path, replaced={"model/fc1.weight.npy": npy(array, allow_pickle=True)})
    with pytest.raises(FormatError):
        load_state(path)
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(FormatError):
        load_state(path)
    assert os.listdir(tmp_path) == []


def peak_of_failing_load(path):
    """The most memory that `load_state` holds at a time until its FormatError."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as error:
            load_state(path)
        return tracemalloc.get_traced_memory()[1], str(error.value)
    finally:
        tracemalloc.stop()


def test_no_more_memory_is_taken_than_the_file_has_bytes_to_fill_it(whole_file):
    whole, content, path = whole_file
    huge = npy(np.zeros((4, 6), np.float32)).replace(b"(4, 6), }        ", b"(40000, 60000), }")
    path.write_bytes(whole)
    tamper(path, replaced={"model/fc1.weight.npy": huge})
    peak, message = peak_of_failing_load(path)
    assert peak < 1e6 and "96 bytes are not a float32 array of shape (40000, 60000)" in message

    path.write_bytes(whole)
    contents = members(path)
    contents["model/fc1.weight.npy"] = npy(np.zeros((4000, 6000), np.float32))
    write_members(path, contents, zipfile.ZIP_DEFLATED)  # 96 MB in less than 100 KB
    peak, message = peak_of_failing_load(path)
    assert path.stat().st_size < 1e5 and peak < 1e6 and "manifest.json is compressed" in message

    path.write_bytes(whole)
    contents = members(path)
    manifest = json.loads(contents["manifest.json"])
    tamper(path, {"arrays": manifest["arrays"] * 20})
    peak, message = peak_of_failing_load(path)
    assert peak < 1e6 and "longer than the file" in message


def test_a_layer_that_the_file_only_claims_is_never_made(tmp_path):
    save(tmp_path / "a.npz", models.mlp(in_features=6, hidden=4))
    tamper(tmp_path / "a.npz", {"architecture": {"name": "mlp", "arguments": {"in_features": 6, "hidden": 10**30}}})
    tracemalloc.start()
    try:
        loaded = load(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
    assert loaded.fc1.weight.shape == (4, 6)  # as in a model that was shrunk: its arrays tell the sizes


# --- writing whole or not at all ---


@pytest.mark.parametrize("function, error", [("replace", errno.EACCES), ("fsync", errno.ENOSPC)])
def test_a_write_that_fails_says_so_and_leaves_the_old_file(function, error, tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    save(path, mlp(seed=1))

    def fail(*arguments):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match=f"cannot write .*a.npz: {os.strerror(error)}") as caught:
        save(path, mlp(seed=2))
    assert caught.value.errno == error
    assert os.listdir(tmp_path) == ["a.npz"]
    assert_same_arrays(load(path).state_dict(), mlp(seed=1).state_dict())


def test_a_file_that_may_grow_no_further_is_an_oserror_and_the_old_one_stays(tmp_path):
    path = tmp_path / "a.npz"
    save(path, mlp(seed=1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="cannot write .*a.npz: File too large"):
            save(path, mlp(seed=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["a.npz"]
    assert_same_arrays(load(path).state_dict(), mlp(seed=1).state_dict())


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot write .*nowhere/a.npz: No such file or directory"):
        save(tmp_path / "nowhere" / "a.npz", mlp())
