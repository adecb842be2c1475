"""Transfer sets: a student may learn from other images than its teacher did, and they need no labels.

    whole classes left out     without_classes(dataset, [3])
    noise                      noise(10_000, (1, 28, 28), rng=0)
    another data set           Unlabelled(other.images)

Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §3, for the digit that the student has never seen.
"""

import numpy as np

from nnlite.data import Dataset


class Unlabelled(Dataset):
    """Images without labels; every label is −1.

    images (N, C, H, W) uint8 or float32.   classes: how many logits a teacher has for them.
    `split` and indexing work as in a Dataset; `few` and `of_classes`, which choose by label, are errors.

    >>> Unlabelled(np.zeros((4, 1, 8, 8), np.uint8))[:2].labels
    array([-1, -1])
    """

    def __init__(self, images, classes=10):
        super().__init__(images, np.zeros(len(images), np.int64), classes)
        self.labels = np.full(len(images), -1, np.int64)

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return self.images[index], self.labels[index]
        return Unlabelled(self.images[index], self.classes)

    def few(self, per_class, rng):
        """Always an error: without labels there is nothing to choose by."""
        raise ValueError(f"few: {per_class} samples per class asked, and none of the {len(self)} images has a label")

    def of_classes(self, classes):
        """Always an error: without labels there is nothing to choose by."""
        raise ValueError(f"of_classes: classes {list(classes)} asked, and none of the {len(self)} images has a label")


def without_classes(dataset, classes):
    """The samples of all other classes, with the labels and the number of classes as they were.

    Errors: ValueError for a class that the dataset does not have, and where no sample would be left.

    >>> without_classes(Dataset(np.zeros((4, 1, 8, 8), np.uint8), [0, 1, 2, 1], classes=3), [1]).labels
    array([0, 2])
    """
    wrong = [k for k in classes if not 0 <= k < dataset.classes]
    if wrong:
        raise ValueError(f"without_classes: there is no class {wrong[0]}, the dataset has classes 0 to {dataset.classes - 1}")
    kept = ~np.isin(dataset.labels, classes)
    if not kept.any():
        raise ValueError(f"without_classes: none of the {len(dataset)} samples is of another class than {list(classes)}")
    return dataset[kept]


def noise(count, shape, rng, classes=10):
    """`count` images of uniform noise, shape (C, H, W), bytes 0 … 255, as an `Unlabelled`.   rng: a Generator or a seed."""
    rng = np.random.default_rng(rng)
    return Unlabelled(rng.integers(0, 256, (count, *shape), dtype=np.uint8), classes)
