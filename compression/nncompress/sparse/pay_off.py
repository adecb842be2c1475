"""From which sparsity on a layer runs faster from its compressed form: measured against the dense tile, and drawn."""

import statistics
import time

import numpy as np

from nncompress.sparse.csr import CSR
from nncompress.sparse.relative import RelativeForm
from nnlite import kernels, plot

FORMS = {"csr": "CSR", "relative": "relative form"}
SPARSITIES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.99)
SHARED = 31  # different weights beside 0: codes of five bits, as Deep Compression has them
ROUND_SECONDS = 2e-4  # so long that the clock is exact and an interruption rare


def pays_from(rows, form, batch):
    """The lowest measured sparsity from which on the form is at least as fast as the dense product, at every higher one, too.

    rows: from `time_forms`.   form: "csr" or "relative".   batch: of the rows to look at. -> a sparsity, or None if the form is
    slower even at the highest one.
    """
    ratios = {row["sparsity"]: row["dense_us"] / row[f"{form}_us"] for row in rows if row["batch"] == batch}
    lowest = None
    for sparsity in sorted(ratios, reverse=True):
        if ratios[sparsity] < 1:
            break
        lowest = sparsity
    return lowest


def time_forms(shape=(300, 784), batches=(1, 64), sparsities=SPARSITIES, rounds=101, seed=0):
    """Time the product x wᵀ by the dense tile, by CSR and by the relative form, for random w (O, I) of each sparsity, x (B, I).

    The three take turns, so that what else the machine does falls on all alike; a time is the median of the rounds.
    -> rows {"sparsity", "batch", "dense_us", "csr_us", "relative_us", "dense_bytes", "csr_bytes", "relative_bytes"}
    """
    rng = np.random.default_rng(seed)
    rows = []
    for sparsity in sparsities:
        w = random_weight(rng, shape, sparsity)
        csr, relative, w_columns = CSR.from_dense(w), RelativeForm.from_dense(w), np.ascontiguousarray(w.T)
        sizes = {"dense_bytes": w.nbytes, "csr_bytes": csr.nbytes, "relative_bytes": relative.nbytes}
        for batch in batches:
            x = rng.standard_normal((batch, shape[1])).astype(np.float32)
            calls = [lambda x=x, w=w_columns: kernels.matmul(x, w), lambda x=x, w=csr: w.matmul(x),
                     lambda x=x, w=relative: w.matmul(x)]
            times = zip(("dense_us", "csr_us", "relative_us"), interleaved_medians(calls, rounds), strict=True)
            rows.append({"sparsity": sparsity, "batch": batch, **{name: round(1e6 * t, 2) for name, t in times}, **sizes})
    return rows


def random_weight(rng, shape, sparsity):
    """w float32: of its n weights round(sparsity · n) are 0, at random places, the others one of SHARED."""
    w = rng.choice(rng.standard_normal(SHARED).astype(np.float32), shape)
    w.reshape(-1)[rng.permutation(w.size)[: round(sparsity * w.size)]] = 0
    return w


def interleaved_medians(calls, rounds):
    """Seconds that each function takes: the median over rounds in which they take turns, each called for ROUND_SECONDS."""
    for call in calls:
        call()  # compiles it
    repeats = [max(1, int(ROUND_SECONDS / _seconds(call, 5))) for call in calls]
    times = [[_seconds(call, n) for call, n in zip(calls, repeats, strict=True)] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def _seconds(call, n):
    start = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) / n


def draw(rows, target=None):
    """Draw the speed of each form, relative to the dense tile, against the sparsity: a panel for each batch.

    rows: as from `pay_off` -> Figure, written to `target` (.png or .svg) where one is given.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(plot.STYLE)
        batches = sorted({row["batch"] for row in rows})
        figure = Figure((4.6 * len(batches), 3.9), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, batch in zip(figure.subplots(1, len(batches), squeeze=False, sharey=True)[0], batches, strict=True):
            _draw_batch(axes, [row for row in rows if row["batch"] == batch], batch)
        figure.get_axes()[0].set_ylabel("times as fast as the dense tile")
    if target is not None:
        plot.save(figure, target)
    return figure


def _draw_batch(axes, rows, batch):
    percent = [100 * row["sparsity"] for row in rows]
    for (form, name), colour in zip(FORMS.items(), (plot.BLUE, plot.ORANGE), strict=True):
        ratios = [row["dense_us"] / row[f"{form}_us"] for row in rows]
        start = pays_from(rows, form, batch)
        pays = "does not pay" if start is None else f"pays from {100 * start:g} % on"
        axes.plot(percent, ratios, "o-", color=colour, markersize=4, label=f"{name}: {pays}")
    axes.axhline(1, color=plot.DARK, linewidth=1)
    axes.annotate("dense tile", (1, 1), (0, -4), axes.get_yaxis_transform(), "offset points", ha="right", va="top", fontsize=9)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}×")
    axes.xaxis.set_major_formatter("{x:g} %")
    axes.set_title("One image" if batch == 1 else f"{batch} images at a time")
    axes.set_xlabel("weights that are 0")
    axes.legend(loc="upper left")
