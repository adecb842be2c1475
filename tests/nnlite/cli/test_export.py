import sys

import numpy as np
import pytest

import nncompress
import nnlite
from nncompress.export_c import plan_to_c
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


def test_a_compressed_model_becomes_a_c_file_with_what_it_takes(trained, run, result_of, tmp_path):
    path = trained.with_suffix(".nnz")
    plan = nncompress.load(path)
    plain, packed = plan_to_c(plan), plan_to_c(plan, packed=True)
    for source, options in (plain, []), (plain, ["--ram"]), (packed, ["--flash"]):
        result = result_of("export", path, "--out", "model.c", *options)
        assert (tmp_path / "model.c").read_text() == source.text
        assert result == {"file": "model.c", "format": "c", "weights": "packed" if options == ["--flash"] else "plain",
                          "image_shape": [1, 8, 8], "flash_weights_bytes": source.weights,
                          "flash_constants_bytes": source.constants, "ram_bytes": source.ram, "macs": source.macs,
                          "file_bytes": len(source.text)}
    code, out, _ = run("export", path, "--out", "model.c", "--flash")
    assert code == 0 and out.splitlines()[1:] == [
        f"flash: {packed.weights:,} bytes of weights, {packed.constants:,} of other constants, and the code",
        f"RAM: {packed.ram:,} bytes ({packed.ram + packed.kept:,} with -DNNLITE_UNPACK), and the stack",
        f"multiply-adds: {packed.macs:,} for each image"]


def test_what_cannot_become_a_c_file_is_one_sentence(trained, error_of, result_of):
    assert error_of("export", trained, "--out", "m.c") == (
        f"{trained} holds floats, a C file computes in integers; nnlite quantize makes an .nnz file")
    result_of("quantize", trained, "--law", "float", "--out", "float.nnz")
    assert error_of("export", "float.nnz", "--out", "m.c").startswith(
        "float.nnz: plan_to_c: the plan rounds by the law 'float', C code by the laws 'fixed' and 'once'; quantize")
    path = trained.with_suffix(".nnz")
    endings = "the name of an exported file ends in .onnx, .c, .safetensors"
    assert error_of("export", path, "--out", "m.h") == f"--out m.h: {endings}, not in .h"
    assert error_of("export", path, "--out", "m") == f"--out m: {endings}"
    assert error_of("export", path, "--flash") == "--flash is for C files, --out model.onnx is not one"
    assert error_of("export", path, "--ram") == "--ram is for C files, --out model.onnx is not one"
