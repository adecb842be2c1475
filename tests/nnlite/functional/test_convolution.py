import numpy as np
import pytest
from convolutions import options_and_shapes, pair
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree, check_dtypes_and_layouts, check_gradients, sample, value_and_gradients

from nnlite import Tensor
from nnlite import functional as F
from nnlite.functional.convolution import Conv2d


def docstring_formula(x, w, b, stride, padding, dilation, groups):
    """y[n, o, i, j] = b[o] + Σ_c Σ_u Σ_v x[n, c, i·s + u·d − p, j·s + v·d − p] · w[o, c, u, v], x = 0 outside the image."""
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    (N, _, H, W), (O, c, kh, kw) = x.shape, w.shape
    out_h, out_w = (H + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (W + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((N, O, out_h, out_w))
    for o, i, j in np.ndindex(O, out_h, out_w):
        first = o // (O // groups) * c  # channel of the o-th kernel's group
        for u, v in np.ndindex(kh, kw):
            r, t = i * sh + u * dh - ph, j * sw + v * dw - pw
            if 0 <= r < H and 0 <= t < W:
                y[:, o, i, j] += np.einsum("nc,c->n", x[:, first : first + c, r, t], w[o, :, u, v])
    return y if b is None else y + b[:, None, None]


@settings(deadline=None, max_examples=100)
@given(options_and_shapes(), st.integers(0, 2**32 - 1))
def test_conv2d_equals_its_formula(case, seed):
    x_shape, w_shape, has_bias, options = case
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    b = rng.standard_normal(w_shape[0]) if has_bias else None
    magnitude = docstring_formula(abs(x), abs(w), None if b is None else abs(b), **options)
    y = F.conv2d(x, w, b, **options).data
    assert_sums_agree(y, docstring_formula(x, w, b, **options), magnitude, int(np.prod(w_shape[1:])) + 1)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2, (1, 2)])
@pytest.mark.parametrize("padding", [0, 1, (2, 1)])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
def test_gradients_of_conv2d_with_all_options(stride, padding, dilation, groups, has_bias):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    check_gradients(lambda *arrays: F.conv2d(*arrays, **options), (1, 2, 5, 6), (4, 2 // groups, 3, 2), *[(4,)] * has_bias)


@pytest.mark.parametrize(("x", "w", "options"), [
    ((2, 3, 1, 1), (2, 3, 1, 1), {}),
    ((2, 2, 3, 4), (3, 2, 3, 4), {}),  # one place for the kernel
    ((2, 3, 3, 3), (6, 1, 2, 2), {"groups": 3}),  # depthwise
    ((1, 2, 2, 2), (1, 2, 2, 2), {"stride": 5, "padding": 2}),  # pixels that no patch holds
    ((3, 8, 14, 15), (20, 8, 3, 3), {"padding": 1}),
    ((3, 8, 14, 15), (16, 2, 5, 3), {"stride": 2, "groups": 4}),
])
def test_gradients_of_conv2d_at_other_shapes(x, w, options):
    check_gradients(lambda x, w, b: F.conv2d(x, w, b, **options), x, w, w[:1])


def test_conv2d_in_all_dtypes_and_layouts():
    check_dtypes_and_layouts(lambda x, w, b: F.conv2d(x, w, b, padding=1), (2, 3, 5, 6), (4, 3, 3, 3), (4,))
    check_dtypes_and_layouts(lambda x, w, b: F.conv2d(x, w, b, stride=2, groups=3), (2, 3, 5, 6), (6, 1, 3, 2), (6,))


def test_an_empty_batch_gives_gradients_of_zero():
    x, w, b = (Tensor(np.ones(shape), requires_grad=True) for shape in [(0, 2, 4, 4), (3, 2, 3, 3), (3,)])
    y = F.conv2d(x, w, b)
    y.backward(np.ones(y.shape))
    assert y.shape == (0, 3, 2, 2) and x.grad.shape == x.shape and not w.grad.any() and not b.grad.any()


@pytest.mark.parametrize("asking", [0, 1, 2])
def test_a_gradient_is_the_same_whether_or_not_the_others_are_asked_for(asking):
    arrays = sample((2, 3, 5, 5)), sample((4, 3, 3, 3), 1), sample((4,), 2)
    tensors = [Tensor(a, requires_grad=i == asking) for i, a in enumerate(arrays)]
    _, dy, gradients = value_and_gradients(F.conv2d, arrays)
    F.conv2d(*tensors).backward(dy)
    assert [x.grad is not None for x in tensors] == [i == asking for i in range(3)]
    np.testing.assert_array_equal(tensors[asking].grad, gradients[asking])


def test_off_the_tape_backward_gives_all_gradients():
    arrays = sample((2, 3, 5, 5)), sample((4, 3, 3, 3), 1), sample((4,), 2)
    y, dy, gradients = value_and_gradients(F.conv2d, arrays)
    operation = Conv2d(1, 0, 1, 1)
    np.testing.assert_array_equal(operation.forward(*arrays), y)
    for dx, expected in zip(operation.backward(dy), gradients, strict=True):
        np.testing.assert_array_equal(dx, expected)


def test_the_result_lies_in_memory_channels_last():
    y = F.conv2d(sample((2, 3, 5, 5)), sample((4, 3, 3, 3))).data
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("padding", "groups", "macs"), [
    (0, 1, 2 * 6 * 9 * 4 * 4), (1, 1, 2 * 6 * 25 * 4 * 4), (0, 2, 2 * 6 * 9 * 2 * 4),  # N·O·H'·W'·C/G·kh·kw
])
def test_the_multiply_accumulates_are_those_of_the_loops(padding, groups, macs):
    operation = Conv2d(1, padding, 1, groups)
    assert operation.macs(operation.forward(np.ones((2, 4, 4, 4)), np.ones((6, 4 // groups, 2, 2)))) == macs


@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((2, 3), 1), ((3, 2), (1, 3)), ((4, 4), (2, 1)), ((1, 1), 1)])
def test_padding_same_keeps_the_size_and_puts_an_odd_zero_at_the_end(kernel, dilation):
    x, w = sample((2, 3, 5, 6)), sample((4, 3, *kernel), 1)
    zeros = [d * (k - 1) for k, d in zip(kernel, np.broadcast_to(dilation, 2), strict=True)]
    around = [(z // 2, z - z // 2) for z in zeros]
    expected = F.conv2d(np.pad(x, [(0, 0), (0, 0), *around]), w, dilation=dilation).data
    y = F.conv2d(x, w, padding="same", dilation=dilation).data
    assert y.shape == (2, 4, 5, 6)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(F.conv2d(x, w, padding="valid", dilation=1).data, F.conv2d(x, w).data)
    check_gradients(lambda x, w: F.conv2d(x, w, padding="same", dilation=dilation), (1, 3, 5, 6), w)


def conv(x=(2, 3, 8, 8), w=(8, 3, 3, 3), b=None, **options):
    F.conv2d(np.ones(x), np.ones(w), None if b is None else np.ones(b), **options)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"w": (8, 4, 3, 3)}, r"^conv2d: input has 3 channels, weight \(8, 4, 3, 3\) expects 4$"),
    ({"x": (2, 4, 8, 8), "groups": 2}, r"^conv2d: input has 4 channels, weight \(8, 3, 3, 3\) expects 6$"),
    ({"groups": 3}, r"^conv2d: 8 kernels cannot be split into 3 groups$"),
    ({"groups": 0}, r"^conv2d: groups has to be a whole number ≥ 1, got 0$"),
    ({"w": (8, 3, 0, 2)}, r"^conv2d: the kernels of weight \(8, 3, 0, 2\) have no pixels$"),
    ({"groups": None}, r"^conv2d: groups has to be a whole number ≥ 1, got None$"),
    ({"padding": None}, r"^conv2d: padding has to be a whole number ≥ 0 or a pair of such, got None$"),
    ({"padding": "full"}, r"^conv2d: padding has to be \"same\", \"valid\", a whole number ≥ 0 or a pair of such, got 'full'$"),
    ({"padding": "same", "stride": (1, 2)}, r"^conv2d: padding \"same\" needs stride 1, got \(1, 2\)$"),
    ({"padding": "same", "w": (8, 3, 3)}, r"^conv2d: expects x .* got x \(2, 3, 8, 8\) and w \(8, 3, 3\)$"),
    ({"x": (3, 8, 8)}, r"^conv2d: expects x \(N, C, H, W\) and w .*, got x \(3, 8, 8\) and w \(8, 3, 3, 3\)$"),
    ({"w": (8, 3, 3)}, r"^conv2d: expects x .* got x \(2, 3, 8, 8\) and w \(8, 3, 3\)$"),
    ({"b": (3,)}, r"^conv2d: b has shape \(3,\), weight \(8, 3, 3, 3\) expects \(8,\)$"),
    ({"x": (2, 3, 2, 8)}, r"^conv2d: the kernel reaches over 3×3 pixels, the padded image has 2×8$"),
    ({"x": (2, 3, 4, 4), "dilation": (1, 3), "padding": 1},
     r"^conv2d: the kernel reaches over 3×7 pixels, the padded image has 6×6$"),
    ({"stride": 0}, r"^conv2d: stride has to be a whole number ≥ 1 or a pair of such, got 0$"),
    ({"stride": (1, 2, 3)}, r"^conv2d: stride has to be a whole number ≥ 1 or a pair of such, got \(1, 2, 3\)$"),
    ({"padding": -1}, r"^conv2d: padding has to be a whole number ≥ 0 or a pair of such, got -1$"),
    ({"padding": 0.5}, r"^conv2d: padding has to be a whole number ≥ 0 or a pair of such, got 0.5$"),
    ({"dilation": (1, 0)}, r"^conv2d: dilation has to be a whole number ≥ 1 or a pair of such, got \(1, 0\)$"),
])
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        conv(**arguments)


@pytest.mark.parametrize(("dtypes", "message"), [
    ((np.float32, np.float64, np.float32), r"^conv2d: expects arrays of one dtype, .* got float32, float64, float32$"),
    ((np.uint8, np.uint8, np.uint8), r"^conv2d: expects arrays of one dtype, .* got uint8, uint8, uint8$"),
])
def test_dtypes_that_do_not_fit_are_named(dtypes, message):
    arrays = [np.ones(shape, dtype) for shape, dtype in zip([(1, 1, 3, 3), (2, 1, 3, 3), (2,)], dtypes, strict=True)]
    with pytest.raises(TypeError, match=message):
        F.conv2d(*arrays)
