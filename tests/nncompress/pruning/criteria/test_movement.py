import numpy as np
import pytest

from nncompress.pruning.criteria import movement_scores
from nncompress.pruning.evidence import Evidence


def test_the_score_is_what_the_training_has_gathered():
    assert movement_scores(np.ones(2), Evidence(movement=np.array([-1.5, 2.0]))).tolist() == [-1.5, 2]


def test_without_a_movement_it_says_where_one_comes_from():
    with pytest.raises(ValueError, match=r"needs the movement of the weight; MovementScores\(model\).evidence\(\) gives it"):
        movement_scores(np.ones(2), Evidence(gradient=np.ones(2)))
