"""Memory and threads for the loops, which use one thread. `kernels/machine` does more, for the fast kernels."""

import numpy as np

empty = np.empty


def empty_rows(M, N, dtype):
    """A new matrix (M, N), unset."""
    return np.empty((M, N), dtype)


def aligned(array):
    """A copy of an array, contiguous."""
    return np.array(array, order="C")


def most_threads():
    """The largest number of threads that kernels use: the loops have no threads."""
    return 1


def set_num_threads(n):
    """Let kernels use at most n threads. The loops take one, whatever n is.

    Errors: ValueError unless n is a whole number ≥ 1.
    """
    if n != int(n) or n < 1:
        raise ValueError(f"set_num_threads: expects a whole number ≥ 1, got {n}")
