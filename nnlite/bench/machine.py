"""What the figures were measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nnlite.kernels.simd.level import LEVEL

PACKAGES = ("nnlite", "numpy", "numba", "llvmlite", "torch", "onnxruntime")


def describe():
    """The processor, its cores, the SIMD level, and the versions of the packages that are installed."""
    return {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "simd": LEVEL.name, "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            **{package: installed(package) for package in PACKAGES if installed(package)}}


def cpu_name():
    """The processor's own name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
