"""Batches for distillation: labelled and unlabelled images side by side, and two views of the same images.

    loader = InStep(DataLoader(few, 32, shuffle=True), DataLoader(rest, 96, shuffle=True))         # batches of 32 + 96 images
    loader = TwoViews(loader, student=[RandomShift(2), ToFloat()], teacher=[RandomShift(2), ToFloat()])
"""

from itertools import chain, repeat

import numpy as np

from nnlite.data.loader import as_list


class InStep:
    """Two loaders in step: each batch has labelled images first, then images without labels, whose labels are −1.

    A pass has as many batches as the longer loader; the shorter one begins anew as often as needed. The labels of the second
    loader are not passed on, so its Dataset may have labels. Both loaders draw from the first one's generator, `rng`, which a
    checkpoint keeps.

    labelled, unlabelled: DataLoaders of images of one shape and dtype.   Errors: ValueError for images of two shapes or dtypes.
    """

    def __init__(self, labelled, unlabelled):
        first, second = labelled.dataset.images, unlabelled.dataset.images
        if first.shape[1:] != second.shape[1:] or first.dtype != second.dtype:
            raise ValueError(f"InStep: labelled images are {first.shape[1:]} {first.dtype}, the others {second.shape[1:]} "
                             f"{second.dtype}")
        self.labelled, self.unlabelled = labelled, unlabelled
        self.rng = unlabelled.rng = labelled.rng

    def __len__(self):
        return max(len(self.labelled), len(self.unlabelled))

    def __iter__(self):
        endless = [chain.from_iterable(repeat(loader)) for loader in (self.labelled, self.unlabelled)]
        for _, (images, labels, *_), (others, *_) in zip(range(len(self)), *endless, strict=False):
            yield np.concatenate([images, others]), np.concatenate([labels, np.full(len(others), -1)])


class TwoViews:
    """Each batch of a loader in two views: (student's images, labels, teacher's images).

    loader: its own transforms come before both views.   student, teacher: a transform or a list of transforms, as `DataLoader`
    takes them. The views draw from the loader's generator one after the other, so random transforms differ between the two.
    """

    def __init__(self, loader, student, teacher):
        self.loader, self.student, self.teacher = loader, as_list(student), as_list(teacher)

    @property
    def rng(self):
        """The loader's generator, so that a checkpoint can keep its state."""
        return self.loader.rng

    @property
    def dataset(self):
        """The loader's dataset; None where it has two."""
        return getattr(self.loader, "dataset", None)

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for images, labels, *_ in self.loader:
            yield self._seen(images, self.student), labels, self._seen(images, self.teacher)

    def _seen(self, images, transforms):
        for transform in transforms:
            images = transform(images, self.rng)
        return images
