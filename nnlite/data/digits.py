"""The bundled data set: 1797 real handwritten digits of 8×8 pixels.

Source: E. Alpaydin and C. Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49: its test part `optdigits.tes`, as scikit-learn's `load_digits` has it.
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0), https://creativecommons.org/licenses/by/4.0/.

`digits.npz` holds the published numbers unchanged: images (1797, 8, 8) with values 0 to 16 (how many of a
4×4 block's pixels are black), labels (1797,).
"""

from pathlib import Path

import numpy as np

from nnlite.data.dataset import Dataset


def load_digits():
    """Datasets (train, test) of 1437 and 360 images, uint8 (N, 1, 8, 8), 10 classes.

        pixel = round(255 v / 16),   v the published value

    The split is that of `Dataset.every_fifth`.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as published:
        values, labels = published["images"], published["labels"].astype(np.int64)
    images = np.rint(values * (255 / 16)).astype(np.uint8)[:, None]
    return Dataset(images, labels, classes=10).every_fifth()
