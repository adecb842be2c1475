import functools
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from pictures import HISTORY, MATRIX, PLOTS, POINTS, RNG, ROWS, png_size

from nnlite import plot


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
    assert element.startswith("<svg") and element.rstrip().endswith("</svg>") and element == plot.svg(draw(data))
    assert ElementTree.fromstring(element).tag == "{http://www.w3.org/2000/svg}svg"


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


def test_a_drawing_of_ones_own_has_the_style_and_the_size_of_all_pictures():
    with plot.styled():
        picture = plot.figure()
        axes = picture.add_subplot()
        axes.set_title("mine")
    assert tuple(picture.get_size_inches()) == plot.SIZE and tuple(plot.figure(3, 2).get_size_inches()) == (3, 2)
    assert axes.get_title("left") == "mine" and not axes.spines["top"].get_visible()


def test_the_style_is_one_that_matplotlib_takes():
    with matplotlib.rc_context(plot.STYLE):
        assert tuple(matplotlib.rcParams["figure.figsize"]) == plot.SIZE


def test_words_are_outlines_in_a_file_and_text_in_a_page(tmp_path):
    plot.horizontal_bars({"a name": 1}, "A title", "a label", tmp_path / "a.svg")
    assert "<text" not in (tmp_path / "a.svg").read_text(encoding="utf-8")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", plot.svg(plot.horizontal_bars({"a name": 1}, "A title", "a label")))
    assert {"a name", "A title", "a label", "1"} <= set(words)


def test_the_same_scales_hold_whatever_each_had():
    with plot.styled():
        limits = [((0, 1), (5, 6)), ((-1, 2), (3, 4)), ((0, 3), (4, 5))]
        a, b, c = (plot.figure().add_subplot(xlim=x, ylim=y) for x, y in limits)
    plot.same_scales([a, b])
    assert a.get_xlim() == b.get_xlim() == (-1, 2) and a.get_ylim() == b.get_ylim() == (3, 6)
    plot.same_scales([a, c], "x")
    assert a.get_xlim() == c.get_xlim() == (-1, 3) and c.get_ylim() == (4, 5)
    plot.same_scales([])
