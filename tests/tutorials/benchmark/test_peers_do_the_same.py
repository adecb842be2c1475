"""The works of the bench, done by nnlite and by its peers, give the same numbers: what is compared is comparable."""

import numpy as np
import pytest
from benchmark import with_onnxruntime, with_torch
from benchmark.measure import export_all

from nnlite import functional as F
from nnlite import models
from nnlite.bench import ours, works

pytestmark = pytest.mark.peer
MODELS = ["cnn", "mlp", "lenet-300-100", "lenet-5", "resnet"]


def uneven(model):
    """The model with BatchNorm statistics as after some training."""
    rng = np.random.default_rng(0)
    for name, buffer in model.named_buffers():
        buffer.data = rng.uniform(0.5, 2, buffer.shape).astype(np.float32) if "var" in name else \
            rng.standard_normal(buffer.shape).astype(np.float32)
    return model


def twins(name):
    """Our model and torch's, with the same weights."""
    torch = pytest.importorskip("torch")
    ours_, twin = uneven(ours.build({"model": name})), with_torch.twin(name)
    state = {key: torch.from_numpy(value) for key, value in ours_.state_dict().items()}
    missing, unexpected = twin.load_state_dict(state, strict=False)
    assert unexpected == [] and all(key.endswith("num_batches_tracked") for key in missing)
    return ours_, twin


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_torchs_twins_give_our_logits(name, training):
    torch = pytest.importorskip("torch")
    model, twin = twins(name)
    images, _ = works.images_for({"model": name, "batch": 4})
    with torch.no_grad():
        expected = twin.train(training)(torch.from_numpy(images)).numpy()
    logits = model.train(training)(images).data
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", MODELS)
def test_torchs_twins_give_our_gradients(name):
    torch = pytest.importorskip("torch")
    model, twin = twins(name)
    images, labels = works.images_for({"model": name, "batch": 4})
    loss = F.cross_entropy(model.train()(images), labels)
    loss.backward()
    torch_loss = torch.nn.CrossEntropyLoss()(twin.train()(torch.from_numpy(images)), torch.from_numpy(labels))
    torch_loss.backward()
    assert float(loss.data) == pytest.approx(torch_loss.item(), rel=1e-5)
    theirs = dict(twin.named_parameters())
    for key, parameter in model.named_parameters():
        expected = theirs[key].grad.numpy()
        np.testing.assert_allclose(parameter.grad, expected, rtol=0, atol=1e-4 * np.abs(expected).max() + 1e-6)


@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_a_training_step_of_torch_learns_its_batch_in_either_layout(optimizer, layout):
    pytest.importorskip("torch")
    step = with_torch.prepare({"do": "train", "model": "cnn", "optimizer": optimizer, "batch": 8, "layout": layout})
    losses = [step() for _ in range(50)]
    assert losses[0] == pytest.approx(np.log(10), rel=0.5) and losses[-1] < losses[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx")
    export_all(MODELS, folder)
    return str(folder)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_in_float32_gives_our_logits_at_any_batch(name, batch, folder):
    work = {"do": "infer", "model": name, "arithmetic": "float32", "batch": batch}
    expected = ours.prepare(work)()
    logits = with_onnxruntime.prepare({**work, "folder": folder})()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_in_int8_gives_our_logits_to_the_accuracy_of_int8(name, folder):
    float32, int8 = works.inference([name], [64])[0]
    expected = ours.prepare(float32)()
    theirs, own = with_onnxruntime.prepare({**int8, "folder": folder})(), ours.prepare(int8)()
    error = np.abs(theirs - expected).max()
    assert 0 < error < 0.15 * np.abs(expected).max()
    assert np.abs(theirs - own).max() < 0.15 * np.abs(expected).max()


def test_onnx_runtimes_files_compute_in_integers_with_a_scale_for_each_channel(folder):
    import onnx

    model = onnx.load(with_onnxruntime.model_file(folder, "cnn", "int8"))
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [array for array in constants.values() if array.dtype == np.int8 and array.ndim > 1]
    assert len(weights) == 4
    scales = [array for name, array in constants.items() if ".w" in name and name.endswith("scale")]
    assert sorted(scale.size for scale in scales) == [10, 16, 32, 128]
    activations = [array for array in constants.values() if array.dtype == np.uint8]
    assert activations and all(array.size == 1 for array in activations)


@pytest.mark.parametrize("M, K, N", [(1, 1, 1), (64, 100, 256), (7, 33, 65)])
def test_onnx_runtimes_int8_product_equals_ours_bit_for_bit(M, K, N):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    work = {"do": "matmul", "M": M, "K": K, "N": N, "rung": "tile", "arithmetic": "int8"}
    y = with_onnxruntime.prepare(work)()
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, ours.prepare(work)())


def test_the_models_of_the_bench_are_those_of_the_command_line():
    from nnlite.cli.choices import MODELS as choices

    assert set(works.IMAGES) == set(choices) and all(hasattr(models, name.replace("-", "_")) for name in choices)
