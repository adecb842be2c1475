import numpy as np
import pytest
from benchmark.breakdown import forward_macs, plan_breakdown, step_breakdown

import nncompress
import nnlite
from nnlite import models

IMAGES = np.random.default_rng(0).standard_normal((3, 3, 8, 8)).astype(np.float32)
MODEL = models.cnn(image_size=8, width=0.5).eval()


def test_a_plans_parts_are_its_entry_its_stages_and_all_of_it():
    parts = plan_breakdown(nnlite.compile(MODEL, IMAGES), IMAGES, peak_gops=100.0, calls=3)
    assert [p["part"] for p in parts] == ["entry", "convolution, 8 out", "convolution, 16 out", "flatten", "linear, 64 out",
                                          "linear, 10 out", "all"]
    assert all(p["ms"] > 0 for p in parts)
    conv2 = parts[2]
    assert conv2["multiply_adds"] == 3 * 4 * 4 * 9 * 8 * 16 and conv2["limit_ms"] == pytest.approx(2 * 55_296 / 1e8, abs=1e-5)
    assert parts[-1]["multiply_adds"] == sum(p["multiply_adds"] for p in parts[:-1])


def test_a_step_of_the_integer_tile_is_four_multiply_adds():
    parts = plan_breakdown(nncompress.quantize(MODEL, IMAGES), IMAGES, peak_gops=100.0, calls=3)
    linear = next(p for p in parts if p["part"] == "linear, 64 out")
    assert linear["multiply_adds"] == 3 * 64 * 64


def test_a_plan_that_needs_more_than_one_chunk_is_refused():
    plan = nnlite.compile(MODEL, IMAGES)
    with pytest.raises(ValueError, match="expects a plan of one table and up to 64 images, got 1 and 65"):
        plan_breakdown(plan, np.zeros((65, 3, 8, 8), np.float32), peak_gops=100.0)


def test_a_steps_phases_add_up_and_the_first_layers_images_get_no_gradient():
    parts = {p["part"]: p for p in step_breakdown("lenet-300-100", peak_gops=100.0, calls=3)}
    assert list(parts) == ["forward", "loss", "backward", "update", "all"]
    first, second, third = forward_macs(models.lenet_300_100(), np.zeros((64, 1, 28, 28), np.float32))
    assert (first, second, third) == (64 * 784 * 300, 64 * 300 * 100, 64 * 100 * 10)
    assert parts["forward"]["multiply_adds"] == first + second + third
    assert parts["backward"]["multiply_adds"] == first + 2 * (second + third)
    assert parts["all"]["ms"] >= max(p["ms"] for name, p in parts.items() if name != "all")
