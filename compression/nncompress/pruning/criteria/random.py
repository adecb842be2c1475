"""Random scores: every other criterion has to be better than chance."""

import numpy as np


def random_scores(rng):
    """A criterion whose scores are uniform in (0, 1] and know nothing of the weights.

    rng: a Generator or a seed -> criterion(w, evidence) -> scores of w's shape; each call draws new ones.

    >>> random_scores(0)(np.zeros((2, 3))).shape
    (2, 3)
    """
    rng = np.random.default_rng(rng)
    return lambda w, evidence=None: 1.0 - rng.random(np.shape(w))
