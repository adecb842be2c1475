import copy

import numpy as np
import pytest

import nncompress
import nnlite
from nncompress.lowrank import factorize
from nnlite import models, nn

X = np.random.default_rng(0).normal(size=(3, 1, 12, 12)).astype(np.float32)


def network(rng=0):
    return models.cnn(1, 12, width=0.5, seed=rng)


def test_a_layer_of_low_rank_is_replaced_without_a_change_of_the_result():
    model = network()
    for layer, rank in ((model.fc1, 5), (model.conv2, 3)):
        w = layer.weight.data.reshape(len(layer.weight.data), -1)
        U, s, Vt = np.linalg.svd(w, full_matrices=False)
        layer.weight.data = ((U[:, :rank] * s[:rank]) @ Vt[:rank]).astype(np.float32).reshape(layer.weight.shape)
    before, plain = model(X).data, copy.deepcopy(model)
    assert factorize(model, {"fc1": 5, "conv2": (3, 8)}) is model
    np.testing.assert_allclose(model(X).data, before, rtol=1e-3, atol=1e-4)
    assert list(model.fc1) == [model.fc1.reduce, model.fc1.expand] and not hasattr(model, "architecture")
    assert hasattr(plain, "architecture")


def test_plans_and_nnz_files_run_the_thin_layers(tmp_path):
    model = factorize(network(), {"conv1": 1, "conv2": (4, 4), "fc1": 8})
    plan = nnlite.compile(model, X[:1])
    np.testing.assert_allclose(plan(X), model.eval()(X).data, rtol=1e-4, atol=1e-5)
    int8 = nncompress.quantize(model, X)
    nncompress.save(tmp_path / "thin.nnz", int8)
    np.testing.assert_array_equal(nncompress.load(tmp_path / "thin.nnz")(X), int8(X))


def test_a_shared_layer_is_replaced_in_both_places():
    layer = nn.Linear(9, 9, rng=0)
    model = factorize(nn.Sequential(layer, nn.ReLU(), layer), {"0": 2})
    assert isinstance(model[0], nn.Sequential) and model[2] is model[0]


def test_what_cannot_be_replaced_is_refused_and_nothing_changes():
    model = network()
    with pytest.raises(ValueError, match="factorize: the model has no Conv2d and no Linear below it called 'relu1'"):
        factorize(model, {"fc1": 2, "relu1": 2})
    with pytest.raises(ValueError, match="svd_linear: rank 64 needs"):
        factorize(model, {"conv2": (2, 2), "fc1": 64})
    assert all(isinstance(layer, (nn.Linear, nn.Conv2d)) for layer in (model.fc1, model.conv2)) and model.architecture
