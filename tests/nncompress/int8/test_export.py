import sys

import numpy as np
import pytest
from networks import random_network

from nncompress import quantize
from nncompress.int8.export import int8_to_onnx
from nncompress.nnz.file import from_bytes, to_bytes
from nncompress.quantization.fake import ActivationGrid
from nncompress.quantization.qat import convert, prepare_qat
from nnlite import models, nn


def run_onnx(content, images):
    """{name: every result}, computed by ONNX Runtime from the bytes of a file."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model = onnx.load_from_string(content)
    names = [node.output[0] for node in model.graph.node if node.output[0] != "y"]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(["y", *names], session.run(None, {"x": images}), strict=True))


def assert_equal_everywhere(plan, x):
    """Every result of the plan is the one of ONNX Runtime, bit for bit."""
    pytest.importorskip("onnx")
    theirs = run_onnx(int8_to_onnx(plan), x)
    for i, ours in enumerate(plan.run(x)[: -1 if plan.ends_in_sums else None]):
        ours = ours.transpose(0, 3, 1, 2) if ours.ndim == 4 else ours
        assert theirs[f"step{i}"].dtype == np.uint8
        np.testing.assert_array_equal(theirs[f"step{i}"], ours, err_msg=f"{i} {plan.steps[i].kind}")
    assert theirs["y"].dtype == np.float32
    np.testing.assert_array_equal(theirs["y"], plan(x))


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(60))
def test_every_integer_of_a_random_network_equals_onnx_runtimes(seed):
    model, x = random_network(seed)
    assert_equal_everywhere(quantize(model, x, bits=7, law="float"), 2 * x)  # 7 bits: see `nncompress.int8.export`


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(6))
def test_activations_of_four_bits_are_cut_off_in_onnx_runtime_too(seed):
    model, x = random_network(seed)
    network = prepare_qat(model, x, bits=7, activations=lambda x: ActivationGrid(4)).eval()
    assert_equal_everywhere(convert(network, "float"), 2 * x)


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(20))
def test_uneven_convolutions_and_linear_layers_equal_onnx_runtimes(seed):
    rng = np.random.default_rng(seed)
    groups, options = int(rng.choice([1, 2, 4])), [rng.integers(low, high, 2) for low, high in ((1, 3), (0, 3), (1, 3))]
    model = nn.Sequential(
        nn.Conv2d(4, 8, rng.integers(1, 4, 2), *options, groups, rng=rng), *[nn.ReLU()] * rng.integers(2),
        nn.MaxPool2d(2, 1, 1), nn.Conv2d(8, 6, 1, padding=1, rng=rng), nn.Flatten(),
    )
    x = (rng.standard_normal((3, 4, 9, 8)) + rng.uniform(-1, 1)).astype(np.float32)
    wide = model(x).shape[1]
    dense = [nn.Linear(wide, 30, bias=False, rng=rng), nn.ReLU(), nn.Linear(30, 20, rng=rng), nn.Linear(20, 7, rng=rng)]
    model = nn.Sequential(model, *dense)
    for _, tensor in model.named_parameters():
        tensor.data *= 10 ** rng.uniform(-1, 1, (len(tensor), *[1] * (tensor.ndim - 1))).astype(np.float32)
    assert_equal_everywhere(quantize(model, x, bits=7, law="float"), 2 * x)


@pytest.mark.peer
@pytest.mark.parametrize("build", [models.lenet_5, models.lenet_300_100])
def test_every_integer_of_the_lenets_equals_onnx_runtimes(build):
    rng = np.random.default_rng(0)
    x = rng.random((20, 1, 28, 28)).astype(np.float32)
    assert_equal_everywhere(quantize(build(), x, bits=7, law="float"), 1.2 * rng.random((20, 1, 28, 28)).astype(np.float32))


@pytest.mark.peer
def test_the_file_of_a_plan_is_that_of_its_nnz_file_and_takes_any_number_of_images():
    onnx = pytest.importorskip("onnx")
    model, rng = models.resnet(8, 1, width=0.25), np.random.default_rng(0)
    plan = quantize(model, rng.standard_normal((9, 1, 8, 8)).astype(np.float32), law="float", bits=7)
    content = int8_to_onnx(plan)
    assert int8_to_onnx(from_bytes(to_bytes(plan))) == content
    file = onnx.load_from_string(content)
    assert [value.name for value in (*file.graph.input, *file.graph.output)] == ["x", "y"]
    for n in 1, 5:
        x = rng.standard_normal((n, 1, 8, 8)).astype(np.float32)
        np.testing.assert_array_equal(run_onnx(content, x)["y"], plan(x))


def test_the_fixed_law_and_a_missing_onnx_are_one_sentence_each(monkeypatch):
    model, x = models.mlp(4), np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match="int8_to_onnx: the plan rounds by the law 'fixed', ONNX by the law 'float'; quantize"):
        int8_to_onnx(quantize(model, x))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"int8_to_onnx: needs the package onnx, which is not installed: pip install 'nnlite"):
        int8_to_onnx(quantize(model, x, law="float"))


def test_a_pooling_whose_windows_differ_in_size_is_refused_by_name():
    model, x = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(1, 2, 1, rng=0)), np.ones((1, 1, 3, 3), np.float32)
    with pytest.raises(ValueError, match="maxpool2d_1 is of the kind uneven_max_pool2d, which cannot be exported"):
        int8_to_onnx(quantize(model, x, law="float"))
