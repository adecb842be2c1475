"""What other processes import to run a sweep's function."""

import os


def product(a, seed, b=1):
    """Something that JSON can hold, and that says how many threads Numba would have."""
    if a < 0:
        raise ArithmeticError(f"{a} is below 0")
    return {"bytes": a * (seed + b), "errors": 100 // a, "threads": os.environ.get("NUMBA_NUM_THREADS")}
