"""Writing a file whole or not at all."""

import contextlib
import errno
import glob
import os
import stat
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

WRITTEN = {".npz": "a checkpoint", ".nnz": "a compressed model", ".onnx": "an ONNX model", ".c": "a C file",
           ".safetensors": "weights", ".html": "an HTML page", ".json": "JSON"}
OF_OTHERS = (".npy", ".txt", ".csv", ".pkl", ".pt", ".pth", ".h5", ".zip", ".png", ".svg", ".pdf")


def write_atomically(path, write):
    """Call `write(stream)` on a temporary file beside `path`, flush it to the disk, then rename it to `path`.

    Whatever interrupts the writing (a full disk, Ctrl-C, a kill), `path` holds either its old content or the whole new one.
    A link stays a link: the file that it points to is replaced. A file that is replaced keeps its mode (0600 stays 0600).
    A kill leaves a temporary file `.<name>.<random>.part`; the next write to the same path removes it.
    Errors: OSError when the directory is missing, not writable, or full, or `path` is a directory, a device, a pipe or a
    circle of links; the temporary file is removed.
    """
    path = Path(path)
    try:
        target = _target(path)
        _remove_left_over(target)
        _write_and_rename(target, write)
    except OSError as error:
        if error.errno is None:  # not from the file system, but from where `write` gets its data
            raise
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from error  # not the temporary file's name


def _write_and_rename(path, write):
    descriptor, temporary = _locked_temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(temporary, _mode(path))
            os.replace(temporary, path)  # while the lock is held: no other write takes the file for a left-over one
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # it has its new name already
            os.unlink(temporary)
        raise


def _locked_temporary(path):
    """(descriptor, name) of a new file beside `path`, locked for as long as its writer lives."""
    while True:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".part")
        if not _lock(descriptor, fcntl and fcntl.LOCK_EX) or os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # another write took it for a left-over one before it was locked


def _remove_left_over(path):
    """Remove the temporary files of writes that were killed. Those of living writers are locked."""
    for name in path.parent.glob(f"{glob.escape(_prefix(path))}*.part"):
        with contextlib.suppress(OSError):
            descriptor = os.open(name, os.O_RDWR)
            try:
                if _lock(descriptor, fcntl and fcntl.LOCK_EX | fcntl.LOCK_NB):
                    os.unlink(name)
            finally:
                os.close(descriptor)


def _lock(descriptor, how):
    """Lock a file until it is closed; False if another has locked it, or this system or file system knows no locks."""
    try:
        fcntl.flock(descriptor, how)
        return True
    except (OSError, AttributeError):
        return False


def _prefix(path):
    return f".{path.name[:32]}."  # cut, because the temporary file's name has to be short enough, too


def _mode(path):
    """The mode of the file that is replaced, or that of any other new file (mkstemp makes files private)."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _target(path):
    """The file that `path` names, after all links.

    Errors: OSError for a directory, a device or a pipe, because renaming would put a file in its place: as root, even in that
    of /dev/null; for a circle of links, and for a name that the file system does not take.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG  # a new file, or a link to one
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, not a file to write", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file to write", str(path))
    return Path(os.path.realpath(path))


def check_ending(path, ending):
    """Refuse a name that promises another kind of file than the one that is written.

    ending: that of the written kind, a key of WRITTEN. No ending, or one that stands for no kind of file, is accepted.
    Errors: ValueError.

    >>> check_ending("small.npz", ".nnz")
    Traceback (most recent call last):
    ValueError: small.npz: the content is a compressed model, whose name ends in .nnz, not in .npz
    """
    given = Path(path).suffix.lower()
    if given != ending and given in (*WRITTEN, *OF_OTHERS):
        raise ValueError(f"{path}: the content is {WRITTEN[ending]}, whose name ends in {ending}, not in {given}")


def open_to_read(path):
    """open(path, "rb"), with a sentence for a file that does not exist.   Errors: FileNotFoundError, OSError."""
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}") from error


def check_writable(path):
    """Say before hours of work, not after, that `path` cannot be written.   Errors: OSError that names the path."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such directory to write to", str(path.parent))
    target = _target(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"is a link to {target}, and there is no such directory to write to", str(path))
    if not os.access(target.parent, os.W_OK):
        shown = path.parent if not path.is_symlink() else target.parent
        raise PermissionError(errno.EACCES, "the directory cannot be written to", str(shown))
