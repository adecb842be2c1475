"""Compiled kernels are kept on disk, so that they are compiled once and not at every start.

Numba has such a cache, but looks at the file of each kernel alone. It would go on running old code when the tile has changed
that the kernel was compiled with, or when another SIMD level is chosen. Here the name of the folder has a hash of every source
that can be a part of the kernel, and the level:

    ~/.cache/nnlite/kernels-<hash>-<level>/<module>.<function>.<line>.<hash of argument types and processor>

The environment variables NUMBA_CACHE_DIR and XDG_CACHE_HOME replace ~/.cache. Each file begins with a checksum. If a file is
damaged, its kernel is compiled and written again. If the folder cannot be written, kernels are compiled at every start. Both
give one warning. A start that makes a new folder removes those that no process has opened for 30 days: they belong to older
sources.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import re
import shutil
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from nnlite.kernels import SHELF

KERNELS = Path(__file__).parents[1]
CHECKSUM_BYTES = 4
FOLDER, UNUSED_DAYS = re.compile(r"kernels-[0-9a-f]{16}-\w+"), 30


def njit(function=None, *, cache=False, **options):
    """Numba's njit; with cache=True, compiled code is kept as this file says.

    A function is compiled at every start if it refers to variables of an enclosing function, or has no file, as in a notebook.
    Errors: a call with arrays of a dtype for which the kernel cannot be compiled is a TypeError.
    """
    if function is None:
        return functools.partial(njit, cache=cache, **options)
    kernel = numba.njit(function, no_cfunc_wrapper=True, **options)  # no entry for C: nobody calls kernels from C
    if not numba.config.DISABLE_JIT:
        kernel._compile_for_args = functools.partial(_compile, kernel, kernel._compile_for_args)
    if cache and not numba.config.DISABLE_JIT and not function.__closure__ and Path(function.__code__.co_filename).is_file():
        kernel._cache = KernelCache(function)
    return kernel


def _compile(kernel, compile, *arguments, **named):
    """Numba calls this when a kernel meets new types of arguments. One sentence says that it cannot be compiled for them."""
    try:
        entry = compile(*arguments, **named)
    except Warning:  # of the cache, where warnings are errors
        raise
    except Exception as error:
        dtypes = " and ".join(dict.fromkeys(str(a.dtype) for a in (*arguments, *named.values()) if isinstance(a, np.ndarray)))
        raise TypeError(f"{kernel.__name__.lstrip('_')}: there is no kernel for arrays of {dtypes}") from error
    for compiled in kernel.overloads.values():
        _link_environments(compiled)
    return entry


def _link_environments(compiled):
    """Tell the kernel's machine code where the constants are that its inner functions raise exceptions with.

    Numba does so for the functions that have machine code of their own, and for a kernel that it loads.
    """
    for environment in compiled._find_referenced_environments():
        compiled.library.codegen.set_env(environment.env_name, environment)


class KernelCache(NullCache):
    """The files of one kernel: what Numba calls before and after it compiles."""

    def __init__(self, function):
        code = function.__code__
        self.folder = _folder(Path(code.co_filename).parent)
        self.name = f"{function.__module__}.{function.__qualname__}.{code.co_firstlineno}".replace("<", "").replace(">", "")

    @property
    def cache_path(self):
        return self.folder and str(self.folder)

    def load_overload(self, types, target):
        """The compiled kernel for these types of arguments, or None."""
        target.refresh()
        if self.folder is None:
            return None
        path = self._path(types, target.codegen())
        try:
            content = path.read_bytes()
        except OSError:  # there is none, or none that can be read
            return None
        checksum, kernel = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if checksum != _checksum(kernel):
            _warn(f"{path} is damaged: the kernel is compiled again")
            return None
        return CompileResult._rebuild(target, *pickle.loads(kernel))

    def save_overload(self, types, compiled):
        """Keep a compiled kernel, except one that contains addresses of this process."""
        if compiled.library.has_dynamic_globals or _cannot_write:
            return
        if self.folder is None:
            return _give_up("there is no home directory", "a folder")
        kernel = dumps(compiled._reduce())
        try:
            _write(self._path(types, compiled.codegen), _checksum(kernel) + kernel)
        except OSError as error:
            _give_up(f"{self.folder} cannot be written: {error.strerror}", "another folder")

    def _path(self, types, codegen):
        key = hashlib.sha256(repr((types, codegen.magic_tuple())).encode()).hexdigest()
        return self.folder / f"{self.name}.{key[:16]}"


@functools.cache
def _folder(room):
    """The folder for the kernels of a room, which is a folder of sources; None without a home directory."""
    digest = hashlib.sha256(repr((sys.version, numba.__version__, llvmlite.__version__)).encode())
    for source in sorted({*KERNELS.rglob("*.py"), *room.glob("*.py")}):
        digest.update(source.read_bytes())
    home = numba.config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME")
    try:
        home = Path(home) if home else Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry of this user in the system's list
        return None
    folder = home / "nnlite" / f"kernels-{digest.hexdigest()[:16]}-{_level()}"
    with contextlib.suppress(OSError):  # there is none yet, or it belongs to somebody else
        os.utime(folder)  # its time says when it was last used
    return folder


def _level():
    """The SIMD level; for the loops, which have none, their name."""
    if SHELF == "loops":
        return SHELF
    from nnlite.kernels.simd.level import LEVEL

    return LEVEL.name


def _write(path, content):
    """The file appears whole: other processes may read and write it at the same time."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_unused(path.parent.parent)
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise


def _remove_unused(home):
    """Remove the folders of kernels in `home` that nobody has used for UNUSED_DAYS; what cannot be removed stays.

    A process that still runs has loaded its kernels. If it needs another one, it compiles it and makes its folder again.
    """
    with contextlib.suppress(OSError):
        for folder in list(home.iterdir()):
            if FOLDER.fullmatch(folder.name) and not folder.is_symlink():
                with contextlib.suppress(OSError):
                    if time.time() - folder.stat().st_mtime > UNUSED_DAYS * 86400:
                        shutil.rmtree(folder, ignore_errors=True)


def _checksum(content):
    return zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "little")


_cannot_write = _warned = False


def _give_up(reason, mend):
    global _cannot_write
    _cannot_write = True
    _warn(f"kernels are compiled at every start, because {reason}; NUMBA_CACHE_DIR can name {mend}")


def _warn(sentence):
    """Warn once in a process."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(sentence, RuntimeWarning, stacklevel=2)
