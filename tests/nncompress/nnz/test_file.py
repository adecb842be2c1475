import errno
import os
import stat
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import assert_same_plan_but_for_the_last_scale, random_plan
from small_files import GOLDEN, few_bits_plan, golden_plan, images, pruned, sealed, small_file

from nncompress import inspect, load, quantize, save
from nncompress.int8.plan import Int8Plan
from nncompress.int8.steps import Int8Step
from nncompress.nnz.fields import Fields
from nncompress.nnz.file import PARTS, _read, code_plan, from_bytes, most_weights, to_bytes
from nncompress.nnz.live import live_plan
from nncompress.quantization.post_training import BIAS_LIMIT
from nnlite import models, nn
from nnlite.data import Input
from nnlite.errors import FormatError

# ---- round trip


@pytest.mark.parametrize("seed", range(60))
def test_the_logits_come_back_bit_for_bit(seed, tmp_path):
    plan, x = random_plan(seed)
    path = tmp_path / "net.nnz"
    assert save(path, plan) == os.path.getsize(path)
    loaded = load(path)
    for seen in x, 3 * x[::-1], -x:
        np.testing.assert_array_equal(loaded(seen), plan(seen))
    assert to_bytes(loaded) == path.read_bytes()
    assert loaded.parameters <= plan.parameters


@pytest.mark.parametrize("seed", range(10))
def test_a_plan_without_dead_units_comes_back_as_it_is(seed):
    plan = live_plan(random_plan(seed)[0])
    assert_same_plan_but_for_the_last_scale(from_bytes(to_bytes(plan)), plan)


@pytest.mark.parametrize("build, shape", [
    (models.mlp, (1, 28, 28)), (models.lenet_5, (1, 28, 28)), (models.cnn, (3, 32, 32)), (models.resnet, (3, 28, 28)),
])
def test_the_models_come_back_bit_for_bit(build, shape, tmp_path):
    x = images(4, *shape)
    plan = quantize(pruned(build(), 0.2), x, bits=5)
    save(tmp_path / "net.nnz", plan)
    loaded = load(str(tmp_path / "net.nnz"))
    np.testing.assert_array_equal(loaded(x), plan(x))


def test_images_without_channels_and_large_means_come_back(tmp_path):
    for model, shape in (nn.Sequential(nn.Flatten(), nn.Linear(30, 3)), (5, 6)), (nn.AdaptiveAvgPool2d(), (2, 20, 30)):
        x = images(3, *shape)
        plan = quantize(model, x)
        save(tmp_path / "net.nnz", plan)
        np.testing.assert_array_equal(load(tmp_path / "net.nnz")(x), plan(x))


# ---- the format stays what it is


def test_files_of_this_version_stay_readable():
    plan = from_bytes(bytes.fromhex(GOLDEN))
    assert_same_plan_but_for_the_last_scale(plan, golden_plan())
    np.testing.assert_array_equal(plan(np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)), [[0, 8750]])


def test_the_same_plan_gives_the_same_bytes():
    assert to_bytes(golden_plan()).hex() == GOLDEN


# ---- the budget


@pytest.mark.parametrize("seed", range(40))
def test_the_parts_add_up_to_the_size_of_the_file(seed, tmp_path):
    plan, _ = random_plan(seed)
    save(tmp_path / "net.nnz", plan)
    found = inspect(tmp_path / "net.nnz")
    assert tuple(found.parts) == PARTS
    assert sum(found.parts.values()) == found.file_bytes == os.path.getsize(tmp_path / "net.nnz")
    plan = load(tmp_path / "net.nnz")  # without dead units
    layers = [step for step in plan.steps if step.w is not None]
    assert found.parts["checksum"] == 4 and found.parts["header"] > 4
    assert -1 <= found.parts["padding"] < 3
    assert [(layer.name, layer.shape, layer.bits) for layer in found.layers] == [(s.name, s.w.shape, s.bits) for s in layers]
    assert [layer.nonzero for layer in found.layers] == [np.count_nonzero(step.w) for step in layers]
    assert (found.parameters, found.macs, found.law) == (plan.parameters, plan.macs, plan.law)
    assert found.input_shape == plan.steps[0].shape
    of_layers = sum(layer.bytes for layer in found.layers)
    assert of_layers == pytest.approx(sum(sum(layer.parts.values()) for layer in found.layers))
    assert of_layers < found.file_bytes


def grid_plan(kept, seed=0):
    """A LeNet-5 of one scale for each layer and biases on the grid, with a share of its weights."""
    rng, S = np.random.default_rng(seed), np.float32
    plan = quantize(pruned(models.lenet_5(), kept), images(8, 1, 28, 28), bits=3)
    for step in plan.steps:
        step.S, step.Z = S(2.0**-5 * 13 / 16), 0
    for step in plan.steps:
        if step.w is not None:
            step.w_scale = np.full(len(step.w), S(11 / 512))
            k = rng.integers(-2, 3, len(step.w)) * step.w.reshape(len(step.w), -1).any(axis=1)
            step.b = np.rint(k / np.float64(step.S)).astype(np.int32)
    return Int8Plan(plan.steps, plan.law)


def test_everything_of_a_lenet_5_but_its_weights_and_biases_takes_at_most_60_bytes(tmp_path):
    plan = grid_plan(0.02)
    save(tmp_path / "lenet.nnz", plan)
    found = inspect(tmp_path / "lenet.nnz")
    weights = sum(found.parts[part] for part in ("positions", "signs", "sizes", "biases"))
    assert found.file_bytes - weights < 60
    units = sum(layer.shape[0] for layer in found.layers)
    assert found.parts["biases"] < units * 2.6 / 8 + 6  # five values: log2(5) = 2.3 bits each, and what learning costs
    assert found.dense_bytes == 4 * 431_080
    assert {layer.form for layer in found.layers} == {"arithmetic"}


def test_the_file_of_a_pruned_and_quantized_lenet_300_100_is_what_its_budget_says(tmp_path):
    x = images(20, 1, 28, 28)
    path = tmp_path / "lenet.nnz"
    size = save(path, quantize(pruned(models.lenet_300_100(), 0.08), x, bits=6))
    found = inspect(path)
    assert size == found.file_bytes == os.path.getsize(path) == pytest.approx(sum(found.parts.values()))
    kept = sum(layer.nonzero for layer in found.layers)
    assert 0.9 * 0.08 * 266_200 < kept < 0.08 * 266_200  # those of dead units are left out
    # Shannon's bound of scattered weights: where they are, H(0.08) = 0.402 bits a place; and 6 bits less one for each
    places = sum(np.prod(layer.shape) for layer in found.layers)
    assert found.parts["positions"] < 1.02 * places * 0.402 / 8
    assert found.parts["signs"] + found.parts["sizes"] < kept * 6 / 8


def test_the_printed_budget_holds_its_numbers(tmp_path):
    path = tmp_path / "golden.nnz"
    path.write_bytes(bytes.fromhex(GOLDEN))
    lines = str(inspect(path)).splitlines()
    assert lines[0] == f"{path}: 55 bytes (version 2), law float, input (1, 2, 2), 2 layers"
    assert lines[1] == "in float32 its layers, dead units included, have 128 bytes: 2.3 times as many"  # 28 weights, 4 biases
    assert lines[4].split()[:6] == ["conv", "2×1×1×2", "2×1×1×2", "3", "3", "arithmetic"]
    assert lines[5].split()[:6] == ["fc", "2×12", "2×12", "2", "8", "arithmetic"]
    assert lines[-1].split() == ["total", "55.0", "100.0%"]
    assert sum(float(line.split()[1]) for line in lines[8:-1]) == pytest.approx(55, abs=0.5)


# ---- saving


def test_the_law_once_and_activations_of_few_bits_make_a_file_of_version_4():
    plan = few_bits_plan()
    data, x = to_bytes(plan), 2 * images(5, 2, 4, 4)
    loaded = from_bytes(data)
    assert data[3] == 4 and loaded.law == "once" and loaded.input is None
    assert [step.high for step in loaded.steps] == [7, 7, 255, 255, 255]  # 255 where a step computes nothing new
    np.testing.assert_array_equal(loaded(x), plan(x))
    assert loaded.run(x)[1].max() == 7
    plan.input = Input((2, 4, 4), "uint8", (0.1, -0.5), (0.3, 1.0), ("a", "b", "c", "d"))
    assert to_bytes(plan)[3] == 4 and from_bytes(to_bytes(plan)).input.names == plan.input.names


@pytest.mark.parametrize("law, high, version", [("fixed", 255, 2), ("float", 255, 2), ("once", 255, 4), ("float", 7, 4),
                                                ("fixed", 127, 4)])
def test_the_version_is_the_oldest_that_holds_the_plan(law, high, version):
    plan = golden_plan()
    plan.steps[2].high = high
    plan, x = Int8Plan(plan.steps, law), 100 * images(9, 1, 2, 2)
    data = to_bytes(plan)
    loaded = from_bytes(data)
    assert data[3] == version and loaded.law == law and loaded.steps[2].high == high
    np.testing.assert_array_equal(loaded(x), plan(x))


@pytest.mark.parametrize("high, sentence", [
    (100, "the largest activation of add_1 is 100, expects 1, 3, 7, … or 255"),
    (0, "the largest activation of add_1 is 0, expects 1, 3, 7, … or 255"),
    (1, "the zero point of add_1 is 3, its activations have 1 bits"),
])
def test_activations_that_no_bits_stand_for_are_not_written(high, sentence):
    plan = golden_plan()
    plan.steps[2].high = high
    with pytest.raises(FormatError, match=f"net.nnz: near byte [0-9]+: {sentence}"):
        to_bytes(plan, "net.nnz")


@pytest.mark.parametrize("wrong", [None, models.mlp(4), b"NNZ", [], lambda x: x])
def test_only_int8_plans_are_saved(wrong, tmp_path):
    with pytest.raises(TypeError, match=f"save: expects an int8 plan, .*, got {type(wrong).__name__}"):
        save(tmp_path / "net.nnz", wrong)
    assert os.listdir(tmp_path) == []


def test_a_plan_beyond_the_limits_of_the_format_is_not_written(tmp_path):
    plan = golden_plan()
    plan.steps[1].name = "n" * 300
    with pytest.raises(FormatError, match="net.nnz: near byte .*: the length of a name is more than 255"):
        save(tmp_path / "net.nnz", plan)
    with pytest.raises(FormatError, match="there is no step but the input"):
        save(tmp_path / "net.nnz", Int8Plan(plan.steps[:1]))
    assert os.listdir(tmp_path) == []


def test_saving_replaces_the_file_or_leaves_it(tmp_path, monkeypatch):
    path = tmp_path / "net.nnz"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            save(path, golden_plan())
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["net.nnz"]
    assert save(path, golden_plan()) == len(GOLDEN) // 2
    assert path.read_bytes().hex() == GOLDEN and os.listdir(tmp_path) == ["net.nnz"]


def test_a_directory_that_is_missing_or_not_writable_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "nowhere" / "net.nnz", golden_plan())
    with pytest.raises(OSError):
        save(tmp_path, golden_plan())  # a directory itself
    closed = tmp_path / "closed"
    closed.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    if not os.access(closed, os.W_OK):  # root may write anywhere
        with pytest.raises(PermissionError):
            save(closed / "net.nnz", golden_plan())


# ---- damage


@pytest.fixture(params=range(7))
def data(request):
    return small_file(request.param)


def test_the_small_files_have_every_form():
    files = [_read(small_file(number), "net.nnz") for number in range(7)]
    parts = {part for _, _, spent, _ in files for part, bits in spent.items() if bits}
    assert parts >= {"header", "positions", "signs", "sizes", "values", "scales", "biases", "names", "padding", "checksum"}
    assert {layer.form for _, layers, _, _ in files for layer in layers} == {"arithmetic", "dense"}
    assert {plan.law for plan, _, _, _ in files} == {"fixed", "float", "once"}


def read(data):
    """from_bytes, or None where it says FormatError; a loaded plan has to be whole."""
    try:
        plan = from_bytes(data, "net.nnz")
    except FormatError as error:
        assert str(error).startswith("net.nnz: ")
        return None
    again = from_bytes(to_bytes(plan))
    if sum(int(np.prod(step.shape)) for step in plan.steps) < 2**16:
        x = np.linspace(-3, 3, int(np.prod(plan.steps[0].shape)), dtype=np.float32).reshape(1, *plan.steps[0].shape)
        np.testing.assert_array_equal(again(x), plan(x))
    return plan


def test_a_file_cut_off_anywhere_is_refused(data, tmp_path):
    for end in range(len(data)):
        assert read(data[:end]) is None
    (tmp_path / "net.nnz").write_bytes(data[:-1])
    for reads in load, inspect:
        with pytest.raises(FormatError, match=f"^{tmp_path}/net.nnz: the checksum does not fit its {len(data) - 1} bytes"):
            reads(tmp_path / "net.nnz")


def test_a_file_with_any_byte_changed_is_refused(data):
    for at in range(len(data)):
        for flip in 1, 128, 255:
            assert read(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]) is None


def test_a_file_with_bytes_in_front_or_behind_is_refused(data):
    for more in b"\0", b"\xff", b"NNZ\x02", data:
        assert read(more + data) is None
        assert read(data + more) is None


def test_bytes_that_follow_the_code_are_refused_even_where_the_checksum_fits(data):
    for more in b"\x55", b"\0" * 5, b"NNZ\x02", data:
        assert read(sealed(data[:-4] + more)) is None


def test_a_file_cut_off_under_a_fitting_checksum_is_refused_or_another_whole_plan(data):
    refused = sum(read(sealed(data[:end])) is None for end in range(len(data) - 4))
    assert refused >= 0.9 * (len(data) - 4)  # what is cut off is read as zeros


def test_any_byte_changed_under_a_fitting_checksum_is_refused_or_another_whole_plan(data):
    for at in range(len(data) - 4):
        for value in {data[at] ^ 1, data[at] ^ 128}:
            read(sealed(data[:at] + bytes([value]) + data[at + 1 : -4]))


@settings(deadline=None, max_examples=100)
@given(number=st.integers(0, 5), edits=st.lists(st.tuples(st.integers(3, 2**16), st.integers(0, 255)), min_size=1, max_size=6),
       cut=st.integers(0, 40), extra=st.binary(max_size=12))
def test_crafted_damage_is_refused_or_another_whole_plan_and_takes_little_memory(number, edits, cut, extra):
    content = bytearray(small_file(number)[:-4])
    for at, value in edits:
        content[3 + (at - 3) % (len(content) - 3)] = value
    content = content[: len(content) - cut] + extra
    read(small_file(number))  # what is compiled at first use is compiled
    tracemalloc.start()
    try:
        plan = read(sealed(content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    weights = sum(step.w.size for step in plan.steps if step.w is not None) if plan else most_weights(len(content))
    assert peak <= 2**20 + 24 * weights
    if plan is not None and sum(int(np.prod(step.shape)) for step in plan.steps) < 2**16:
        logits = plan(np.ones((1, *plan.steps[0].shape), np.float32))
        assert logits.shape == (1, *plan.steps[-1].shape)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_under_a_header_and_a_fitting_checksum_are_refused_or_a_whole_plan(body):
    read(sealed(b"NNZ\x02" + body))


def claims(*w_shapes, b=0, w_scale=1.0, law="fixed", S=1.0):
    """A small file that claims linear layers of these shapes, all zeros."""
    steps = [Int8Step("input", "input", [], (w_shapes[0][1],), np.float32(S), 0)]
    for before, (O, I) in enumerate(w_shapes):
        w = np.zeros((O, I), np.int8)
        steps.append(Int8Step("linear", "fc", [before], (O,), np.float32(1), 0, w=w, b=np.full(O, b, np.int32),
                              w_scale=np.full(O, w_scale, np.float32)))
    fields = Fields("net.nnz")
    code_plan(fields, steps, law, 2**40)
    return sealed(b"NNZ\x02" + fields.coder.finish())


def test_a_small_file_claims_no_more_than_the_weights_that_its_size_allows():
    I = 2**15
    O = next(O for O in range(257, 2**11) if O * I > 2**23 + 256 * len(claims((O, I))))  # the first that claims too many
    from_bytes(claims((1, 1)))
    allowed, refused = claims((O - 1, I)), claims((O, I))
    tracemalloc.start()
    try:
        plan = from_bytes(allowed)
        peak = tracemalloc.get_traced_memory()[1]
        assert plan.steps[1].w.size == (O - 1) * I >= 2**23
        assert peak <= 5 * O * I + 2**21  # the weights themselves, packed for the kernel, and copies on the way
        del plan
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(FormatError, match=f"more than {2**23 + 256 * len(refused)} weights are outside the limits"):
            from_bytes(refused)
        assert tracemalloc.get_traced_memory()[1] - before <= 2**20
    finally:
        tracemalloc.stop()
    assert len(refused) < 1000


def test_a_file_that_ends_before_its_weights_do_is_refused_before_they_are_read():
    plan = random_plan(3)[0]
    fields = Fields("net.nnz")
    w = np.ones((200, 2**11), np.int8)
    code_plan(fields, [Int8Step("input", "input", [], (2**11,), np.float32(1), 0),
                       Int8Step("linear", "fc", [0], (200,), np.float32(1), 0, {}, True, w, np.zeros(200, np.int32),
                                np.ones(200, np.float32))], plan.law, 2**40)
    with pytest.raises(FormatError, match=r"net.nnz: near byte [0-9]+: fc: row [0-9]+ of 200 lies beyond the end of the data"):
        from_bytes(sealed(b"NNZ\x02" + fields.coder.finish()[:40]), "net.nnz")


def test_the_weights_of_all_layers_together_have_a_limited_size(monkeypatch):
    monkeypatch.setattr("nncompress.nnz.file.most_weights", lambda size: 1000)
    from_bytes(claims((20, 30), (20, 20)))
    with pytest.raises(FormatError, match="more than 1000 weights are outside the limits of a file of"):
        from_bytes(claims((20, 30), (20, 20), (1, 20)))


def test_a_file_of_any_size_holds_at_most_2_to_the_26_weights():
    assert [most_weights(size) for size in (0, 1000, 10**9)] == [2**23, 2**23 + 256_000, 2**26]


def test_a_layer_with_one_weight_in_a_hundred_is_far_from_the_limit():
    w = np.zeros((2, 30_000), np.int8)
    w[:, ::100] = np.random.default_rng(0).integers(1, 128, (2, 300))
    plan = Int8Plan([Int8Step("input", "input", [], (30_000,), np.float32(1), 0),
                     Int8Step("linear", "fc", [0], (2,), np.float32(1), 0, w=w, b=np.zeros(2, np.int32),
                              w_scale=np.ones(2, np.float32))], "fixed")
    assert w.size / len(to_bytes(plan)) < 256 / 2


def test_numbers_that_would_overflow_are_refused():
    from_bytes(claims((2, 3), b=BIAS_LIMIT), "net.nnz")
    for b in BIAS_LIMIT + 1, -BIAS_LIMIT - 1, -(2**31):
        with pytest.raises(FormatError, match=f"net.nnz: near byte [0-9]+: fc: bias 0 is beyond ±{BIAS_LIMIT}"):
            claims((2, 3), b=b)


@pytest.mark.parametrize("w_scale", [0, -1, np.nan, np.inf])
def test_weight_scales_that_are_no_scales_are_refused(w_scale):
    with pytest.raises(FormatError, match="a weight scale of fc is .*; it has to be finite and above 0"):
        claims((2, 3), w_scale=w_scale)


@pytest.mark.parametrize("law", ["fixed", "float"])
def test_scales_that_do_not_fit_together_are_refused(law):
    with pytest.raises(FormatError, match="^net.nnz: the scales do not fit together: int8 plan: fc: "):
        from_bytes(claims((2, 3), (2, 2), S=1e38, w_scale=1e38, law=law), "net.nnz")


@pytest.mark.parametrize("header, message", [
    (b"", "net.nnz: is not an .nnz file: it begins with b'', not b'NNZ'"),
    (b"PK\x03\x04" + b"\0" * 50, r"net.nnz: is not an .nnz file: it begins with b'PK\\x03\\x04', not b'NNZ'"),
    (b"hello, world", "net.nnz: is not an .nnz file: it begins with b'hell', not b'NNZ'"),
    (b"NNZ", "net.nnz: is cut off after 3 bytes"),
    (b"NNZ\x01\0\0\0\0\0", "net.nnz: is cut off after 9 bytes"),
    (b"NNZ\x05" + b"\0" * 50, "net.nnz: has format version 5, this program reads versions 1 to 4"),
    (sealed(b"NNZ\x02\x7f\0\0"), "net.nnz: near byte 4: there is no step but the input"),
    (sealed(b"NNZ\x02" + bytes(4)), "net.nnz: near byte [0-9]+: the number of steps, less one, is more than 4095"),
])
def test_a_foreign_or_broken_header_is_named(header, message):
    with pytest.raises(FormatError, match=message):
        from_bytes(header, "net.nnz")


def test_other_files_are_refused_by_load_and_inspect(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.zeros(3))
    (tmp_path / "empty.nnz").write_bytes(b"")
    (tmp_path / "text.nnz").write_text("a network\n" * 100)
    for reads in load, inspect:
        for name in "a.npz", "empty.nnz", "text.nnz":
            with pytest.raises(FormatError, match=f"^{tmp_path}/{name}: is not an .nnz file: it begins with "):
                reads(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            reads(tmp_path / "nowhere.nnz")
        with pytest.raises(OSError):
            reads(tmp_path)


@pytest.mark.parametrize("S", [1e-30, 0.999, 1.0, 1e13])
def test_biases_come_back_for_activations_of_any_scale(S):
    b = np.int32([BIAS_LIMIT, -BIAS_LIMIT, 3, 0])
    plan = Int8Plan([Int8Step("input", "input", [], (2,), np.float32(S), 0),
                     Int8Step("linear", "fc1", [0], (4,), np.float32(1), 0, w=np.ones((4, 2), np.int8), b=b,
                              w_scale=np.full(4, 1e-6, np.float32))])
    assert from_bytes(to_bytes(plan)).steps[1].b.tolist() == b.tolist()
