"""C files, compiled and run: what the tests of `nncompress.export_c` need."""

import functools
import shutil
import subprocess

import numpy as np
import pytest

from nncompress.int8.requantize import float32_factor

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"]
SANITIZED = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
MACHINES = {  # compiler and options, and the emulator that runs the program
    "native": (["cc"], []),
    "32 bits": (["cc", "-m32"], []),
    "big-endian": (["s390x-linux-gnu-gcc", "-static"], ["qemu-s390x"]),
}
needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")


def compiled(folder, text, *options, machine="native"):
    """The command that runs a C file; the test is skipped where this machine cannot compile or run it."""
    compiler, emulator = MACHINES[machine]
    if not can_run(machine, options):
        pytest.skip(f"no compiler for {machine} {' '.join(options)}")
    (folder / "model.c").write_text(text, encoding="ascii")
    built = subprocess.run([*compiler, *STRICT, *options, "model.c", "-o", "model"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return [*emulator, str(folder / "model")]


@functools.cache
def can_run(machine, options):
    compiler, emulator = MACHINES[machine]
    if not all(shutil.which(program) for program in (compiler[0], *emulator[:1])):
        return False
    program = b"#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }"
    built = subprocess.run([*compiler, *options, "-x", "c", "-", "-o", "/dev/null"], input=program, capture_output=True)
    return built.returncode == 0


def bytes_of(plan, x):
    """The images as nnlite_run takes them: the plan's input integers, (N, C, H, W)."""
    q = plan.quantize_input(x)
    return np.ascontiguousarray(q.transpose(0, 3, 1, 2) if q.ndim == 4 else q).tobytes()


def logits_of(plan, command, x):
    """What the program prints for the images, as the real numbers of the plan: each logit times its unit."""
    output = subprocess.run(command, input=bytes_of(plan, x), capture_output=True, check=True).stdout
    last = plan.steps[-1]
    units = last.S
    if plan.ends_in_sums:
        units = float32_factor(plan.steps[last.inputs[0]].S, last.w_scale, 1).reshape(-1, *[1] * (len(last.shape) - 1))
    return np.array(output.split(), np.int64).reshape(len(x), *last.shape).astype(np.float32) * units
