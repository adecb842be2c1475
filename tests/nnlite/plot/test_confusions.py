import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from pictures import MATRIX

from nnlite import plot


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5).flatmap(
    lambda classes: st.tuples(st.just(classes), st.lists(st.tuples(*2 * [st.integers(0, classes - 1)]), max_size=30))))
def test_confusion_counts_every_pair_of_label_and_prediction(case):
    classes, pairs = case
    predictions, labels = [p for _, p in pairs], [y for y, _ in pairs]
    expected = [[pairs.count((i, j)) for j in range(classes)] for i in range(classes)]
    matrix = plot.confusion(np.array(predictions, int), np.array(labels, np.uint8), classes)
    assert matrix.tolist() == expected
    assert matrix.dtype == np.int64


@pytest.mark.parametrize(
    "predictions, labels, message",
    [
        ([0, 1], [0], r"predictions \(2,\) and labels \(1,\) are not both \(N,\)"),
        ([[0]], [[0]], r"predictions \(1, 1\) and labels \(1, 1\) are not both \(N,\)"),
        ([0, 3], [0, 0], r"predictions from 0 to 3 \(int64\), expected whole numbers from 0 to 2"),
        ([0, 1], [0, -1], r"labels from -1 to 0 \(int64\)"),
        ([0.0, 1.0], [0, 1], r"predictions from 0.0 to 1.0 \(float64\)"),
    ],
)
def test_confusion_refuses_what_are_no_classes(predictions, labels, message):
    with pytest.raises(ValueError, match=message):
        plot.confusion(predictions, labels, classes=3)


def test_the_confusion_matrix_writes_every_count_that_is_not_0_in_its_cell():
    (axes,) = plot.confusion_matrix(MATRIX).axes
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): int(text.get_text()) for text in axes.texts}
    assert written == {(0, 0): 9, (0, 1): 1, (1, 1): 8, (1, 2): 2, (2, 2): 10}  # (true class, taken for)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "taken for")
    assert axes.get_title("left") == "27 of 30 right (90.0 %)"


def cells(matrix):
    """{(true class, taken for): (colour, opacity)}."""
    (axes,) = plot.confusion_matrix(matrix).axes
    return {(round(p.get_y() + 0.5), round(p.get_x() + 0.5)): (to_hex(p.get_facecolor()), p.get_alpha()) for p in axes.patches}


def test_the_confusion_matrix_is_empty_at_0_blue_where_right_orange_where_wrong():
    drawn = cells(MATRIX)
    assert {place: colour for place, (colour, _) in drawn.items()} == {
        (0, 0): plot.BLUE, (0, 1): plot.ORANGE, (1, 1): plot.BLUE, (1, 2): plot.ORANGE, (2, 2): plot.BLUE}
    assert drawn[2, 2][1] == pytest.approx(0.6)  # the whole row
    assert drawn[1, 2][1] == pytest.approx(0.1 + 0.5 * 0.2**0.5)  # 2 of 10


def test_a_share_has_the_same_colour_in_every_confusion_matrix():
    few, many = np.array([[9, 1], [0, 10]]), np.array([[90, 10], [100, 0]])
    assert cells(few)[0, 1] == cells(many)[0, 1]


def test_the_confusion_matrix_names_its_classes():
    (axes,) = plot.confusion_matrix(MATRIX, class_names=["cat", "dog", "automobile"]).axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "automobile"]
    assert {label.get_ha() for label in axes.get_xticklabels()} == {"right"}  # a sloping name ends below its column
    (axes,) = plot.confusion_matrix(MATRIX).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize("matrix", [np.ones((2, 3), int), np.ones((0, 0), int), np.ones(4, int), np.ones((2, 2)), 3])
def test_a_confusion_matrix_has_to_be_square_and_of_whole_numbers(matrix):
    with pytest.raises(ValueError, match=r"confusion_matrix: expects whole numbers \(classes, classes\), got"):
        plot.confusion_matrix(matrix)


def test_a_confusion_matrix_with_too_few_names_is_refused():
    with pytest.raises(ValueError, match="confusion_matrix: 2 names for 3 classes"):
        plot.confusion_matrix(MATRIX, class_names=["a", "b"])
