"""Finding the files of a data set on this machine, or fetching them."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from nnlite.errors import FormatError
from nnlite.files import write_atomically

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without a byte


class RemoteFile(NamedTuple):
    """A published file: where it is, how long, and its SHA-256."""

    url: str
    size: int
    sha256: str

    @property
    def name(self):
        return self.url.rpartition("/")[2]


def cache_directory(name):
    """Where fetched files of the data set `name` are kept: $XDG_CACHE_HOME/nnlite/<name>, or below ~/.cache.

    None where there is neither: no home directory, and a user whom the system does not know.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(base) / "nnlite" / name


def find(name, wanted, data_dir=None, system_dirs=()):
    """The paths of the wanted files, or None when they have to be fetched.

    wanted: for each file a tuple of the names that it may have, the usual one first.
    With `data_dir` they are looked for there and nowhere else; without, in $NNLITE_DATA/<name>, the user's cache and
    `system_dirs`: the first directory that has all of them.

    Errors: FileNotFoundError when `data_dir` is given and a file is not in it.
    """
    if data_dir is not None:
        paths = _find_each(Path(data_dir), wanted)
        missing = [names[0] for names, path in zip(wanted, paths, strict=True) if path is None]
        if missing:
            raise FileNotFoundError(f"{name}: the directory {data_dir} has no {', '.join(missing)}")
        return paths
    own = [Path(os.environ["NNLITE_DATA"]) / name] if os.environ.get("NNLITE_DATA") else []
    for directory in filter(None, [*own, cache_directory(name), *system_dirs]):
        paths = _find_each(directory, wanted)
        if None not in paths:
            return paths
    return None


def _find_each(directory, wanted):
    return [next((directory / name for name in names if (directory / name).is_file()), None) for names in wanted]


def fetch(remote, directory):
    """Download a file into `directory`, with a progress bar; it appears there only when size and SHA-256 are right.

    Errors: ConnectionError when it cannot be reached; FormatError when other bytes arrive than were published.
    """
    import http.client  # here, because these take as long to import as NumPy and most runs fetch nothing
    import urllib.error
    import urllib.request

    from tqdm import tqdm

    def write(stream):
        digest, received = hashlib.sha256(), 0
        with (
            urllib.request.urlopen(remote.url, timeout=TIMEOUT) as response,
            tqdm(desc=remote.name, total=remote.size, unit="B", unit_scale=True) as bar,
        ):
            while received <= remote.size and (chunk := response.read(CHUNK)):
                stream.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                bar.update(len(chunk))
        if received != remote.size:
            found = "more" if received > remote.size else f"only {received}"
            raise FormatError(f"{remote.url}: expected {remote.size} bytes, {found} arrived")
        if digest.hexdigest() != remote.sha256:
            raise FormatError(f"{remote.url}: SHA-256 is {digest.hexdigest()}, expected {remote.sha256}")

    directory.mkdir(parents=True, exist_ok=True)
    try:
        write_atomically(directory / remote.name, write)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise ConnectionError(f"{remote.url} cannot be fetched ({getattr(error, 'reason', error)})") from error


def _is_intact(path, remote):
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256


def fetch_into_cache(name, remotes, advice):
    """Fetch the remote files that the cache of the data set `name` does not have yet; return the cache's directory.

    Errors: FileNotFoundError when one cannot be reached, or there is no place for the cache. It contains `advice`: which files
    to get from where.
    """
    directory = cache_directory(name)
    if directory is None:
        raise FileNotFoundError(f"{name}: not on this machine, and there is no home directory to fetch it into (XDG_CACHE_HOME "
                                f"can name one). {advice}; put them into a directory that you name as data_dir (--data-dir)")
    try:
        for remote in remotes:
            if not _is_intact(directory / remote.name, remote):
                fetch(remote, directory)
    except ConnectionError as error:
        raise FileNotFoundError(
            f"{name}: not on this machine, and {error}. {advice}; put them into {directory}, "
            f"or into a directory of your own that you name as data_dir (--data-dir)"
        ) from error
    return directory
