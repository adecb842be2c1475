"""Loss per bit: a weight is worth what the loss would rise without it, and costs the bits that the file needs for it.

An adaptive coder spends few bits on a nonzero where nonzeros are dense, and many on one that stands alone. So lonely weights go
first, clusters stay, and rows, columns and border pixels become empty by themselves.
"""

import numpy as np

from nncompress.pruning.evidence import needed

SIGN_AND_SIZE = 3.0  # bits that a nonzero takes beside its place
MOST_BITS = 14.0  # what a place may cost
CLASSES, NEIGHBOURS = 16, 9  # of places: by the density of row and column, and by how many of the 8 neighbours are kept


def loss_per_bit(t, h, bits, gamma=1.0):
    """score = t² h / bits^γ

    t weights, h = ∂²L/∂t² (or the mean squared gradient in its place), bits what each weight costs, all of one shape; γ > 1
    makes cheap weights count more. Half of t² h is how much the loss rises, to second order, when the weight t becomes 0.
    Source: LeCun, Denker & Solla 1990, "Optimal Brain Damage", eq. 5, for t² h; the division by bits is this project's.

    >>> loss_per_bit(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array([4.0, 8.0])).tolist()
    [1.0, 0.5]
    """
    return np.square(t, dtype=np.float64) * h / bits**gamma


def place_bits(kept, maps=None):
    """How many more bits a nonzero costs than a zero, at each place of a weight: bits of its position, sign and size.

        bits = clip(log2((1 − p) / p), 0, 14) + 3        p = (nonzeros + 2 p̄ + 0.02) / (places + 2.04), over the place's class

    The class of a place is (its row's density × its column's density, in 16 steps; how many of its 8 neighbours in the same map
    are kept), and p̄ the density of the whole weight. A column's density is averaged with that of its 3×3 neighbourhood where
    the inputs are one map, else with that of its own map, because the columns of a map are alike.

    kept    booleans (O, …), True where a weight is not 0.   maps: (C, H, W) of the C·H·W inputs of an output; by default what
            follows O in kept's shape, (C, 1, 1) for two axes. -> bits of kept's shape.
    Errors: ValueError for maps with another number of inputs.
    Source: this project's; Shannon 1948 for the bits of an event of probability p.
    """
    shape = kept.shape
    C, H, W = maps or (*shape[1:], 1, 1)[:3]
    kept = kept.reshape(shape[0], -1)
    if kept.shape[1] != C * H * W:
        raise ValueError(f"place_bits: an output has {kept.shape[1]} inputs, maps {(C, H, W)} have {C * H * W}")
    mean = max(kept.mean(), 1e-4)
    place = _density_class(kept, (C, H, W), mean)
    if H * W > 1:
        grid = kept.reshape(-1, H, W).astype(np.int8)
        place = NEIGHBOURS * place + (_sum3x3(grid) - grid).reshape(kept.shape)
    nonzeros = np.bincount(place.ravel().astype(np.intp), kept.ravel(), CLASSES * NEIGHBOURS)
    places = np.bincount(place.ravel().astype(np.intp), minlength=CLASSES * NEIGHBOURS)
    p = (nonzeros + 2 * mean + 0.02) / (places + 2.04)
    return (np.clip(np.log2((1 - p) / p), 0, MOST_BITS) + SIGN_AND_SIZE)[place].reshape(shape)


def _density_class(kept, maps, mean):
    """The class 0 … 15 of each place, by log2 of (row density × column density ÷ mean²); 15 stands for ratios from 1 up."""
    O, I = kept.shape
    C, H, W = maps
    column = kept.sum(axis=0).reshape(C, H, W).astype(np.float64)
    if H * W > 1:
        around = _sum3x3(column) / 9 if C == 1 else column.mean(axis=(1, 2), keepdims=True)
        column = 0.5 * column + 0.5 * around
    row = np.log2((kept.sum(axis=1) + 4 * mean) / (I + 4))
    column = np.log2((column.ravel() + 4 * mean) / (O + 4))
    return np.clip((1.5 * np.add.outer(row, column - np.log2(mean))).astype(np.int64) + 15, 0, 15)


def _sum3x3(x):
    """The sum over each 3×3 neighbourhood of maps (…, H, W), with zeros outside."""
    *_, H, W = x.shape
    padded = np.pad(x, [*[(0, 0)] * (x.ndim - 2), (1, 1), (1, 1)])
    return sum(padded[..., y : y + H, z : z + W] for y in range(3) for z in range(3))


def loss_per_bit_scores(maps=None, gamma=1.0):
    """`loss_per_bit` as a criterion: criterion(w, evidence), with the nonzeros of w as those that are kept.

    evidence.curvature h of w's shape; maps and gamma as in `place_bits` and `loss_per_bit`.
    Errors: ValueError for evidence without a curvature.
    """
    def scores(w, evidence):
        return loss_per_bit(w, needed("loss_per_bit_scores", evidence, "curvature"), place_bits(w != 0, maps), gamma)

    return scores
