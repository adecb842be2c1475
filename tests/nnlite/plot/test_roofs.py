import numpy as np
import pytest
from pictures import POINTS, ROOFS, texts

from nnlite import plot


def test_the_roofs_are_the_slope_of_the_memory_and_the_level_of_the_peak():
    (axes,) = plot.roofline(POINTS, ROOFS, 10).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for line, peak in zip([line for line in axes.lines if line.get_marker() == "None"], ROOFS.values(), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y[x <= peak / 10], 10 * x[x <= peak / 10], rtol=1e-12)
        np.testing.assert_array_equal(y[x >= peak / 10], peak)
        assert x[0] < 8 and x[-1] > 64


def test_each_kernel_is_a_named_point_in_the_colour_of_its_roof():
    figure = plot.roofline(POINTS, ROOFS, 10)
    lines = figure.axes[0].lines
    drawn = {(line.get_color(), *point) for line in lines if line.get_marker() == "o" for point in line.get_xydata()}
    colours = dict(zip(ROOFS, [line.get_color() for line in lines if line.get_marker() == "None"], strict=True))
    assert drawn == {(colours[kind], x, y) for _, kind, x, y in POINTS} and len(set(colours.values())) == 2
    assert {"64³", "256³", "float32: 100 GOP/s", "int8: 400 GOP/s", "memory: 10.0 GB/s"} < set(texts(figure))


def test_a_roofline_without_points_is_refused():
    with pytest.raises(ValueError, match="roofline: there are no points"):
        plot.roofline([], ROOFS, 10)


def test_the_roof_of_a_memory_that_is_far_below_all_kernels_is_seen():
    (axes,) = plot.roofline([("a", "float32", 10, 524)], {"float32": 600}, 0.5).axes
    low, high = axes.get_ylim()
    (memory,) = [text for text in axes.texts if text.get_text() == "memory: 0.5 GB/s"]
    x, y = memory.get_position()
    assert low < y < high and axes.get_xlim()[0] < x < axes.get_xlim()[1] and y == pytest.approx(1.3 / 1.1 * 0.5 * x)


def test_a_peak_that_a_kernel_has_passed_is_drawn_at_the_kernel():
    (axes,) = plot.roofline([("a", "float32", 64, 130), *POINTS], ROOFS, 10).axes
    peaks = [line.get_ydata().max() for line in axes.lines if line.get_marker() == "None"]
    assert peaks == [130, 400] and {"float32: 130 GOP/s", "int8: 400 GOP/s"} < set(texts(axes.figure))


def test_kernels_above_the_slope_are_explained():
    assert not any("above the slope" in text for text in texts(plot.roofline(POINTS, ROOFS, 10)))
    assert any("above the slope" in text for text in texts(plot.roofline([("a", "int8", 2, 21), *POINTS], ROOFS, 10)))


@pytest.mark.parametrize("bandwidth", [0, -1.0, float("nan"), float("inf")])
def test_a_bandwidth_that_cannot_be_is_refused(bandwidth):
    with pytest.raises(ValueError, match=f"roofline: expects a bandwidth above 0 GB/s, got {bandwidth}"):
        plot.roofline(POINTS, ROOFS, bandwidth)
