import functools
import io
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch

from nnlite import Tensor, nn, plot

HISTORY = [
    {"epoch": e, "loss": 2 / e, "accuracy": 0.5 + e / 10, "validation_loss": v, "validation_accuracy": a, "lr": 0.1}
    for e, v, a in [(1, 1.5, 0.6), (2, 0.75, 0.85), (3, 0.5, 0.8), (4, 1.0, 0.7)]
]
MATRIX = np.array([[9, 1, 0], [0, 8, 2], [0, 0, 10]])
ROWS = [
    {"step": "trained", "accuracy": 0.986, "bytes": 280_000},
    {"step": "pruned", "accuracy": 0.981, "bytes": 280_000},
    {"step": "int8", "accuracy": 0.9806, "bytes": 17_000},
    {"step": ".nnz", "accuracy": 0.9806, "bytes": 17_000},
    {"step": "student", "accuracy": 1.0, "bytes": 950},
]
ROOFS = {"float32": 100, "int8": 400}  # GOP/s, reached from 10 and from 40 operations per byte on, at 10 GB/s
POINTS = [("64³", "float32", 8, 20), ("64³", "int8", 16, 30), ("256³", "float32", 32, 90), ("256³", "int8", 64, 350)]
RNG = np.random.default_rng(0)
PLOTS = {
    "training_curves": (plot.training_curves, HISTORY),
    "confusion_matrix": (plot.confusion_matrix, MATRIX),
    "filters": (plot.filters, RNG.standard_normal((4, 3, 5, 5))),
    "weight_histograms": (plot.weight_histograms, {"before": {"fc": RNG.standard_normal(99)}}),
    "accuracy_against_bytes": (plot.accuracy_against_bytes, ROWS),
    "roofline": (lambda points, target=None: plot.roofline(points, ROOFS, 10, target, "a machine"), POINTS),
}


def png_size(content):
    """(width, height) in the header of a PNG."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR"
    return struct.unpack(">II", content[16:24])


def texts(figure):
    """Every word that is written on a figure."""
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


# ---- the confusion matrix itself ----


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


# ---- training curves ----


def curves(axes):
    """{label: (x, y)} of the lines."""
    return {line.get_label(): (list(line.get_xdata()), pytest.approx(list(line.get_ydata()))) for line in axes.lines}


def test_training_curves_show_loss_and_accuracy_in_percent_of_both_parts():
    loss, accuracy = plot.training_curves(HISTORY).axes
    epochs = [1, 2, 3, 4]
    assert curves(loss) == {
        "training": (epochs, [2, 1, 2 / 3, 0.5]),
        "validation": (epochs, [1.5, 0.75, 0.5, 1.0]),
        "lowest: 0.5 in epoch 3": ([3], [0.5]),
    }
    assert curves(accuracy) == {
        "training": (epochs, [60, 70, 80, 90]),
        "validation": (epochs, [60, 85, 80, 70]),
        "highest: 85 in epoch 2": ([2], [85]),
    }
    assert [axes.get_title("left") for axes in (loss, accuracy)] == ["Loss", "Accuracy (%)"]
    assert {axes.get_xlabel() for axes in (loss, accuracy)} == {"epoch"}
    assert [text.get_text() for text in loss.get_legend().get_texts()] == list(curves(loss))


def test_a_learning_rate_that_changes_has_its_own_panel():
    history = [row | {"lr": lr} for row, lr in zip(HISTORY, [0.1, 0.1, 0.05, 0.01], strict=True)]
    *_, rate = plot.training_curves(history).axes
    assert rate.get_title("left") == "Learning rate"
    assert curves(rate) == {"learning rate": ([1, 2, 3, 4], [0.1, 0.1, 0.05, 0.01])}
    assert rate.get_ylim()[0] == 0


def test_missing_keys_leave_out_points_lines_and_panels():
    (axes,) = plot.training_curves([{"loss": 3.0}, {}, {"epoch": 7, "loss": 1.0}, {"loss": float("nan")}]).axes
    assert curves(axes) == {"training": ([1, 7], [3, 1]), "lowest: 1 in epoch 7": ([7], [1])}
    loss, accuracy = plot.training_curves([{"loss": 3.0, "validation_accuracy": 0.5}, {"loss": 2.0}]).axes
    assert list(curves(loss)) == ["training", "lowest: 2 in epoch 2"]
    assert list(curves(accuracy)) == ["validation", "highest: 50 in epoch 1"]


def test_one_epoch_is_seen_as_a_point_at_a_whole_number():
    loss, _ = plot.training_curves(HISTORY[:1]).axes
    assert {line.get_marker() for line in loss.lines} == {"o"}
    assert [tick for tick in loss.get_xticks() if 0.5 <= tick <= 1.5] == [1]


@pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.2}]])
def test_a_history_without_loss_or_accuracy_is_refused(history):
    with pytest.raises(ValueError, match=f"none of the {len(history)} epochs has a loss or an accuracy"):
        plot.training_curves(history)


# ---- the picture of a confusion matrix ----


def test_the_confusion_matrix_writes_every_count_that_is_not_0_in_its_cell():
    (axes,) = plot.confusion_matrix(MATRIX).axes
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): int(text.get_text()) for text in axes.texts}
    assert written == {(0, 0): 9, (0, 1): 1, (1, 1): 8, (1, 2): 2, (2, 2): 10}  # (true class, taken for)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "taken for")
    assert axes.get_title("left") == "27 of 30 right (90.0 %)"


def test_the_confusion_matrix_is_white_at_0_blue_where_right_orange_where_wrong():
    (axes,) = plot.confusion_matrix(MATRIX).axes
    colours = np.asarray(axes.images[0].get_array())
    assert colours.shape == (3, 3, 3)
    for i, j in np.ndindex(3, 3):
        red, green, blue = colours[i, j]
        if MATRIX[i, j] == 0:
            assert (red, green, blue) == (1, 1, 1)
        else:
            assert red < blue if i == j else red > blue
    assert to_hex(colours[2, 2]) == plot.BLUE  # the whole row is right
    assert colours[1, 2].sum() < colours[0, 1].sum()  # two mistakes are darker than one


def test_the_confusion_matrix_names_its_classes():
    (axes,) = plot.confusion_matrix(MATRIX, class_names=["cat", "dog", "automobile"]).axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "automobile"]
    (axes,) = plot.confusion_matrix(MATRIX).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize("matrix", [np.ones((2, 3), int), np.ones((0, 0), int), np.ones(4, int), np.ones((2, 2)), 3])
def test_a_confusion_matrix_has_to_be_square_and_of_whole_numbers(matrix):
    with pytest.raises(ValueError, match=r"confusion_matrix: expects whole numbers \(classes, classes\), got"):
        plot.confusion_matrix(matrix)


def test_a_confusion_matrix_with_too_few_names_is_refused():
    with pytest.raises(ValueError, match="confusion_matrix: 2 names for 3 classes"):
        plot.confusion_matrix(MATRIX, class_names=["a", "b"])


# ---- filters ----


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


# ---- histograms of weights ----


def steps(axes):
    """[(values, edges, colour)] of the histograms."""
    patches = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    return [(patch.get_data().values, patch.get_data().edges, to_hex(patch.get_facecolor())) for patch in patches]


def test_histograms_count_every_weight_once_and_zeros_apart():
    before = RNG.standard_normal(1000)
    pruned = np.where(np.abs(before) < 1, 0, before)
    zeros = int((pruned == 0).sum())
    left, right = plot.weight_histograms({"before": {"fc": before}, "after pruning": {"fc": pruned}}).axes
    (counts, edges, blue), (at_zero, _, orange) = steps(left)
    assert (blue, orange) == (plot.BLUE, plot.ORANGE)
    assert counts.sum() == 1000 and at_zero.tolist() == [0]
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        assert count == sum(low <= w < high or (w == high == edges[-1]) for w in before)
    (counts, _, _), (at_zero, around_zero, _) = steps(right)
    assert counts.sum() == 1000 - zeros and at_zero.tolist() == [zeros]
    assert around_zero[0] < 0 < around_zero[1] and np.isclose(around_zero[0], -around_zero[1])


def test_histograms_of_a_layer_share_their_axes_which_reach_to_the_largest_weight():
    before, after = np.array([-2.0, 0.1, 0.2]), np.array([-2.0, 0.0, 0.0])
    figure = plot.weight_histograms({"before": {"a": before, "b": 10 * before}, "after": {"a": after, "b": 10 * after}})
    first, second, third, fourth = figure.axes
    assert first.get_ylim() == second.get_ylim() and first.get_xlim() == second.get_xlim()
    assert third.get_xlim() == tuple(pytest.approx(10 * x) for x in first.get_xlim())
    assert all(axes.get_yscale() == "log" and axes.get_ylim()[0] < 1 < 2 < axes.get_ylim()[1] for axes in figure.axes)
    assert [steps(axes)[0][1][-1] for axes in figure.axes] == [2, 2, 20, 20]


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


# ---- accuracy against bytes ----


def test_the_points_are_bytes_on_a_logarithmic_axis_and_accuracy_in_percent():
    (axes,) = plot.accuracy_against_bytes(ROWS).axes
    (points,) = curves(axes).values()
    assert points == ([280_000, 280_000, 17_000, 17_000, 950], [98.6, 98.1, 98.06, 98.06, 100])
    assert (axes.get_xscale(), axes.get_ylabel()) == ("log", "test accuracy (%)")
    assert {"trained\n98.6 %, 280 kB", ".nnz\n98.1 %, 17 kB", "student\n100.0 %, 950 B"} <= set(texts(axes.figure))


def boxes(axes):
    """The places of the labels on the paper, in pixels."""
    axes.figure.canvas.draw()
    return [matplotlib.text.Text.get_window_extent(text) for text in axes.texts]


def overlap(a, b):
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)


@pytest.mark.parametrize("seed, dpi", [(0, 150), (1, 150), (2, 150), (3, 72), (4, 300)])  # an SVG has 72
def test_labels_cover_neither_each_other_nor_points_and_stay_inside(seed, dpi):
    rng = np.random.default_rng(seed)
    more = [{"step": f"step {i}", "accuracy": rng.uniform(0.97, 0.99), "bytes": 10 ** rng.uniform(3, 5)} for i in range(5)]
    rows = ROWS + more
    (axes,) = plot.accuracy_against_bytes(rows).axes
    axes.figure.dpi = dpi
    labels = boxes(axes)
    assert [text.get_text().split("\n")[0] for text in axes.texts] == [row["step"] for row in rows]
    assert not any(overlap(a, b) for i, a in enumerate(labels) for b in labels[:i])
    points = axes.transData.transform([(row["bytes"], 100 * row["accuracy"]) for row in rows])
    assert not any(box.contains(*point) for box in labels for point in points)
    frame = axes.get_window_extent()
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in labels)


@pytest.mark.parametrize("bytes, expected", [(1, "1 B"), (999, "999 B"), (999.9, "1 kB"), (1e3, "1 kB"), (27_432, "27.4 kB"),
                                             (999_499, "999 kB"), (999_500, "1 MB"), (1_066_440, "1.07 MB"), (2.5e9, "2.5 GB")])
def test_sizes_are_written_in_powers_of_1000(bytes, expected):
    assert plot.size_text(bytes) == expected


def test_the_axis_is_labelled_within_one_decade_too():
    (axes,) = plot.accuracy_against_bytes([row | {"bytes": 3_000 + 100 * i} for i, row in enumerate(ROWS)]).axes
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    assert len({label.get_text() for tick, label in ticks if low <= tick <= high} - {""}) >= 2


def test_no_rows_or_no_bytes_are_refused():
    with pytest.raises(ValueError, match="accuracy_against_bytes: there are no rows"):
        plot.accuracy_against_bytes([])
    with pytest.raises(ValueError, match="step 'coded' has 0 bytes, expected at least 1"):
        plot.accuracy_against_bytes([*ROWS, {"step": "coded", "accuracy": 0.5, "bytes": 0}])


# ---- roofline ----


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


# ---- files ----


@functools.cache
def figure_of(name):
    draw, data = PLOTS[name]
    return draw(data)


@pytest.mark.parametrize("name", PLOTS)
def test_a_png_has_the_size_of_the_figure_is_not_blank_and_goes_to_files_and_streams_alike(name, tmp_path):
    figure, stream = figure_of(name), io.BytesIO()
    plot.save(figure, tmp_path / "a.png")
    plot.save(figure, stream)
    content = (tmp_path / "a.png").read_bytes()
    assert content == stream.getvalue()
    width, height = png_size(content)
    assert (width, height) == tuple(int(inches * 150) for inches in figure.get_size_inches())
    pixels = matplotlib.image.imread(io.BytesIO(content))
    assert pixels.shape[:2] == (height, width)
    assert len(np.unique(pixels[..., 0])) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", PLOTS)
def test_an_svg_is_well_formed_and_the_same_each_time(name, tmp_path):
    draw, data = PLOTS[name]
    draw(data, tmp_path / "a.svg")
    content = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    element = plot.svg(figure_of(name))
    assert element.startswith("<svg") and element.rstrip().endswith("</svg>")
    assert content.endswith(element)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_function_writes_its_figure_where_it_is_told_to(name, tmp_path):
    draw, data = PLOTS[name]
    stream, plain = io.BytesIO(), io.BytesIO()
    draw(data, target=stream)
    plot.save(figure_of(name), plain)
    assert stream.getvalue() == plain.getvalue()


@pytest.mark.parametrize("name", ["a.jpg", "a", "png"])
def test_another_ending_is_refused_before_anything_is_written(name, tmp_path):
    with pytest.raises(ValueError, match=rf"the picture .*{name} has to end in .png or .svg"):
        plot.save(figure_of("filters"), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


LONG = "block2_1.shortcut.conv.weight"
EXTREMES = [
    (plot.training_curves, HISTORY[:1]),
    (plot.training_curves, [{"epoch": 123_456, "loss": 1.23456e-30}]),
    (plot.confusion_matrix, np.full((2, 2), 98_765)),
    (lambda matrix: plot.confusion_matrix(matrix, class_names=["automobile"] * 3), MATRIX),
    (plot.filters, np.ones((1, 1, 1, 1))),
    (plot.filters, RNG.standard_normal((64, 32, 3, 3))),
    (plot.weight_histograms, {"after pruning and quantization": {LONG: np.ones(1_000_000), LONG[:-1]: np.zeros(99)}}),
    (plot.accuracy_against_bytes, ROWS[:1]),
    (lambda points: plot.roofline(points, {"float32": 1e6, "int8": 12_345_678}, 1e4, machine=64 * "x"), POINTS[:1]),
]


@pytest.mark.parametrize("draw, data", [*PLOTS.values(), *EXTREMES])
def test_nothing_is_clipped_by_the_edge_of_the_picture(draw, data):
    figure = draw(data)
    figure.canvas.draw()
    everything = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    assert everything.x0 >= 0 and everything.y0 >= 0 and everything.x1 <= width and everything.y1 <= height


def test_a_missing_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        plot.confusion_matrix(MATRIX, tmp_path / "missing" / "a.png")


def test_the_users_own_settings_neither_show_nor_change():
    plain, other = io.BytesIO(), io.BytesIO()
    plot.training_curves(HISTORY, plain)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 20}):
        before = dict(matplotlib.rcParams)
        plot.training_curves(HISTORY, other)
        assert dict(matplotlib.rcParams) == before
    assert plain.getvalue() == other.getvalue()


def test_pictures_need_neither_display_nor_pyplot(tmp_path):
    program = (
        "import sys, numpy as np; from nnlite import plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot.confusion_matrix(np.eye(3, dtype=int), sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    environment = {"PATH": "", "MPLCONFIGDIR": str(tmp_path), "MPLBACKEND": "TkAgg"}
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.png")], env=environment, capture_output=True,
                            text=True, timeout=120)
    assert (result.stdout, result.returncode) == ("False\n", 0), result.stderr
    assert png_size((tmp_path / "a.png").read_bytes())
