import math

import pytest
from benchmark import targets
from benchmark.targets import geometric_mean
from hypothesis import given, settings
from hypothesis import strategies as st

CNN = {"table": "networks", "do": "infer", "model": "cnn", "batch": 64, "threads": 1}
TILE = {"do": "matmul", "rung": "tile", "arithmetic": "int8", "threads": 1, "by": "nnlite"}
MACHINE = {"threads": [1], "peaks": [{"threads": 1, "float32_gops": 100.0, "int8_gops": 400.0, "memory_gb_per_s": 10.0}]}


def result(*contests, **more):
    """A result with these contests, each a list of (row, median)."""
    rows = [{**row, "contest": i, "median_ms": ms} for i, entries in enumerate(contests) for row, ms in entries]
    return {**MACHINE, "rows": rows, **more}


def found(measured):
    return {target["work"]: target for target in targets.targets(measured)}


def product(size, by="nnlite", table="int8 products"):
    return {**TILE, "table": table, "M": size, "K": size, "N": size, "by": by}


def test_a_ratio_is_the_peers_time_over_ours_in_one_contest():
    inference = [({**CNN, "arithmetic": kind, "by": by}, ms) for kind, by, ms in (
        ("float32", "nnlite", 2.0), ("int8", "nnlite", 1.0), ("float32", "torch", 7.0), ("float32", "onnxruntime", 3.0),
        ("int8", "onnxruntime", 1.5))]
    other = [({**CNN, "arithmetic": "float32", "by": "nnlite", "batch": 1}, 0.001)]
    measured = {work: target["measured"] for work, target in found(result(other, inference)).items()}
    assert measured == {
        "float32 inference of cnn, batch 64: onnxruntime ÷ ours": 1.5, "float32 inference of cnn, batch 64: torch ÷ ours": 3.5,
        "int8 inference of cnn, batch 64: onnxruntime int8 ÷ ours": 1.5,
        "int8 inference of cnn, batch 64: own float32 ÷ int8": 2.0}


def test_rows_of_different_contests_are_not_compared():
    rows = [[({**CNN, "arithmetic": "float32", "by": by}, 1.0)] for by in ("nnlite", "torch")]
    assert found(result(*rows)) == {}


def test_torch_counts_with_its_faster_layout():
    step = {"table": "networks", "do": "train", "model": "cnn", "optimizer": "SGD", "batch": 64, "threads": 1}
    rows = [({**step, "by": "nnlite"}, 10.0), ({**step, "by": "torch", "layout": "channels first"}, 28.0),
            ({**step, "by": "torch", "layout": "channels last"}, 14.0)]
    (target,) = targets.targets(result(rows))
    assert target == {"work": "training step of cnn, SGD: torch, the faster layout ÷ ours", "threads": 1, "measured": 1.4,
                      "at_least": 1.5, "aim": 2.0, "reached": False}


def test_sgd_and_adam_have_their_own_limits():
    rows = []
    for optimizer, torch in (("SGD", 1.2), ("Adam", 1.7)):
        step = {"table": "networks", "do": "train", "model": "lenet-300-100", "optimizer": optimizer, "batch": 64, "threads": 1}
        rows.append([({**step, "by": "nnlite"}, 1.0), ({**step, "by": "torch", "layout": "channels first"}, torch)])
    assert [(t["measured"], t["at_least"], t["reached"]) for t in targets.targets(result(*rows))] == [
        (1.2, 1.1, True), (1.7, 1.8, False)]


def test_each_number_of_threads_has_its_own_ratios_from_its_own_rows():
    contests = [[({**CNN, **targets.FLOAT, "threads": n, "by": by}, ms) for by, ms in (("nnlite", 1.0), ("torch", 3.0 * n))]
                for n in (1, 2)]
    measured = {**result(*contests), "threads": [1, 2]}
    assert [(t["threads"], t["measured"]) for t in targets.targets(measured)] == [(1, 3.0), (2, 6.0)]


def test_the_int8_products_are_judged_by_their_geometric_mean_and_the_best_by_the_peak():
    ratios = {64: 2.0, 100: 0.5, 256: 4.0}
    contests = [[(product(size), 1.0), (product(size, "onnxruntime"), ratio)] for size, ratio in ratios.items()]
    mean, share = targets.targets(result(*contests))
    assert mean["measured"] == round(geometric_mean(ratios.values()), 3) and mean["reached"]
    assert "(worst 0.50: M 100, K 100, N 100)" in mean["work"]
    assert share["measured"] == round(2 * 256**3 / 1e-3 / 1e9 / 400, 3) and "M 256, K 256, N 256" in share["work"]


def test_time_per_image_compares_1024_images_with_64():
    rows = [({**CNN, "table": "batches", "arithmetic": "int8", "by": "nnlite", "batch": n}, ms) for n, ms in
            ((64, 1.0), (256, 4.0), (1024, 24.0))]
    (target,) = targets.targets(result(rows))
    assert (target["measured"], target["at_most"], target["reached"]) == (1.5, 1.1, False)


def test_a_small_network_is_compared_with_the_whole_of_its_contest():
    whole = {**CNN, "table": "shrunk", "arithmetic": "float32", "by": "nnlite"}
    (target,) = targets.targets(result([(whole, 5.0), ({**whole, "shrunk": True}, 2.0)]))
    assert (target["measured"], target["at_least"], target["aim"]) == (2.5, 2, 2.8)


def test_a_sparse_layer_is_compared_with_the_dense_one():
    layer = {"table": "sparse", "do": "layer", "by": "nnlite", "threads": 1}
    (target,) = targets.targets(result([({**layer, "form": "dense"}, 3.0), ({**layer, "form": "sparse"}, 2.0)]))
    assert (target["measured"], target["at_least"], target["reached"]) == (1.5, 1.5, True)


def test_memory_is_compared_with_the_smaller_of_torchs_layouts_without_the_code():
    grown = {"nnlite": {"code": 90, "steps": 20}, "torch channels first": {"code": 1, "steps": 50},
             "torch channels last": {"code": 2, "steps": 30}}
    (target,) = targets.targets(result(memory=[{"threads": 1, "bytes": grown}]))
    assert (target["measured"], target["at_least"], target["reached"]) == (1.5, 1, True)
    nothing = {name: {"code": None, "steps": None} for name in ("nnlite", "torch channels first")}
    assert targets.targets(result(memory=[{"threads": 1, "bytes": nothing}])) == []


def test_throughput_is_that_of_all_threads_over_that_of_one():
    rows = [({**CNN, "table": "threads", "batch": 256, "threads": n}, ms) for n, ms in ((1, 9.0), (2, 5.0))]
    (target,) = targets.targets({**result(rows), "threads": [1, 2]})
    assert (target["measured"], target["at_least"], target["reached"]) == (1.8, 1.7, True)


def test_seconds_of_compiling_have_to_stay_below():
    cold, second = targets.targets(result(compiling={"cold_s": 25.0, "second_process_s": 1.01}))
    assert (cold["at_most"], cold["reached"], second["at_most"], second["reached"]) == (25, True, 1, False)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_the_geometric_mean_is_the_nth_root_of_the_product(ratios):
    assert geometric_mean(ratios) == pytest.approx(math.prod(ratios) ** (1 / len(ratios)), rel=1e-12)
    assert geometric_mean([1 / ratio for ratio in ratios]) == pytest.approx(1 / geometric_mean(ratios), rel=1e-12)
