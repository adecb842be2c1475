import pytest
from pictures import PARTS, texts

from nnlite import plot


def test_each_bar_is_as_long_as_its_layer_has_bytes_and_split_into_its_parts():
    (axes,) = plot.bytes_of_parts(PARTS).axes
    bars = [bar for bar in axes.patches if bar.get_width()]
    found = {}
    for bar in bars:
        found.setdefault(round(bar.get_y() + bar.get_height() / 2), []).append((bar.get_x(), bar.get_width()))
    expected = [[(0, 30.0), (30.0, 70.5)], [(0, 868.6), (868.6, 185.4), (868.6 + 185.4, 178.3)], [(0, 34.0), (34.0, 4.0)]]
    for y, bars in enumerate(expected):
        assert found[y] == [pytest.approx(bar) for bar in bars]
    assert {"conv1", "fc1", "of all", "1.23 kB", "38 B"} <= set(texts(axes.figure))
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert legend == ["positions", "sizes", "signs", "header", "checksum"]


def test_a_part_has_one_colour_in_all_bars():
    (axes,) = plot.bytes_of_parts(PARTS).axes
    first, second = [bar.get_facecolor() for bar in axes.patches if bar.get_x() == 0 and bar.get_width() in (30.0, 868.6)]
    assert first == second


@pytest.mark.parametrize("layers, message", [
    ({}, "bytes_of_parts: there are no layers"),
    ({"fc": {"signs": -1}}, "bytes_of_parts: signs of fc has -1 bytes, expected 0 or more"),
])
def test_what_cannot_be_drawn_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        plot.bytes_of_parts(layers)
