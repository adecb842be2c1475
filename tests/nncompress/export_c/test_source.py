import dataclasses
import re
import shutil
import subprocess

import numpy as np
import pytest
from c_programs import SANITIZED, bytes_of, compiled, logits_of, needs_cc
from networks import random_network

import nncompress
from nncompress import Int8Plan, quantize
from nncompress.coding.mixing import squash_table
from nncompress.export_c import plan_to_c
from nnlite import data, models, nn

UNPACK = "-DNNLITE_UNPACK"


def plan_of(seed):
    """The plan of a random network, some of whose weights are 0, and images that go beyond its range."""
    model, x = random_network(seed)
    rng = np.random.default_rng(seed)
    for _, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.data *= rng.random(parameter.shape) < rng.choice([1.0, 0.3])
    return quantize(model, x, bits=2 + seed % 7, law=("fixed", "once")[seed % 2]), 2 * x


def digits_plan(**options):
    x = np.random.default_rng(0).random((20, 1, 8, 8)).astype(np.float32)
    return quantize(models.cnn(1, 8, 10), x, **options), x


@needs_cc
@pytest.mark.parametrize("seed", [3, 5, 7, 9, 11, 19, 22, 30, 33])
def test_a_random_network_in_c_gives_the_logits_of_its_plan(tmp_path, seed):
    plan, x = plan_of(seed)
    command = compiled(tmp_path, plan_to_c(plan).text, "-DNNLITE_MAIN")
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
@pytest.mark.parametrize("seed", [3, 4, 9, 24, 30, 37])
def test_its_packed_weights_give_the_same_for_one_image_after_the_other(tmp_path, seed):
    plan, x = plan_of(seed)
    command = compiled(tmp_path, plan_to_c(plan, packed=True).text, "-DNNLITE_MAIN", *[UNPACK] * (seed % 2))
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
def test_uneven_windows_a_pooling_inside_a_convolution_and_a_convolution_at_the_end(tmp_path):
    rng = np.random.default_rng(0)
    layers = [nn.Conv2d(2, 6, 3, 1, 1, groups=2, rng=rng), nn.MaxPool2d(2), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
              nn.MaxPool2d(2, 1, ceil_mode=True), nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.Conv2d(6, 4, 2, rng=rng)]
    x = rng.standard_normal((5, 2, 13, 11)).astype(np.float32)
    plan = quantize(nn.Sequential(*layers), x)
    assert {"uneven_avg_pool2d"} <= {step.kind for step in plan.steps}
    source = plan_to_c(plan)
    assert ".pool = {2, 2}" in source.text and "conv2d_logits(&" in source.text
    np.testing.assert_array_equal(logits_of(plan, compiled(tmp_path, source.text, "-DNNLITE_MAIN"), x), plan(x))


@needs_cc
def test_activations_of_fewer_bits_end_at_the_largest_of_their_integers(tmp_path):
    plan, x = plan_of(3)  # has convolutions, an addition and a pooling
    for step in plan.steps:
        step.high, step.Z = 15, min(step.Z, 7)
    plan = Int8Plan(plan.steps, plan.law)
    command = compiled(tmp_path, plan_to_c(plan).text, "-DNNLITE_MAIN")
    assert any((q == 15).any() for q in plan.run(x)[1:])
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
@pytest.mark.parametrize("options", [[], [UNPACK]])
def test_weights_of_all_sizes_are_unpacked(tmp_path, options):
    rng = np.random.default_rng(1)
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(150, 40, rng=rng))
    model[0].bias.data[:] = [0, 1, -1, 1e3, -1e4]
    model[3].weight.data[:] = np.clip(np.rint(rng.standard_cauchy((40, 150))), -127, 127) * (rng.random((40, 150)) < 0.3)
    x = rng.standard_normal((4, 2, 6, 5)).astype(np.float32)
    plan = quantize(model, x)
    assert np.abs(plan.steps[-1].w).max() > 100
    command = compiled(tmp_path, plan_to_c(plan, packed=True).text, "-DNNLITE_MAIN", *options)
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("machine", ["32 bits", "big-endian"])
def test_other_machines_compute_the_same_integers(tmp_path, machine, packed):
    for seed in 3, 9, 28:
        plan, x = plan_of(seed)
        command = compiled(tmp_path, plan_to_c(plan, packed).text, "-DNNLITE_MAIN", machine=machine)
        np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
@pytest.mark.parametrize("packed, options", [(False, []), (True, []), (True, [UNPACK])])
def test_no_operation_is_undefined_and_no_address_outside_an_array(tmp_path, packed, options):
    plan, x = plan_of(30)
    command = compiled(tmp_path, plan_to_c(plan, packed).text, "-DNNLITE_MAIN", *SANITIZED, *options)
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


@needs_cc
@pytest.mark.data
@pytest.mark.parametrize("packed, options, count", [(False, [], 1000), (True, [], 50), (True, [UNPACK], 1000)])
def test_the_smallest_lenet_5_in_c_gives_the_logits_of_its_plan_for_mnist(tmp_path, mnist_dir, record, packed, options, count):
    plan = nncompress.load(record("lenet-5"))
    x = data.load("mnist", mnist_dir)[1].images[:count].astype(np.float32) / 255
    command = compiled(tmp_path, plan_to_c(plan, packed).text, "-DNNLITE_MAIN", *options)
    np.testing.assert_array_equal(logits_of(plan, command, x), plan(x))


def test_every_smallest_network_takes_less_flash_for_weights_packed_than_its_file(record):
    for path in sorted(record("lenet-5").parent.glob("*.nnz")):
        plan = nncompress.load(path)
        packed, plain = plan_to_c(plan, packed=True), plan_to_c(plan)
        assert packed.weights < path.stat().st_size < plain.weights == sum(s.w.size for s in plan.steps if s.w is not None)
        assert (packed.macs, plain.macs) == (plan.macs, plan.macs)
        assert plain.ram < packed.ram
    assert plan_to_c(nncompress.load(record("lenet-5")), packed=True).weights <= 4096


@needs_cc
@pytest.mark.skipif(not shutil.which("nm"), reason="there is no nm")
@pytest.mark.parametrize("packed, options", [(False, []), (True, []), (True, [UNPACK])])
def test_flash_and_ram_are_the_sizes_of_the_arrays_that_the_compiler_makes(tmp_path, record, packed, options):
    source = plan_to_c(nncompress.load(record("lenet-5")), packed)
    compiled(tmp_path, source.text + "int main(void) { return 0; }\n", "-O0", *options)
    listing = subprocess.run(["nm", "-S", tmp_path / "model"], capture_output=True, text=True, check=True).stdout
    sizes = {name: (kind, int(size, 16)) for size, kind, name in re.findall(r"^\S+ (\S+) (\w) (\S+)$", listing, re.M)}
    static = sum(size for name, (kind, size) in sizes.items() if kind == "b" and not name.startswith(("completed", "_")))
    weights = sum(size for name, (_, size) in sizes.items() if name == "packed" or re.fullmatch(r"step\d+_w", name))
    assert (static, weights) == (source.ram + (source.kept if options else 0), source.weights)


@needs_cc
def test_the_decoders_logistic_table_is_that_of_the_encoder(tmp_path):
    text = plan_to_c(digits_plan()[0], packed=True).text
    show = "#include <stdio.h>\nint main(void) { fill_lower(); for (int s = -LIMIT; s <= LIMIT; s++) printf(\"%ld\\n\", "
    command = compiled(tmp_path, f"{text}{show}(long)squash(s)); return 0; }}\n")
    output = subprocess.run(command, capture_output=True, check=True).stdout
    np.testing.assert_array_equal(np.array(output.split(), np.int64), squash_table())


@needs_cc
@pytest.mark.parametrize("per_channel", [False, True])
def test_the_class_is_the_number_of_the_largest_logit(tmp_path, per_channel):
    plan, x = digits_plan()
    last = plan.steps[-1]
    if not per_channel:
        last.w_scale = np.full_like(last.w_scale, last.w_scale[0])
        plan = Int8Plan(plan.steps)
    text = plan_to_c(plan).text
    assert ("logit_units" in text) == per_channel
    text += """
#include <stdio.h>
int main(void)
{
    uint8_t image[NNLITE_INPUTS];
    int32_t logits[NNLITE_OUTPUTS];
    while (fread(image, 1, NNLITE_INPUTS, stdin) == NNLITE_INPUTS) {
        nnlite_run(image, logits);
        printf("%d\\n", (int)nnlite_class(logits));
    }
    return 0;
}
"""
    output = subprocess.run(compiled(tmp_path, text), input=bytes_of(plan, x), capture_output=True, check=True).stdout
    np.testing.assert_array_equal(np.array(output.split(), np.int64), plan(x).argmax(axis=1))


def test_the_file_has_no_floats_no_heap_and_one_header():
    plan, _ = digits_plan()
    for packed in False, True:
        text = plan_to_c(plan, packed).text
        before_main = text[: text.index("#ifdef NNLITE_MAIN")]
        assert re.findall("#include.*", before_main) == ["#include <stdint.h>"]
        code = re.sub(r"/\*.*?\*/", "", before_main, flags=re.S)
        assert not re.search(r"\b(float|double|malloc|memcpy|long|goto)\b|\d\.\d", code)


def test_a_name_cannot_end_a_comment():
    plan, _ = digits_plan()
    plan.steps[1].name = "*/ int evil; /*"
    assert "evil" in plan_to_c(plan).text and "*/ int evil" not in plan_to_c(plan).text


def test_what_has_no_form_in_integers_is_one_sentence():
    with pytest.raises(ValueError, match="plan_to_c: the plan rounds by the law 'float', C code by the laws 'fixed' and"):
        plan_to_c(digits_plan(law="float")[0])
    plan, _ = digits_plan()
    steps = [dataclasses.replace(step, kind="softmax") if i == 2 else step for i, step in enumerate(plan.steps)]
    plan.steps = steps
    with pytest.raises(ValueError, match=f"plan_to_c: {steps[2].name}: there is no C function for softmax"):
        plan_to_c(plan)


def test_sums_beyond_32_bits_are_refused():
    plan, _ = digits_plan()
    last = plan.steps[-1]
    last.b = np.full_like(last.b, 2**31 - 1)
    bound = 2**31 - 1 + 255 * int(np.abs(last.w.astype(int)).sum(axis=1).max())
    with pytest.raises(ValueError, match=f"plan_to_c: {last.name}: its sums may reach {bound}, int32 ends at 2147483647"):
        plan_to_c(plan)
