import itertools
import json

import numpy as np
import pytest

from nnlite.bench import works
from nnlite.bench.works import CONV1, CONV2, FC1, bytes_moved, multiply_adds

MODELS = ["cnn", "lenet-300-100", "lenet-5", "resnet"]
PRODUCT = {"do": "matmul", "M": 3, "K": 5, "N": 7}
IMAGES = {"do": "conv", "N": 2, "C": 3, "O": 4, "size": 5}


def test_multiply_adds_are_counted_as_the_loops_make_them():
    assert multiply_adds(PRODUCT) == len(list(itertools.product(range(3), range(5), range(7))))
    n_i_j_u_v_c_o = [range(2), range(5), range(5), range(3), range(3), range(3), range(4)]
    assert multiply_adds(IMAGES) == len(list(itertools.product(*n_i_j_u_v_c_o)))


@pytest.mark.parametrize("arithmetic, wide", [("float32", np.float32), ("int8", np.int32)])
def test_bytes_are_those_of_the_arrays(arithmetic, wide):
    a, b = works.matrices_for({**PRODUCT, "arithmetic": arithmetic})
    assert bytes_moved({**PRODUCT, "arithmetic": arithmetic}) == a.nbytes + b.nbytes + np.empty((3, 7), wide).nbytes
    x, w = works.convolution_for({**IMAGES, "arithmetic": arithmetic})
    inside = x[:, 1:-1, 1:-1]
    assert bytes_moved({**IMAGES, "arithmetic": arithmetic}) == inside.nbytes + w.nbytes + np.empty((2, 5, 5, 4), wide).nbytes


def test_arrays_have_the_shapes_and_types_that_a_work_says_and_the_same_numbers_each_time():
    for arithmetic, x_kind, w_kind in (("float32", np.float32, np.float32), ("int8", np.uint8, np.int8)):
        a, b = works.matrices_for({**PRODUCT, "arithmetic": arithmetic})
        assert (a.shape, b.shape, a.dtype, b.dtype) == ((3, 5), (5, 7), x_kind, w_kind)
        np.testing.assert_array_equal(a, works.matrices_for({**PRODUCT, "arithmetic": arithmetic})[0])
        x, w = works.convolution_for({**IMAGES, "arithmetic": arithmetic})
        assert (x.shape, w.shape, x.dtype, w.dtype) == ((2, 7, 7, 3), (1, 3, 3, 3, 4), x_kind, w_kind)
    images, labels = works.images_for({"model": "lenet-5", "batch": 6})
    assert (images.shape, images.dtype, labels.shape) == ((6, 1, 28, 28), np.float32, (6,))
    assert set(labels) <= set(range(10))


def test_every_work_can_be_sent_as_json():
    groups = [works.training(MODELS), *works.inference(MODELS), *works.ladder()]
    for work in itertools.chain(*groups):
        assert json.loads(json.dumps(work)) == work


def test_every_model_is_trained_and_runs_in_both_arithmetics_at_each_batch():
    assert [(work["model"], work["optimizer"]) for work in works.training(MODELS)] == [
        *((model, "SGD") for model in MODELS), ("lenet-300-100", "Adam")]
    assert works.training(["cnn"]) == [{"do": "train", "model": "cnn", "optimizer": "SGD", "batch": 64}]
    pairs = works.inference(MODELS)
    assert [[work["arithmetic"] for work in pair] for pair in pairs] == 12 * [["float32", "int8"]]
    assert {(pair[0]["model"], pair[0]["batch"]) for pair in pairs} == set(itertools.product(MODELS, (1, 64, 256)))


def test_the_ladder_climbs_from_the_formula_to_the_tile():
    rungs = [[(work["rung"], work["arithmetic"]) for work in group] for group in works.ladder()]
    integers = [("formula", "int8"), ("loops", "int8"), ("tile", "int8")]
    assert rungs[0] == [(rung, "float32") for rung in ("formula", "BLAS", "loops", "tile")] + integers
    assert rungs[2] == [(rung, "float32") for rung in ("BLAS", "loops", "tile")] + integers[1:]  # 1024³: too many products
    assert rungs[3] == [(rung, "float32") for rung in ("formula", "loops", "tile")] + integers
    assert rungs[4:] == 2 * [[("tile", "float32"), ("tile", "int8")]]


def test_the_layers_are_those_of_cnn():
    from nnlite import models, trace

    nodes = {node.name: node for node in trace(models.cnn(), np.zeros((64, 3, 32, 32), np.float32)).nodes}
    state = models.cnn().state_dict()
    for layer, name in ((CONV1, "conv1"), (CONV2, "conv2")):
        O, C, kh, kw = state[f"{name}.weight"].shape
        assert (layer["O"], layer["C"], 3, 3) == (O, C, kh, kw)
        assert nodes[name].shape == (layer["N"], layer["O"], layer["size"], layer["size"])
    assert (FC1["N"], FC1["K"]) == state["fc1.weight"].shape and nodes["fc1"].shape == (FC1["M"], FC1["N"])
