"""Damaged files at each door: state dicts, ONNX, .npz data, .csv tables, PNG and JPEG images, checkpoints.

Each file is refused in one sentence that begins with its name, or it is read as something whole. Nothing else may happen: no
other exception, no crash, no endless loop. For each door 200 files are tried, or as many as NNLITE_DAMAGED_FILES says:

    NNLITE_DAMAGED_FILES=10000 python -m pytest tests/test_damaged_files.py
"""

import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from nnlite import data, load, models, nn, save
from nnlite.data.folder import read_image
from nnlite.errors import FormatError
from nnlite.foreign import from_onnx, read_state, to_safetensors
from nnlite.inference.export import to_onnx

COUNT = int(os.environ.get("NNLITE_DAMAGED_FILES", 200))
SLOWEST = 5  # seconds for one file of some kilobytes


def small_model():
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(8, 3, rng=1))


def of_safetensors():
    pytest.importorskip("safetensors")
    return "w.safetensors", [to_safetensors(small_model().state_dict())], read_state


def of_states():
    files = [io.BytesIO(), io.BytesIO()]
    np.savez(files[0], **small_model().state_dict())
    np.savez_compressed(files[1], **small_model().state_dict())
    return "w.npz", [file.getvalue() for file in files], read_state


def of_onnx():
    pytest.importorskip("onnx")
    images = np.zeros((1, 1, 4, 4), np.float32)
    resnet = models.resnet(in_channels=1, width=0.05)
    return "m.onnx", [to_onnx(small_model(), images), to_onnx(resnet, images)], from_onnx


def of_data():
    files = [io.BytesIO(), io.BytesIO()]
    rng = np.random.default_rng(0)
    np.savez(files[0], images=rng.integers(0, 256, (12, 5, 4), np.uint8), labels=["a", "b", "c"] * 4)
    np.savez_compressed(files[1], images=rng.random((12, 3)), labels=np.arange(12) % 2, test_images=rng.random((2, 3)),
                        test_labels=[0, 1])
    return "own.npz", [file.getvalue() for file in files], data.load


def of_tables():
    rows = [f"{i / 3:.3f},{-i},{'ab'[i % 2]}" for i in range(12)]
    quoted = [f'"{i}",1e{i},{i % 3}' for i in range(12)]
    return "own.csv", ["\n".join(["x,y,label", *lines]).encode() for lines in (rows, quoted)], data.load


def of_images(kind):
    Image = pytest.importorskip("PIL.Image")
    files = []
    for mode, shape in (("L", (9, 7)), ("RGB", (6, 8, 3))):
        stream = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8), mode).save(stream, kind)
        files.append(stream.getvalue())
    return f"a.{kind}", files, read_image


def of_checkpoints():
    return "m.npz", [saved(small_model()), saved(models.mlp(6, (5, 4), dropout=0.5))], load


def saved(model):
    """The bytes of a model's checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        save(f"{folder}/m.npz", model, history=[{"loss": 1.0}])
        return Path(folder, "m.npz").read_bytes()


DOORS = {"safetensors": of_safetensors, "states": of_states, "onnx": of_onnx, "data": of_data, "tables": of_tables,
         "png": lambda: of_images("png"), "jpeg": lambda: of_images("jpeg"), "checkpoints": of_checkpoints}
TOKENS = [b"0", b"-", b"{", b"}", b"[", b"]", b'"', b",", b"\n", b"\xff\xff\xff\xff", b"\0\0\0\0", b"9" * 12, b"1e999", b"nan",
          b"shape", b"<f8", b"|O", b"label", b"F64", b"../", "ß".encode()]


def damaged(rng, files):
    """The content of a file with one to three kinds of damage."""
    content = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 4)):
        at, kind = int(rng.integers(len(content) + 1)), rng.integers(7)
        if kind == 0 and at < len(content):  # a bit
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and at < len(content):  # a byte
            content[at] = rng.integers(256)
        elif kind == 2:  # cut off
            del content[at:]
        elif kind == 3:  # a part is missing
            del content[at : at + int(rng.integers(1, 40))]
        elif kind == 4:  # a part is put in
            content[at:at] = TOKENS[rng.integers(len(TOKENS))]
        elif kind == 5:  # a part is replaced
            token = TOKENS[rng.integers(len(TOKENS))]
            content[at : at + len(token)] = token
        else:  # the start of one file and the end of another
            other = files[rng.integers(len(files))]
            content[at:] = other[rng.integers(len(other)) :]
    return bytes(content)


@pytest.mark.parametrize("door", DOORS)
def test_damaged_files_are_refused_in_one_sentence_or_read_as_something_whole(door, tmp_path):
    name, files, read = DOORS[door]()
    path, rng, whole, longest = tmp_path / name, np.random.default_rng(len(door)), 0, 0.0
    for _ in range(COUNT):
        content = damaged(rng, files)
        path.write_bytes(content)
        started = time.perf_counter()
        try:
            read(path)
            whole += 1
        except FormatError as error:
            text = str(error)
            assert text.startswith(str(path)) and len(text) < 1000, text
        except Exception as error:
            (tmp_path / "kept").write_bytes(content)
            raise AssertionError(f"{type(error).__name__}: {error}; the file is kept as {tmp_path / 'kept'}") from error
        longest = max(longest, time.perf_counter() - started)
    print(f"{door}: {whole:,} of {COUNT:,} were whole, {longest:.2f} s for one file at most")
    assert whole < COUNT and longest < SLOWEST


@pytest.mark.parametrize("door", DOORS)
def test_the_undamaged_files_are_read(door, tmp_path):
    name, files, read = DOORS[door]()
    for content in files:
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name) is not None
