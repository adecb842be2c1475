import copy
import dataclasses
import os
import pickle
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import assert_same_plan, random_network, random_plan
from support import fast_only

from nncompress import Int8Plan, quantize
from nncompress.int8.plan import LAWS
from nncompress.int8.reference import run_reference
from nncompress.int8.steps import Int8Step, folded_bias, largest_sum
from nncompress.quantization.post_training import BIAS_LIMIT, LARGEST_K
from nnlite import kernels, models, nn
from nnlite.kernels.machine import threads
from nnlite.kernels.simd.level import LEVEL, LEVELS, host_features

CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def given_input(shape, S, Z):
    return Int8Step("input", "input", [], shape, np.float32(S), Z)


def layer(kind, w, b, w_scale, shape, S=1.0, Z=0, inputs=(0,), **more):
    arrays = {"w": np.int8(w), "b": np.int32(b), "w_scale": np.float32(w_scale)}
    return Int8Step(kind, kind, list(inputs), shape, np.float32(S), Z, **arrays, **more)


def step(kind, shape, S=1.0, Z=0, inputs=(0,), **more):
    return Int8Step(kind, kind, list(inputs), shape, np.float32(S), Z, **more)


# ---- equal to the reference in 64-bit integers, bit for bit


@pytest.mark.parametrize("seed", range(100))
def test_the_plan_of_a_random_network_equals_its_integer_reference_bit_for_bit(seed):
    model, x = random_network(seed)
    for law in LAWS:
        plan = quantize(model, x, bits=2 + seed % 7, law=law)
        for seen in x, -x, 100 * x[::-1], x + 1:  # what it was calibrated with, and what saturates
            logits, expected = plan(seen), run_reference(plan, seen)
            assert (logits.shape, logits.dtype) == (expected.shape, np.float32) and np.isfinite(logits).all()
            np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize("seed", range(100))
def test_any_zero_points_give_what_the_reference_gives(seed):
    # Calibration puts the zero point of a ReLU's result at 0; here each step has any.
    model, x = random_network(seed)
    rng, steps = np.random.default_rng(seed), []
    for step in quantize(model, x).steps:
        moves = step.kind in ("max_pool2d", "flatten", "relu")
        steps.append(dataclasses.replace(step, Z=steps[step.inputs[0]].Z if moves else int(rng.integers(256))))
    for law in LAWS:
        plan = Int8Plan(steps, law)
        np.testing.assert_array_equal(plan(x), run_reference(plan, x))


def test_the_hundred_random_networks_have_every_kind_of_step():
    found = set()
    for seed in range(100):
        model, x = random_network(seed)
        plan = quantize(model, x)
        found |= {(step.kind, step.relu) for step in plan.steps} | {("ends in", plan.ends_in_sums)}
        found |= {("groups", step.options["groups"] > 1, step.w.shape[1] == 1) for step in plan.steps if step.kind == "conv2d"}
        found |= {(option, max(step.options.get(option, [0])) > 1) for step in plan.steps for option in ("stride", "dilation")}
        found |= {(step.kind, "padding", max(step.options["padding"]) > 0) for step in plan.steps if "padding" in step.options}
    assert found >= {(kind, relu) for kind in ("conv2d", "linear", "add") for relu in (False, True)}
    assert found >= {("max_pool2d", False), ("avg_pool2d", False), ("relu", False), ("flatten", False)}
    assert found >= {("groups", True, False), ("groups", True, True), ("groups", False, False)}
    assert found >= {("stride", True), ("dilation", True), ("ends in", True), ("ends in", False)}
    assert found >= {(kind, "padding", True) for kind in ("conv2d", "max_pool2d", "avg_pool2d")}


@pytest.fixture(scope="module")
def some_plans(tmp_path_factory):
    """A file with plans, images, and what the reference makes of them: random networks, and layers of many rows."""
    cases = [(*random_network(seed), 3) for seed in range(0, 100, 4)]
    cases += [(models.cnn(image_size=16, width=0.5), images(9, 3, 16, 16), 9), (models.mlp(70), images(40, 70), 40)]
    plans = []
    for i, (model, x, n) in enumerate(cases):
        plan = quantize(model, x, law=LAWS[i % 2])
        plans.append((plan.steps, plan.law, x[:n], run_reference(plan, x[:n])))
    path = tmp_path_factory.mktemp("plans") / "plans.pickle"
    path.write_bytes(pickle.dumps(plans))
    return path


ON_ANOTHER_LEVEL = """
import pickle, sys
import numpy as np
from nncompress import Int8Plan
from nnlite.kernels.simd.level import LEVEL
for steps, law, x, expected in pickle.load(open(sys.argv[1], "rb")):
    np.testing.assert_array_equal(Int8Plan(steps, law)(x), expected)
print(LEVEL.name)
"""


@fast_only("loops have no SIMD level")
@pytest.mark.parametrize("name", ["amx", "avx512vnni", "avx2", "neon", "generic"])
def test_plans_equal_their_reference_on_every_level(some_plans, name):
    features = host_features()
    if not all(features.get(need) for level in LEVELS if level.name == name for need in level.needs):
        pytest.skip(f"needs a processor with {name}")
    if name == LEVEL.name:
        pytest.skip(f"{name} is the level of all other tests")
    environment = {**os.environ, "NNLITE_SIMD": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ON_ANOTHER_LEVEL, some_plans], env=environment, capture_output=True, text=True)
    assert done.stdout == f"{name}\n", done.stderr


@pytest.mark.parametrize("law", LAWS)
def test_all_pairs_of_integers_are_added_by_the_plans_own_law(law):
    # Two channels, one convolution for each: together all 256 × 256 pairs. Halves and quarters are rounded in different ways.
    pick = [layer("conv2d", np.reshape(w, (1, 2, 1, 1)), [0], [S], (1, 1, 1), S, 50, options=CONV)
            for w, S in (([1, 0], 1.0), ([0, 1], 0.5))]
    steps = [given_input((2, 1, 1), 1.0, 50), *pick, step("add", (1, 1, 1), 2.0, 90, [1, 2])]
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1).reshape(-1, 2, 1, 1).astype(np.float32) - 50
    sums = {each: run_reference(Int8Plan(steps, each), pairs) for each in LAWS}
    np.testing.assert_array_equal(Int8Plan(steps, law)(pairs), sums[law])
    assert (sums["fixed"] != sums["float"]).any()  # so the wrong law would be seen


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("O", [40, 64, 100])
def test_a_hidden_layer_of_many_rows_on_two_threads_equals_its_reference(monkeypatch, law, O):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two cores")
    # From 33 rows on a task is some rows of a panel, so a thread begins in the middle of the result.
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(threads, "_most", 2)
    model = nn.Sequential(nn.Linear(20, O, rng=0), nn.ReLU(), nn.Linear(O, 30, rng=1), nn.ReLU(), nn.Linear(30, 5, rng=2))
    for rows in (33, 40, 64):
        x = images(rows, 20, seed=rows)
        plan = quantize(model, x, law=law)
        np.testing.assert_array_equal(plan(x), run_reference(plan, x))


@fast_only("on loops plans have no table of stages")
@pytest.mark.parametrize("O", [65, 100, 128, 130])
def test_the_sums_of_a_layer_stay_in_their_room(monkeypatch, O):
    guarded, guard = [], 8192

    def with_a_guard(rows, images, dtype):
        sums = kernels.empty((threads.numba.config.NUMBA_NUM_THREADS, thread_sums(rows, images, dtype).shape[1] + guard), dtype)
        sums[...] = -7
        guarded.append(sums)
        return sums

    thread_sums = kernels.thread_sums
    monkeypatch.setattr(kernels, "thread_sums", with_a_guard)
    x = images(64, 20)
    plan = quantize(nn.Sequential(nn.Linear(20, O, rng=0), nn.ReLU(), nn.Linear(O, 5, rng=1)), x)
    np.testing.assert_array_equal(plan(x), run_reference(plan, x))
    (sums,) = guarded
    assert (sums[:, -guard:] == -7).all()


# ---- worked by hand


@pytest.mark.parametrize("law", LAWS)
def test_a_linear_plan_worked_by_hand(law):
    # x = 1, −2 -> q = 12, 6;  acc = 2·2 + (−4)(−3) + 7 = 23 and 2·5 + (−4)·1 − 1 = 5;  logits = 0.5 · (0.25, 2) · acc
    plan = Int8Plan([given_input((2,), 0.5, 10), layer("linear", [[2, -3], [5, 1]], [7, -1], [0.25, 2], (2,))], law)
    logits = plan(np.float32([[1, -2]]))
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits, [[2.875, 5]])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("relu, expected", [(False, [[6, 1, 255]]), (True, [[6, 3, 255]])])
def test_a_hidden_layer_worked_by_hand(law, relu, expected):
    # acc = 23, −15, 10000; M = 0.5·0.25/1 = 1/8: q = 3 + round(2.875), 3 + round(−1.875), clamp(3 + 1250); ReLU at Z = 3
    hidden = layer("linear", [[2, -3], [5, 6], [0, 0]], [7, -1, 10000], [0.25] * 3, (3,), 1.0, 3, relu=relu)
    plan = Int8Plan([given_input((2,), 0.5, 10), hidden, step("relu", (3,), 1.0, 0, [1])], law)
    np.testing.assert_array_equal(plan.run(np.float32([[1, -2]]))[1], expected)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("Z", [0, 7, 200])
def test_the_border_of_a_padded_convolution_is_the_real_zero(law, Z):
    # One pixel of 3 steps and a border: each place of the result sees it through another weight.
    w = np.arange(1, 10).reshape(1, 1, 3, 3)
    conv = layer("conv2d", w, [5], [1.0], (1, 3, 3), options=CONV | {"padding": (2, 2)})
    plan = Int8Plan([given_input((1, 1, 1), 1.0, Z), conv], law)
    np.testing.assert_array_equal(plan(np.full((1, 1, 1, 1), 3, np.float32)), 3 * w[:, :, ::-1, ::-1] + 5)


@pytest.mark.parametrize("law", LAWS)
def test_pooling_over_the_edge_worked_by_hand(law):
    # Z = 100, the image −40, 20 in steps of 1. Maximum: the border never wins. Mean of four: −40/4, −20/4, 20/4; twice as fine.
    over_edge = {"kernel": (2, 2), "stride": (1, 1), "padding": (1, 1)}
    x = np.float32([-40, 20]).reshape(1, 1, 1, 2)
    largest = Int8Plan([given_input((1, 1, 2), 1.0, 100), step("max_pool2d", (1, 2, 3), 1.0, 100, options=over_edge)], law)
    np.testing.assert_array_equal(largest(x), [[[[-40, 20, 20]] * 2]])
    mean = Int8Plan([given_input((1, 1, 2), 1.0, 100), step("avg_pool2d", (1, 2, 3), 0.5, 50, options=over_edge)], law)
    np.testing.assert_array_equal(mean.run(x)[1].reshape(2, 3), [[30, 40, 60]] * 2)
    np.testing.assert_array_equal(mean(x), [[[[-10, -5, 5]] * 2]])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("ceil_mode, count_include_pad, largest, mean", [
    # The image 4 8 12 with a zero on each side: windows (0, 4, 8) and, with ceil_mode, (12, 0, beyond); the last never counts.
    (1, 1, [8, 12], [12 / 3, 12 / 2]), (1, 0, [8, 12], [12 / 2, 12 / 1]), (0, 0, [8], [12 / 2]),
])
def test_an_uneven_pooling_worked_by_hand(law, ceil_mode, count_include_pad, largest, mean):
    options = {"kernel": (1, 3), "stride": (1, 3), "padding": (0, 1), "ceil_mode": ceil_mode}
    x, shape = np.float32([[[[4, 8, 12]]]]), (1, 1, len(mean))
    plan = Int8Plan([given_input((1, 1, 3), 1.0, 100), step("uneven_max_pool2d", shape, 1.0, 100, options=options)], law)
    assert plan(x).ravel().tolist() == largest
    options |= {"count_include_pad": count_include_pad}
    plan = Int8Plan([given_input((1, 1, 3), 1.0, 100), step("uneven_avg_pool2d", shape, 0.5, 50, options=options)], law)
    assert plan(x).ravel().tolist() == mean
    np.testing.assert_array_equal(plan(x), run_reference(plan, x))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("relu, expected", [(False, [[12, -8]]), (True, [[12, 0]])])
def test_an_addition_worked_by_hand(law, relu, expected):
    # x + its half, the second with a bias: 8 + 4 = 12; −6 + (−3 + 0.5) = −8.5, in steps of 2: −8
    half = layer("linear", [[1, 0], [0, 1]], [0, 1], [0.5, 0.5], (2,), 0.5, 100)
    plan = Int8Plan([given_input((2,), 1.0, 10), half, step("add", (2,), 2.0, 20, [0, 1], relu=relu)], law)
    np.testing.assert_array_equal(plan(np.float32([[8, -6]])), expected)


def test_flatten_keeps_the_order_of_channels_rows_and_columns():
    plan = Int8Plan([given_input((2, 3, 4), 1.0, 0), step("flatten", (24,))])
    np.testing.assert_array_equal(plan(np.arange(48).reshape(2, 2, 3, 4).astype(np.float32)), np.arange(48).reshape(2, 24))


def test_sums_of_zero_point_times_weights_go_into_the_bias():
    linear = layer("linear", [[1, -3], [127, 127], [0, 0]], [5, -9, 1], [1, 1, 1], (3,))
    np.testing.assert_array_equal(folded_bias(linear, 10), [5 + 20, -9 - 2540, 1])


# ---- integers only, and no overflow


@pytest.mark.parametrize("seed", range(20))
def test_every_result_before_the_logits_is_uint8(seed):
    model, x = random_network(seed)
    for law in LAWS:
        plan = quantize(model, x, law=law)
        results = plan.run(x)
        for number, (step, q) in enumerate(zip(plan.steps, results, strict=True)):
            last_sums = plan.ends_in_sums and number == len(results) - 1
            assert q.dtype == (np.float32 if last_sums else np.uint8)
            channels_last = (*step.shape[1:], step.shape[0]) if len(step.shape) == 3 and not last_sums else step.shape
            assert q.shape == (len(x), *channels_last)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("Z, x", [(0, 255), (255, -255)])
def test_the_largest_sums_fit_into_int32(law, sign, Z, x):
    # Every product at its largest and the bias too, in plan order 255·127·K + 2^30 and the other signs.
    K = LARGEST_K
    w = np.full((1, K), sign * 127)
    for b in BIAS_LIMIT, -BIAS_LIMIT:
        plan = Int8Plan([given_input((K,), 1.0, Z), layer("linear", w, [b], [1.0], (1,))], law)
        exact = x * sign * 127 * K + b
        assert -(2**31) <= exact < 2**31
        assert plan(np.full((1, K), x, np.float32)).item() == np.float32(exact)


def plan_of_one_hidden_layer(w, b, w_scale, S, Z, law="fixed"):
    """input -> linear -> the same numbers once more, so that the linear layer's sums have to be requantized."""
    O, K = np.shape(w)
    steps = [given_input((K,), 1.0, 0), layer("linear", w, b, w_scale, (O,), S, Z), step("relu", (O,), S, 0, [1])]
    return Int8Plan(steps, law)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), K=st.integers(1, 64), O=st.integers(1, 40), N=st.integers(1, 20),
       size=st.sampled_from([8, 24, 29, 30, 31]), largest_M=st.sampled_from([-3, 0, 1, 20]))
def test_sums_near_the_ends_of_int32_and_factors_above_one_stay_equal_to_the_reference(seed, K, O, N, size, largest_M):
    rng = np.random.default_rng(seed)
    w, b = rng.integers(-127, 128, (O, K)), rng.integers(-(2**size), 2**size, O)
    M = 2.0 ** rng.uniform(max(-30, largest_M - 30), largest_M, O)
    M[0] = 2.0**largest_M
    x = rng.choice(np.float32([0, 255, *rng.integers(0, 256, 3)]), (N, K))
    for law in LAWS:
        plan = plan_of_one_hidden_layer(w, b, M, 1.0, int(rng.integers(256)), law)
        np.testing.assert_array_equal(plan(x), run_reference(plan, x))


def test_the_left_shifts_are_left_out_where_every_factor_is_below_one_and_every_sum_fits():
    w = [[127, -128, 1], [0, 0, 5]]
    K = 255 * (127 + 128 + 1)
    for b, M, left_out in ((0, 0.99, True), (0, 1.0, False), (2**31 - 1 - K, 0.5, True), (2**31 - K, 0.5, False),
                           (K + 1 - 2**31, 0.5, True), (K - 2**31, 0.5, False)):
        plan = plan_of_one_hidden_layer(w, [b, 0], [M, 0.1], 1.0, 0)
        linear = plan.steps[1]
        assert largest_sum(linear, linear.b) == K + abs(b)
        left = plan.factors(linear, np.float32(1), linear.w_scale, largest_sum(linear, linear.b)).left
        assert (left.size == 0) == left_out


def test_one_product_more_would_not_fit():
    assert 255 * 127 * LARGEST_K + BIAS_LIMIT <= 2**31 - 1 < 255 * 127 * (LARGEST_K + 1) + BIAS_LIMIT


# ---- the same bits, whatever stands around


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("model, shape", [
    (models.resnet(8, in_channels=2, width=0.5), (5, 2, 12, 12)),
    (models.cnn(image_size=8, width=0.5), (67, 3, 8, 8)),
    (models.mlp(60, hidden=300), (70, 60)), (models.mlp(60, hidden=300), (1, 60)),
])
def test_the_logits_do_not_depend_on_the_number_of_threads(monkeypatch, law, model, shape):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two cores")
    plan, x = quantize(model, images(*shape), law=law), images(*shape, seed=1)
    expected = run_reference(plan, x)
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 0)  # however little the work is
    for most in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        monkeypatch.setattr(threads, "_most", most)
        np.testing.assert_array_equal(plan(x), expected)
        assert threads.threads_for(0, alone=True) == most


@pytest.mark.parametrize("law", LAWS)
def test_any_number_of_images_in_any_layout(law):
    model, x = models.cnn(image_size=8, width=0.5), images(9, 3, 8, 8)
    plan = quantize(model, x, law=law)
    logits = plan(x)
    assert logits.shape == (9, 10)
    np.testing.assert_array_equal(logits, np.concatenate([plan(one[None]) for one in x]))
    np.testing.assert_array_equal(logits, plan(np.asfortranarray(x)))
    np.testing.assert_array_equal(logits, plan(x.astype(np.float64)))
    np.testing.assert_array_equal(x, images(9, 3, 8, 8))


def test_a_result_stays_as_it_is_when_the_plan_is_called_again():
    plan = quantize(models.mlp(12), images(20, 12))
    first = plan(images(3, 12))
    kept = first.copy()
    plan(images(3, 12, seed=1))
    np.testing.assert_array_equal(first, kept)


# ---- close to the model


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), law=st.sampled_from(LAWS), groups=st.sampled_from([1, 2, 4]), stride=st.integers(1, 3),
       padding=st.integers(0, 3), dilation=st.integers(1, 2), kernel=st.sampled_from([(1, 1), (3, 3), (2, 3)]))
def test_a_convolution_of_whole_numbers_is_exact(seed, law, groups, stride, padding, dilation, kernel):
    # Whole pixels from −100 to 155 (S = 1, Z = 100), whole weights up to 127 in each channel (S_w = 1), whole biases.
    rng = np.random.default_rng(seed)
    conv = nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups)
    conv.weight.data = rng.integers(-127, 128, conv.weight.shape).astype(np.float32)
    conv.weight.data[:, 0, 0, 0] = rng.choice([-127, 127], 8)
    conv.bias.data = rng.integers(-(2**20), 2**20, 8).astype(np.float32)
    x = rng.integers(-100, 156, (2, 4, 6, 7)).astype(np.float32)
    x[0, 0, 0, :2] = -100, 155
    plan = quantize(conv, x, law=law)
    assert (plan.steps[0].S, plan.steps[0].Z) == (1, 100)
    np.testing.assert_array_equal(plan(x), conv(x).data)


def linear_bound(x, W, b, S, S_w, e=0.0):
    """How far Σ x W + b in integers may lie from the real one: |x̂ − x| ≤ e, |Ŵ − W| ≤ S_w/2, |b̂ − b| ≤ S S_w/2.

    |Σ x̂ Ŵ − Σ x W| ≤ Σ (|x| |Ŵ − W| + |x̂ − x| (|W| + |Ŵ − W|));   and 1e-5 of everything for roundings of float32.
    """
    x, W = np.abs(x).astype(np.float64), np.abs(W).astype(np.float64)
    half = np.broadcast_to(S_w[:, None] / 2, W.shape)
    return x @ half.T + e @ (W + half).T + S * S_w / 2 + 1e-5 * (x @ W.T + np.abs(b))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_the_logits_of_two_layers_are_as_close_as_the_steps_of_the_integers_allow(law, bits):
    model, x = models.mlp(30, hidden=20, seed=bits), images(50, 30)
    hidden = np.maximum(x @ model.fc1.weight.data.T + model.fc1.bias.data, 0)
    plan = quantize(model, x, bits=bits, law=law)
    first, one, two = plan.steps[0], plan.steps[-2], plan.steps[-1]

    # An activation is off by S/2, and by another S/2 where rounding the zero point has moved the end of its range.
    e = linear_bound(x, model.fc1.weight.data, model.fc1.bias.data, first.S, one.w_scale, np.full(x.shape, first.S))
    e += one.S * (1.5 if law == "fixed" else 1)  # the fixed law is within 1 of the product, the float law within 1/2
    allowed = linear_bound(hidden, model.fc2.weight.data, model.fc2.bias.data, one.S, two.w_scale, e)
    assert (np.abs(plan(x) - model(x).data) <= allowed).all()


# ---- what it says of itself


def test_parameters_and_multiply_accumulates():
    plan = quantize(models.lenet_5(), images(2, 1, 28, 28))
    assert plan.parameters == 431_080
    assert plan.macs == 288_000 + 1_600_000 + 400_000 + 5_000  # 24²·20·5², 8²·50·5²·20, 800·500, 500·10
    assert plan.nonzero == sum(np.count_nonzero(step.w) + np.count_nonzero(step.b) for step in plan.steps if step.w is not None)


# ---- errors


@pytest.mark.parametrize("wrong, message", [
    (images(2, 3, 8, 9), r"int8 plan: expects floats of shape \(N, 3, 8, 8\), got float32 \(2, 3, 8, 9\)"),
    (images(3, 8, 8), r"expects floats of shape \(N, 3, 8, 8\), got float32 \(3, 8, 8\)"),
    (np.zeros((2, 3, 8, 8), np.uint8), r"expects floats of shape \(N, 3, 8, 8\), got uint8"),
    (np.zeros((0, 3, 8, 8), np.float32), "int8 plan: the batch is empty"),
    (np.full((1, 3, 8, 8), np.nan, np.float32), "int8 plan: the input has NaN or infinite values"),
    (np.full((1, 3, 8, 8), -np.inf, np.float32), "int8 plan: the input has NaN or infinite values"),
    (None, r"got object \(\)"),
])
def test_what_is_no_batch_of_images_is_refused(wrong, message):
    plan = quantize(models.cnn(image_size=8, width=0.25), images(4, 3, 8, 8))
    for run in plan, lambda x: run_reference(plan, x):
        with pytest.raises(ValueError, match=message):
            run(wrong)


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="the requantization law has to be one of fixed, float, once, got 'fast'"):
        Int8Plan([given_input((2,), 1.0, 0), step("relu", (2,))], "fast")


@pytest.mark.parametrize("law, scales, message", [
    ("fixed", (1e20, 1.0, 1e-20), r"int8 plan: linear: quantize_multiplier: factors must lie in \[0, 2\^30\)"),
    ("float", (1e30, 1e30, 1.0), "int8 plan: linear: the scales .* make a factor beyond float32's range"),
    ("float", (1e10, 1e10, 1e-30), "int8 plan: linear: the scales .* make a factor beyond float32's range"),
])
def test_scales_that_do_not_fit_together_are_refused_with_the_name_of_the_step(law, scales, message):
    S1, S_w, S3 = scales
    hidden = layer("linear", [[1]], [0], [S_w], (1,), S3)
    with pytest.raises(ValueError, match=message):
        Int8Plan([given_input((1,), S1, 0), hidden, step("relu", (1,), S3, 0, [1])], law)
    last = layer("linear", [[1]], [0], [1e30], (1,))
    with pytest.raises(ValueError, match="int8 plan: linear: the scales .* make a factor beyond float32's range"):
        Int8Plan([given_input((1,), 1e30, 0), last], law)


def test_an_addition_much_finer_than_its_inputs_is_refused_by_the_fixed_law():
    steps = [given_input((1,), 1.0, 0), step("relu", (1,)), step("add", (1,), 1e-6, 0, [0, 1])]
    with pytest.raises(ValueError, match="int8 plan: add: .*output scale .* is too small for input scales"):
        Int8Plan(steps, "fixed")


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_an_int8_plan_can_be_copied_and_pickled(copied, called):
    plan, images = random_plan(5)
    if called:
        plan(images)
    twin = copied(plan)
    assert_same_plan(twin, plan)
    assert twin(images).tobytes() == plan(images).tobytes()
    assert all(one.w is None or not np.shares_memory(one.w, two.w) for one, two in zip(plan.steps, twin.steps, strict=True))
