"""Examples of every picture, and how to read what is on one."""

import struct

import matplotlib
import numpy as np
import pytest

from nnlite import plot

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
PARTS = {"conv1": {"positions": 30.0, "sizes": 70.5, "scales": 0}, "fc1": {"positions": 868.6, "signs": 178.3, "sizes": 185.4},
         "of all": {"header": 34.0, "checksum": 4.0}}
SENSITIVITY = [0.5, 0.9], {"conv1.weight": [0.9, 0.2], "fc1.weight": [0.98, 0.95]}, 0.98
ROOFS = {"float32": 100, "int8": 400}  # GOP/s, reached from 10 and from 40 operations per byte on, at 10 GB/s
POINTS = [("64³", "float32", 8, 20), ("64³", "int8", 16, 30), ("256³", "float32", 32, 90), ("256³", "int8", 64, 350)]
RNG = np.random.default_rng(0)
PLOTS = {
    "training_curves": (plot.training_curves, HISTORY),
    "confusion_matrix": (plot.confusion_matrix, MATRIX),
    "filters": (plot.filters, RNG.standard_normal((4, 3, 5, 5))),
    "weight_histograms": (plot.weight_histograms, {"before": {"fc": RNG.standard_normal(99)}}),
    "accuracy_against_bytes": (plot.accuracy_against_bytes, ROWS),
    "bytes_of_parts": (plot.bytes_of_parts, PARTS),
    "sensitivity_curves": (lambda curves, target=None: plot.sensitivity_curves(*curves, target), SENSITIVITY),
    "horizontal_bars": (lambda values, target=None: plot.horizontal_bars(values, "Title", "label", target), {"a": 1, "b": 2}),
    "roofline": (lambda points, target=None: plot.roofline(points, ROOFS, 10, target, "a machine"), POINTS),
}


def png_size(content):
    """(width, height) in the header of a PNG."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR"
    return struct.unpack(">II", content[16:24])


def texts(figure):
    """Every word that is written on a figure."""
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


def curves(axes):
    """{label: (x, y)} of the lines."""
    return {line.get_label(): (list(line.get_xdata()), pytest.approx(list(line.get_ydata()))) for line in axes.lines}
