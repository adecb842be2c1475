import sys

import numpy as np
import pytest
from networks import Model, random_network

import nnlite
from nnlite import functional as F
from nnlite import models, nn
from nnlite.inference.export import to_onnx

IMAGES = {"cnn": (3, 32, 32), "mlp": (1, 28, 28), "lenet_300_100": (1, 28, 28), "lenet_5": (1, 28, 28), "resnet": (3, 32, 32)}


def run_onnx(content, x):
    """What ONNX Runtime, on one thread, computes from a file's bytes."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(["y"], {"x": x})[0]


@pytest.mark.peer
@pytest.mark.parametrize("name", IMAGES)
def test_onnx_runtime_gives_the_models_logits_for_any_number_of_images(name):
    pytest.importorskip("onnx")
    model, rng = getattr(models, name)(), np.random.default_rng(0)
    content = to_onnx(model, np.zeros((1, *IMAGES[name]), np.float32))
    for n in (1, 5):
        x = rng.standard_normal((n, *IMAGES[name])).astype(np.float32)
        expected = model.eval()(x).data
        np.testing.assert_allclose(run_onnx(content, x), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(60))
def test_onnx_runtime_gives_what_random_networks_give(seed):
    onnx = pytest.importorskip("onnx")
    model, x = random_network(seed)
    content = to_onnx(model, x[:1])
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    expected = nnlite.compile(model, x)(x)
    y = run_onnx(content, x)
    assert y.shape == expected.shape and y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(initial=1))


@pytest.mark.peer
def test_zeros_of_the_padding_count_in_an_exported_mean():
    pytest.importorskip("onnx")
    content = to_onnx(nn.AvgPool2d(2, 2, 1), np.ones((1, 1, 2, 2), np.float32))
    np.testing.assert_array_equal(run_onnx(content, np.ones((1, 1, 2, 2), np.float32)), np.full((1, 1, 2, 2), 0.25))


@pytest.mark.peer
def test_the_file_names_layers_input_and_output():
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(to_onnx(models.cnn(image_size=8), np.zeros((1, 3, 8, 8), np.float32))).graph
    assert [node.name for node in graph.node if node.op_type == "Conv"] == ["conv1", "conv2"]
    for value, name, shape in ((graph.input[0], "x", ["N", 3, 8, 8]), (graph.output[0], "y", ["N", 10])):
        sizes = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        assert (value.name, sizes) == (name, shape)


@pytest.mark.peer
def test_the_same_model_gives_the_same_bytes_and_stays_in_its_mode():
    pytest.importorskip("onnx")
    model, example = models.resnet(width=0.5).train(), np.zeros((1, 3, 32, 32), np.float32)
    state = {name: array.copy() for name, array in model.state_dict().items()}
    assert to_onnx(model, example) == to_onnx(model, example)
    assert model.training
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


@pytest.mark.peer
@pytest.mark.parametrize("function, operation", [
    (lambda m, x: F.sigmoid(m.fc(x)), "Sigmoid"), (lambda m, x: F.log_softmax(m.fc(x)), "LogSoftmax"),
    (lambda m, x: m.fc(x) * 2, "Multiply"),
])
def test_an_operation_that_cannot_be_exported_is_refused_by_name(function, operation):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match=f"is the operation {operation}, which cannot be exported"):
        to_onnx(Model(function, fc=nn.Linear(3, 2)), np.zeros((1, 3), np.float32))


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # importing it fails
    with pytest.raises(ImportError, match=r"needs the package onnx, which is not installed: pip install 'nnlite\[onnx\]'"):
        to_onnx(nn.Linear(3, 2), np.zeros((1, 3), np.float32))
