"""Writing a file whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path


def write_atomically(path, write):
    """Call `write(stream)` on a temporary file beside `path`, flush it to the disk, then rename it to `path`.

    Whatever interrupts the writing (a full disk, Ctrl-C, a kill), `path` holds either its old content or the whole new one.
    A link stays a link: the file that it points to is replaced.
    Errors: OSError when the directory is missing, not writable, or full, or `path` is a directory, a device or a pipe; the
    temporary file is removed.
    """
    path = Path(path)
    try:
        _check_ordinary(path)
        _write_and_rename(path.resolve(), write)
    except OSError as error:
        if error.errno is None:  # not from the file system, but from where `write` gets its data
            raise
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from error  # not the temporary file's name


def _write_and_rename(path, write):
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes the file private; a result is an ordinary file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _check_ordinary(path):
    """Renaming puts a file in the place of anything: as root, even of /dev/null."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory, not a file to write", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file to write", str(path))


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path):
    """Say before hours of work, not after, that `path` cannot be written.   Errors: OSError that names the path."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such directory to write to", str(path.parent))
    _check_ordinary(path)
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "the directory cannot be written to", str(path.parent))
