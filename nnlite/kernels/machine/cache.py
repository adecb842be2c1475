"""Where Numba keeps compiled kernels: a folder whose name is a hash of the kernels' sources and the SIMD level.

By itself Numba looks at the file of each kernel alone. It would not notice a change of the tile that the kernel was compiled
with, and go on running the old one.
"""

import hashlib
import os
from pathlib import Path

import numba


def keep_compiled_kernels_by_content(level):
    """Set Numba's cache folder to ~/.cache/nnlite/kernels-<hash>, unless NUMBA_CACHE_DIR has been set."""
    if numba.config.CACHE_DIR:
        return
    digest = hashlib.sha256(level.encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    numba.config.CACHE_DIR = str(home / "nnlite" / f"kernels-{digest.hexdigest()[:16]}")
