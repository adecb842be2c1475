"""How long an optimizer's step takes where the gradient is 0 for ever, as that of a dead unit or of a border pixel.

    python tutorials/denormals.py

Adam's averages shrink by a factor in each step. From some 900 steps on they are denormal: numbers below 2⁻¹²⁶, which IEEE
754 keeps with fewer digits. Many of Intel's processors then take some thirty times as long for a step, AMD's hardly longer.

Both columns apply the same rule, `nnlite.optim.adam.adam`, to 1200×1200 weights in the same steps on one thread: once in a
plain compiled loop, once in nnlite's kernel, where denormals count as 0 (`nnlite/kernels/simd/denormals.py`). The right column
stays as it is on every processor.
"""

import time
from statistics import median

import numba
import numpy as np

from nnlite import set_num_threads
from nnlite.kernels.fast.updates import in_one_pass
from nnlite.optim.adam import adam

SIZE, STEPS, EVERY = 1200, 2000, 200
NUMBERS = (1e-3, 0.9, 0.1, 0.999, 0.001, 1e-8, 0.0, 1.0)  # rate, beta1, rest1, beta2, rest2, eps, coupled, keep
compiled = numba.njit(adam)


@numba.njit(error_model="numpy")
def plain_loop(w, g, m, v, numbers):
    for i in range(w.size):
        w[i], m[i], v[i] = compiled(w[i], g[i], m[i], v[i], *numbers)


def arrays():
    """w, g = 0 and the averages that gradients of about 1 have left."""
    rng = np.random.default_rng(0)
    w, m = (rng.standard_normal(SIZE * SIZE).astype(np.float32) for _ in range(2))
    return w, np.zeros_like(w), m, m * m


def milliseconds(function, *arguments):
    started = time.perf_counter()
    function(*arguments)
    return 1e3 * (time.perf_counter() - started)


def main():
    set_num_threads(1)
    plain, ours = arrays(), arrays()
    numbers = tuple(np.float32(NUMBERS))
    plain_loop(*arrays(), numbers)  # compiles
    print("steps        plain loop     nnlite    (ms a step, medians)")
    times = []
    for step in range(1, STEPS + 1):
        times.append((milliseconds(plain_loop, *plain, numbers), milliseconds(in_one_pass, adam, [ours], NUMBERS)))
        if step % EVERY == 0:
            print(f"{step - EVERY + 1:4}–{step:4} {median(t for t, _ in times):12.2f} {median(t for _, t in times):12.2f}")
            times = []


if __name__ == "__main__":
    main()
