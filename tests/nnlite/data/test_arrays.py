import io

import numpy as np
import pytest

from nnlite import save
from nnlite.data.arrays import read_arrays
from nnlite.errors import FormatError
from nnlite.models import mlp

IMAGES, LABELS = np.arange(24).reshape(4, 2, 3), np.array(["x", "y", "x", "y"])


def test_one_pair_or_two_are_read_from_plain_and_compressed_files(tmp_path):
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "own.npz", images=IMAGES, labels=LABELS, test_images=IMAGES[:1], test_labels=LABELS[:1])
        (images, labels), (test_images, test_labels) = read_arrays(tmp_path / "own.npz")
        assert images.tolist() == IMAGES.tolist() and labels.tolist() == ["x", "y", "x", "y"]
        assert test_images.tolist() == IMAGES[:1].tolist() and test_labels.tolist() == ["x"]
    np.savez(tmp_path / "own.npz", images=IMAGES, labels=LABELS)
    assert len(read_arrays(tmp_path / "own.npz")) == 1


@pytest.mark.parametrize("arrays, message", [
    (dict(images=IMAGES), "no array labels in it, only images"),
    (dict(x=IMAGES, y=LABELS), "no array images and no array labels in it, only x, y"),
    (dict(images=IMAGES, labels=LABELS, test_images=IMAGES), "no array test_labels in it"),
    (dict(images=IMAGES, labels=LABELS, test_labels=LABELS), "no array test_images in it"),
    (dict(images=IMAGES, labels=LABELS.astype(object)), "labels holds Python objects, .*; labels.astype.str. makes text"),
    (dict(images=IMAGES.astype(object), labels=LABELS), "images holds Python objects, expected numbers$"),
])
def test_missing_arrays_and_objects_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(FormatError, match=f"own.npz: {message}"):
        read_arrays(tmp_path / "own.npz")


def test_a_model_is_not_data_and_text_is_not_an_npz_file(tmp_path):
    save(tmp_path / "own.npz", mlp(2, 1))
    with pytest.raises(FormatError, match="no array images and no array labels in it, .* .this is a model, not data."):
        read_arrays(tmp_path / "own.npz")
    (tmp_path / "own.npz").write_text("a,b,label")
    with pytest.raises(FormatError, match="own.npz: not an .npz file, which np.savez writes"):
        read_arrays(tmp_path / "own.npz")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_read_as_it_was_or_refused_in_one_sentence(tmp_path, write):
    whole = io.BytesIO()
    write(whole, images=IMAGES.astype(np.uint8), labels=LABELS)
    rng, path, refused = np.random.default_rng(1), tmp_path / "own.npz", 0
    for _ in range(150):
        content = bytearray(whole.getvalue())
        content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content[: rng.integers(len(content))] if rng.random() < 0.2 else content)
        try:
            read_arrays(path)
        except FormatError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            refused += 1
    assert refused > 75
