"""Whatever runs eagerly gives the same in a plan, in integers what the reference gives, and from a file the same bits; or a
refusal names the operation."""

import re

import numpy as np
import pytest
from every_operation import FUNCTIONS, LAYERS, LEFT_OUT, network

import nnlite
from nncompress import quantize
from nncompress.int8.plan import LAWS
from nncompress.int8.reference import run_reference
from nncompress.nnz.file import from_bytes, to_bytes
from nnlite import Tensor, nn
from nnlite import functional as F

SEEDS = 12


def networks(name):
    """The first networks of some seeds that have this name in them."""
    found = (network(name, seed) for seed in range(200))
    return [next(each for each in found if each is not None) for _ in range(SEEDS)]


def test_every_public_operation_and_layer_is_in_the_random_networks_or_left_out_for_a_reason():
    assert set(FUNCTIONS) | {name for name in LEFT_OUT if hasattr(F, name)} == set(F.__all__)
    assert set(LAYERS) | {name for name in LEFT_OUT if hasattr(nn, name)} == set(nn.__all__)
    assert not set(LEFT_OUT) & {*FUNCTIONS, *LAYERS}


@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS])
def test_a_plan_gives_what_the_model_gives(name):
    for model, x in networks(name):
        plan = nnlite.compile(model, x)
        for images in (x, x[::-1].copy(), 0.5 * x):
            assert_close(plan(images), model(Tensor(images)).data, plan)


@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS])
def test_a_plan_gives_what_the_model_gives_for_other_numbers_of_images_or_refuses_them(name):
    for model, x in networks(name):
        plan = nnlite.compile(model, x)
        for images in (x[:1], np.concatenate([x, 0.5 * x, -x])):
            try:
                expected = model(Tensor(images)).data
            except ValueError:
                continue
            try:
                y = plan(images)
            except ValueError as refusal:
                assert re.match(r"plan: \S+ gave .* the model's shapes depend on the number of images$", str(refusal)), refusal
                continue
            assert_close(y, expected, plan)


def assert_close(y, expected, plan):
    """Equal up to the rounding of float32, in units of the largest result."""
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-4 * max(1, abs(expected).max()), err_msg=repr(plan.steps))


def assert_names_an_operation(refusal, kinds):
    """One that quantize has no integers for; or, where the model takes no other number of images, by its own sentence."""
    by_quantize = re.match(r"quantize: \S+ \((\w+)\) has no integer form here: ", refusal)
    by_itself = re.match(r"(\w+): ", refusal)
    assert (by_quantize and by_quantize[1] in kinds or by_itself and by_itself[1] in F.__all__
            or kinds == {"Input"} and "returns its input" in refusal), refusal


@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS])
def test_an_int8_plan_equals_its_reference_and_its_file_or_a_refusal_names_the_operation(name):
    for seed, (model, x) in enumerate(networks(name)):
        try:
            plan = quantize(model, x, bits=2 + seed % 7, law=LAWS[seed % 2])
        except ValueError as refusal:
            assert_names_an_operation(str(refusal), {node.kind for node in nnlite.trace(model, x).nodes})
            continue
        for images in (x, -x[::-1].copy(), 100 * x):
            y = plan(images)
            np.testing.assert_array_equal(y, run_reference(plan, images))
            np.testing.assert_array_equal(from_bytes(to_bytes(plan))(images), y)
