"""The confusion matrix: which classes were taken for which, as numbers and as a picture."""

import numpy as np

from nnlite.plot.style import BLUE, ORANGE, as_written, figure, finished, styled

CELL = 0.29  # inches


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
    cells = labels.astype(np.intp) * classes + predictions.astype(np.intp)
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
    names = [as_written(str(name)) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"confusion_matrix: {len(names)} names for {classes} classes")

    longest = max(map(len, names))
    picture = figure(max(3.7, CELL * classes + 0.07 * longest + 0.73), CELL * classes + 0.05 * longest + 1.1)
    axes = picture.add_subplot(anchor="W", aspect="equal", xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5))
    _colour_cells(axes, matrix)
    size = min(10, 110 * CELL / len(str(matrix.max())))  # of a digit, so that the longest number fits into its cell
    for i, j in zip(*matrix.nonzero(), strict=True):
        axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", fontsize=size)
    sloping = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if longest > 3 else {}
    axes.set_xticks(range(classes), names, **sloping)
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


def _colour_cells(axes, matrix):
    """Each cell that is not 0, so much more opaque as it is a larger share of its row; the law is the same for all matrices."""
    from matplotlib.patches import Rectangle

    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for i, j in zip(*matrix.nonzero(), strict=True):
        opacity = 0.1 + 0.5 * np.sqrt(share[i, j])
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=BLUE if i == j else ORANGE, alpha=opacity, linewidth=0))
