"""Writes digits.npz: 100 images, pixels 0 to 16, for the item `digits`."""

from pathlib import Path

import numpy as np

from nnlite import data

some = data.load("digits")[1][:100]
images = np.rint(some.images.reshape(-1, 64) * (16 / 255)).astype(np.uint8)
np.savez_compressed(Path(__file__).with_name("digits.npz"), images=images, labels=some.labels.astype(np.uint8))
