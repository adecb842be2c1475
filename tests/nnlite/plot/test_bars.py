import pytest

from nnlite import plot
from tests.pictures import texts


def test_each_name_has_a_bar_of_its_number_the_first_on_top():
    figure = plot.horizontal_bars({"a": 3.0, "b": -1.5}, "Title", "score")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [3.0, -1.5] and axes.yaxis_inverted()
    assert {"a", "b", "3", "-1.5", "Title", "score"} <= set(texts(figure))


def test_no_values_and_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="horizontal_bars: there are no values"):
        plot.horizontal_bars({}, "t", "l")
    with pytest.raises(ValueError, match="horizontal_bars: b is nan"):
        plot.horizontal_bars({"a": 1, "b": float("nan")}, "t", "l")
