import errno
import functools
import os
import stat
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import assert_same_plan, random_plan

from nncompress import inspect, load, quantize, save
from nncompress.coding.streams import decode_stream, encode_stream
from nncompress.int8.plan import Int8Plan
from nncompress.int8.steps import Int8Step
from nncompress.nnz.architecture import write_step
from nncompress.nnz.file import PARTS, _read, from_bytes, most_weights, to_bytes
from nncompress.nnz.records import Writer
from nncompress.quantization.post_training import BIAS_LIMIT
from nnlite import models, nn
from nnlite.errors import FormatError


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def pruned(model, kept, seed=0):
    """The model with all but a share of its weights set to zero."""
    rng = np.random.default_rng(seed)
    for _, parameter in model.named_parameters():
        if parameter.ndim > 1:
            smallest_kept = np.quantile(np.abs(parameter.data), 1 - kept)
            parameter.data *= np.abs(parameter.data) >= smallest_kept + 1e-9 * rng.random()
    return model


def sealed(content):
    """The content with a checksum that fits."""
    return bytes(content) + zlib.crc32(content).to_bytes(4, "little")


# ---- round trip


@pytest.mark.parametrize("seed", range(60))
def test_a_plan_comes_back_bit_for_bit(seed, tmp_path):
    plan, x = random_plan(seed)
    path = tmp_path / "net.nnz"
    assert save(path, plan) == os.path.getsize(path)
    loaded = load(path)
    assert_same_plan(loaded, plan)
    for seen in x, 3 * x[::-1]:
        np.testing.assert_array_equal(loaded(seen), plan(seen))
    assert to_bytes(loaded) == path.read_bytes()


@pytest.mark.parametrize("build, shape", [
    (models.mlp, (1, 28, 28)), (models.lenet_5, (1, 28, 28)), (models.cnn, (3, 32, 32)), (models.resnet, (3, 28, 28)),
])
def test_the_models_come_back_bit_for_bit(build, shape, tmp_path):
    x = images(4, *shape)
    plan = quantize(pruned(build(), 0.2), x, bits=5)
    save(tmp_path / "net.nnz", plan)
    loaded = load(str(tmp_path / "net.nnz"))
    assert_same_plan(loaded, plan)
    np.testing.assert_array_equal(loaded(x), plan(x))


def test_images_without_channels_and_large_means_come_back(tmp_path):
    for model, shape in (nn.Sequential(nn.Flatten(), nn.Linear(30, 3)), (5, 6)), (nn.AdaptiveAvgPool2d(), (2, 20, 30)):
        x = images(3, *shape)
        plan = quantize(model, x)
        save(tmp_path / "net.nnz", plan)
        np.testing.assert_array_equal(load(tmp_path / "net.nnz")(x), plan(x))


# ---- the format stays what it is


# Printed by to_bytes(golden_plan()).hex() of this file.
GOLDEN = (
    "4e4e5a 01 01 05"  # NNZ, version 1, law float, 5 steps
    "00 05696e707574 00 0000003f 8001 03 010202"  # input "input", reads nothing, S 0.5, Z 128, 3 axes: (1, 2, 2)
    "03 04636f6e76 01 00 0000003e 00"  # conv2d with ReLU, "conv", reads step 0, S 0.125, Z 0
    "0101 0001 0101 03 02010102 01"  # stride, padding (0, 1), dilation, 3 bits, w (2, 1, 1, 2), 1 group
    "0000803e 00000040 05000000 d4feffff"  # w_scale 0.25, 2; b 5, −300
    "00 00 02000000 aa70"  # dense; raw, 2 bytes: 1 −2 0 3, 4 added, in 3 bits: 101 010 100 111
    "0a 056164645f31 02 01 01 0000803e 03"  # add "add_1" of steps 1 and 1, S 0.25, Z 3
    "0e 0166 01 02 0000803e 03"  # flatten "f" of step 2
    "04 026663 01 03 0000803f 00 08 020c"  # linear "fc" of step 3, S 1, Z 0, 8 bits, w (2, 12)
    "0000803f 0000003f 00000000 70110100"  # w_scale 1, 0.5; b 0, 70000
    "05 02"  # sparse, 5-bit gaps, 2 stored weights:
    "00 02000000 1cc0"  # raw: 3 and 19 zeros before them, in 5 bits: 00011 10011
    "00 02000000 ff7f"  # raw: 127 and −1, 128 added
    "7d18eaeb"  # CRC-32
)


def golden_plan():
    first = np.zeros((2, 12), np.int8)
    first[0, 3], first[1, 11] = 127, -1
    S = np.float32
    return Int8Plan([
        Int8Step("input", "input", [], (1, 2, 2), S(0.5), 128),
        Int8Step("conv2d", "conv", [0], (2, 2, 3), S(0.125), 0, relu=True, bits=3, w=np.int8([[[[1, -2]]], [[[0, 3]]]]),
                 b=np.int32([5, -300]), w_scale=np.float32([0.25, 2]),
                 options={"stride": (1, 1), "padding": (0, 1), "dilation": (1, 1), "groups": 1}),
        Int8Step("add", "add_1", [1, 1], (2, 2, 3), S(0.25), 3),
        Int8Step("flatten", "f", [2], (12,), S(0.25), 3),
        Int8Step("linear", "fc", [3], (2,), S(1), 0, bits=8, w=first, b=np.int32([0, 70000]), w_scale=np.float32([1, 0.5])),
    ], "float")


def test_files_of_this_version_stay_readable():
    plan = from_bytes(bytes.fromhex(GOLDEN))
    assert_same_plan(plan, golden_plan())
    np.testing.assert_array_equal(plan(np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)), [[0, 8750]])


def test_the_same_plan_gives_the_same_bytes():
    assert to_bytes(golden_plan()).hex() == GOLDEN.replace(" ", "")


# ---- the budget


@pytest.mark.parametrize("seed", range(40))
def test_the_parts_add_up_to_the_size_of_the_file(seed, tmp_path):
    plan, _ = random_plan(seed)
    save(tmp_path / "net.nnz", plan)
    found = inspect(tmp_path / "net.nnz")
    assert tuple(found.parts) == PARTS
    assert sum(found.parts.values()) == found.file_bytes == os.path.getsize(tmp_path / "net.nnz")
    layers = [step for step in plan.steps if step.w is not None]
    assert found.parts["scales"] == 4 * len(plan.steps) + 4 * sum(len(step.w) for step in layers)  # S, and S_w
    assert found.parts["biases"] == 4 * sum(len(step.b) for step in layers)
    assert found.parts["checksum"] == 4
    assert found.parts["padding"] < 2 * len(layers) + 1  # less than a byte for each of a layer's two streams
    assert [(layer.name, layer.shape, layer.bits) for layer in found.layers] == [(s.name, s.w.shape, s.bits) for s in layers]
    assert [layer.nonzero for layer in found.layers] == [np.count_nonzero(step.w) for step in layers]
    assert (found.parameters, found.macs, found.law) == (plan.parameters, plan.macs, plan.law)
    assert found.input_shape == plan.steps[0].shape


def test_the_file_of_a_pruned_and_quantized_lenet_300_100_is_what_its_budget_says(tmp_path):
    x = images(20, 1, 28, 28)
    path = tmp_path / "lenet.nnz"
    size = save(path, quantize(pruned(models.lenet_300_100(), 0.08), x, bits=6))
    found = inspect(path)
    assert size == found.file_bytes == os.path.getsize(path) == sum(found.parts.values())
    biases_and_scales = 4 * 2 * (300 + 100 + 10) + 4 * len(found.layers)
    assert found.parts["biases"] + found.parts["scales"] == biases_and_scales + 4 * 2  # input and flatten have a scale too
    # Deep Compression's own count before Huffman coding: 11 bits for each kept weight, and some filler zeros.
    kept = sum(layer.nonzero for layer in found.layers)
    assert kept == pytest.approx(0.08 * 266_200, rel=0.001)
    assert found.parts["indices"] + found.parts["values"] < 1.1 * kept * 11 / 8
    assert 4 * 266_200 / size > 30


def test_the_printed_budget_holds_its_numbers(tmp_path):
    path = tmp_path / "golden.nnz"
    path.write_bytes(bytes.fromhex(GOLDEN))
    lines = str(inspect(path)).splitlines()
    assert lines[0] == f"{path}: 148 bytes, law float, input (1, 2, 2), 2 layers, 28 weights (0.8× smaller than in float32)"
    assert lines[3].split() == ["conv", "2×1×1×2", "75.0%", "3", "dense", "24", "48.00"]
    assert lines[4].split() == ["fc", "2×12", "8.3%", "8", "sparse,", "5-bit", "gaps", "32", "10.67"]
    found = {line.split()[0]: line.split()[1] for line in lines[7:]}
    # indices 2·5 bits, values 4·3 and 2·8 bits, padding 6 and 4 bits, 5 S and 4 S_w, 4 b, and the rest
    assert found == {"header": "86.0", "codebooks": "0.0", "indices": "1.2", "values": "3.5", "scales": "36.0",
                     "biases": "16.0", "padding": "1.2", "checksum": "4.0", "total": "148.0"}


# ---- saving


@pytest.mark.parametrize("wrong", [None, models.mlp(4), b"NNZ", [], lambda x: x])
def test_only_int8_plans_are_saved(wrong, tmp_path):
    with pytest.raises(TypeError, match=f"save: expects an int8 plan, .*, got {type(wrong).__name__}"):
        save(tmp_path / "net.nnz", wrong)
    assert os.listdir(tmp_path) == []


def test_a_plan_beyond_the_limits_of_the_format_is_not_written(tmp_path):
    plan = golden_plan()
    plan.steps[1].name = "n" * 300
    with pytest.raises(FormatError, match="net.nnz: at byte .*: the length of a name is more than 255"):
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
    assert save(path, golden_plan()) == 148
    assert path.read_bytes().hex() == GOLDEN.replace(" ", "") and os.listdir(tmp_path) == ["net.nnz"]


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


@functools.cache
def small_file(number):
    """Contents of small files of every form: images and features, dense and sparse, raw and Huffman-coded, both laws."""
    x = images(4, 2, 4, 4)
    if number == 0:
        return bytes.fromhex(GOLDEN)
    if number == 1:
        layers = [nn.Conv2d(2, 2, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(),
                  nn.Linear(2, 2, rng=1)]
        return to_bytes(quantize(nn.Sequential(*layers), x, bits=3, law="fixed"))
    if number == 2:
        layers = [nn.Residual(nn.Conv2d(2, 2, 1, groups=2, rng=2)), nn.Flatten(), pruned(nn.Linear(32, 12, rng=3), 0.1)]
        return to_bytes(quantize(nn.Sequential(*layers), x, bits=4, law="float"))
    return to_bytes(quantize(pruned(nn.Linear(100, 4, rng=4), 0.4), images(5, 100), bits=5))


@pytest.fixture(params=range(4))
def data(request):
    return small_file(request.param)


def test_the_small_files_have_every_form():
    parts, forms = set(), set()
    for number in range(4):
        found = _read(small_file(number), "net.nnz")
        parts |= {part for part, bits in found[2].items() if bits}
        forms |= {layer.form for layer in found[1]}
    assert parts == set(PARTS)  # codebooks: of Huffman codes
    assert len(forms) > 1 and "dense" in forms


def read(data):
    """from_bytes, or None where it says FormatError; a loaded plan has to be whole."""
    try:
        plan = from_bytes(data, "net.nnz")
    except FormatError as error:
        assert str(error).startswith("net.nnz: ")
        return None
    assert_same_plan(from_bytes(to_bytes(plan)), plan)
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
    for more in b"\0", b"\xff", b"NNZ\x01", data:
        assert read(more + data) is None
        assert read(data + more) is None
        assert read(sealed(data[:-4] + more)) is None  # the checksum fits, but there is too much


def test_a_file_cut_off_anywhere_is_refused_even_where_the_checksum_fits(data):
    for end in range(len(data) - 4):
        assert read(sealed(data[:end])) is None


def test_any_byte_changed_under_a_fitting_checksum_is_refused_or_another_whole_plan(data):
    for at in range(len(data) - 4):
        for value in {0, 255, data[at] ^ 1, data[at] ^ 128} - {data[at]}:
            read(sealed(data[:at] + bytes([value]) + data[at + 1 : -4]))


@settings(deadline=None, max_examples=400)
@given(number=st.integers(0, 3), edits=st.lists(st.tuples(st.integers(3, 2**16), st.integers(0, 255)), min_size=1, max_size=6),
       cut=st.integers(0, 40), extra=st.binary(max_size=12))
def test_crafted_damage_is_refused_or_another_whole_plan_and_takes_little_memory(number, edits, cut, extra):
    content = bytearray(small_file(number)[:-4])
    for at, value in edits:
        content[3 + (at - 3) % (len(content) - 3)] = value
    content = content[: len(content) - cut] + extra
    decode_stream(encode_stream([0] * 90 + [1] * 10, 256), 100, 256)  # what is compiled at first use is compiled
    tracemalloc.start()
    try:
        plan = read(sealed(content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    weights = sum(step.w.size for step in plan.steps if step.w is not None) if plan else 0
    assert peak <= 2**20 + 16 * weights
    if plan is not None and sum(int(np.prod(step.shape)) for step in plan.steps) < 2**16:
        logits = plan(np.ones((1, *plan.steps[0].shape), np.float32))
        assert logits.shape == (1, *plan.steps[-1].shape)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_under_a_header_and_a_fitting_checksum_are_refused_or_a_whole_plan(body):
    read(sealed(b"NNZ\x01\x00" + body))


def claims(*w_shapes, b=0, w_scale=1.0):
    """A small file that claims linear layers of these shapes, all zeros, stored sparse."""
    writer = Writer()
    writer.data += b"NNZ\x01\x00"
    writer.varint(1 + len(w_shapes))
    write_step(writer, Int8Step("input", "input", [], (w_shapes[0][1],), np.float32(1), 0))
    for before, (O, I) in enumerate(w_shapes):
        w = np.broadcast_to(np.int8(0), (O, I))
        write_step(writer, Int8Step("linear", "fc", [before], (O,), np.float32(1), 0, w=w))
        writer.array(np.full(O, w_scale), "<f4")
        writer.array(np.full(O, b), "<i4")
        writer.data += b"\x01\x00" + encode_stream([], 2) + encode_stream([], 256)
    return sealed(writer.data)


def test_a_small_file_claims_no_more_than_the_weights_that_its_size_allows():
    I, scales_and_biases = 2**15, 8  # bytes of each output
    O = next(O for O in range(1, 2**11) if O * I > 2**23 + 256 * len(claims((O, I))))  # the first that claims too many
    from_bytes(claims((1, 1)))
    tracemalloc.start()
    try:
        plan = from_bytes(claims((O - 1, I)))
        peak = tracemalloc.get_traced_memory()[1]
        assert plan.steps[1].w.size == (O - 1) * I > 2**23
        assert peak <= 5 * O * I  # the weights themselves, packed for the kernel, and copies on the way
        del plan
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        message = f"more than {2**23 + 256 * len(claims((O, I)))} weights are outside the limits of a file of"
        with pytest.raises(FormatError, match=message):
            from_bytes(claims((O, I)))
        with pytest.raises(FormatError, match="weights are outside the limits"):
            from_bytes(claims((2**11, I)))
        with pytest.raises(FormatError, match="outside the format's limits"):
            from_bytes(claims((2**11 + 1, I)))
        assert tracemalloc.get_traced_memory()[1] - before <= 2**20
    finally:
        tracemalloc.stop()
    assert len(claims((O, I))) - len(claims((O - 1, I))) == scales_and_biases


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
        with pytest.raises(FormatError, match=f"net.nnz: at byte [0-9]+: fc: a bias is beyond ±{BIAS_LIMIT}"):
            from_bytes(claims((2, 3), b=b), "net.nnz")


@pytest.mark.parametrize("w_scale", [0, -1, np.nan, np.inf])
def test_weight_scales_that_are_no_scales_are_refused(w_scale):
    with pytest.raises(FormatError, match="fc: a weight scale is not finite or not above 0"):
        from_bytes(claims((2, 3), w_scale=w_scale))


@pytest.mark.parametrize("law", [0, 1])
def test_scales_that_do_not_fit_together_are_refused(law):
    plan = golden_plan()
    data = bytearray(to_bytes(plan)[:-4])
    data[4] = law
    for S in plan.steps[0].S, plan.steps[1].w_scale[0]:  # 0.5 and 0.25 become 1e38
        at = data.index(np.float32(S).tobytes())
        data[at : at + 4] = np.float32(1e38).tobytes()
    with pytest.raises(FormatError, match="^net.nnz: the scales do not fit together: int8 plan: conv: "):
        from_bytes(sealed(data), "net.nnz")


@pytest.mark.parametrize("header, message", [
    (b"", "net.nnz: is no .nnz file: it begins with b'', not b'NNZ'"),
    (b"PK\x03\x04" + b"\0" * 50, r"net.nnz: is no .nnz file: it begins with b'PK\\x03\\x04', not b'NNZ'"),
    (b"hello, world", "net.nnz: is no .nnz file: it begins with b'hell', not b'NNZ'"),
    (b"NNZ", "net.nnz: is cut off after 3 bytes"),
    (b"NNZ\x01\0\0\0\0\0", "net.nnz: is cut off after 9 bytes"),
    (b"NNZ\x02" + b"\0" * 50, "net.nnz: has format version 2, this program reads version 1"),
    (sealed(b"NNZ\x01\x02\x02\0\0\0\0"), "net.nnz: at byte 5: the law is 2; there are 2"),
    (sealed(b"NNZ\x01\0\x81\x20\0\0\0"), "net.nnz: at byte 7: the number of steps is more than 4096"),
    (sealed(b"NNZ\x01\0\0"), "net.nnz: at byte 6: there is no step but the input"),
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
            with pytest.raises(FormatError, match=f"^{tmp_path}/{name}: is no .nnz file: it begins with "):
                reads(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            reads(tmp_path / "nowhere.nnz")
        with pytest.raises(OSError):
            reads(tmp_path)
