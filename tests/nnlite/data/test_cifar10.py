import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnlite.data import cifar10
from nnlite.errors import FormatError

RECORDS = 4  # a batch file of the tests; the real ones have 10,000


@pytest.fixture(autouse=True)
def short_files(monkeypatch):
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)


def batch(seed):
    """(images, labels, the bytes of the file), the bytes put together pixel by pixel as the format is described."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (RECORDS, 3, 32, 32), np.uint8), rng.integers(0, 10, RECORDS)
    content = bytearray()
    for image, label in zip(images, labels, strict=True):
        content.append(label)
        for colour in image:
            for row in colour:
                content += bytes(row.tolist())
    return images, labels, bytes(content)


BATCHES = {name: batch(seed) for seed, name in enumerate(cifar10.FILES)}
CONTENT = BATCHES["test_batch.bin"][2]


def assert_loaded(datasets):
    train, test = datasets
    names = [f"data_batch_{i}.bin" for i in (1, 2, 3, 4, 5)]
    np.testing.assert_array_equal(train.images, np.concatenate([BATCHES[name][0] for name in names]))
    np.testing.assert_array_equal(train.labels, np.concatenate([BATCHES[name][1] for name in names]))
    np.testing.assert_array_equal(test.images, BATCHES["test_batch.bin"][0])
    np.testing.assert_array_equal(test.labels, BATCHES["test_batch.bin"][1])
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int64 and train.classes == test.classes == 10


@pytest.mark.parametrize("folder", [".", "cifar-10-batches-bin"])
def test_five_training_files_and_a_test_file_are_read(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    for name, (_, _, content) in BATCHES.items():
        (tmp_path / folder / name).write_bytes(content)
    assert_loaded(cifar10.load_cifar10(tmp_path))


def test_missing_files_are_named_with_their_directory(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(CONTENT)
    with pytest.raises(FileNotFoundError) as raised:
        cifar10.load_cifar10(tmp_path)
    files = "data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin"
    assert str(raised.value) == f"cifar10: the directory {tmp_path} has no {files}"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("cifar10") / "test_batch.bin"


@settings(deadline=None, max_examples=25)
@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_file_is_a_format_error_wherever_it_ends(path, end):
    path.write_bytes(CONTENT[:end])
    with pytest.raises(FormatError, match=f"{end} bytes, expected 4 records of 3073 bytes"):
        cifar10.read_batch(path)


def test_a_longer_file_is_a_format_error(path):
    path.write_bytes(CONTENT + CONTENT[:3073])
    with pytest.raises(FormatError, match="15365 bytes, expected 4 records"):
        cifar10.read_batch(path)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, RECORDS - 1), st.integers(0, 255))
@example(0, 9)
@example(0, 10)
def test_a_changed_label_is_a_format_error_or_a_label(path, record, label):
    damaged = bytearray(CONTENT)
    damaged[record * 3073] = label
    path.write_bytes(damaged)
    if label > 9:
        with pytest.raises(FormatError, match=f"label {label} in record {record}, expected 0 to 9"):
            cifar10.read_batch(path)
    else:
        assert cifar10.read_batch(path)[1][record] == label


def test_the_published_names_are_the_six_files():
    assert sorted(cifar10.FILES) == [f"data_batch_{i}.bin" for i in "12345"] + ["test_batch.bin"]
