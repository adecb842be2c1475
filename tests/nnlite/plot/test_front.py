import pytest
from pictures import curves

from nnlite import plot


def test_all_points_and_the_front_stand_at_their_bytes_and_errors():
    (axes,) = plot.errors_against_bytes([(900, 30), (2000, 0), (3000, 40)], [0, 1]).axes
    every, front = curves(axes).values()
    assert every == ([900, 2000, 3000], [30, 0.5, 40]) and front == ([900, 2000], [30, 0.5])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


@pytest.mark.parametrize("points, message", [([], "there are no points"), ([(0, 3)], "a point has 0 bytes and 3 errors")])
def test_what_cannot_be_drawn_is_refused(points, message):
    with pytest.raises(ValueError, match=message):
        plot.errors_against_bytes(points, [])
