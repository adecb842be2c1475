"""Kernels: arrays in, an array filled, no Tensor. Images are (N, H, W, C) here.

    loops/      read first: formulas in NumPy, and the same as plain loops
    fast/       the kernels that run by default: the same names, on the register tile, in threads
    simd/       registers, instructions, tiles: the code that emits LLVM
    machine/    threads, how work is divided among them, cores, memory, the cache of compiled code

Kernels check neither shapes nor dtypes: `functional` and the plans do that, once, before they call. A kernel that gets arrays
of wrong shapes may read memory that is not theirs.

The environment variable NNLITE_KERNELS, `fast` or `loops`, says on which of the two shelves the engine runs. `SHELF` is its
name, and the names of that shelf are this package's own: `kernels.matmul`.
"""

import os

SHELF = os.environ.get("NNLITE_KERNELS") or "fast"
if SHELF not in ("fast", "loops"):
    raise ValueError(f"NNLITE_KERNELS is {SHELF!r}, expects 'fast' or 'loops'")

if SHELF == "loops":
    from nnlite.kernels.loops import *  # noqa: F403
else:
    import numba

    if numba.config.DISABLE_JIT:
        raise ValueError("NUMBA_DISABLE_JIT is set, and the fast kernels run only compiled: set NNLITE_KERNELS=loops, too")
    from nnlite.kernels.fast import *  # noqa: F403
    from nnlite.kernels.machine.memory import keep_freed_memory

    keep_freed_memory()
