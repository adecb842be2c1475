"""Batches of a dataset."""

import numpy as np


class DataLoader:
    """The batches of a dataset. Each iteration goes through the whole dataset once.

        for images, labels in loader: ...                images (n, C, H, W) or (n, F), labels (n,) with n = batch_size
        for images, labels, indices in loader: ...       with indices=True: images[i] is made from dataset.images[indices[i]]
        for images, labels, moves in loader: ...         with shift=RandomShift(2): images[i] was moved moves[i] = (down, right)

    `len(loader)` is the number of batches. The last one is smaller when batch_size does not divide the number of
    samples; `drop_last` leaves it out. With `shuffle` every pass has a new order.

    transform: a callable `transform(images, rng) -> images` on a whole batch, or a list of them, applied in turn. They
    get a copy of the images; the dataset stays as it is.
    indices: whether each batch has its images' indices in the dataset (n,), to keep something for each image.
    shift: a RandomShift that the images pass through before all transforms; each batch then ends with how far each image
    was moved (n, 2), to look something up for each image and move.
    seed: an integer or a Generator. `loader.rng` is the only source of randomness, for the order and for the
    transforms: with an old `loader.rng.bit_generator.state` put back, the next pass repeats bit for bit.

    Errors: ValueError for a batch_size below 1, or when drop_last leaves no batch; TypeError or ValueError when a
    transform does not return a batch of as many images.
    """

    def __init__(self, dataset, batch_size=64, shuffle=False, seed=0, drop_last=False, transform=None, indices=False,
                 shift=None):
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size {batch_size}, expected a whole number of at least 1")
        if drop_last and batch_size > len(dataset):
            raise ValueError(f"DataLoader: batch_size {batch_size} with drop_last leaves no batch of {len(dataset)}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.rng = np.random.default_rng(seed)
        self.drop_last = drop_last
        self.transforms = as_list(transform)
        self.indices = indices
        self.shift = shift

    def __len__(self):
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def __iter__(self):
        N = len(self.dataset)
        order = self.rng.permutation(N) if self.shuffle else np.arange(N)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            images, labels = self.dataset.images[chosen], self.dataset.labels[chosen]
            told = [chosen] if self.indices else []
            if self.shift is not None:
                down, right = self.shift.draw(len(chosen), self.rng)
                images = self.shift.moved(images, down, right)
                told.append(np.stack([down, right], axis=1))
            for transform in self.transforms:
                images = _checked(transform(images, self.rng), transform, images)
            yield (images, labels, *told)


def as_list(transform):
    """None, one transform or several as a list.   Errors: TypeError for what cannot be called."""
    if transform is None:
        return []
    transforms = list(transform) if isinstance(transform, (list, tuple)) else [transform]
    for transform in transforms:
        if not callable(transform):
            raise TypeError(f"DataLoader: transform {transform!r} cannot be called, expected transform(images, rng)")
    return transforms


def _checked(images, transform, before):
    if not isinstance(images, np.ndarray):
        raise TypeError(f"DataLoader: transform {transform!r} returned {type(images).__name__}, expected an array")
    if images.ndim != before.ndim or len(images) != len(before):
        expected = f"({len(before)}, {'C, H, W' if before.ndim == 4 else 'F'})"
        raise ValueError(f"DataLoader: transform {transform!r} returned {images.shape}, expected {expected}")
    return images
