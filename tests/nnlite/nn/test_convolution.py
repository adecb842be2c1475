import numpy as np
import pytest

from nnlite import nn


@pytest.mark.parametrize("channels, groups, fan_in", [(16, 1, 16 * 9), (16, 4, 4 * 9), (16, 16, 9)])
def test_conv2d_starts_as_pytorch_does(channels, groups, fan_in):
    layer = nn.Conv2d(channels, 320, 3, groups=groups, rng=0)
    assert (layer.weight.shape, layer.bias.shape) == ((320, channels // groups, 3, 3), (320,))
    assert (layer.weight.dtype, layer.bias.dtype) == (np.float32, np.float32)
    largest = 1 / np.sqrt(fan_in)
    for array in (layer.weight.data, layer.bias.data):
        assert 0.98 * largest < np.abs(array).max() <= largest * (1 + 1e-7)
        assert abs(array.var() / (largest**2 / 3) - 1) < 5 * np.sqrt(0.8 / array.size)


def loops(x, w, b, stride, padding, dilation, groups):
    """The formula of a convolution, number by number."""
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    N, C, H, W = x.shape
    O, c, kh, kw = w.shape
    H_out, W_out = (H + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (W + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((N, O, H_out, W_out))
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = 0 if b is None else b[o]
        for a, u, v in np.ndindex(c, kh, kw):
            row, column = i * sh + u * dh - ph, j * sw + v * dw - pw
            if 0 <= row < H and 0 <= column < W:
                y[n, o, i, j] += x[n, o // (O // groups) * c + a, row, column] * w[o, a, u, v]
    return y


OPTIONS = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1},
    {"stride": (1, 2), "padding": (2, 0)},
    {"dilation": 2, "padding": 1},
    {"groups": 2},
    {"groups": 4, "padding": (0, 1)},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_conv2d_hands_its_options_on(options):
    layer = nn.Conv2d(4, 4, (3, 2), rng=0, **options)
    x = np.random.default_rng(1).standard_normal((2, 4, 6, 5)).astype(np.float32)
    pairs = [np.broadcast_to(options.get(name, default), 2) for name, default in
             (("stride", 1), ("padding", 0), ("dilation", 1))]
    expected = loops(x, layer.weight.data, None if layer.bias is None else layer.bias.data, *pairs, options.get("groups", 1))
    assert layer(x).shape == expected.shape
    np.testing.assert_allclose(layer(x).data, expected, atol=25 * 2**-23 * 4)  # 24 products and a bias, each below 4


@pytest.mark.parametrize("options", OPTIONS)
def test_conv2d_gradients(options, check_layer_gradients):
    check_layer_gradients(nn.Conv2d(4, 4, (3, 2), rng=0, **options), (2, 4, 5, 4))


def test_conv2d_tells_the_sizes_of_the_arrays_that_it_has_now():
    layer = nn.Conv2d(4, 6, (3, 5), groups=2, rng=0)
    assert (layer.in_channels, layer.out_channels, layer.kernel_size) == (4, 6, (3, 5))
    layer = nn.Conv2d(4, 6, 3, padding=1, rng=0)
    layer.weight.data, layer.bias.data = layer.weight.data[:2, [0, 3]], layer.bias.data[:2]
    assert (layer.in_channels, layer.out_channels, layer.kernel_size) == (2, 2, (3, 3))
    assert layer(np.ones((1, 2, 5, 5), np.float32)).shape == (1, 2, 5, 5)


@pytest.mark.parametrize(("C", "O", "G", "kept"), [(8, 8, 8, 4), (8, 16, 8, 3), (4, 8, 4, 1)])
def test_a_depthwise_convolution_has_as_many_groups_as_channels_are_left(C, O, G, kept):
    layer = nn.Conv2d(C, O, 3, padding=1, groups=G, rng=0)
    x = np.random.default_rng(1).standard_normal((2, C, 5, 5)).astype(np.float32)
    whole = layer(x).data
    m = O // C  # kernels of a channel
    layer.weight.data, layer.bias.data = layer.weight.data[: kept * m], layer.bias.data[: kept * m]
    assert (layer.groups, layer.in_channels, layer.out_channels) == (kept, kept, kept * m)
    np.testing.assert_allclose(layer(x[:, :kept]).data, whole[:, : kept * m], rtol=0, atol=10 * 2**-23)


@pytest.mark.parametrize(("options", "message"), [
    ({"stride": 0}, "Conv2d: stride has to be a whole number ≥ 1 or a pair of such, got 0"),
    ({"dilation": (1, 0)}, r"Conv2d: dilation has to be .* got \(1, 0\)"),
    ({"padding": -1}, "Conv2d: padding has to be a whole number ≥ 0 or a pair of such, got -1"),
    ({"padding": "full"}, "Conv2d: padding has to be .* got full"),
    ({"padding": "same", "stride": 2}, 'Conv2d: padding "same" needs stride 1, got 2'),
])
def test_options_that_do_not_fit_are_refused_when_the_layer_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(4, 4, 3, rng=0, **options)


def test_same_padding_keeps_the_size_of_the_image():
    layer = nn.Conv2d(1, 1, (3, 2), padding="same", rng=0)
    layer.weight.data, layer.bias.data = np.ones((1, 1, 3, 2), np.float32), np.zeros(1, np.float32)
    y = layer(np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)).data  # [[0, 1, 2], [3, 4, 5]], with zeros around
    np.testing.assert_array_equal(y, [[[[8, 12, 7], [8, 12, 7]]]])


@pytest.mark.parametrize("channels, groups", [((3, 4), 2), ((4, 3), 2), ((4, 4), 3)])
def test_channels_that_cannot_be_split_into_groups_are_refused(channels, groups):
    before, after = channels
    with pytest.raises(ValueError, match=f"Conv2d: {before} and {after} channels cannot be split into {groups} groups"):
        nn.Conv2d(*channels, 3, groups=groups, rng=0)


@pytest.mark.parametrize("kernel_size", [0, -1, 2.5, (3, 0), (1, 2, 3)])
def test_a_kernel_size_that_is_not_one_or_two_whole_numbers_is_refused(kernel_size):
    with pytest.raises(ValueError, match="Conv2d: kernel_size has to be a whole number ≥ 1 or a pair of such"):
        nn.Conv2d(1, 1, kernel_size, rng=0)


def test_the_channels_of_an_image_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"conv2d: input has 3 channels, weight \(8, 4, 3, 3\) expects 4"):
        nn.Conv2d(4, 8, 3, rng=0)(np.ones((1, 3, 8, 8), np.float32))


def test_the_same_seed_gives_the_same_bits():
    first, second, third = (nn.Conv2d(2, 3, 3, rng=seed) for seed in (1, 1, 2))
    for name in ("weight", "bias"):
        assert getattr(first, name).data.tobytes() == getattr(second, name).data.tobytes()
        assert getattr(first, name).data.tobytes() != getattr(third, name).data.tobytes()
