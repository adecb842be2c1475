"""Images with their labels."""

import numpy as np


class Dataset:
    """Images, and a class for each image.

        images (N, C, H, W) uint8 or float32,   labels (N,) with 0 <= label < classes

    `len(dataset)` is N. `dataset[3]` is the pair (image, label); `dataset[10:20]`, `dataset[indices]` and
    `dataset[mask]` are Datasets. Images are not copied. Labels may be a list or an array of any whole numbers; `dataset.labels`
    is int64.

    Errors: TypeError for other dtypes, and for labels that are None; ValueError for shapes that do not fit, no samples, a
    number of classes below 1, a label out of range, a NaN or infinite pixel.

    >>> dataset = Dataset(np.zeros((4, 1, 8, 8), np.uint8), [0, 1, 2, 1], classes=3)
    >>> dataset[dataset.labels == 1]
    Dataset(2 images (1, 8, 8) uint8, 3 classes)
    """

    def __init__(self, images, labels, classes):
        if labels is None:
            raise TypeError("Dataset: labels are None, expected a class for each image; images without labels need no Dataset, "
                            "a model takes them as an array: model(prepare(images, name))")
        images, labels = np.asarray(images), np.asarray(labels)
        _check_images(images)
        _check_labels(labels, classes)
        if len(images) != len(labels):
            raise ValueError(f"Dataset: {len(images)} images but {len(labels)} labels")
        self.images = images
        self.labels = labels.astype(np.int64, copy=False)
        self.classes = classes

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"Dataset({len(self)} images {self.images.shape[1:]} {self.images.dtype}, {self.classes} classes)"

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return self.images[index], self.labels[index]
        return Dataset(self.images[index], self.labels[index], self.classes)

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
        return Dataset(self.images[kept], labels[kept], len(classes))


def _check_images(images):
    if images.dtype not in (np.uint8, np.float32):
        raise TypeError(f"Dataset: images are {images.dtype}, expected uint8 or float32")
    if images.ndim != 4:
        raise ValueError(f"Dataset: images have shape {images.shape}, expected (N, C, H, W)")
    if images.size == 0:
        raise ValueError(f"Dataset: no samples, images have shape {images.shape}")
    if images.dtype == np.float32 and not np.isfinite(images).all():
        n, c, h, w = np.argwhere(~np.isfinite(images))[0]
        raise ValueError(f"Dataset: image {n} holds {images[n, c, h, w]} at channel {c}, row {h}, column {w}")


def _check_labels(labels, classes):
    if labels.dtype.kind not in "iu":
        raise TypeError(f"Dataset: labels are {labels.dtype}, expected whole numbers")
    if not isinstance(classes, (int, np.integer)) or classes < 1:
        raise ValueError(f"Dataset: classes is {classes!r}, expected a whole number of at least 1")
    if labels.ndim != 1:
        raise ValueError(f"Dataset: labels have shape {labels.shape}, expected (N,)")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        n = wrong[0]
        raise ValueError(f"Dataset: label {labels[n]} at index {n}, expected 0 to {classes - 1}")
