import pytest
from pictures import texts

from nnlite import plot


def test_each_name_has_a_bar_of_its_number_the_first_on_top():
    figure = plot.horizontal_bars({"a": 3.0, "b $1": 1.5}, "Title", "score")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [3.0, 1.5] and axes.yaxis_inverted() and axes.get_xlim()[0] == 0
    assert {"a", r"b \$1", "3", "1.5", "Title", "score"} <= set(texts(figure))


def test_with_a_number_below_0_there_are_points():
    (axes,) = plot.horizontal_bars({"a": 3.0, "b": -1.5}, "Title", "score").axes
    (points,) = axes.lines
    assert not axes.patches and list(points.get_xdata()) == [3.0, -1.5] and list(points.get_ydata()) == [0, 1]
    assert {"a", "b", "3", "-1.5"} <= set(texts(axes.figure)) and axes.yaxis_inverted()


def test_no_values_and_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="horizontal_bars: there are no values"):
        plot.horizontal_bars({}, "t", "l")
    with pytest.raises(ValueError, match="horizontal_bars: b is nan"):
        plot.horizontal_bars({"a": 1, "b": float("nan")}, "t", "l")
