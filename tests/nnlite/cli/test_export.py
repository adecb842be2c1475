import sys

import numpy as np
import pytest

import nncompress
import nnlite
from nnlite import data


@pytest.mark.peer
def test_the_file_computes_what_the_model_computes(trained, result_of, tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    result = result_of("export", trained, "--out", "model.onnx")
    assert result == {"file": "model.onnx", "format": "onnx", "opset": 13, "arithmetic": "float32", "image_shape": [1, 8, 8],
                      "file_bytes": (tmp_path / "model.onnx").stat().st_size}
    x = next(iter(data.DataLoader(data.load("digits")[1], 100, transform=data.preprocessing("digits"))))[0]
    y = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(["y"], {"x": x})[0]
    np.testing.assert_allclose(y, nnlite.load(trained).eval()(x).data, atol=1e-4)


@pytest.mark.peer
def test_images_that_the_model_does_not_take_are_an_error(trained, error_of):
    pytest.importorskip("onnx")
    error = error_of("export", trained, "--data", "cifar10")
    assert error.startswith(f"{trained}, with images of shape (3, 32, 32): conv2d: ")


@pytest.mark.peer
def test_integers_are_exported_as_integers(trained, result_of, error_of, tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    result_of("quantize", trained, "--law", "float", "--bits", 7, "--out", "float.nnz")
    result = result_of("export", "float.nnz", "--out", "model.onnx")
    assert (result["arithmetic"], result["image_shape"]) == ("int8", [1, 8, 8])
    x = next(iter(data.DataLoader(data.load("digits")[1], 100, transform=data.preprocessing("digits"))))[0]
    y = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(["y"], {"x": x})[0]
    np.testing.assert_array_equal(y, nncompress.load(tmp_path / "float.nnz")(x))


def test_integers_of_the_fixed_law_are_not_exported(trained, error_of):
    path = trained.with_suffix(".nnz")
    assert error_of("export", path).startswith(f"{path}: int8_to_onnx: the plan rounds by the law 'fixed', ONNX by the law")


def test_a_missing_onnx_and_a_missing_directory_are_one_sentence_each(trained, error_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert error_of("export", trained) == ("to_onnx: needs the package onnx, which is not installed: "
                                           "pip install 'nnlite[onnx]'")
    assert error_of("export", trained, "--out", "missing/a.onnx").startswith("there is no such directory to write to")
