import pytest
from pictures import SENSITIVITY, curves, texts

from nnlite import plot


def test_each_layer_is_a_line_in_percent_and_the_whole_model_a_dotted_one():
    (axes,) = plot.sensitivity_curves(*SENSITIVITY).axes
    assert curves(axes) == {"whole: 98": ([0, 1], [98, 98]),
                            "fc1.weight": ([50, 90], [98, 95]), "conv1.weight": ([50, 90], [90, 20])}
    assert [line.get_linestyle() for line in axes.lines] == [":", "-", "-"]
    assert "% of this layer's weights removed, all other layers whole" in texts(axes.figure)


def test_more_layers_than_colours_differ_by_their_lines():
    scores = {f"layer {i}": [1 - i / 100] for i in range(20)}
    (axes,) = plot.sensitivity_curves([0.5], scores, 1.0).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines[1:]}) == 20


def test_curves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="there are no curves"):
        plot.sensitivity_curves([0.5], {}, 1.0)
    with pytest.raises(ValueError, match="fc has 2 accuracies for 1 sparsities"):
        plot.sensitivity_curves([0.5], {"fc": [1, 0.5]}, 1.0)
