import re

import numpy as np
import pytest
from networks import Model, random_network

import nnlite
from nncompress import quantize
from nncompress.int8 import reference, steps
from nnlite import functional as F
from nnlite.inference.kinds import KIND_OF_OPERATION, KINDS
from nnlite.inference.lowering import lower
from nnlite.tensor import Operation


@pytest.mark.parametrize("seed", range(60))
def test_the_shape_of_a_step_follows_from_what_it_reads(seed):
    lowered = lower(*random_network(seed))
    for step in lowered[1:]:
        if step.kind != "operation":
            w_shape = step.arrays["w"].shape if step.arrays else None
            read = [lowered[i].shape for i in step.inputs]
            assert KINDS[step.kind].shape(read, step.options, w_shape) == step.shape


@pytest.mark.parametrize("seed", range(60))
def test_a_kind_that_moves_numbers_makes_no_new_ones(seed):
    model, x = random_network(seed)
    plan = nnlite.compile(model, x)
    results = plan.run(x)
    for step, y in zip(plan.steps, results, strict=True):
        if step.kind != "operation" and KINDS[step.kind].moves:
            assert set(np.unique(y)) <= {0, *np.unique(results[step.inputs[0]])}


def test_the_numbers_of_the_kinds_in_files_stay():
    assert list(KINDS)[:8] == ["input", "conv2d", "linear", "max_pool2d", "avg_pool2d", "add", "relu", "flatten"]
    assert list(KINDS)[8:10] == ["uneven_max_pool2d", "uneven_avg_pool2d"]


def test_every_operation_of_a_kind_is_one():
    found = [Operation]
    for each in found:
        found += each.__subclasses__()
    assert set(KIND_OF_OPERATION) - {each.__name__ for each in found} == {"Input"}


def test_every_kind_with_an_integer_form_has_its_reference():
    assert set(steps.RUNNERS) == set(reference.FORMULAS) <= set(KINDS)


def test_a_kind_without_an_integer_form_is_refused_by_name(monkeypatch):
    monkeypatch.delitem(steps.RUNNERS, "flatten")
    message = r"^quantize: flatten_1 \(flatten\) has no integer form here: this kind of step has none\. There are conv2d, "
    with pytest.raises(ValueError, match=message):
        quantize(Model(lambda m, x: F.flatten(x, 1)), np.ones((2, 1, 3, 3), np.float32))


ONES = np.ones
EMPTY = {  # layers whose weights hold no numbers: the function, an input, the result of an image
    "linear": (lambda m, x: F.linear(x, ONES((3, 0), np.float32), np.float32([1, 2, 3])), (2, 0), [1, 2, 3]),
    "conv2d": (lambda m, x: F.conv2d(x, ONES((1, 0, 2, 2), np.float32), np.float32([7])), (2, 0, 2, 2), [[[7]]]),
    "no outputs": (lambda m, x: F.linear(x, ONES((0, 3), np.float32)), (2, 3), []),
    "no channels": (lambda m, x: F.conv2d(x, ONES((0, 1, 1, 1), np.float32)), (2, 1, 1, 1), []),
}


@pytest.mark.parametrize("name", EMPTY)
def test_layers_without_weights_are_computed_in_floats_and_refused_in_integers(name):
    forward, shape, expected = EMPTY[name]
    model, x = Model(forward), np.ones(shape, np.float32)
    for y in (model(x).data, nnlite.compile(model, x)(x)):
        assert y.tolist() == [expected] * 2
    with pytest.raises(ValueError, match=r"has no integer form here: its weights \(.*\) hold no numbers"):
        quantize(model, x)


def test_pooling_that_does_not_fit_has_no_shape():
    options = {"kernel": (2, 2), "stride": (1, 1), "padding": (0, 0)}
    assert KINDS["max_pool2d"].shape([(3, 1, 5)], options) is None
    assert KINDS["avg_pool2d"].shape([(3, 4, 5)], options) == (3, 3, 4)
    assert KINDS["avg_pool2d"].shape([(12,)], options) is None
    assert KINDS["max_pool2d"].shape([(3, 20, 20)], options | {"kernel": (16, 17)}) is None


def test_a_reason_is_a_sentence_about_the_operation():
    example = np.ones((2, 3, 4), np.float32)
    (_, step) = lower(Model(lambda m, x: F.linear(x, np.ones((2, 4), np.float32))), example)
    assert re.fullmatch(r"it is applied along the last of 3 axes, not to \(N, features\)", step.options["reason"])
