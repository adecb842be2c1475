import numpy as np
import pytest

from nntransfer.domains import h_score, leep_score, logme_score

every_score = pytest.mark.parametrize("score", [leep_score, logme_score, h_score])


@every_score
@pytest.mark.parametrize("labels, sentence", [
    ([0, 1, 1], r"expects rows \(n, D\) and labels \(n,\), n from 1 up, got \(2, 2\) and \(3,\)"),
    ([1, 1], "the 2 labels name 1 class, expected two or more"),
    ([-1, 0], "labels are whole numbers from 0 up, got int64, the least -1"),
    ([0.5, 1.0], "labels are whole numbers from 0 up, got float64, the least 0.5"),
])
def test_labels_that_do_not_fit_are_refused_with_their_numbers(score, labels, sentence):
    with pytest.raises(ValueError, match=f"{score.__name__}: {sentence}"):
        score(np.full((2, 2), 0.5), labels)


@every_score
def test_numbers_that_are_not_finite_are_refused(score):
    rows = np.array([[0.5, np.nan], [np.inf, 0.5]])
    with pytest.raises(ValueError, match=f"{score.__name__}: 2 of 4 numbers are NaN or infinite"):
        score(rows, [0, 1])


@every_score
def test_no_images_are_refused(score):
    with pytest.raises(ValueError, match=rf"{score.__name__}: expects .*, n from 1 up, got \(0, 2\) and \(0,\)"):
        score(np.zeros((0, 2)), [])
