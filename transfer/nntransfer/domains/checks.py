"""A check of the arrays that LEEP, LogME and the H-score take."""

import numpy as np


def check_labels(function, rows, labels):
    """The labels as int64, if they fit rows (n, D): one for each row, from 0 up, of two classes or more.

    Errors: ValueError in the name of `function` that says what does not fit.
    """
    y = np.asarray(labels)
    if rows.ndim != 2 or y.shape != rows.shape[:1] or len(y) == 0:
        raise ValueError(f"{function}: expects rows (n, D) and labels (n,), n from 1 up, got {rows.shape} and {y.shape}")
    if y.dtype.kind not in "iu" or (y < 0).any():
        raise ValueError(f"{function}: labels are whole numbers from 0 up, got {y.dtype}, the least {y.min()}")
    if len(np.unique(y)) < 2:
        raise ValueError(f"{function}: the {len(y)} labels name {len(np.unique(y))} class, expected two or more")
    if not np.isfinite(rows).all():
        raise ValueError(f"{function}: {np.size(rows) - np.isfinite(rows).sum()} of {rows.size} numbers are NaN or infinite")
    return y.astype(np.int64)
