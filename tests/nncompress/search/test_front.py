from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import product

from nncompress.search.front import pareto, pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


def dominated(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and b != a


@settings(deadline=None)
@given(POINTS)
def test_the_front_has_each_point_once_that_no_other_dominates(points):
    front = pareto_front(points)
    best = {a for a in points if not any(dominated(a, b) for b in points)}
    assert [points[i] for i in front] == sorted(best)
    assert all(points.index(points[i]) == i for i in front)


def test_runs_become_rows_a_front_and_a_picture(tmp_path):
    options = {"small": {"a": 2}, "large": {"a": 10}, "worse": {"a": 2, "b": 9}}
    with ThreadPoolExecutor(1) as executor:
        rows, front = pareto(product, options, [0], tmp_path, executor, tmp_path / "front.svg")
    assert [row["name"] for row in rows] == ["small", "large", "worse"] and [row["name"] for row in front] == ["small", "large"]
    assert "<svg" in (tmp_path / "front.svg").read_text()


def test_a_run_without_bytes_is_refused(tmp_path):
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="the run one, seed 3 gave .'x'., expected bytes"):
        pareto(lambda seed: {"x": seed}, {"one": {}}, [3], tmp_path, executor)
