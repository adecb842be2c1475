import subprocess

import numpy as np
import pytest
from c_programs import compiled, needs_cc

from nncompress import quantize
from nncompress.export_c import plan_to_c
from nncompress.export_c.pixels import class_names, pixel_integers
from nnlite import models
from nnlite.data import Input

NAMES = ("circle", "Kreuz", "größer \"?\"")


def plan_and_pixels(mean, std, names=NAMES):
    """A plan for images of two channels that are normalized, and some of their pixels."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 2, 6, 5), dtype=np.uint8)
    given = Input((2, 6, 5), "uint8", mean, std, names)
    plan = quantize(models.mlp(60, classes=3), prepared(given, pixels))
    plan.input = given
    return plan, pixels


def prepared(given, images):
    for transform in given.preprocessing:
        images = transform(images, None)
    return images


@needs_cc
@pytest.mark.parametrize("mean, std, rows", [((0.5, 0.5), (0.25, 0.25), 1), ((0.1, 0.6), (0.3, 0.2), 2)])
def test_pixels_go_in_as_they_are(tmp_path, mean, std, rows):
    plan, pixels = plan_and_pixels(mean, std)
    assert len(pixel_integers(plan)) == rows
    text = plan_to_c(plan).text
    assert "In pixels and image, one channel follows the other" in text
    output = subprocess.run(compiled(tmp_path, text, "-DNNLITE_MAIN"), input=pixels.tobytes(), capture_output=True).stdout
    last = plan.steps[-1]
    units = np.float32(plan.steps[last.inputs[0]].S) * last.w_scale
    logits = np.array(output.split(), np.int64).reshape(4, 3).astype(np.float32) * units
    np.testing.assert_array_equal(logits, plan(prepared(plan.input, pixels)))


def test_the_integer_of_each_pixel_is_the_one_that_the_plan_reads():
    plan, _ = plan_and_pixels((0.1, 0.6), (0.3, 0.2))
    ramp = np.arange(256, dtype=np.uint8)
    for c in range(2):
        image = np.zeros((256, 2, 6, 5), np.uint8)
        image[:, c] = ramp[:, None, None]
        np.testing.assert_array_equal(pixel_integers(plan)[c], plan.quantize_input(prepared(plan.input, image))[:, 0, 0, c])


@needs_cc
def test_the_names_of_the_classes_are_in_the_file(tmp_path):
    text = plan_to_c(plan_and_pixels((0.5, 0.5), (0.25, 0.25))[0]).text
    text += "#include <stdio.h>\nint main(void) { for (int k = 0; k < 3; k++) puts(nnlite_names[k]); return 0; }\n"
    output = subprocess.run(compiled(tmp_path, text), capture_output=True, check=True).stdout
    assert output.decode().splitlines() == list(NAMES)


def test_pixels_that_are_their_own_integers_and_classes_that_are_numbers_need_nothing():
    plan, _ = plan_and_pixels((0.0, 0.0), (1.0, 1.0), names=("0", "1", "2"))
    plan.steps[0].S, plan.steps[0].Z = np.float32(1 / 255), 0
    assert (pixel_integers(plan), class_names(plan)) == (None, None)
    assert "these are the pixels as they are" in plan_to_c(plan).text
    plan.input = None
    assert (pixel_integers(plan), class_names(plan)) == (None, None)
    text = plan_to_c(plan).text
    assert "nnlite_quantize(const" not in text and "nnlite_names" not in text


@pytest.mark.parametrize("shape, names, given", [
    ((2, 6, 5), ("a", "b"), r"images of shape \(2, 6, 5\) and 2 names of classes"),
    ((2, 6, 5), (*NAMES, "oval"), r"images of shape \(2, 6, 5\) and 4 names of classes"),
    ((2, 5, 6), NAMES, r"images of shape \(2, 5, 6\) and 3 names of classes"),
])
def test_names_and_images_that_are_not_the_plans_are_refused_with_their_numbers(shape, names, given):
    plan, _ = plan_and_pixels((0.5, 0.5), (0.25, 0.25))
    plan.input = Input(shape, "uint8", (0.5, 0.5), (0.25, 0.25), names)
    message = rf"plan_to_c: plan.input has {given}, the plan takes \(2, 6, 5\) and gives results of shape \(3,\)"
    with pytest.raises(ValueError, match=message):
        plan_to_c(plan)
