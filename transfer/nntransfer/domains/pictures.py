"""Pictures of domains: where the samples lie, and which layers are alike."""

import numpy as np

from nnlite.plot.style import BLUE, DARK, GREY, ORANGE, figure, finished, styled
from nntransfer.domains.domain import check_features

COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe & Ito 2008


def principal_components(x, k=2):
    """The k directions in which the features vary most, and the features in them.

        C v = λ v,  the k largest λ;        y_i = (v_1·(x_i − μ), …, v_k·(x_i − μ))

    x (n, d), 1 ≤ k ≤ d -> y (n, k), share (k,): of the variance that each direction has. The largest number of each v is
    positive.
    Errors: ValueError for fewer than two samples, or a k out of range.
    Source: Bishop 2006, Pattern Recognition and Machine Learning, §12.1.
    """
    (x,) = check_features("principal_components", x)
    if not 1 <= k <= x.shape[1]:
        raise ValueError(f"principal_components: k is {k}, expected 1 to {x.shape[1]}")
    centred = x - x.mean(axis=0, dtype=np.float64)
    eigenvalues, V = np.linalg.eigh(centred.T @ centred)
    V, eigenvalues = V[:, ::-1][:, :k], eigenvalues[::-1]
    V = V * np.sign(V[np.abs(V).argmax(axis=0), np.arange(k)])
    return centred @ V, eigenvalues[:k] / (eigenvalues.sum() or 1.0)


@styled()
def domains_by_class(domains, target=None, title=None):
    """The samples of several Domains in their two main directions: a colour for each domain, the class as a digit.

    domains: {name: Domain}, with labels; all of one d. One pair of directions serves all.   target: as in `nnlite.plot`.
    Errors: ValueError for Domains without labels, and for more than six Domains, which would look alike.
    """
    if len(domains) > len(COLOURS):
        raise ValueError(f"domains_by_class: {len(domains)} domains, there are colours for {len(COLOURS)}")
    for name, domain in domains.items():
        if domain.labels is None:
            raise ValueError(f"domains_by_class: the domain {name!r} has no labels")
    y, share = principal_components(np.concatenate([domain.features for domain in domains.values()]))
    picture = figure(6.4, 5)
    axes = picture.add_subplot()
    start = 0
    for (name, domain), colour in zip(domains.items(), COLOURS[: len(domains)], strict=True):
        points = y[start : start + domain.n]
        start += domain.n
        for k in np.unique(domain.labels):
            chosen = points[domain.labels == k]
            axes.scatter(*chosen.T, marker=f"${k}$", s=22, color=colour, lw=0, alpha=0.6)
        axes.scatter([], [], marker="o", color=colour, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_xlabel(f"first direction ({100 * share[0]:.0f} % of the variance)")
    axes.set_ylabel(f"second ({100 * share[1]:.0f} %)")
    if title is not None:
        axes.set_title(title)
    return finished(picture, target)


@styled()
def cka_heat_map(matrix, rows, columns, target=None, title=None, labels=("", "")):
    """CKA of layers with layers, as from `cka_between_layers`: white for 0, blue for 1, the number in each cell.

    matrix (R, C); rows, columns: the layers' names; labels: what the two axes are called.   target: as in `nnlite.plot`.
    Errors: ValueError for another number of names.
    """
    matrix = np.asarray(matrix, np.float64)
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(f"cka_heat_map: a matrix {matrix.shape} for {len(rows)} rows and {len(columns)} columns")
    from matplotlib.colors import LinearSegmentedColormap

    picture = figure(0.6 * len(columns) + 2.0, 0.5 * len(rows) + 1.6)
    axes = picture.add_subplot(anchor="W")
    axes.imshow(matrix, vmin=0, vmax=1, cmap=LinearSegmentedColormap.from_list("alike", ["white", BLUE]))
    for (i, j), value in np.ndenumerate(matrix):
        axes.text(j, i, f"{max(value, 0):.2f}".removeprefix("0"), ha="center", va="center", fontsize=8,
                  color="white" if value > 0.6 else DARK)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=labels[1], ylabel=labels[0])
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_color(GREY)
    if title is not None:
        axes.set_title(title)
    return finished(picture, target)
