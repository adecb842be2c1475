import os
import shutil
import subprocess
import sys
from pathlib import Path

import nnlite


def result_of_a_product(home, package):
    """1·2 + 3·4 by the kernels of this copy of the package, in a process with its own cache."""
    code = ("import numpy as np; from nnlite import kernels; "
            "print(kernels.matmul(np.array([[1., 3.]]), np.array([[2.], [4.]]))[0, 0])")
    environment = {**os.environ, "XDG_CACHE_HOME": str(home), "PYTHONPATH": str(package)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=package, capture_output=True, text=True,
                          check=True)
    return float(done.stdout)


def test_a_changed_tile_is_compiled_anew_though_the_kernels_file_is_the_same(tmp_path):
    shutil.copytree(Path(nnlite.__file__).parent, tmp_path / "copy" / "nnlite")
    tile = tmp_path / "copy" / "nnlite" / "kernels" / "simd/tile.py"
    assert result_of_a_product(tmp_path / "cache", tmp_path / "copy") == 14
    text = tile.read_text()
    assert text.count('emit_call(builder, "llvm.fma", x, y, total)') == 1
    tile.write_text(text.replace('emit_call(builder, "llvm.fma", x, y, total)', 'emit_call(builder, "llvm.fma", x, x, total)'))
    assert result_of_a_product(tmp_path / "cache", tmp_path / "copy") == 10  # 1·1 + 3·3
