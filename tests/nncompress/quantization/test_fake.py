import numpy as np
import pytest
from support import check_dtypes_and_layouts, sample

from nncompress.quantization.affine import affine_parameters, dequantize, quantize_affine, symmetric_scale
from nncompress.quantization.fake import ActivationGrid, WeightGrid, fake_quantize, power_of_two
from nnlite import Tensor, nn

W = sample((4, 2, 3), 1).astype(np.float32)


def slow(x, S, Z, qmin, qmax):
    """One number after the other, in Python's integers."""
    return [S * (min(max(round(t / S) + Z, qmin), qmax) - Z) for t in x]


def test_each_number_becomes_the_real_number_of_its_integer():
    x = [-9.0, -1.0, -0.75, -0.25, 0.25, 0.3, 0.75, 2.4, 2.6, 9.0]
    assert fake_quantize(np.array(x), 0.5, 2, 0, 7).data.tolist() == slow(x, 0.5, 2, 0, 7)


def test_it_is_quantize_and_dequantize_bit_for_bit_in_float32():
    x = np.random.default_rng(0).normal(0, 1, 10_000).astype(np.float32)
    S, Z = affine_parameters(-1.5, 2.0, 0, 255)
    expected = dequantize(quantize_affine(x, S, Z, 0, 255, np.uint8), S, Z)
    np.testing.assert_array_equal(fake_quantize(x, S, Z, 0, 255).data, expected)


def test_the_gradient_passes_inside_the_range_and_stops_where_the_clamp_holds():
    x = Tensor(np.array([-0.8, -0.7, 0.0, 0.3, 2.7, 2.8]), requires_grad=True)  # −1.5 ≤ x/S < 5.5 round to the integers 0 … 7
    fake_quantize(x, 0.5, 1, 0, 6).backward(np.arange(1.0, 7.0))
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 0]
    check_dtypes_and_layouts(lambda x: fake_quantize(x, 0.5, 1, 0, 6), (3, 4, 2))


def test_a_scale_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"every scale must be positive, got -0.5"):
        fake_quantize(np.ones(3), [1, 2, -0.5], 0, 0, 7)


def test_power_of_two_is_the_next_one_from_above():
    S = np.float32([0.25, 0.2500001, 0.5, 1.0, 3.0, 2.0**-100])
    assert power_of_two(S).tolist() == [0.25, 0.5, 0.5, 1, 4, 2.0**-100] and power_of_two(S).dtype == np.float32


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_weight_grid_per_channel_has_the_scales_of_symmetric_scale(bits):
    S, top = symmetric_scale(W, bits, axis=0).reshape(4, 1, 1), 2 ** (bits - 1) - 1
    np.testing.assert_array_equal(WeightGrid(bits)(Tensor(W)).data, S * np.clip(np.rint(W / S), -top, top))
    assert WeightGrid(bits, per="layer").scales(W).tolist() == [symmetric_scale(W, bits)]


@pytest.mark.parametrize("bits", range(1, 9))
def test_an_affine_weight_grid_has_2_to_the_bits_values_at_most_and_one_of_them_is_0(bits):
    w = np.abs(np.random.default_rng(bits).standard_normal((3, 500))).astype(np.float32) - 0.3
    for row, fake in zip(w, WeightGrid(bits, symmetric=False)(Tensor(w)).data, strict=True):
        values = np.unique(fake)
        S = (row.max() - row.min()) / (2**bits - 1)
        assert len(values) <= 2**bits and 0 in values and abs(row - fake).max() <= S * (1 if bits == 1 else 0.5) * 1.001 + S / 2


def test_a_group_has_its_own_scale():
    fake = WeightGrid(4, per=3)(Tensor(W)).data
    for o, c in np.ndindex(4, 2):
        S = np.float32(abs(W[o, c]).max() / 7)
        np.testing.assert_allclose(fake[o, c], S * np.rint(W[o, c] / S), rtol=1e-6)
    with pytest.raises(ValueError, match="groups of 4 do not divide the 6 weights of a channel"):
        WeightGrid(4, per=4)(Tensor(W))


def test_a_weight_grid_of_powers_of_two_and_one_with_a_least_scale():
    S = WeightGrid(4, power_of_two=True).scales(W)
    assert all(np.log2(S) == np.rint(np.log2(S))) and (S >= symmetric_scale(W, 4, axis=0)).all()
    grid = WeightGrid(4)
    grid.least = np.array([0, 0, 5.0, 0])
    assert grid.scales(W).tolist() == [*symmetric_scale(W, 4, axis=0)[:2], 5, symmetric_scale(W, 4, axis=0)[3]]


def test_a_layer_without_weights_has_no_warning_and_stays_zero():
    for per in ("channel", "layer", 3):
        assert not WeightGrid(3, per=per)(Tensor(np.zeros((2, 3), np.float32))).data.any()


def test_a_gradient_goes_through_the_grid_of_a_weight():
    layer = nn.register_parametrization(nn.Linear(3, 2, rng=0), "weight", WeightGrid(2))
    x = np.array([[1, 2, 3]], np.float32)
    layer(x).sum().backward()
    assert layer.parametrizations["weight"].original.grad.tolist() == [[1, 2, 3]] * 2


@pytest.mark.parametrize("options, sentence", [
    ({"bits": 1}, "bits is 1, must be a whole number from 2 to 8"), ({"bits": 9}, "bits is 9"),
    ({"bits": 0, "symmetric": False}, "from 1 to 8"), ({"per": "row"}, "per has to be .* got 'row'"),
])
def test_a_weight_grid_names_a_wrong_option(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        WeightGrid(**options)


def test_the_range_of_activations_is_a_moving_average_that_contains_0():
    grid = ActivationGrid(rate=0.25)
    for x in ([1.0, 4.0], [-2.0, 2.0], [0.5, 8.0]):
        grid(np.float32(x))
    # low: 0 (first), 0 + ¼ (−2 − 0), −½ + ¼ (0 + ½);  high: 4, 4 + ¼ (2 − 4), 3.5 + ¼ (8 − 3.5)
    assert grid.range.data.tolist() == [-0.375, 4.625]
    S, Z, low, high = grid.grid()
    assert (S, Z, low, high) == (*affine_parameters(-0.375, 4.625, 0, 255), 0, 255)
    grid.eval()(np.float32([100.0]))
    assert grid.range.data.tolist() == [-0.375, 4.625]


def test_the_first_batches_pass_as_they_are_but_are_seen():
    grid, x = ActivationGrid(bits=1, delay=2), np.float32([0.1, 0.4, 1.0])
    assert [grid(x).data.tolist() for _ in range(3)] == [x.tolist(), x.tolist(), [0, 0, 1]]


def test_activations_with_powers_of_two():
    grid = ActivationGrid(power_of_two=True)
    grid(np.float32([-1.0, 2.0]))
    assert grid.grid() == (np.float32(2**-6), 64, 0, 255)  # 3/255 = 0.0118 lies between 2⁻⁷ and 2⁻⁶


def test_an_activation_grid_names_what_is_wrong():
    with pytest.raises(ValueError, match="has seen no numbers"):
        ActivationGrid().eval()(np.ones(3, np.float32))
    with pytest.raises(ValueError, match="1 of 2 values are NaN"):
        ActivationGrid()(np.float32([1, np.nan]))
    with pytest.raises(ValueError, match="rate has to be above 0 and at most 1, got 0"):
        ActivationGrid(rate=0)
    with pytest.raises(ValueError, match="bits is 16"):
        ActivationGrid(bits=16)
