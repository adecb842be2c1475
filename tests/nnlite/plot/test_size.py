import matplotlib
import numpy as np
import pytest
from pictures import ROWS, curves, texts

from nnlite import plot


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


@pytest.mark.parametrize("width", [3.7, 8])
@pytest.mark.parametrize("largest", [5_000, 98_000, 1_000_000, 10_000_000])
def test_labels_of_the_axis_of_sizes_do_not_touch(width, largest):
    rows = [{"step": "a", "accuracy": 0.9889, "bytes": largest}, {"step": "b", "accuracy": 1.0, "bytes": 835}]
    (axes,) = plot.accuracy_against_bytes(rows, size=(width, 4.2)).axes
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    places = [label.get_window_extent() for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
              if low <= tick <= high]
    assert len(places) >= 2 and all(a.x1 < b.x0 for a, b in zip(places, places[1:], strict=False))


def test_100_percent_is_labelled_and_nothing_above():
    rows = [{"step": "a", "accuracy": 0.9889, "bytes": 98_000}, {"step": "b", "accuracy": 1.0, "bytes": 835}]
    (axes,) = plot.accuracy_against_bytes(rows).axes
    axes.figure.canvas.draw()
    told = {round(tick, 6): label.get_text() for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}
    assert told[100] == "100" and all(text == "" for tick, text in told.items() if tick > 100)


def test_no_rows_or_no_bytes_are_refused():
    with pytest.raises(ValueError, match="accuracy_against_bytes: there are no rows"):
        plot.accuracy_against_bytes([])
    with pytest.raises(ValueError, match="step 'coded' has 0 bytes, expected at least 1"):
        plot.accuracy_against_bytes([*ROWS, {"step": "coded", "accuracy": 0.5, "bytes": 0}])
