"""The confusion matrix: which classes were taken for which, as numbers and as a picture."""

import numpy as np

from nnlite.plot.style import BLUE, DARK, ORANGE, figure, finished, styled


def confusion(predictions, labels, classes):
    """The confusion matrix: matrix[i, j] images of class i were taken for class j.

    predictions, labels: whole numbers (N,) in [0, classes) -> int64 (classes, classes). Errors: ValueError for others.

    >>> confusion([0, 1, 1, 1], [0, 0, 1, 1], classes=2)
    array([[1, 1],
           [0, 2]])
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or labels.ndim != 1:
        raise ValueError(f"confusion: predictions {predictions.shape} and labels {labels.shape} are not both (N,)")
    for name, values in (("predictions", predictions), ("labels", labels)):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= classes):
            raise ValueError(f"confusion: {name} from {values.min()} to {values.max()} ({values.dtype}), "
                             f"expected whole numbers from 0 to {classes - 1}")
    cells = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


@styled()
def confusion_matrix(matrix, target=None, class_names=None):
    """How many images of each class (row) were taken for which (column): right ones blue, mistakes orange.

    The colour is the share of the row, for mistakes relative to the largest.
    matrix: whole numbers (classes, classes) as from `confusion`. Errors: ValueError for another shape, or other names.
    """
    matrix = np.atleast_1d(matrix)
    classes = len(matrix)
    if matrix.shape != (classes, classes) or classes == 0 or matrix.dtype.kind not in "iu":
        raise ValueError(f"confusion_matrix: expects whole numbers (classes, classes), got {matrix.dtype} {matrix.shape}")
    names = [str(name) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"confusion_matrix: {len(names)} names for {classes} classes")

    picture = figure(max(4.2, 0.48 * classes + 2), 0.48 * classes + 1.3)
    axes = picture.add_subplot(anchor="W")
    axes.imshow(_confusion_colours(matrix))
    for i, j in zip(*matrix.nonzero(), strict=True):
        axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", color="white" if i == j else DARK)
    axes.set_xticks(range(classes), names, rotation=45 if max(map(len, names)) > 4 else 0)
    axes.set_yticks(range(classes), names)
    axes.set(xlabel="taken for", ylabel="true class")
    axes.set_xticks(np.arange(classes) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    right, total = np.trace(matrix), matrix.sum()
    axes.set_title(f"{right:,} of {total:,} right ({100 * right / max(total, 1):.1f} %)")
    return finished(picture, target)


def _confusion_colours(matrix):
    """RGB (classes, classes, 3): white for 0, to blue on the diagonal, to orange beside it."""
    from matplotlib.colors import to_rgb

    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(matrix), dtype=bool)
    mistakes = np.where(right, 0, share)
    mistakes = mistakes / (mistakes.max() or 1)
    strength = np.where(matrix == 0, 0, np.where(right, 0.35 + 0.65 * share, 0.15 + 0.65 * mistakes))[..., None]
    return 1 - strength + strength * np.where(right[..., None], to_rgb(BLUE), to_rgb(ORANGE))
