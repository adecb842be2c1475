import copy

import numpy as np
import pytest
from networks import random_network

import nnlite
from nncompress.int8.reference import run_reference
from nncompress.quantization.fake import ActivationGrid, WeightGrid
from nncompress.quantization.post_training import quantize
from nncompress.quantization.qat import convert, prepare_qat
from nnlite import nn
from nnlite.inference.lowering import lower
from nnlite.inference.plan import Plan


def powers_of_two(model, x, bits=8):
    return prepare_qat(model, x, weights=lambda w: WeightGrid(power_of_two=True),
                       activations=lambda x: ActivationGrid(bits, power_of_two=True)).eval()


def in_float64(network):
    network = copy.deepcopy(network)
    for parameter in network.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return network


def steps_in_integers(network, plan, x):
    """(y/S + Z of the network before it is rounded to the grid by this test, the plan's integers) of each step but logits."""
    on_grid = network.grids["0"](x.astype(np.float32)).data
    x = on_grid.astype(next(iter(network.parameters())).dtype) if network.parameters() else on_grid
    for step, y, q in zip(plan.steps, network.results(x), plan.run(on_grid), strict=True):
        if q.dtype == np.uint8:
            y = y.data.transpose(0, 2, 3, 1) if y.ndim == 4 else y.data
            yield y / np.float64(step.S) + step.Z, q


@pytest.mark.parametrize("seed", range(16))
def test_with_scales_that_are_powers_of_two_the_plan_has_the_networks_codes_in_float32(seed):
    model, x = random_network(seed)  # with BatchNorm, ReLU, both poolings, residual adds, depthwise and dilated convolutions
    network = powers_of_two(model, x)
    for y, q in steps_in_integers(network, convert(network, "float"), x):
        np.testing.assert_array_equal(y, q)


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
@pytest.mark.parametrize("seed", range(8))
def test_activations_of_few_bits_have_the_same_codes_and_logits_in_the_plan(seed, bits):
    model, x = random_network(seed)
    network = powers_of_two(model, x, bits)
    plan, x = convert(network, "float"), 2 * x  # beyond the range that was seen
    for y, q in steps_in_integers(network, plan, x):
        np.testing.assert_array_equal(y, q)
        assert q.max() < 2**bits
    np.testing.assert_array_equal(plan(x), run_reference(plan, x))
    np.testing.assert_array_equal(plan(x), plan.run(x)[-1] if plan.ends_in_sums else plan.to_real(plan.run(x)[-1]))
    np.testing.assert_allclose(plan(x), network(x).data, rtol=1e-6, atol=1e-6 * abs(network(x).data).max())


@pytest.mark.parametrize("seed", range(16))
def test_with_any_scales_the_plan_has_the_codes_of_the_network_in_float64(seed):
    model, x = random_network(seed)  # of these seeds, no number comes within 2⁻²² of a half (see `qat`)
    network = in_float64(prepare_qat(model, x).eval())
    for y, q in steps_in_integers(network, convert(network, "float"), x):
        np.testing.assert_allclose(y, q, rtol=0, atol=1e-4)  # a code apart would be 1


def test_the_logits_are_those_of_the_network():
    model, x = random_network(19)
    network = prepare_qat(model, x).eval()
    y = network(x).data
    np.testing.assert_allclose(convert(network, "float")(x), y, rtol=0, atol=1e-5 * abs(y).max())


@pytest.mark.parametrize("seed", range(8))
def test_before_any_training_it_is_the_plan_of_quantize(seed):
    model, x = random_network(seed)
    images = x[:1]  # one image: its range is that of all
    ours, theirs = convert(prepare_qat(model, images).eval()), quantize(model, images)
    for a, b in zip(ours.steps[:2], theirs.steps[:2], strict=True):  # later ranges are those of rounded numbers here
        assert (a.kind, a.S if a.w is None else 0, a.relu) == (b.kind, b.S if a.w is None else 0, b.relu)
        if a.w is not None:
            assert abs(a.w.astype(int) - b.w).max() <= 1 and abs(a.w_scale / b.w_scale - 1).max() < 1e-6


def test_batch_norm_is_folded_and_dropout_is_gone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
                          nn.Linear(8, 3, rng=1))
    model[1].running_var.data = np.float32([4, 0.25])
    x = np.random.default_rng(0).standard_normal((6, 1, 4, 4)).astype(np.float32)
    network = prepare_qat(model, x)
    assert [step.kind for step in network.steps] == ["input", "conv2d", "flatten", "linear"]
    y = Plan(lower(model, x))(x)
    assert abs(network(x).data - y).max() < 0.02 * abs(y).max()


def test_training_with_the_rounding_repairs_what_two_bits_break(digits):
    network = prepare_qat(digits.model(), digits.calibration, bits=2)
    rounded = digits.errors(convert(network.eval()))
    assert digits.errors(convert(digits.fit(network))) < min(rounded / 2, 36)


def test_weights_and_activations_of_three_bits_can_be_trained_and_keep_their_answers_in_the_plan(digits):
    network = prepare_qat(digits.model(), digits.calibration, bits=3, activations=lambda x: ActivationGrid(3))
    plan = convert(digits.fit(network), "float")
    assert [step.high for step in plan.steps if step.kind != "flatten"][:-1] == [7] * (len(plan.steps) - 2)
    assert digits.errors(plan) < 36 and abs(digits.errors(plan) - digits.errors(network)) <= 1


def test_a_checkpoint_keeps_the_ranges(tmp_path):
    model, x = random_network(2)
    network = prepare_qat(model, x)
    nnlite.save(tmp_path / "n.npz", network)
    other = prepare_qat(model, x[:1])
    nnlite.load(tmp_path / "n.npz", other)
    np.testing.assert_array_equal(convert(other)(x), convert(network)(x))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
                                  nn.AvgPool2d(3, 2, 1, count_include_pad=False)])
def test_a_pooling_whose_windows_differ_in_size_has_the_codes_of_the_plan(pool):
    model, x = nn.Sequential(nn.Conv2d(1, 2, 2, rng=0), pool), np.random.default_rng(0).random((3, 1, 6, 6), np.float32)
    network = prepare_qat(model, x).eval()
    for y, q in steps_in_integers(in_float64(network), convert(network, "float"), x):
        np.testing.assert_allclose(y, q, rtol=0, atol=1e-4)


def test_what_has_no_integer_form_is_named():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match="prepare_qat: tanh_1 has no integer form here: no kind of step computes it"):
        prepare_qat(nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh()), x)
    network = prepare_qat(nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU()), x, activations=lambda x: ActivationGrid(4))
    network.grids["0"].grid = lambda: (np.float32(1), 0, -7, 7)
    with pytest.raises(ValueError, match="convert: input has activations from -7 to 7, a plan has 0 to 255 or less"):
        convert(network)
    for options, kind in (({"symmetric": False}, "affine"), ({"per": 3}, "one of groups of 3")):
        with pytest.raises(ValueError, match=f"an int8 plan has zero point 0 .* this WeightGrid is {kind}"):
            prepare_qat(nn.Sequential(nn.Linear(3, 2, rng=0)), x, weights=lambda w, options=options: WeightGrid(4, **options))


def test_a_float_plan_gives_what_the_network_gives():
    model, x = random_network(19)
    network = prepare_qat(model, x).eval()
    y = network(x).data
    np.testing.assert_allclose(nnlite.compile(network, x)(x), y, rtol=0, atol=1e-3 * abs(y).max())  # a code may be 1 apart
    with pytest.raises(ValueError, match=r"\(FakeQuantize\) has no integer form here"):
        quantize(network, x)
