import pytest

from nnlite.bench import picture
from nnlite.bench.works import CONV2, on_the_tile, square


def test_intensity_is_two_operations_per_multiply_add_over_the_bytes():
    float32, int8 = on_the_tile(square(64))
    assert picture.intensity(float32) == pytest.approx(2 * 64**3 / (3 * 64 * 64 * 4))
    assert picture.intensity(int8) == pytest.approx(2 * 64**3 / (2 * 64 * 64 + 4 * 64 * 64))


def test_the_picture_shows_the_tiles_of_the_largest_number_of_threads(tmp_path):
    rows = [{"table": "ladder", "contest": i, "by": "nnlite", "threads": threads, **work, "rung": rung, "median_ms": 5.0}
            for threads in (1, 2) for rung in ("loops", "tile") for i, product in enumerate((square(64), CONV2))
            for work in on_the_tile(product)]
    peaks = [{"threads": n, "float32_gops": 100.0 * n, "int8_gops": 400.0 * n, "memory_gb_per_s": 10.0 * n} for n in (1, 2)]
    figure = picture.draw_roofline({"rows": rows, "peaks": peaks, "machine": {"cpu": "a processor"}}, tmp_path / "roof.svg")
    (axes,) = figure.axes
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o") == 4
    words = {text.get_text() for text in axes.texts} | {axes.get_title(loc="right")}
    assert words >= {"64³", "conv 16→32", "float32: 200 GOP/s", "int8: 800 GOP/s", "memory: 20.0 GB/s"}
    assert "a processor, 2 threads" in words
    assert (tmp_path / "roof.svg").read_bytes().startswith(b"<?xml")


def test_a_roof_is_never_below_a_kernel_that_was_faster_than_the_measured_peak():
    row = {"table": "ladder", "contest": 0, "by": "nnlite", "threads": 1, **on_the_tile(square(64))[0], "median_ms": 0.001}
    peaks = [{"threads": 1, "float32_gops": 100.0, "int8_gops": 400.0, "memory_gb_per_s": 10.0}]
    (axes,) = picture.draw_roofline({"rows": [row], "peaks": peaks, "machine": {"cpu": "a processor"}}).axes
    assert "float32: 524 GOP/s" in {text.get_text() for text in axes.texts}  # 2·64³ operations in 1 µs
