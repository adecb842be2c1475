import numpy as np
import pytest

from nnlite import data
from nntransfer.domains import Enlarged, Faded, Inverted, OnPhotograph, Rotated, shifted
from nntransfer.domains.shifts import photograph

rng = np.random.default_rng(10)
X = rng.integers(0, 256, (4, 1, 8, 8), dtype=np.uint8)


def test_inverted_and_twice_inverted():
    assert Inverted()(X)[0, 0, 0, 0] == 255 - int(X[0, 0, 0, 0])
    np.testing.assert_array_equal(Inverted()(Inverted()(X)), X)


def test_a_quarter_turn_is_numpys():
    np.testing.assert_array_equal(Rotated(90)(X), np.rot90(X, axes=(2, 3)))
    np.testing.assert_array_equal(Rotated(0)(X), X)


def test_faded_is_its_formula_and_noise_has_its_size():
    np.testing.assert_array_equal(Faded(0.5, 40, 0)(X, rng), np.rint(X / 2 + 40).astype(np.uint8))
    grey = np.full((50, 1, 20, 20), 100, np.uint8)
    y = Faded(0.5, 40, 10)(grey, rng).astype(float)
    assert y.mean() == pytest.approx(90, abs=0.5) and y.std() == pytest.approx(10, abs=0.3)
    black = Faded(0.0, 0, 50)(grey, rng)
    assert (black == 0).mean() == pytest.approx(0.5, abs=0.02) and black.max() > 100  # clipped, not wrapped around


def test_a_digit_on_the_photograph_inverts_it_where_the_digit_is_white():
    blank = OnPhotograph()(np.zeros((5, 1, 28, 28), np.uint8), np.random.default_rng(1))
    white = OnPhotograph()(np.full((5, 1, 28, 28), 255, np.uint8), np.random.default_rng(1))
    np.testing.assert_array_equal(white, 255 - blank)
    every = np.lib.stride_tricks.sliding_window_view(photograph(), (28, 28))
    places = [np.argwhere((every == patch[0]).all(axis=(2, 3))) for patch in blank[:2]]
    assert [len(found) for found in places] == [1, 1] and not np.array_equal(*places)


def test_the_photograph_is_grey_as_pillow_makes_it():
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    grey = np.asarray(Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("L")).astype(int)
    assert photograph().shape == (600, 512) and photograph().dtype == np.uint8 and np.abs(photograph() - grey).max() <= 1


def test_enlarged_digits_keep_constants_and_symmetry_and_have_the_frame_of_mnist():
    y = Enlarged()(np.full((1, 1, 8, 8), 200, np.uint8))
    assert y.shape == (1, 1, 28, 28) and set(np.unique(y[0, 0, 4:24, 4:24])) == {200} and y[0, 0, :4].max() == 0
    upside_down = Enlarged()(X[..., ::-1, :])[..., ::-1, :]
    assert np.abs(upside_down.astype(int) - Enlarged()(X)).max() <= 1  # a half may round to either side


def test_enlarging_two_pixels_to_four_by_hand():
    """The new centres lie at −¼, ¼, ¾, 1¼ of the old: 0, 25, 75, 100 percent of the way, the ends repeated."""
    y = Enlarged(size=4, border=0)(np.array([[[[0, 100], [0, 100]]]], np.uint8))
    assert y[0, 0].tolist() == [[0, 25, 75, 100]] * 4


@pytest.mark.peer
def test_enlarged_is_torchs_bilinear_interpolation():
    torch = pytest.importorskip("torch")

    expected = torch.nn.functional.interpolate(torch.tensor(X, dtype=torch.float32), size=20, mode="bilinear").numpy()
    assert np.abs(Enlarged(border=0)(X) - expected).max() <= 0.5001


def test_a_shifted_dataset_keeps_its_labels_and_repeats_with_its_seed():
    digits = data.load("digits")[1][:20]
    one, two = (shifted(digits, [Enlarged(), OnPhotograph()], seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.labels, digits.labels)
    assert one.classes == 10 and not np.array_equal(one.images, shifted(digits, [Enlarged(), OnPhotograph()], seed=5).images)


@pytest.mark.parametrize("transform", [Inverted(), Rotated(3), Faded(), OnPhotograph(), Enlarged()])
def test_floats_are_refused(transform):
    with pytest.raises(TypeError, match=rf"^{type(transform).__name__}: images are float32 \(4, 1, 8, 8\), expected uint8 "):
        transform(X.astype(np.float32), rng)


def test_what_cannot_be_shifted_is_refused():
    with pytest.raises(ValueError, match=r"^OnPhotograph: images are \(3, 8, 8\), expected one channel and at most"):
        OnPhotograph()(np.zeros((1, 3, 8, 8), np.uint8), rng)
    with pytest.raises(ValueError, match="^Enlarged: images have 28×28 pixels, expected a square of at most 20×20$"):
        Enlarged()(np.zeros((1, 1, 28, 28), np.uint8))
    with pytest.raises(ValueError, match="^Faded: noise -1, expected at least 0$"):
        Faded(noise=-1)
    with pytest.raises(ValueError, match="^Enlarged: border -1, expected at least 0$"):
        Enlarged(border=-1)
