import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest

import nnlite
from nnlite.kernels.machine import cache
from nnlite.kernels.machine.memory import address
from nnlite.kernels.simd.level import LEVELS, choose_level, host_features

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")

PRODUCT = """
import numpy as np
from nnlite import kernels
print(kernels.matmul(np.array([[1., 3.]]), np.array([[2.], [4.]]))[0, 0])
"""

INT8_PRODUCT = """
import numpy as np
from nnlite import kernels
a, b = np.arange(40, dtype=np.uint8).reshape(2, 20), np.arange(20, dtype=np.int8)[:, None]
c = np.empty((2, 1), np.int32)
kernels.matmul_int8(a, kernels.pack_int8(b), c)
print(c[:, 0].tolist())
"""

ADDRESS = """
import numpy as np
from nnlite.kernels.machine.memory import address
x = np.zeros(3)
print(address(x) == x.ctypes.data, address.stats.cache_misses != {})
"""
COMPILED, KEPT = "True True\n", "True False\n"


def run(code, folder, cwd=None, **variables):
    """(stdout, lines of stderr) of a program whose cache is in this folder."""
    environment = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "PYTHONWARNINGS")}
    environment |= {"NUMBA_CACHE_DIR": str(folder), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "Warning" in line]


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_kernel_is_compiled_once(tmp_path):
    assert run(ADDRESS, tmp_path) == (COMPILED, [])
    assert run(ADDRESS, tmp_path) == (KEPT, [])
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_without_numbas_variable_the_folder_is_in_the_users_cache(variable, tmp_path):
    assert run(ADDRESS, "", **{variable: str(tmp_path)}) == (COMPILED, [])
    (file,) = files(tmp_path)
    folder = tmp_path if variable == "XDG_CACHE_HOME" else tmp_path / ".cache"
    assert file.parents[1] == folder / "nnlite" and file.parent.name.startswith("kernels-")


def test_a_changed_tile_is_compiled_anew_though_the_kernels_file_is_the_same(tmp_path):
    shutil.copytree(Path(nnlite.__file__).parent, tmp_path / "copy" / "nnlite")
    tile = tmp_path / "copy" / "nnlite" / "kernels" / "simd" / "tile.py"
    copy = {"folder": tmp_path / "cache", "cwd": tmp_path / "copy", "PYTHONPATH": str(tmp_path / "copy")}
    assert run(PRODUCT, **copy) == ("14.0\n", [])
    text = tile.read_text()
    assert text.count('emit_call(builder, "llvm.fma", x, y, total)') == 1
    tile.write_text(text.replace('emit_call(builder, "llvm.fma", x, y, total)', 'emit_call(builder, "llvm.fma", x, x, total)'))
    assert run(PRODUCT, **copy) == ("10.0\n", [])  # 1·1 + 3·3


def test_each_level_runs_its_own_code(tmp_path):
    fastest = choose_level(host_features())
    for level in (fastest, LEVELS[-1]):
        assert run(INT8_PRODUCT, tmp_path, NNLITE_SIMD=level.name) == ("[2470, 6270]\n", [])  # Σ k², Σ (20 + k) k
    assert {path.name.rpartition("-")[2] for path in tmp_path.glob("nnlite/kernels-*")} == {fastest.name, LEVELS[-1].name}


def test_a_changed_file_beside_a_kernel_outside_the_engine_compiles_it_anew(tmp_path):
    (tmp_path / "number.py").write_text("NUMBER = 1\n")
    (tmp_path / "kernel.py").write_text("from nnlite.kernels.machine.cache import njit\nfrom number import NUMBER\n\n"
                                        "@njit(cache=True)\ndef number():\n    return NUMBER\n")
    code = "import kernel; print(kernel.number(), len(kernel.number.stats.cache_hits))"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert run(code, tmp_path / "cache", PYTHONPATH=path) == ("1 0\n", [])
    assert run(code, tmp_path / "cache", PYTHONPATH=path) == ("1 1\n", [])
    (tmp_path / "number.py").write_text("NUMBER = 23\n")
    assert run(code, tmp_path / "cache", PYTHONPATH=path) == ("23 0\n", [])


def test_a_new_folder_removes_those_of_old_sources_that_nobody_has_used_for_a_month(tmp_path):
    home, day = tmp_path / "nnlite", 86400
    names = {"kernels-0123456789abcdef-avx2": 31, "kernels-0123456789abcde0-amx": 29, "kernels-of-mine": 90,
             "kernels-0123456789abcdef-avx2.bak": 90, "other": 90}
    for name, days in names.items():
        (home / name).mkdir(parents=True)
        (home / name / "a").write_bytes(b"")
        os.utime(home / name, 2 * (time.time() - days * day,))
    (home / "kernels-0123456789abcde1-amx").symlink_to(home / "other")
    assert run(ADDRESS, tmp_path) == (COMPILED, [])
    left = {path.name for path in home.iterdir()}
    new, = left - {*names, "kernels-0123456789abcde1-amx"}
    assert names.keys() - left == {"kernels-0123456789abcdef-avx2"} and (home / "other" / "a").exists()
    os.utime(home / new, (0, 0))
    assert run(ADDRESS, tmp_path) == (KEPT, [])  # a start that finds its kernels marks their folder as used
    assert time.time() - (home / new).stat().st_mtime < day


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[: len(content) // 2],
                                    lambda content: content[:-100] + bytes(100)])
def test_a_damaged_file_is_compiled_and_written_again_with_one_warning(damage, tmp_path):
    run(ADDRESS, tmp_path)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    printed, (warning,) = run(ADDRESS, tmp_path)
    assert printed == COMPILED and f"RuntimeWarning: {file} is damaged: the kernel is compiled again" in warning
    assert run(ADDRESS, tmp_path) == (KEPT, [])


def test_where_nothing_can_be_written_kernels_are_compiled_with_one_warning(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    sources = files(Path(nnlite.__file__).parent)
    printed, (warning,) = run(PRODUCT, folder)  # several kernels
    assert printed == "14.0\n" and f"{folder}/nnlite/kernels-" in warning
    assert "cannot be written: Not a directory; NUMBA_CACHE_DIR can name another folder" in warning
    assert not [path for path in files(Path(nnlite.__file__).parent) if path not in sources and path.suffix != ".pyc"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_on_a_full_disk_kernels_are_compiled_with_one_warning_and_nothing_is_left(tmp_path):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    printed, (warning,) = run(full + PRODUCT, tmp_path)
    assert printed == "14.0\n" and "cannot be written: File too large" in warning
    assert files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a list of users")
def test_a_user_whom_the_system_does_not_know_runs_kernels(tmp_path):
    unknown = "import os, pwd; os.environ.pop('HOME', None); pwd.getpwuid = {}.__getitem__\n"
    printed, (warning,) = run(unknown + ADDRESS, "")
    assert printed == COMPILED and "at every start, because there is no home directory; NUMBA_CACHE_DIR can name a" in warning


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, object, ">f4"])
def test_arrays_that_numba_cannot_compile_for_are_refused_in_one_sentence(dtype):
    with pytest.raises(TypeError, match=f"^address: there is no kernel for arrays of {np.dtype(dtype)}$"):
        address(np.zeros(3, dtype))
    x = np.zeros(3)
    assert address(x) == x.ctypes.data


def test_functions_of_an_enclosing_functions_variables_are_not_kept():
    number = 3

    @cache.njit(cache=True)
    def three():
        return number

    @cache.njit(cache=True)
    def four():
        return 4

    assert (three(), three._cache.cache_path) == (3, None)
    assert four() == 4 and Path(four._cache.cache_path).is_dir()
