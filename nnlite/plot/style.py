"""The style that all pictures share: colours, one size, and how a figure gets into a file.

    with plot.styled():
        figure = plot.figure()
        axes = figure.add_subplot()
        axes.plot(x, y, color=plot.BLUE)
    plot.save(figure, "curve.svg")

`styled()` also decorates a function that draws. Code that works with pyplot, such as a notebook, takes the same settings from
`STYLE`: plt.rcParams.update(plot.STYLE).
"""

import contextlib
import io
from pathlib import Path

from nnlite.files import write_atomically

BLUE, ORANGE, LIGHT, GREY, DARK = "#0072b2", "#d55e00", "#e4e4e4", "#999999", "#333333"  # Okabe & Ito 2008, and greys
SIZE = (8, 4.8)  # inches, of a picture that needs no other
STYLE = {
    "figure.figsize": SIZE, "figure.dpi": 150, "savefig.dpi": 150, "font.size": 10, "axes.titlesize": 11,
    "axes.titlelocation": "left", "axes.titleweight": "bold", "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": GREY, "axes.labelcolor": DARK, "text.color": DARK, "xtick.color": DARK, "ytick.color": DARK,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": LIGHT, "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.1, "figure.constrained_layout.h_pad": 0.1, "svg.hashsalt": "nnlite",
}


@contextlib.contextmanager
def styled():
    """Inside, matplotlib draws in STYLE whatever the user's settings are; afterwards these are as they were."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def figure(width=SIZE[0], height=SIZE[1]):
    """An empty matplotlib Figure of width × height inches, with a canvas of its own: pyplot and its windows are not used."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure((width, height), layout="constrained")
    FigureCanvasAgg(empty)
    return empty


def picture_kind(path):
    """"png" or "svg", as the path ends.   Errors: ValueError for another ending."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"plot: the picture {path} has to end in .png or .svg")
    return kind


@styled()
def save(figure, target):
    """Write a Figure to a path that ends in .png or .svg, or as PNG to a binary stream; same figure, same bytes.

    Errors: ValueError for another ending; OSError where the file cannot be written.
    """
    if hasattr(target, "write"):
        _print(figure, target, "png")
        return
    kind = picture_kind(target)
    write_atomically(target, lambda stream: _print(figure, stream, kind))


@styled()
def svg(figure):
    """A Figure as the text of one <svg> element, to stand inside an HTML page. Its words are text, in the page's own font."""
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        _print(figure, stream, "svg")
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def same_scales(axes, direction="xy"):
    """Give all these axes the same limits: the lowest and the highest of them.   direction: "x", "y" or "xy"."""
    for x_or_y in direction:
        ends = [end for a in axes for end in getattr(a, f"get_{x_or_y}lim")()]
        for a in axes:
            getattr(a, f"set_{x_or_y}lim")(min(ends), max(ends))


def as_written(text):
    """A name as matplotlib draws it unchanged: $ begins no formula, and what cannot be drawn is a question mark.

    >>> print(as_written("price $5"), as_written("caf" + chr(0xDCE9) + ".npz"))  # half of a surrogate pair
    price \\$5 caf?.npz
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text).replace("$", r"\$")


def finished(figure, target):
    """The figure; where a target is given, also saved there."""
    if target is not None:
        save(figure, target)
    return figure


def lay_out(figure):
    """Give everything its place on the paper and leave it there: laid out again, it would move by fractions of a pixel."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _print(figure, stream, kind):
    lay_out(figure)
    nothing_that_varies = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    figure.savefig(stream, format=kind, metadata=nothing_that_varies[kind])
