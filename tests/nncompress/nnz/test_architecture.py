import dataclasses

import numpy as np
import pytest
from networks import random_plan

from nncompress import quantize
from nncompress.int8.steps import Int8Step
from nncompress.nnz.architecture import (
    LARGEST_OPTION,
    LARGEST_SIZE,
    MOST_NUMBERS,
    MOST_STEPS,
    UNKNOWN,
    code_step,
    standard_name,
)
from nncompress.nnz.fields import Fields
from nncompress.quantization.post_training import LARGEST_K
from nnlite import models
from nnlite.errors import FormatError
from nnlite.inference.kinds import KINDS

CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
IMAGE = (4, 8, 9)


def step(kind, inputs=(0,), shape=(), S=0.5, Z=7, w_shape=None, **more):
    """A step; weights of any shape without any memory."""
    w = None if w_shape is None else np.broadcast_to(np.int8(0), w_shape)
    return Int8Step(kind, kind, list(inputs), shape, np.float32(S), Z, w=w, **more)


def named(step, name):
    return dataclasses.replace(step, name=name)


def given_input(shape=IMAGE):
    return step("input", (), shape)


def conv(w_shape=(6, 4, 3, 3), **options):
    return step("conv2d", w_shape=w_shape, options=CONV | options)


def pool(kind="max_pool2d", **options):
    return step(kind, options=POOL | options)


def coded(fields, given, last=False):
    """The steps `given`, written or read."""
    steps = []
    for i, each in enumerate(given):
        steps.append(code_step(fields, each, steps, last and i == len(given) - 1)[0])
    return steps


def written(steps):
    fields = Fields("net.nnz")
    coded(fields, steps)
    return fields.coder.finish()


def read(data, count):
    fields = Fields("net.nnz", data)
    steps = coded(fields, [UNKNOWN] * count)
    fields.check_end()
    return steps


def bits(*steps, last=False):
    """How many bits of the header the last of these steps takes."""
    one, two = Fields("net.nnz"), Fields("net.nnz")
    coded(one, steps[:-1])
    coded(two, steps, last)
    return sum(two.spent.values()) - sum(one.spent.values())


def fails(message, *steps):
    with pytest.raises(FormatError, match="net.nnz: near byte [0-9]+: .*" + message):
        written(steps)


# ---- round trip


@pytest.mark.parametrize("seed", range(40))
def test_the_steps_of_random_networks_come_back_with_their_shapes(seed):
    plan, _ = random_plan(seed)
    for one, two in zip(plan.steps, read(written(plan.steps), len(plan.steps)), strict=True):
        assert dataclasses.replace(one, w=None, b=None, w_scale=None) == two  # two has no arrays yet
        assert two.S.dtype == np.float32 and all(type(size) is int for size in two.shape)


def test_usual_steps_take_few_bits():
    image = named(given_input((4, 8, 9)), "input")
    # kind 4, name 1; axes 2 are γ(3): 3; sizes γ(5), γ(9), γ(10): 5 + 7 + 7; S = 2^−1: 1 + 4 + 5; Z = 7: 1 + 8
    assert bits(image) == 4 + 1 + 3 + 19 + 10 + 9
    layer = dataclasses.replace(conv((6, 4, 3, 3)), name="conv1", Z=0, relu=True, bits=2)
    # kind, name, ReLU, input; stride, padding, dilation, groups; γ(7) 5, width 1, γ(4) 5, square 1; γ(1), bits 1; S, Z = 0
    assert bits(image, layer) == 4 + 1 + 1 + 1 + 4 + 5 + 1 + 5 + 1 + 1 + 1 + 10 + 1
    window = named(pool(), "maxpool2d_1")
    assert bits(image, window) == 4 + 1 + 1 + 3  # the default window and stride, no padding
    assert bits(image, named(step("flatten"), "flatten_1")) == 4 + 1 + 1


def test_the_logits_of_a_last_layer_have_no_scale():
    layer = named(step("linear", w_shape=(3, 5)), "fc1")
    assert bits(given_input((5,)), layer) - bits(given_input((5,)), layer, last=True) == 10 + 9
    fields = Fields("net.nnz")
    coded(fields, [given_input((5,)), layer], last=True)
    last = coded(Fields("net.nnz", fields.coder.finish()), [UNKNOWN] * 2, last=True)[-1]
    assert (last.S, last.Z) == (1, 0)


def test_each_kind_of_step_and_the_shape_of_its_result():
    steps = [
        given_input((4, 8, 9)),
        conv((6, 2, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3), groups=2),
        step("max_pool2d", [1], options={"kernel": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        step("avg_pool2d", [2], options={"kernel": (2, 2), "stride": (2, 1), "padding": (0, 1)}),
        step("add", [3, 3]), step("relu", [4]), step("flatten", [5]), step("linear", [6], w_shape=(10, 36)),
    ]
    # (8 + 2 − 3)/2 + 1 = 4, (9 − 4)/1 + 1 = 6;  4 + 2 − 2 + 1 = 5, (6 − 3)/2 + 1 = 2;  (5 − 2)/2 + 1 = 2, 2 + 2 − 2 + 1 = 3
    shapes = [(4, 8, 9), (6, 4, 6), (6, 5, 2), (6, 2, 3), (6, 2, 3), (6, 2, 3), (36,), (10,)]
    again = read(written(steps), 8)
    assert [each.shape for each in again] == shapes
    assert [each.options for each in again] == [each.options for each in steps]
    assert [each.inputs for each in again] == [[], [0], [1], [2], [3, 3], [4], [5], [6]]


@pytest.mark.parametrize("shape", [(5,), (5, 6), (5, 6, 7)])
def test_inputs_may_have_one_to_three_axes(shape):
    assert read(written([given_input(shape), step("flatten")]), 2)[1].shape == (int(np.prod(shape)),)


def test_names_that_lowering_gives_are_not_stored_and_others_are():
    plan, steps = quantize(models.lenet_5(), np.ones((1, 1, 28, 28), np.float32)), []
    for each in plan.steps:
        assert standard_name(KINDS[each.kind], steps) == each.name
        steps.append(each)
    odd = named(given_input((5,)), "Bild·€")
    assert read(written([odd]), 1)[0].name == "Bild·€"
    assert bits(odd) - bits(named(odd, "input")) == 7 + 8 * len("Bild·€".encode())  # γ(10)


# ---- what does not fit together


def test_the_first_step_and_no_other_is_the_input():
    fails("the first step, and no other, is the input", step("relu", []))
    fails("the first step, and no other, is the input", given_input(), given_input())


def test_unknown_kinds_are_refused():
    with pytest.raises(FormatError, match="net.nnz: near byte 4: choice 10 of 10"):
        read(b"\x5f", 1)  # bits 1010


@pytest.mark.parametrize("kind, inputs", [("relu", []), ("relu", [0, 0]), ("add", [0]), ("add", [])])
def test_a_wrong_number_of_inputs_is_refused(kind, inputs):
    fails(rf"{kind}_1 \({kind}\) cannot read the results .* of 1", given_input(), named(step(kind, inputs), f"{kind}_1"))


def test_steps_read_earlier_steps_only():
    for wrong in step("relu", [1]), step("relu", [-1]), step("add", [0, 0, 0]), step("add", [0, 1]):
        fails(r"cannot read the results \[.*\] of 1", given_input(), wrong)
    fails(r"cannot read the results \[0\] of 0", step("input", [0], IMAGE))


@pytest.mark.parametrize("S", [0, -1, np.nan, np.inf])
def test_scales_are_finite_and_above_zero(S):
    fails(f"the scale of input is {np.float32(S)}; it has to be finite and above 0", step("input", (), IMAGE, S=S))


def test_zero_points_are_bytes():
    fails("the zero point of input is 256, expects 0 to 255", step("input", (), IMAGE, Z=256))


@pytest.mark.parametrize("kind", ["max_pool2d", "flatten", "relu"])
def test_steps_that_only_move_integers_keep_scale_and_zero_point(kind):
    options = POOL if kind == "max_pool2d" else {}
    for different in {"S": 0.25}, {"Z": 8}:
        other = step(kind, options=options, **different)
        fails(f"{kind}: its scale and zero point have to be those of its input", given_input(), other)


@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d", "flatten", "relu"])
def test_only_layers_and_additions_have_a_relu(kind):
    options = POOL if "pool" in kind else {}
    fails(f"a {kind} cannot have a ReLU in it", given_input(), step(kind, options=options, relu=True))


@pytest.mark.parametrize("bits", [0, 1, 9])
def test_weights_have_2_to_8_bits(bits):
    fails("bits", given_input((5,)), step("linear", w_shape=(3, 5), bits=bits))


@pytest.mark.parametrize("wrong", [
    conv((6, 3, 3, 3)),  # 3 channels of 4
    conv((6, 4, 3, 3), groups=2),  # 8 channels of 4
    conv((5, 2, 3, 3), groups=2),  # 5 kernels in 2 groups
    conv((6, 4, 3, 3), groups=0),
    conv((6, 4, 9, 1)),  # 9 rows of 8
    conv((6, 4, 3, 3), dilation=(4, 1)),  # 9 rows of 8
    pool(kernel=(9, 1)),
    pool(padding=(2, 0)),  # more than half of the window
    pool("avg_pool2d", padding=(0, 2)),
    pool(kernel=(17, 16), padding=(8, 8)),  # more than 256 places
    step("linear", w_shape=(3, 5)),
])
def test_layers_that_do_not_fit_their_input_are_refused(wrong):
    fails(r"does not fit inputs of shape \(4, 8, 9\)", given_input(), wrong)


def test_layers_that_do_not_fit_their_features_are_refused():
    fails(r"does not fit inputs of shape \(7,\)", given_input((7,)), step("linear", w_shape=(3, 8)))
    fails(r"does not fit inputs of shape \(7,\)", given_input((7,)), conv((3, 7, 1, 1)))
    fails(r"does not fit inputs of shape \(7,\)", given_input((7,)), pool())
    fails(r"does not fit inputs of shape \(4, 8, 9\), \(288,\)", given_input(), step("flatten"), step("add", [0, 1]))


@pytest.mark.parametrize("option", ["stride", "dilation"])
def test_no_stride_kernel_or_dilation_is_zero(option):
    fails("a stride, kernel or dilation is 0", given_input(), conv(**{option: (1, 0)}))
    fails("a stride, kernel or dilation is 0", given_input(), pool(stride=(0, 1)))
    fails("a stride, kernel or dilation is 0", given_input(), pool(kernel=(0, 1)))


# ---- limits


def test_sizes_and_options_have_limits():
    fails(f"a size of the input is more than {LARGEST_SIZE}", given_input((LARGEST_SIZE + 1,)))
    fails("the number of axes, less one, is more than 2", given_input((2, 2, 2, 2)))
    fails(f"the outputs of a layer is more than {LARGEST_SIZE}", given_input(), conv((LARGEST_SIZE + 1, 4, 1, 1)))
    fails(f"stride is more than {LARGEST_OPTION}", given_input(), conv(stride=(LARGEST_OPTION + 1, 1)))
    fails("the length of a name is more than 255", Int8Step("input", "n" * 256, [], (3,), np.float32(1), 0))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 3), (2**20, 2**7), (2**20, 2**20, 2**20)])
def test_an_input_has_one_to_three_axes_and_a_limited_size(shape):
    fails("a result of shape .* is outside the format's limits", given_input(shape))


def test_weights_have_a_limited_size():
    fails(r"weights of shape \(0, 5\) with 8 bits are outside", given_input((5,)), step("linear", w_shape=(0, 5)))
    fails("are outside the format's limits", given_input((2**10,)), step("linear", w_shape=(2**16 + 1, 2**10)))
    K = LARGEST_K + 1
    fails(f"{K} products add up, int32 is safe up to {LARGEST_K}", given_input((K,)), step("linear", w_shape=(1, K)))


def test_results_and_padded_images_have_a_limited_size():
    fails("a result of shape .* is outside", given_input((1, 1, 2**10)), conv((2**17, 1, 1, 1)))
    wide = given_input((2**6, 1, 1))  # 2^6 · 1025² numbers after padding, of which a stride would leave 4
    fails("does not fit", wide, conv((1, 2**6, 1, 1), padding=(512, 512), stride=(1024, 1024)))
    assert MOST_NUMBERS < 2**6 * 1025**2


def test_the_limits_are_those_of_the_format_and_what_lies_just_at_them_is_read():
    assert (MOST_STEPS, LARGEST_SIZE, LARGEST_OPTION, MOST_NUMBERS) == (4096, 1_048_576, 2047, 67_108_864)
    assert read(written([given_input((LARGEST_SIZE, 1, 1))]), 1)[0].shape == (LARGEST_SIZE, 1, 1)
    far = [given_input((1, 1, 2048)), pool("avg_pool2d", kernel=(1, 1), stride=(1, LARGEST_OPTION))]
    assert read(written(far), 2)[1].shape == (1, 1, 2)
    padded = [given_input((64, 1022, 1024)), pool("avg_pool2d", kernel=(2, 2), stride=(2, 2), padding=(1, 0))]
    assert 64 * 1024 * 1024 == MOST_NUMBERS
    assert read(written(padded), 2)[1].shape == (64, 512, 512)
    fails("does not fit", given_input((64, 1023, 1024)), pool("avg_pool2d", kernel=(2, 2), stride=(2, 2), padding=(1, 0)))


def test_a_maximum_is_taken_of_at_most_256_places():
    image = given_input((1, 300, 300))
    assert read(written([image, pool(kernel=(16, 16))]), 2)[1].shape == (1, 143, 143)
    fails("does not fit", image, pool(kernel=(1, 257)))


def test_every_mean_that_can_be_stored_can_be_summed():
    assert LARGEST_OPTION**2 * 255 < 2**31


def test_a_mean_over_a_whole_image_may_be_large():
    plan = [given_input((1, 300, 400)), pool("avg_pool2d", kernel=(300, 400), stride=(300, 400))]
    assert read(written(plan), 2)[1].shape == (1, 1, 1)
