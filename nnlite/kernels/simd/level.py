"""The SIMD level: which instructions the tile consists of. It is chosen from the processor's features at import.

    level        registers     four uint8·int8 products per 32-bit lane
    amx          32, 64 bytes  vpdpbusd, and tile registers that multiply 16 × 64 by 64 × 16 bytes at once
    avx512vnni   32, 64 bytes  vpdpbusd, one instruction
    avxvnni      16, 32 bytes  vpdpbusd
    avx2         16, 32 bytes  two vpmaddwd on halves widened to 16 bits
    neon         32, 16 bytes  widened to 32 bits
    generic      16, 16 bytes  widened to 32 bits

Integers are exact on every level; floats of two levels differ by rounding at most. For tests and comparisons, the environment
variable NNLITE_SIMD chooses another level that the processor has.
"""

import ctypes
import os
import platform
from typing import NamedTuple

import llvmlite.binding as llvm

ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA, SYS_ARCH_PRCTL = 0x1023, 18, 158  # of Linux on x86-64


class Level(NamedTuple):
    """A set of instructions: its registers and their width, how it multiplies bytes, and the CPU features that it needs."""

    name: str
    registers: int
    vector_bytes: int
    dot4: str
    needs: tuple


LEVELS = (
    Level("amx", 32, 64, "vpdpbusd", ("avx512f", "avx512bw", "avx512vnni", "amx-tile", "amx-int8")),
    Level("avx512vnni", 32, 64, "vpdpbusd", ("avx512f", "avx512bw", "avx512vnni")),
    Level("avxvnni", 16, 32, "vpdpbusd", ("avx2", "fma", "avxvnni")),
    Level("avx2", 16, 32, "vpmaddwd", ("avx2", "fma")),
    Level("neon", 32, 16, "widen", ("neon",)),
    Level("generic", 16, 16, "widen", ()),
)


def choose_level(features, wanted=None):
    """The best level that a CPU with these features ({name: bool}) has, or the one wanted.

    Errors: ValueError for a level that is unknown, or that the CPU lacks.
    """
    levels = {level.name: level for level in LEVELS if all(features.get(need) for need in level.needs)}
    if not wanted:
        return next(iter(levels.values()))
    if wanted not in levels:
        known = wanted in [level.name for level in LEVELS]
        raise ValueError(f"NNLITE_SIMD: {'this processor lacks' if known else 'there is no level'} {wanted!r}; "
                         f"it can be {', '.join(levels)}")
    return levels[wanted]


def host_features():
    """{name: bool} of this processor; AMX only where the operating system grants it."""
    features = dict(llvm.get_host_cpu_features())
    features["amx-tile"] = features.get("amx-tile", False) and tile_registers_permitted()
    return features


def tile_registers_permitted():
    """Ask the operating system for AMX's tile registers. Linux (from 5.16 on) grants them to each process that asks."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return ctypes.CDLL(None).syscall(SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0


LEVEL = choose_level(host_features(), os.environ.get("NNLITE_SIMD"))
LANES = LEVEL.vector_bytes // 4  # float32 or int32 in a register
