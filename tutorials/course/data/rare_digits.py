"""Writes rare_digits.npz: training images of which 0 to 4 are rare, and the 360 test images, pixels 0 to 16."""

from pathlib import Path

import numpy as np

from nnlite import data


def pixels(images):
    return np.rint(images.reshape(-1, 64) * (16 / 255)).astype(np.uint8)


train, test = data.load("digits")
order = np.random.default_rng(0).permutation(len(train))
chosen = np.concatenate([order[train.labels[order] == digit][: 8 if digit < 5 else 80] for digit in range(10)])
some = train[np.sort(chosen)]
np.savez_compressed(Path(__file__).with_suffix(".npz"), images=pixels(some.images), labels=some.labels.astype(np.uint8),
                    test_images=pixels(test.images), test_labels=test.labels.astype(np.uint8))
