import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels import (
    conv2d,
    conv2d_input_gradient,
    conv2d_int8,
    conv2d_weight_gradient,
    output_size,
    pack_conv_int8,
)
from nnlite.kernels.convolution import conv2d_reference, runs

seeds = st.integers(0, 2**32 - 1)


@st.composite
def convolutions(draw):
    """(x_shape, w_shape, stride, dilation): x (N, H, W, C), w (G, kh, kw, c, o), the kernel reaching over at most H × W."""
    N, G = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 3]))
    c, o = draw(st.sampled_from([1, 2, 3, 4, 5, 9])), draw(st.sampled_from([1, 2, 3, 8, 17, 33]))
    kh, kw, dh, dw = (draw(st.integers(1, 3)) for _ in range(4))
    H, W = dh * (kh - 1) + draw(st.integers(1, 5)), dw * (kw - 1) + draw(st.integers(1, 12))
    return (N, H, W, G * c), (G, kh, kw, c, o), (draw(st.integers(1, 3)), draw(st.integers(1, 3))), (dh, dw)


def seven_loops(x, w, stride, dilation):
    """The definition, number by number."""
    (N, H, W, _), (G, kh, kw, c, o) = x.shape, w.shape
    (sh, sw), (dh, dw) = stride, dilation
    rows, columns = range(0, H - dh * (kh - 1), sh), range(0, W - dw * (kw - 1), sw)  # where a patch may start
    y = np.zeros((N, len(rows), len(columns), G * o), np.result_type(x, w))
    for n, i, j, channel in np.ndindex(y.shape):
        g, beta = divmod(channel, o)
        for u, v, alpha in np.ndindex(kh, kw, c):
            y[n, i, j, channel] += x[n, rows[i] + u * dh, columns[j] + v * dw, g * c + alpha] * w[g, u, v, alpha, beta]
    return y


def patches(x, w_shape, stride, dilation):
    """The pixels that meet w[g, u, v, α]: x (N, H, W, C) -> (N, H', W', G, kh, kw, c), cut from x tap by tap."""
    G, kh, kw, c, _ = w_shape
    (sh, sw), (dh, dw) = stride, dilation
    N, H, W, _ = x.shape
    taps = np.array([x[:, u * dh : H - dh * (kh - 1 - u) : sh, v * dw : W - dw * (kw - 1 - v) : sw]
                     for u in range(kh) for v in range(kw)])
    return taps.reshape(kh, kw, N, *taps.shape[2:4], G, c).transpose(2, 3, 4, 5, 0, 1, 6)


def floats(shape, rng, dtype):
    return rng.standard_normal(shape).astype(dtype)


@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_the_reference_equals_seven_loops(case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 10, (1, *x_shape[1:3], w_shape[0]))  # one channel a group: the loops are slow
    w = rng.integers(-9, 10, (*w_shape[:3], 1, min(w_shape[4], 2)))
    np.testing.assert_array_equal(conv2d_reference(x, w, stride, dilation), seven_loops(x, w, stride, dilation))


def test_the_reference_splits_channels_into_groups_as_the_loops_do():
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (2, 4, 4, 6)), rng.integers(-9, 10, (2, 2, 3, 3, 4))
    np.testing.assert_array_equal(conv2d_reference(x, w, (1, 1), (1, 1)), seven_loops(x, w, (1, 1), (1, 1)))


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4))
def test_the_output_size_counts_the_places_of_the_kernel(size, kernel, stride, dilation):
    assert max(output_size(size, kernel, stride, dilation), 0) == len(range(0, size - dilation * (kernel - 1), stride))


@pytest.mark.parametrize(("w_shape", "dilation", "expected"), [
    ((1, 3, 5, 4, 8), (1, 1), (3, 1, 20)),  # one run for each kernel row
    ((1, 3, 5, 4, 8), (2, 1), (3, 1, 20)),  # rows may be apart
    ((1, 3, 5, 4, 8), (1, 2), (3, 5, 4)),  # pixels that are apart
    ((2, 3, 5, 4, 8), (1, 1), (3, 5, 4)),  # channels of another group between
])
def test_a_kernel_row_is_one_run_where_nothing_lies_between(w_shape, dilation, expected):
    assert runs(w_shape, dilation) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(convolutions(), seeds)
def test_conv2d_equals_its_reference(dtype, case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x, w = floats(x_shape, rng, dtype), floats(w_shape, rng, dtype)
    X, W = x.astype(np.float64), w.astype(np.float64)
    expected = conv2d_reference(X, W, stride, dilation)
    y = np.full(expected.shape, np.nan, dtype)
    conv2d(x, w, y, stride, dilation)
    assert_sums_agree(y, expected, conv2d_reference(abs(X), abs(W), stride, dilation), int(np.prod(w_shape[1:4])))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_conv2d_adds_the_bias_of_each_channel_to_the_same_sums(dtype, case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x, w = floats(x_shape, rng, dtype), floats(w_shape, rng, dtype)
    b = floats((w_shape[0] * w_shape[4],), rng, dtype)
    plain, biased = (np.empty(conv2d_reference(x, w, stride, dilation).shape, dtype) for _ in range(2))
    conv2d(x, w, plain, stride, dilation)
    conv2d(x, w, biased, stride, dilation, b)
    np.testing.assert_array_equal(biased, plain + b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(convolutions(), seeds)
def test_the_weight_gradient_equals_its_formula(dtype, case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x, dw = floats(x_shape, rng, dtype), np.full(w_shape, np.nan, dtype)
    P = patches(x.astype(np.float64), w_shape, stride, dilation)
    N, out_h, out_w, G = P.shape[:4]
    dy = floats((N, out_h, out_w, G * w_shape[4]), rng, dtype)
    conv2d_weight_gradient(x, dy, dw, stride, dilation)
    D = dy.astype(np.float64).reshape(N, out_h, out_w, G, -1)
    formula = "nijguva,nijgb->guvab"
    assert_sums_agree(dw, np.einsum(formula, P, D), np.einsum(formula, abs(P), abs(D)), N * out_h * out_w)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(convolutions(), seeds)
def test_the_input_gradient_gives_each_pixel_its_share_of_every_patch(dtype, case, seed):
    x_shape, w_shape, (sh, sw), (dh, dw) = case
    (N, H, W, C), (G, kh, kw, c, o) = x_shape, w_shape
    rng = np.random.default_rng(seed)
    w, dx = floats(w_shape, rng, dtype), np.full(x_shape, np.nan, dtype)
    dy = floats((N, (H - dh * (kh - 1) - 1) // sh + 1, (W - dw * (kw - 1) - 1) // sw + 1, G * o), rng, dtype)
    conv2d_input_gradient(dy, w, dx, (sh, sw), (dh, dw))

    def scattered(dy, w):
        dx = np.zeros((N, H, W, G, c))
        for u, v in np.ndindex(kh, kw):
            share = np.einsum("nijgb,gab->nijga", dy.reshape(*dy.shape[:3], G, o), w[:, u, v])
            dx[:, u * dh : H - dh * (kh - 1 - u) : sh, v * dw : W - dw * (kw - 1 - v) : sw] += share
        return dx.reshape(N, H, W, C)

    D, F = dy.astype(np.float64), w.astype(np.float64)
    assert_sums_agree(dx, scattered(D, F), scattered(abs(D), abs(F)), kh * kw * o)


@pytest.mark.parametrize("N", [0, 1])
def test_an_empty_batch_has_gradients_of_zero(N):
    x, w = np.ones((N, 4, 4, 3)), np.ones((1, 3, 3, 3, 2))
    y, dx, dw = np.empty((N, 2, 2, 2)), np.empty_like(x), np.full_like(w, np.nan)
    conv2d(x, w, y, (1, 1), (1, 1))
    conv2d_input_gradient(y, w, dx, (1, 1), (1, 1))
    conv2d_weight_gradient(x, np.ones_like(y), dw, (1, 1), (1, 1))
    assert (y == 27).all() and (dw == 4 * N).all()


def followed_by(x, byte):
    """A copy of x with three more bytes in its buffer, which the kernel may read but has to multiply by zero."""
    buffer = np.full(x.size + 3, byte, np.uint8)
    buffer[: x.size] = x.reshape(-1)
    return buffer[: x.size].reshape(x.shape)


@settings(deadline=None, max_examples=100)
@given(convolutions(), seeds)
def test_int8_conv2d_equals_its_reference_bit_for_bit(case, seed):
    x_shape, w_shape, stride, dilation = case
    rng = np.random.default_rng(seed)
    x, w = rng.integers(0, 256, x_shape, np.uint8), rng.integers(-128, 128, w_shape, np.int8)
    x[rng.random(x_shape) < 0.3] = 255
    w[rng.random(w_shape) < 0.3] = rng.choice([-128, 127])
    expected = conv2d_reference(x.astype(np.int64), w.astype(np.int64), stride, dilation)
    y = np.full(expected.shape, -1, np.int32)
    conv2d_int8(followed_by(x, 255), pack_conv_int8(w, dilation), y, w_shape[1:3], stride, dilation)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(("pixel", "weight"), [(255, 127), (255, -128), (0, -128)])
def test_int8_conv2d_of_extreme_values_does_not_saturate(pixel, weight):
    x, w = np.full((1, 5, 5, 7), pixel, np.uint8), np.full((1, 5, 5, 7, 3), weight, np.int8)
    y = np.empty((1, 1, 1, 3), np.int32)
    conv2d_int8(followed_by(x, 255), pack_conv_int8(w, (1, 1)), y, (5, 5), (1, 1), (1, 1))
    assert (y == 175 * pixel * weight).all()


@pytest.mark.parametrize("G", [1, 3])
@pytest.mark.parametrize("width", [5, 9, 12])
def test_no_byte_past_the_image_is_read_but_the_three_of_int8(before_a_wall, width, G):
    x, w = np.ones((2, 5, width, 3)), np.ones((G, 3, 2, 3 // G, 4))
    y = before_a_wall(np.zeros((2, 2, (width - 2) // 2 + 1, 4 * G)))
    conv2d(before_a_wall(x), before_a_wall(w), y, (2, 2), (1, 1))
    buffer, packed = before_a_wall(np.ones(x.size + 3, np.uint8)), before_a_wall(pack_conv_int8(w.astype(np.int8), (1, 1)))
    result = before_a_wall(np.zeros(y.shape, np.int32))
    conv2d_int8(buffer[: x.size].reshape(x.shape), packed, result, (3, 2), (2, 2), (1, 1))
    assert (y == 18 // G).all() and (result == 18 // G).all()


@settings(deadline=None, max_examples=25)
@given(convolutions(), seeds)
def test_each_run_of_a_packed_kernel_is_filled_up_with_zeros(case, seed):
    _, w_shape, _, dilation = case
    G, kh, kw, c, o = w_shape
    w = np.random.default_rng(seed).integers(-128, 128, w_shape, np.int8)
    P, Q, L = runs(w_shape, dilation)
    packed = pack_conv_int8(w, dilation)
    assert packed.shape == (G, P * Q * ((L + 3) // 4), o, 4) and packed.flags.c_contiguous
    unpacked = packed.transpose(0, 1, 3, 2).reshape(G, P * Q, -1, o)
    np.testing.assert_array_equal(unpacked[:, :, :L].reshape(w_shape), w)
    assert not unpacked[:, :, L:].any()


@pytest.mark.parametrize("G", [1, 2])
def test_the_number_of_threads_changes_no_bit(threads, G):
    rng = np.random.default_rng(0)
    x, w = floats((5, 13, 14, 6), rng, np.float32), floats((G, 3, 3, 6 // G, 10), rng, np.float32)
    q, v = followed_by(rng.integers(0, 256, x.shape, np.uint8), 255), rng.integers(-128, 128, w.shape, np.int8)
    y = np.empty((5, 11, 12, G * 10), np.float32)
    dy, dx, dw, r = floats(y.shape, rng, np.float32), np.empty_like(x), np.empty_like(w), np.empty(y.shape, np.int32)
    results = []
    for count in (1, 2):
        threads(count)
        conv2d(x, w, y, (1, 1), (1, 1))
        conv2d_input_gradient(dy, w, dx, (1, 1), (1, 1))
        conv2d_weight_gradient(x, dy, dw, (1, 1), (1, 1))
        conv2d_int8(q, pack_conv_int8(v, (1, 1)), r, (3, 3), (1, 1), (1, 1))
        results.append([a.tobytes() for a in (y, dx, dw, r)])
    assert results[0] == results[1]
