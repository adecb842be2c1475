"""Images, or rows of a table, with their labels."""

import numpy as np

SPLIT_SEED = 0
MOST_CHANNELS = 16  # with more, and 1, 3 or 4 as the last size, the channels are taken to be last


class Dataset:
    """Images or rows of a table, and a class for each.

        images (N, C, H, W), or (N, F) for a table,   labels (N,) with 0 <= label < classes

    `len(dataset)` is N. `dataset[3]` is the pair (image, label); `dataset[10:20]`, `dataset[indices]` and
    `dataset[mask]` are Datasets. `dataset.names` are the names of the classes, or None.

    images: uint8 and float32 are kept as they are and not copied; other whole numbers and floats become float32. Grey images
    may be given as (N, H, W); `dataset.images` is then (N, 1, H, W).
    labels: a list or an array of any whole numbers; or of strings, the names of the classes. `dataset.labels` is int64.
    classes: how many there are; or the list of their names, where label k has the k-th name. With strings as labels it may be
    left out: the names are then sorted.

    Errors: TypeError for other dtypes, and for labels that are None; ValueError for shapes that do not fit, images with the
    channels last, no samples, a number of classes below 1, a label out of range, a name that is not one of the names, two
    classes of one name, a pixel that is NaN, infinite, or too large for float32.

    >>> dataset = Dataset(np.zeros((4, 1, 8, 8), np.uint8), [0, 1, 2, 1], classes=3)
    >>> dataset[dataset.labels == 1]
    Dataset(2 images (1, 8, 8) uint8, 3 classes)
    >>> Dataset(np.eye(3), ["oak", "elm", "oak"])
    Dataset(3 rows (3,) float32, 2 classes: elm, oak)
    """

    def __init__(self, images, labels, classes=None):
        if labels is None:
            raise TypeError("Dataset: labels are None, expected a class for each image; images without labels need no Dataset, "
                            "a model takes them as an array: model(prepare(images, name))")
        self.images = _checked_images(np.asarray(images))
        self.labels, self.classes, self.names = _numbered(np.asarray(labels), classes)
        if len(self.images) != len(self.labels):
            raise ValueError(f"Dataset: {len(self.images)} images but {len(self.labels)} labels")

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        what = "rows" if self.images.ndim == 2 else "images"
        names = f": {', '.join(self.names)}" if self.names else ""
        return f"Dataset({len(self)} {what} {self.images.shape[1:]} {self.images.dtype}, {self.classes} classes{names})"

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return self.images[index], self.labels[index]
        return Dataset(self.images[index], self.labels[index], self.names or self.classes)

    def every_fifth(self):
        """Two Datasets, always the same: four fifths for training, and a fifth of each class for test.

        The samples are shuffled with the seed 0 and sorted by class; every fifth is for test, beginning with the first.
        Errors: ValueError for a class with one sample, which only one of the two could have.
        """
        few = np.flatnonzero(np.bincount(self.labels.astype(np.intp), minlength=self.classes) == 1)
        if len(few):
            name = repr(self.names[few[0]]) if self.names else few[0]
            raise ValueError(f"every_fifth: class {name} has 1 sample, training and test need one each")
        order = np.random.default_rng(SPLIT_SEED).permutation(len(self))
        by_class = order[np.argsort(self.labels[order], kind="stable")]
        is_test = np.zeros(len(self), bool)
        is_test[by_class[::5]] = True
        return self[~is_test], self[is_test]

    def split(self, fraction, rng):
        """Two Datasets: a random `fraction` of the samples, and all others; for example for training and validation.

        rng: a Generator or a seed. Errors: ValueError when one of the two would be empty.
        """
        first = round(fraction * len(self))
        if not 0 < first < len(self):
            raise ValueError(f"split: fraction {fraction} of {len(self)} samples leaves one part empty")
        order = np.random.default_rng(rng).permutation(len(self))
        return self[order[:first]], self[order[first:]]

    def few(self, per_class, rng):
        """A balanced few-shot Dataset: `per_class` random samples of every class, in the order that they have here.

        rng: a Generator or a seed. Errors: ValueError when a class has fewer samples.
        """
        rng = np.random.default_rng(rng)
        chosen = []
        for k in range(self.classes):
            members = np.flatnonzero(self.labels == k)
            if not 1 <= per_class <= len(members):
                raise ValueError(f"few: {per_class} samples per class asked, class {k} has {len(members)}")
            chosen.append(rng.choice(members, per_class, replace=False))
        return self[np.sort(np.concatenate(chosen))]

    def of_classes(self, classes):
        """The samples of the given classes only, relabelled 0, 1, … in the order in which the classes are given.

        Errors: ValueError for a class that the dataset does not have, or one named twice.

        >>> dataset = Dataset(np.zeros((4, 1, 8, 8), np.uint8), np.array([0, 7, 5, 7]), classes=10)
        >>> dataset.of_classes([5, 6, 7]).labels
        array([2, 0, 2])
        """
        new_label = np.full(self.classes, -1, np.int64)
        for new, old in enumerate(classes):
            if not 0 <= old < self.classes:
                raise ValueError(f"there is no class {old}, the dataset has classes 0 to {self.classes - 1}")
            if new_label[old] >= 0:
                raise ValueError(f"class {old} is named twice")
            new_label[old] = new
        labels = new_label[self.labels]
        kept = labels >= 0
        names = [self.names[k] for k in classes] if self.names else len(classes)
        return Dataset(self.images[kept], labels[kept], names)


def _checked_images(images):
    """uint8 or float32 of shape (N, C, H, W) or (N, F)."""
    if images.dtype.kind not in "biuf":
        raise TypeError(f"Dataset: images are {images.dtype}, expected whole numbers or floats")
    if images.ndim not in (2, 3, 4):
        raise ValueError(f"Dataset: images have shape {images.shape}, expected (N, C, H, W), (N, H, W) or, for a table, (N, F)")
    if images.size == 0:
        raise ValueError(f"Dataset: no samples, images have shape {images.shape}")
    if images.ndim == 4 and images.shape[3] in (1, 3, 4) and images.shape[1] > MOST_CHANNELS and images.shape[2] > 4:
        raise ValueError(f"Dataset: images have shape {images.shape}, which looks like (N, H, W, C): "
                         "call images.transpose(0, 3, 1, 2)")
    images = images[:, None] if images.ndim == 3 else images
    if images.dtype == np.uint8:
        return images
    with np.errstate(over="ignore"):
        floats = images.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        n, *place = np.argwhere(~np.isfinite(floats))[0]
        where = "column {}" if images.ndim == 2 else "channel {}, row {}, column {}"
        what = "row" if images.ndim == 2 else "image"
        value = images[n, *place]
        limit = ", which is too large for float32" if np.isfinite(value) else ""
        raise ValueError(f"Dataset: {what} {n} holds {value} at {where.format(*place)}{limit}")
    return floats


def _numbered(labels, classes):
    """(labels int64, number of classes, their names or None)."""
    if labels.ndim != 1:
        raise ValueError(f"Dataset: labels have shape {labels.shape}, expected (N,)")
    strings = labels.dtype.kind in "UT" or labels.dtype == object and all(isinstance(label, str) for label in labels)
    names = tuple(sorted(set(labels.tolist()))) if strings and classes is None else _names(classes)
    if strings:
        return _places(labels.tolist(), names), len(names), names
    count = classes if names is None else len(names)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"Dataset: labels are {labels.dtype}, expected whole numbers or strings")
    if not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"Dataset: classes is {count!r}, expected a whole number of at least 1")
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        n = wrong[0]
        raise ValueError(f"Dataset: label {labels[n]} at index {n}, expected 0 to {count - 1}")
    return labels.astype(np.int64, copy=False), count, names


def _names(classes):
    """The names in `classes`, or None for a number."""
    if not isinstance(classes, (list, tuple, np.ndarray)):
        return None
    names = tuple(str(name) for name in classes)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Dataset: two classes are named {twice!r}")
    return names


def _places(labels, names):
    """The number of each label among the names."""
    if names is None:
        raise ValueError("Dataset: labels are strings, so `classes` is the list of all names, or left out")
    number = {name: k for k, name in enumerate(names)}
    for n, label in enumerate(labels):
        if label not in number:
            raise ValueError(f"Dataset: label {label!r} at index {n} is not one of the classes {', '.join(names)}")
    return np.array([number[label] for label in labels], np.int64)
