"""Files of version 1, which that version's own program wrote, still load."""

from pathlib import Path

import numpy as np
import pytest
from networks import assert_same_plan
from small_files import golden_plan, sealed

from nncompress import inspect, load, save
from nncompress.nnz.file import from_bytes
from nnlite.errors import FormatError

FILES = sorted((Path(__file__).parent / "version1").glob("*.nnz"))
LOGITS = np.load(Path(__file__).parent / "version1" / "logits.npz")  # what that program's plans answered


def images_for(plan):
    shape = plan.steps[0].shape
    return (np.arange(3 * int(np.prod(shape)), dtype=np.float32) % 7 - 3).reshape(3, *shape)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_version_1_answers_as_it_did(path, tmp_path):
    plan = load(path)
    np.testing.assert_array_equal(plan(images_for(plan)), LOGITS[path.stem])
    assert save(tmp_path / "new.nnz", plan) < path.stat().st_size  # in version 2
    np.testing.assert_array_equal(load(tmp_path / "new.nnz")(images_for(plan)), LOGITS[path.stem])


def test_there_are_files_of_every_form():
    inspections = [inspect(path) for path in FILES]
    assert {layer.form for found in inspections for layer in found.layers} >= {"dense", "sparse, 5-bit gaps"}
    assert {part for found in inspections for part, size in found.parts.items() if size} == {
        "header", "codebooks", "indices", "values", "scales", "biases", "padding", "checksum"}
    assert {found.law for found in inspections} == {"fixed", "float"} and {found.version for found in inspections} == {1}


def test_a_plan_of_version_1_is_the_one_that_was_saved():
    assert_same_plan(load(FILES[0]), golden_plan())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_parts_of_a_file_of_version_1_add_up_to_its_size(path):
    found = inspect(path)
    assert sum(found.parts.values()) == found.file_bytes == path.stat().st_size
    for layer in found.layers:
        assert layer.bytes == sum(layer.parts.values()) and layer.dense_shape == layer.shape


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_damaged_file_of_version_1_is_refused_or_another_whole_plan(path):
    data = path.read_bytes()
    for end in range(len(data)):
        with pytest.raises(FormatError):
            from_bytes(data[:end])
        with pytest.raises(FormatError):
            from_bytes(sealed(data[: min(end, len(data) - 5)]))
    refused = 0
    for at in range(4, len(data) - 4):
        for value in {0, 255, data[at] ^ 1, data[at] ^ 128} - {data[at]}:
            try:
                assert from_bytes(sealed(data[:at] + bytes([value]) + data[at + 1 : -4])).steps
            except FormatError as error:
                assert str(error).startswith("nnz: ")
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("header, message", [
    (sealed(b"NNZ\x01\x02\x02\0\0\0\0"), "net.nnz: at byte 5: the law is 2; there are 2"),
    (sealed(b"NNZ\x01\0\x81\x20\0\0\0"), "net.nnz: at byte 7: the number of steps is more than 4096"),
    (sealed(b"NNZ\x01\0\0"), "net.nnz: at byte 6: there is no step but the input"),
    (sealed(b"NNZ\x01\0\x01\x7f\0\0\0"), "net.nnz: at byte 7: a step's kind is more than [0-9]+"),
])
def test_a_broken_header_of_version_1_is_named(header, message):
    with pytest.raises(FormatError, match=message):
        from_bytes(header, "net.nnz")
