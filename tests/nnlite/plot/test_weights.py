import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch
from pictures import RNG, png_size, texts

from nnlite import Tensor, nn, plot


def test_filters_of_one_channel_stand_in_rows_and_leave_the_rest_empty():
    weight = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 1, 2, 3)
    figure = plot.filters(weight)
    mosaic = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    assert mosaic.shape == (2 * 2, 4 * 3)  # ⌈√(2·5)⌉ = 4 columns
    for o in range(5):
        row, column = divmod(o, 4)
        np.testing.assert_array_equal(mosaic[2 * row : 2 * row + 2, 3 * column : 3 * column + 3], weight[o, 0])
    assert np.isnan(mosaic[2:, 3:]).all()
    assert figure.axes[0].get_title("left") == "5 filters of 2×3 weights"
    assert plot.filters(np.ones((5, 4, 2, 3))).axes[0].get_title("left") == "5 filters of 4×2×3 weights"


def test_filters_of_several_channels_have_a_column_each_and_a_row_for_each_channel():
    weight = RNG.standard_normal((20, 3, 4, 2))
    figure = plot.filters(weight)
    axes, bar = figure.axes
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert mosaic.shape == (3 * 4, 20 * 2)
    for o, c in np.ndindex(20, 3):
        np.testing.assert_array_equal(mosaic[4 * c : 4 * c + 4, 2 * o : 2 * o + 2], weight[o, c])
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("filter", "input channel", "weight")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]
    assert axes.get_yticks().tolist() == [1.5, 5.5, 9.5]  # the middle of rows 0–3, 4–7, 8–11
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(o) for o in range(0, 20, 2)]


def test_filters_have_one_scale_with_0_in_its_middle():
    image = plot.filters(np.array([-3.0, 1.0, 2.0, 0.0]).reshape(1, 1, 2, 2)).axes[0].images[0]
    assert image.get_clim() == (-3, 3)
    assert plot.filters(np.zeros((2, 1, 3, 3))).axes[0].images[0].get_clim() == (-1, 1)


def test_filters_takes_a_parameter_or_any_view():
    conv = nn.Conv2d(2, 4, 3, rng=0)
    expected = plot.filters(conv.weight.data).axes[0].images[0].get_array()
    for weight in (conv.weight, Tensor(conv.weight.data), conv.weight.data[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(plot.filters(weight).axes[0].images[0].get_array(), expected)


@pytest.mark.parametrize("shape", [(3, 4), (0, 1, 3, 3), (2, 3, 0, 3)])
def test_filters_refuses_what_are_no_kernels(shape):
    with pytest.raises(ValueError, match=re.escape(f"filters: expects weight (O, C, kh, kw), got shape {shape}")):
        plot.filters(np.ones(shape))


def steps(axes):
    """[(values, edges, colour)] of the histograms."""
    patches = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    return [(patch.get_data().values, patch.get_data().edges, to_hex(patch.get_facecolor())) for patch in patches]


def test_histograms_count_every_weight_once_and_zeros_apart():
    before = RNG.standard_normal(1000)
    pruned = np.where(np.abs(before) < 1, 0, before)
    zeros = int((pruned == 0).sum())
    upper, lower = plot.weight_histograms({"before": {"fc": before}, "after pruning": {"fc": pruned}}).axes
    (counts, edges, blue), (at_zero, _, orange) = steps(upper)
    assert (blue, orange) == (plot.BLUE, plot.ORANGE)
    assert counts.sum() == 1000 and at_zero.tolist() == [0]
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        assert count == sum(low <= w < high or (w == high == edges[-1]) for w in before)
    (counts, _, _), (at_zero, around_zero, _) = steps(lower)
    assert counts.sum() == 1000 - zeros and at_zero.tolist() == [zeros]
    assert around_zero[0] < 0 < around_zero[1] and np.isclose(around_zero[0], -around_zero[1])


def test_histograms_of_a_layer_share_their_axes_which_reach_to_the_largest_weight():
    before, after = np.array([-2.0, 0.1, 0.2]), np.array([-2.0, 0.0, 0.0])
    figure = plot.weight_histograms({"before": {"a": before, "b": 10 * before}, "after": {"a": after, "b": 10 * after}})
    first, second, third, _ = figure.axes  # a and b before, a and b after
    assert first.get_ylim() == second.get_ylim() == third.get_ylim() and first.get_xlim() == third.get_xlim()
    assert second.get_xlim() == tuple(pytest.approx(10 * x) for x in first.get_xlim())
    assert all(axes.get_yscale() == "log" and axes.get_ylim()[0] < 1 < 2 < axes.get_ylim()[1] for axes in figure.axes)
    assert [steps(axes)[0][1][-1] for axes in figure.axes] == [2, 20, 2, 20]


def test_histograms_of_several_pictures_have_one_limit_if_it_is_given():
    first, second = (plot.weight_histograms({"all": {"a": np.array([w])}}, limit=3).axes[0] for w in (0.5, -3.0))
    assert first.get_xlim() == second.get_xlim() and steps(first)[0][1].tolist() == steps(second)[0][1].tolist()
    with pytest.raises(ValueError, match="weight_histograms: the largest weight is 3, the limit 2"):
        plot.weight_histograms({"all": {"a": np.array([1.0, -3.0])}}, limit=2)


def test_histograms_say_layer_state_size_zeros_and_number_of_values():
    quantized = np.repeat([0.0, 0.5, -0.25, 1.0], [40, 30, 20, 10])
    words = texts(plot.weight_histograms({"before": {"fc1": np.linspace(-1, 1, 1000)}, "quantized": {"fc1": quantized}}))
    assert {"before", "quantized", "fc1", "1,000 weights", "100 weights · 40 % zero · 3 other values"} <= set(words)


def test_a_layer_that_a_state_does_not_have_stays_empty():
    figure = plot.weight_histograms({"before": {"a": np.ones(3), "b": np.ones(2)}, "shrunk": {"a": np.ones(1)}})
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    assert steps(figure.axes[3]) == []


def test_layers_without_numbers_or_with_zeros_only_are_drawn(tmp_path):
    layers = {"empty": np.zeros(0), "zero": np.zeros(5), "int": np.array([-128, 127], np.int8)}
    plot.weight_histograms({"all": layers}, tmp_path / "a.png")
    assert png_size((tmp_path / "a.png").read_bytes())


@pytest.mark.parametrize("states", [{}, {"before": {}}])
def test_histograms_of_nothing_are_refused(states):
    with pytest.raises(ValueError, match="weight_histograms: there are no weights"):
        plot.weight_histograms(states)
