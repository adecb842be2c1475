import threading

import numpy as np
import pytest
from networks import random_network, random_plan
from support import fast_only

import nnlite
from nncompress import quantize
from nncompress.int8.plan import LAWS
from nnlite import nn
from nnlite.inference.lowering import lower
from nnlite.inference.pipeline import CHUNK, make_stages


def images_for(plan, n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *plan.steps[0].shape)).astype(np.float32)


@pytest.mark.parametrize("seed", range(30))
def test_fused_stages_give_the_bits_of_the_steps_one_by_one(seed):
    model, example = random_network(seed)
    plan = nnlite.compile(model, example)
    images = images_for(plan, 5, seed)
    last = plan.run(images)[-1]
    np.testing.assert_array_equal(plan(images), last.transpose(0, 3, 1, 2) if last.ndim == 4 else last)


@pytest.mark.parametrize("seed", range(30))
def test_fused_integer_stages_give_the_bits_of_the_steps_one_by_one(seed):
    plan, images = random_plan(seed)
    last = plan.run(images)[-1]
    np.testing.assert_array_equal(plan(images), last if plan.ends_in_sums else plan.to_real(last))


def depthwise(C, kernel, *options):
    """Depthwise in the middle and at the end; a 2×2 max-pooling behind the first."""
    return nn.Sequential(nn.Conv2d(3, C, 1, rng=0), nn.Conv2d(C, C, kernel, *options, groups=C, rng=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Conv2d(C, 2 * C, 1, groups=C, rng=2),
                         nn.Conv2d(2 * C, 2 * C, 2, groups=2 * C, rng=3)).eval()


@pytest.mark.parametrize("options", [(3, 1, 1), ((2, 3), (1, 2), (0, 3)), ((3, 2), 2, 2, (2, 1)), (1,)])
@pytest.mark.parametrize("C", [2, 19, 32])
def test_fused_depthwise_stages_give_the_bits_of_the_steps_one_by_one(C, options):
    model = depthwise(C, *options)
    images = np.random.default_rng(0).standard_normal((5, 3, 13, 14)).astype(np.float32)
    plan = nnlite.compile(model, images)
    np.testing.assert_array_equal(plan(images), plan.run(images)[-1].transpose(0, 3, 1, 2))
    assert [stage.pool for stage in make_stages(plan.steps)] == [1, 2, 1, 1]
    for law in LAWS:
        plan = quantize(model, images, law=law)
        np.testing.assert_array_equal(plan(images), plan.run(images)[-1])


def lenet_like():
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3, padding=1, rng=1),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5, rng=2))


@pytest.fixture(scope="module")
def plan():
    return nnlite.compile(lenet_like(), np.zeros((1, 1, 8, 8), np.float32))


@pytest.mark.parametrize("n", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_a_batch_of_any_size_gives_what_its_images_give_alone(plan, n):
    images = images_for(plan, n)
    np.testing.assert_array_equal(plan(images), np.concatenate([plan(image[None]) for image in images]))


def test_an_earlier_batch_leaves_nothing_behind(plan):
    images = images_for(plan, 3)
    before = plan(images)
    plan(1e6 * images_for(plan, CHUNK, seed=1))
    np.testing.assert_array_equal(plan(images), before)


def test_a_result_is_not_overwritten_by_the_next_call(plan):
    first = plan(images_for(plan, 3))
    kept = first.copy()
    plan(images_for(plan, 3, seed=1))
    np.testing.assert_array_equal(first, kept)


def test_calls_from_several_threads_do_not_mix(plan):
    batches = [images_for(plan, 40, seed) for seed in range(4)]
    expected = [plan(images) for images in batches]
    wrong = []

    def call(images, right):
        for _ in range(20):
            if not np.array_equal(plan(images), right):
                wrong.append(images)

    threads = [threading.Thread(target=call, args=pair) for pair in zip(batches, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@fast_only("on loops plans have no buffers")
def test_buffers_hold_a_chunk_however_large_the_batch(plan):
    plan(images_for(plan, 3 * CHUNK))
    assert {len(buffer.array) for buffer in plan.pipeline.buffers.values()} == {CHUNK}


def stages_of(*layers):
    steps = lower(nn.Sequential(*layers), np.zeros((1, 2, 8, 8), np.float32))
    return [(stage.step.kind, stage.pool) for stage in make_stages(steps)]


def test_a_convolution_takes_in_the_pooling_behind_it():
    assert stages_of(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)) == [("conv2d", 2)]


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, 2, 1), nn.AvgPool2d(2)])
def test_no_other_pooling_is_taken_in(pool):
    (conv, _), (_, alone) = stages_of(nn.Conv2d(2, 3, 3), pool)
    assert (conv, alone) == ("conv2d", 1)


def test_a_convolution_that_something_else_reads_too_keeps_its_result():
    class Both(nn.Module):
        def __init__(self):
            self.conv, self.pool, self.back = nn.Conv2d(2, 2, 3, rng=0), nn.MaxPool2d(2), nn.Conv2d(2, 2, 4, rng=1)

        def forward(self, x):
            y = self.conv(x)
            return self.pool(y) + self.back(y)

    steps = lower(Both(), np.zeros((1, 2, 8, 8), np.float32))
    assert [stage.pool for stage in make_stages(steps)] == [1, 1, 1, 1]
