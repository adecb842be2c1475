"""Writes mean_digits.npz: the mean image of each digit in the training images, between 0 and 1."""

from pathlib import Path

import numpy as np

from nnlite import data

train, _ = data.load("digits")
images = train.images.reshape(-1, 8, 8) / 255
means = np.stack([images[train.labels == digit].mean(axis=0) for digit in range(10)])
np.savez_compressed(Path(__file__).with_suffix(".npz"), means=means.astype(np.float32))
