"""The highest memory of a process, as Linux counts it."""

import ctypes
import gc
import platform
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def growth(work, calls):
    """Bytes by which `calls` calls of work() raise the process's resident memory at its highest; None without /proc.

    VmHWM, the highest that VmRSS has been, begins anew when a 5 is written to clear_refs (man 5 proc). What has been freed
    before goes back to the system first: used again by the calls, it would not be counted.
    """
    if not CLEAR.exists():
        return None
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")
    before = status("VmRSS")
    for _ in range(calls):
        work()
    return status("VmHWM") - before


def status(name):
    """A line of /proc/self/status, in bytes."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return 1024 * int(lines[name].split()[0])
