import numpy as np
import pytest

from nnlite import nn
from nntransfer.fusion import barrier, scores_on_line


def test_the_scores_on_a_line_by_hand():
    first, second = nn.Linear(1, 2, bias=False), nn.Linear(1, 2, bias=False)
    first.weight.data, second.weight.data = np.float32([[4], [0]]), np.float32([[0], [2]])
    rows = scores_on_line(first, second, [(np.float32([[1]]), np.array([0]))], points=3)
    assert [row["position"] for row in rows] == [0, 0.5, 1]
    np.testing.assert_allclose([row["loss"] for row in rows], np.log1p(np.exp([-4, -1, 2])), rtol=1e-6)
    assert [row["accuracy"] for row in rows] == [1, 1, 0]


def test_the_barrier_is_the_highest_point_above_the_straight_line():
    assert barrier([1, 5, 3]) == 3
    assert barrier([0, 1, 5, 3]) == pytest.approx(3)       # at ⅔: 5 − 2
    assert barrier([1, 1.5, 3]) == 0                       # below the line
    assert barrier([2, 7]) == 0                            # two ends alone


def test_what_is_not_a_line_is_refused():
    with pytest.raises(ValueError, match=r"barrier: expects the losses of at least 2 points on the line, got shape \(1,\)"):
        barrier([1])
    with pytest.raises(ValueError, match="a line has two ends, expected at least 2 points, got 1"):
        scores_on_line(nn.ReLU(), nn.ReLU(), [], points=1)
