"""live: dead units go, order changes, and no logit moves by a bit."""

import numpy as np
import pytest

from nncompress.int8.plan import LAWS, Int8Plan
from nncompress.int8.steps import Int8Step
from nncompress.nnz.file import from_bytes, to_bytes
from nncompress.nnz.live import chains, live_plan

CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


def network(seed, law="fixed", padding=0, kind="max_pool2d", Z=3):
    """conv -> pool -> conv -> flatten -> fc -> fc, with dead units of both kinds in each layer."""
    rng, S = np.random.default_rng(seed), np.float32

    def layer(kind, inputs, shape, w_shape, Z, relu, **options):
        w = rng.integers(-3, 4, w_shape).astype(np.int8)
        w[rng.random(w_shape) < 0.5] = 0
        w[rng.random(w_shape[0]) < 0.3] = 0  # units without weights
        b = rng.integers(-300, 300, w_shape[0]).astype(np.int32)
        return Int8Step(kind, "", inputs, shape, S(0.5), Z, options, relu, w, b, rng.uniform(0.01, 0.03, w_shape[0]).astype(S))

    inner = 5 + 2 * padding
    steps = [
        Int8Step("input", "input", [], (2, 12, 12), S(0.1), 7),
        layer("conv2d", [0], (8, 10, 10), (8, 2, 3, 3), Z, True, **CONV),
        Int8Step(kind, "", [1], (8, 5, 5), S(0.5), Z, POOL),
        layer("conv2d", [2], (6, inner - 2, inner - 2), (6, 8, 3, 3), 0, True, **CONV | {"padding": (padding, padding)}),
        Int8Step("flatten", "", [3], (6 * (inner - 2) ** 2,), S(0.5), 0),
        layer("linear", [4], (12,), (12, 6 * (inner - 2) ** 2), 10, False),
        layer("linear", [5], (4,), (4, 12), 0, False),
    ]
    for i in (3, 5, 6):  # units that nobody reads
        w = steps[i].w.reshape(len(steps[i].w), len(steps[{3: 1, 5: 3, 6: 5}[i]].w), -1)
        w[:, rng.random(w.shape[1]) < 0.2] = 0
    for i, step in enumerate(steps):
        step.name = f"{step.kind}{i}"
    return Int8Plan(steps, law), rng.standard_normal((5, 2, 12, 12)).astype(S)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("padding, kind, Z", [(0, "max_pool2d", 3), (1, "max_pool2d", 0), (1, "avg_pool2d", 9)])
@pytest.mark.parametrize("seed", range(5))
def test_the_logits_stay_bit_for_bit_and_the_arrays_shrink(seed, law, padding, kind, Z):
    plan, x = network(seed, law, padding, kind, Z)
    before = [step.w.copy() for step in plan.steps if step.w is not None]
    for fold in True, False:
        live = live_plan(plan, fold)
        np.testing.assert_array_equal(live(x), plan(x))
        assert live.parameters < plan.parameters
    for step, w in zip([step for step in plan.steps if step.w is not None], before, strict=True):
        np.testing.assert_array_equal(step.w, w)  # the plan that was given is as it was
    np.testing.assert_array_equal(from_bytes(to_bytes(plan))(x), plan(x))


def test_what_is_left_has_weights_and_readers_and_knows_its_former_width():
    plan, _ = network(1)
    live = live_plan(plan)
    for first, *_, last in chains(live.steps):
        w, reader = live.steps[first].w, live.steps[last].w
        assert w.reshape(len(w), -1).any(axis=1).all()
        assert reader.reshape(len(reader), len(w), -1).any(axis=(0, 2)).all()
        counts = np.count_nonzero(w.reshape(len(w), -1), axis=1)
        assert (np.diff(counts) <= 0).all()  # the fullest units first
        former = len(plan.steps[first].w)
        assert live.steps[first].width == (former if len(w) < former else None)
    assert live.steps[-1].w.shape[0] == 4


def test_a_constant_goes_into_the_next_bias():
    # unit 1 has no weights, b = 40: acc = 40 gives q = Z + 40 · (1 · 0.5 / 0.25) = 5 + 80; it adds (85 − 5) · w to the sums.
    S = np.float32
    plan = Int8Plan([
        Int8Step("input", "input", [], (2,), S(1), 0),
        Int8Step("linear", "fc1", [0], (2,), S(0.25), 5, {}, False, np.int8([[1, 2], [0, 0]]), np.int32([3, 40]),
                 S([0.5, 0.5])),
        Int8Step("linear", "fc2", [1], (2,), S(1), 0, {}, False, np.int8([[1, 2], [3, -1]]), np.int32([10, 20]), S([1, 1])),
    ])
    live = live_plan(plan)
    assert live.steps[2].b.tolist() == [10 + 80 * 2, 20 - 80] and live.steps[2].w.tolist() == [[1], [3]]
    assert live.steps[1].b.tolist() == [3] and live.steps[1].shape == (1,) and live.steps[1].width == 2
    kept = live_plan(plan, fold=False)
    assert kept.steps[2].b.tolist() == [10, 20] and kept.steps[1].w.shape == (2, 2)
    x = S([[1, 2], [3, 4]])
    np.testing.assert_array_equal(live(x), plan(x))


def test_at_a_padded_border_a_constant_stays_unless_it_is_the_real_zero():
    S = np.float32
    for b, units in (40, 2), (0, 1):
        plan = Int8Plan([
            Int8Step("input", "input", [], (1, 3, 3), S(1), 0),
            Int8Step("conv2d", "conv1", [0], (2, 3, 3), S(0.5), 5, CONV, False, np.int8([[[[1]]], [[[0]]]]), np.int32([3, b]),
                     S([0.5, 0.5])),
            Int8Step("conv2d", "conv2", [1], (1, 3, 3), S(1), 0, CONV | {"padding": (1, 1)}, False,
                     np.ones((1, 2, 3, 3), np.int8), np.int32([0]), S([1])),
        ])
        live = live_plan(plan)
        assert len(live.steps[1].w) == units
        x = np.arange(9, dtype=S).reshape(1, 1, 3, 3)
        np.testing.assert_array_equal(live(x), plan(x))


def test_a_network_of_constants_keeps_a_unit():
    S = np.float32
    zero = np.zeros((3, 3), np.int8)
    plan = Int8Plan([Int8Step("input", "input", [], (3,), S(1), 0),
                     Int8Step("linear", "fc1", [0], (3,), S(1), 0, {}, True, zero, np.int32([1, 2, 3]), np.ones(3, S)),
                     Int8Step("linear", "fc2", [1], (3,), S(1), 0, {}, False, zero, np.int32([1, 2, 3]), np.ones(3, S))])
    assert live_plan(plan)(np.ones((1, 3), S)).tolist() == [[1, 2, 3]]
    assert from_bytes(to_bytes(plan))(np.ones((1, 3), S)).tolist() == [[1, 2, 3]]


def test_results_that_are_read_twice_or_added_are_left_alone():
    S = np.float32
    w = np.int8([[1, 0], [0, 0]])
    steps = [Int8Step("input", "input", [], (2,), S(1), 0),
             Int8Step("linear", "fc1", [0], (2,), S(1), 0, {}, True, w, np.int32([0, 0]), np.ones(2, S)),
             Int8Step("linear", "fc2", [1], (2,), S(1), 0, {}, True, w, np.int32([0, 0]), np.ones(2, S)),
             Int8Step("add", "add_1", [1, 2], (2,), S(1), 0),
             Int8Step("linear", "fc3", [3], (2,), S(1), 0, {}, False, w, np.int32([0, 0]), np.ones(2, S))]
    assert chains(steps) == []
    assert chains([*steps[:3], Int8Step("linear", "fc3", [2], (2,), S(1), 0, w=w)]) == [[1, 2], [2, 3]]
