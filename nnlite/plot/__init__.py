"""Pictures: training curves, confusion matrix, filters, histograms of weights, sensitivity, accuracy against bytes, bytes of a
file, roofline, bars.

    style.py         colours, STYLE, `figure`, `styled`, `save`, `svg`: what all pictures share
    curves.py  confusions.py  weights.py  sensitivity.py  size.py  front.py  parts.py  roofs.py  bars.py  one kind each
    labels.py        where to write labels beside points

Every plot function returns a matplotlib Figure and, where a `target` is given, writes it there: to a path that ends in
.png or .svg (whole or not at all), or as PNG to a binary stream. `svg(figure)` is for HTML pages.
No display is needed or touched. The colours are those that the colour-blind tell apart (Okabe & Ito 2008).
"""

from nnlite.plot.bars import horizontal_bars
from nnlite.plot.confusions import confusion, confusion_matrix
from nnlite.plot.curves import training_curves
from nnlite.plot.front import errors_against_bytes
from nnlite.plot.parts import bytes_of_parts
from nnlite.plot.roofs import roofline
from nnlite.plot.sensitivity import sensitivity_curves
from nnlite.plot.size import accuracy_against_bytes, size_text
from nnlite.plot.style import BLUE, DARK, GREY, LIGHT, ORANGE, SIZE, STYLE, figure, picture_kind, same_scales, save, styled, svg
from nnlite.plot.weights import filters, weight_histograms

__all__ = [
    "BLUE", "DARK", "GREY", "LIGHT", "ORANGE", "SIZE", "STYLE", "accuracy_against_bytes", "bytes_of_parts", "confusion",
    "confusion_matrix", "errors_against_bytes", "figure", "filters", "horizontal_bars", "picture_kind", "roofline",
    "same_scales", "save", "sensitivity_curves", "size_text", "styled", "svg", "training_curves", "weight_histograms",
]
