"""Energy: how much of a matrix its first r singular values hold. And checks that a rank is possible and saves numbers."""

import numpy as np

from nncompress.pruning.scores import check_fraction


def rank_for_energy(s, energy):
    """The smallest rank that holds a part of the energy, at least 1.

        r = min r with Σ_{i≤r} s_i² ≥ e · Σ_i s_i²

    The rest, Σ_{i>r} s_i², is the squared error of the best matrix of rank r.

    s: singular values, falling; energy e from 0 to 1 -> r.   Errors: ValueError for e outside [0, 1].
    Source: Eckart & Young 1936 (Psychometrika 1), for the error; the rule is the usual one.

    >>> [rank_for_energy([4, 2, 2, 1], energy) for energy in (0, 0.6, 0.7, 0.96, 1)]   # s² is 16, 4, 4, 1
    [1, 1, 2, 3, 4]
    """
    check_fraction("rank_for_energy: the energy", energy)
    squares = np.cumsum(np.square(s, dtype=np.float64))
    reached = squares >= energy * squares[-1] * (1 - 1e-12)  # the sum itself was rounded
    return int(np.argmax(reached)) + 1


def check_saves(name, rank, sizes, whole, largest):
    """ValueError unless the thin layers have fewer numbers than the whole one.

    rank: as the user gave it.   sizes: of each thin layer.   whole: of the layer.   largest: words that say which rank saves.
    """
    if sum(sizes) >= whole:
        needed = " + ".join(map(str, sizes))
        raise ValueError(f"{name}: rank {rank} needs {needed} = {sum(sizes)} numbers, the layer has {whole}: {largest}")


def check_rank(name, rank, limit):
    """ValueError unless rank is a whole number from 1 to limit."""
    if not isinstance(rank, (int, np.integer)) or not 1 <= rank <= limit:
        raise ValueError(f"{name}: the rank has to be a whole number from 1 to {limit}, got {rank!r}")
