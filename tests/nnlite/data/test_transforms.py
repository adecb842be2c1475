import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.data import Normalize, RandomCrop, RandomHorizontalFlip, RandomRotation, RandomShift, ToFloat


def pixel(image, i, j):
    """The pixels (C,) of an image at row i, column j; zeros outside of it."""
    _, H, W = image.shape
    return image[:, i, j] if 0 <= i < H and 0 <= j < W else np.zeros(len(image), image.dtype)


def moved(image, down, right, height, width):
    """By a plain loop: y[i, j] = x[i - down, j - right]."""
    y = np.empty((len(image), height, width), image.dtype)
    for i in range(height):
        for j in range(width):
            y[:, i, j] = pixel(image, i - down, j - right)
    return y


@st.composite
def batches(draw):
    N, C, H, W = (draw(st.integers(1, high)) for high in (6, 3, 7, 7))
    dtype = draw(st.sampled_from([np.uint8, np.float32]))
    return np.random.default_rng(draw(st.integers(0, 99))).integers(1, 255, (N, C, H, W)).astype(dtype)


def test_to_float_divides_by_255():
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    y = ToFloat()(every_byte)
    assert y.dtype == np.float32 and y.shape == every_byte.shape
    assert y.ravel().tolist() == [float(np.float32(v / 255)) for v in range(256)]


def test_to_float_refuses_what_is_scaled_already():
    with pytest.raises(TypeError, match="images are float32, expected uint8"):
        ToFloat()(np.zeros((1, 1, 2, 2), np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalize_shifts_and_scales_each_channel(dtype):
    x = np.random.default_rng(0).random((4, 3, 5, 6)).astype(dtype)
    mean, std = (0.1, 0.5, 0.9), (0.25, 0.5, 2.0)
    y = Normalize(mean, std)(x)
    assert y.dtype == dtype
    for n in range(4):
        for c in range(3):
            expected = (x[n, c].astype(np.float64) - mean[c]) / std[c]
            np.testing.assert_allclose(y[n, c], expected, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_normalize_with_the_images_own_moments_gives_mean_0_and_deviation_1():
    x = np.random.default_rng(0).random((50, 2, 8, 8))
    y = Normalize(x.mean((0, 2, 3)), x.std((0, 2, 3)))(x)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, atol=1e-12)


def test_normalize_refuses():
    images = np.zeros((1, 3, 2, 2), np.float32)
    with pytest.raises(ValueError, match="images have 3 channels, mean has 1"):
        Normalize((0.5,), (0.5,))(images)
    with pytest.raises(TypeError, match=r"images are uint8, put ToFloat\(\) before it"):
        Normalize((0.5,) * 3, (0.5,) * 3)(images.astype(np.uint8))
    with pytest.raises(ValueError, match="2 means but 1 standard deviations"):
        Normalize((0.5, 0.5), (0.5,))
    for std in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="expected positive numbers"):
            Normalize((0.5,), (std,))


@settings(deadline=None, max_examples=50)
@given(batches(), st.floats(0, 1), st.integers(0, 99))
def test_flip_mirrors_whole_images_and_leaves_the_others(x, p, seed):
    before = x.copy()
    y = RandomHorizontalFlip(p)(x, np.random.default_rng(seed))
    assert y.dtype == x.dtype and y.shape == x.shape
    W = x.shape[3]
    for n, draw in enumerate(np.random.default_rng(seed).random(len(x))):
        for j in range(W):
            source = W - 1 - j if draw < p else j
            np.testing.assert_array_equal(y[n, :, :, j], x[n, :, :, source])
    np.testing.assert_array_equal(x, before)


def test_flip_flips_with_probability_p():
    x = np.zeros((4000, 1, 1, 2), np.uint8)
    x[..., 0] = 1
    for p in (0.0, 0.3, 1.0):
        flips = (RandomHorizontalFlip(p)(x, np.random.default_rng(0))[..., 1] == 1).sum()
        assert abs(flips - 4000 * p) <= 4 * np.sqrt(4000 * p * (1 - p))  # four standard deviations of the binomial


@settings(deadline=None, max_examples=50)
@given(batches(), st.integers(0, 3), st.integers(0, 99))
def test_every_shifted_image_is_one_of_the_possible_moves(x, pixels, seed):
    before = x.copy()
    y = RandomShift(pixels)(x, np.random.default_rng(seed))
    assert y.dtype == x.dtype and y.shape == x.shape
    moves = range(-pixels, pixels + 1)
    H, W = x.shape[2:]
    for image, result in zip(x, y, strict=True):
        assert any((moved(image, d, r, H, W) == result).all() for d in moves for r in moves)
    np.testing.assert_array_equal(x, before)


@settings(deadline=None, max_examples=50)
@given(batches(), st.integers(1, 9), st.integers(0, 3), st.integers(0, 99))
def test_every_crop_is_one_of_the_possible_squares(x, size, padding, seed):
    H, W = x.shape[2:]
    tops, lefts = range(H + 2 * padding - size + 1), range(W + 2 * padding - size + 1)
    if not tops or not lefts:
        with pytest.raises(ValueError, match=f"size {size} does not fit into {H}×{W} and padding {padding}"):
            RandomCrop(size, padding)(x, np.random.default_rng(seed))
        return
    y = RandomCrop(size, padding)(x, np.random.default_rng(seed))
    assert y.dtype == x.dtype and y.shape == (*x.shape[:2], size, size)
    for image, result in zip(x, y, strict=True):
        squares = (moved(image, padding - t, padding - left, size, size) for t in tops for left in lefts)
        assert any((square == result).all() for square in squares)


@pytest.mark.parametrize("transform", [RandomShift(2), RandomCrop(7, padding=2)])
def test_all_moves_come_up_equally_often_and_each_image_has_its_own(transform):
    N = 5000
    x = np.zeros((N, 1, 7, 7), np.uint8)
    x[:, :, 3, 3] = 1
    y = transform(x, np.random.default_rng(0))
    counts = y.sum((0, 1))  # where the one bright pixel went
    expected = np.zeros((7, 7))
    expected[1:6, 1:6] = N / 25
    deviation = np.sqrt(N / 25 * (1 - 1 / 25))
    assert (abs(counts - expected) <= 5 * deviation * (expected > 0)).all()


@pytest.mark.parametrize("transform", [RandomHorizontalFlip(), RandomShift(2), RandomCrop(6, 1)])
def test_the_same_generator_state_gives_the_same_bits(transform):
    x = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), np.uint8)
    first, again, other = (transform(x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: RandomHorizontalFlip(1.5), "p 1.5, expected a probability"),
        (lambda: RandomHorizontalFlip(-0.1), "p -0.1, expected a probability"),
        (lambda: RandomShift(-1), "pixels -1, expected at least 0"),
        (lambda: RandomCrop(0), "size 0, padding 0, expected at least 1 and 0"),
        (lambda: RandomCrop(4, -1), "size 4, padding -1, expected at least 1 and 0"),
    ],
)
def test_impossible_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def turned_by_loops(image, degrees):
    """The formula of RandomRotation in float64, pixel by pixel."""
    C, H, W = image.shape
    a, ic, jc, y = np.deg2rad(degrees), (H - 1) / 2, (W - 1) / 2, np.zeros(image.shape)
    for i in range(H):
        for j in range(W):
            r, c = ic + np.sin(a) * (j - jc) + np.cos(a) * (i - ic), jc + np.cos(a) * (j - jc) - np.sin(a) * (i - ic)
            for top in (int(np.floor(r)), int(np.floor(r)) + 1):
                for left in (int(np.floor(c)), int(np.floor(c)) + 1):
                    y[:, i, j] += max(0, 1 - abs(r - top)) * max(0, 1 - abs(c - left)) * pixel(image, top, left)
    return y


@given(images=batches(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_a_rotated_pixel_is_the_weighted_mean_of_its_four_neighbours(images, seed):
    degrees = np.random.default_rng(seed).uniform(-180, 180, len(images))
    y = RandomRotation(180)(images, np.random.default_rng(seed))
    expected = np.stack([turned_by_loops(x.astype(np.float64), a) for x, a in zip(images, degrees, strict=True)])
    assert y.dtype == images.dtype and y.shape == images.shape
    np.testing.assert_allclose(y, expected, atol=0.501 if images.dtype == np.uint8 else 0.01)  # 255 · 7 pixels · a few eps


def test_a_quarter_turn_takes_the_right_side_to_the_top():
    image = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert RandomRotation(90).turned(image, [90.0])[0, 0].tolist() == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]
    assert RandomRotation(90).turned(image, [0.0])[0, 0].tolist() == image[0, 0].tolist()


def test_degrees_below_zero_are_refused():
    with pytest.raises(ValueError, match="degrees -1, expected at least 0"):
        RandomRotation(-1)
