import subprocess
import sys

import numpy as np
import pytest

from nnlite import data


def test_digits_load_as_the_table_says():
    train, test = data.load("digits")
    for dataset in (train, test):
        assert dataset.images.shape[1:] == data.SOURCES["digits"].shape
        assert dataset.classes == data.SOURCES["digits"].classes == 10
        assert sorted(set(dataset.labels.tolist())) == list(range(10))
    pixels = train.images / 255
    assert data.SOURCES["digits"].mean == (round(pixels.mean(), 4),)
    assert data.SOURCES["digits"].std == (round(pixels.std(), 4),)


@pytest.mark.data
def test_mnist_loads_as_the_table_says(mnist_dir):
    for dataset in data.load("mnist", mnist_dir):
        assert dataset.images.shape[1:] == data.SOURCES["mnist"].shape
        assert dataset.classes == data.SOURCES["mnist"].classes


@pytest.mark.parametrize("name", data.NAMES)
def test_preprocessing_scales_then_normalises_every_channel(name):
    source = data.SOURCES[name]
    images = np.random.default_rng(0).integers(0, 256, (2, *source.shape), np.uint8)
    y = images
    for transform in data.preprocessing(name):
        y = transform(y, None)
    assert y.dtype == np.float32
    mean, std = (np.array(moments)[:, None, None] for moments in (source.mean, source.std))
    np.testing.assert_allclose(y, (images / 255 - mean) / std, rtol=0, atol=1e-6)


def test_the_names_are_those_of_the_command_line():
    assert data.NAMES == ("digits", "mnist", "fashion-mnist", "cifar10")


@pytest.mark.parametrize("call", [data.load, data.preprocessing,
                                  lambda name: data.prepare(np.zeros((1, 1, 8, 8), np.uint8), name)])
def test_an_unknown_name_lists_the_known_ones(call):
    with pytest.raises(ValueError, match="no data set 'minst', expected one of digits, mnist, fashion-mnist, cifar10"):
        call("minst")


def test_prepared_images_are_those_of_a_loader_that_preprocesses():
    _, test = data.load("digits")
    for images in (test, test.images):
        x = data.prepare(images, "digits")
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, (test.images / 255 - 0.3055) / 0.3760, rtol=1e-5, atol=1e-6)
    (batch, _), = data.DataLoader(test, len(test), transform=data.preprocessing("digits"))
    np.testing.assert_array_equal(batch, x)


def test_a_directory_for_the_bundled_digits_is_refused(tmp_path):
    with pytest.raises(ValueError, match="digits are bundled and not read from"):
        data.load("digits", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_a_given_directory_reaches_each_loader(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^{name}: the directory {tmp_path} has no "):
        data.load(name, tmp_path)


def test_importing_data_imports_neither_numba_nor_matplotlib_nor_the_network():
    program = "import sys, nnlite.data; print([m for m in ('numba', 'matplotlib', 'urllib.request') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "[]\n"
