import io

import numpy as np
import pytest
from PIL import Image

from nnlite import data
from nnlite.data.folder import read_folder, read_image
from nnlite.errors import FormatError

RNG = np.random.default_rng(0)
GREY, COLOUR = RNG.integers(0, 256, (6, 9), np.uint8), RNG.integers(0, 256, (6, 9, 3), np.uint8)


def put(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)


def test_each_inner_folder_is_a_class(tmp_path):
    put(tmp_path / "square" / "b.png", 255 - GREY)
    put(tmp_path / "circle" / "a.png", GREY)
    (tmp_path / "circle" / ".hidden").touch()
    (images, labels), = read_folder(tmp_path)
    assert images.shape == (2, 1, 6, 9) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[:, 0], [GREY, 255 - GREY])
    assert labels.tolist() == ["circle", "square"]


def test_a_folder_becomes_two_datasets(tmp_path):
    for i in range(5):
        for name, pixels in (("circle", COLOUR), ("square", 255 - COLOUR)):
            put(tmp_path / name / f"{i}.PNG", pixels)
    train, test = data.load(tmp_path)
    assert (len(train), len(test), train.names) == (8, 2, ("circle", "square"))
    np.testing.assert_array_equal(train.images[train.labels == 1][0], 255 - COLOUR.transpose(2, 0, 1))


def test_pixels_are_those_of_the_file_in_each_mode(tmp_path):
    path = tmp_path / "a.png"
    opaque = np.dstack([COLOUR, np.full((6, 9), 255, np.uint8)])
    for pixels, expected in ((GREY, GREY[None]), (COLOUR, COLOUR.transpose(2, 0, 1)), (opaque, COLOUR.transpose(2, 0, 1)),
                             (GREY > 99, 255 * (GREY > 99)[None])):
        put(path, pixels)
        np.testing.assert_array_equal(read_image(path), expected)
    few = Image.fromarray(np.repeat(GREY[..., None] // 128 * 200, 3, axis=2)).convert("P")
    put(path, few)
    np.testing.assert_array_equal(read_image(path), np.asarray(few.convert("RGB")).transpose(2, 0, 1))


def test_a_phones_picture_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to show it
    put(tmp_path / "a.png", GREY, exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], np.rot90(GREY, -1))


def refused(tmp_path, message):
    with pytest.raises(FormatError, match=message):
        read_folder(tmp_path)


def test_images_of_two_sizes_or_kinds_are_named(tmp_path):
    put(tmp_path / "a" / "1.png", GREY)
    put(tmp_path / "b" / "2.png", GREY[:5])
    refused(tmp_path, r"b.2.png is grey of 5×9 pixels, .*a.1.png is grey of 6×9 pixels; all images need one size")
    put(tmp_path / "b" / "2.png", COLOUR)
    refused(tmp_path, r"b.2.png is in colour of 6×9 pixels, .*a.1.png is grey of 6×9 pixels")


def test_what_is_not_a_folder_of_images_is_refused(tmp_path):
    refused(tmp_path, "no folders in it, expected one for each class")
    (tmp_path / "a").mkdir()
    refused(tmp_path, "a: no images in it")
    (tmp_path / "a" / "notes.txt").write_text("x")
    refused(tmp_path, r"a.notes.txt is not an image \(.png, .jpg\)$")
    (tmp_path / "a" / "notes.txt").unlink()
    (tmp_path / "a" / "b").mkdir()
    refused(tmp_path, r"a.b is not an image \(.png, .jpg\), but a folder")


def test_pixels_that_bytes_cannot_hold_are_refused(tmp_path):
    put(tmp_path / "a" / "1.png", np.dstack([COLOUR, GREY]))
    refused(tmp_path, "1.png has transparent pixels; lay the image on a background")
    put(tmp_path / "a" / "1.png", GREY.astype(np.uint16) * 256)
    refused(tmp_path, "1.png has more than 8 bits a pixel; give its numbers in a .npz file")
    put(tmp_path / "a" / "1.png", np.zeros((4097, 4096), bool))
    refused(tmp_path, "1.png has 4096×4097 pixels, at most 16,777,216 are read")


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_damaged_image_is_read_or_refused_in_one_sentence(tmp_path, kind):
    whole = io.BytesIO()
    Image.fromarray(COLOUR).save(whole, kind)
    rng, path, count = np.random.default_rng(1), tmp_path / f"a.{kind[:3]}".replace("jpe", "jpg"), 0
    for _ in range(150):
        content = bytearray(whole.getvalue())
        content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content[: rng.integers(len(content))] if rng.random() < 0.2 else content)
        try:
            read_image(path)
        except FormatError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            count += 1
    assert count > 10
