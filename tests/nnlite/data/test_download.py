import gzip
import hashlib
import http.server
import io
import re
import shutil
import struct
import tarfile
import threading

import numpy as np
import pytest

from nnlite.data import cifar10, mnist
from nnlite.data.cifar10 import load_cifar10
from nnlite.data.download import RemoteFile, cache_directory, fetch, fetch_into_cache, find
from nnlite.data.mnist import load_mnist
from nnlite.errors import FormatError


class Server(http.server.ThreadingHTTPServer):
    """Serves the bytes in `files` (path -> content) on 127.0.0.1 and notes what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files, self.requests, self.promised_extra, self.sent = {}, [], 0, 0

    def publish(self, name, content):
        """The RemoteFile, with the right size and SHA-256, of this content put on the server."""
        self.files[f"/{name}"] = content
        return RemoteFile(self.url + name, len(content), hashlib.sha256(content).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + self.server.promised_extra))
        self.end_headers()
        try:
            for start in range(0, len(content), 1 << 16):
                self.server.sent += self.wfile.write(content[start : start + (1 << 16)])
        except ConnectionError:
            pass  # the client had enough

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test reads or writes the user's own files: the cache is in a temporary directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NNLITE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(mnist.SYSTEM_DIRS, "fashion-mnist", [tmp_path / "system"])
    return tmp_path / "home"


def files_in(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_the_cache_is_where_the_desktop_standard_puts_it(home, monkeypatch):
    assert cache_directory("mnist") == home / "nnlite" / "mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/student")
    assert str(cache_directory("mnist")) == "/home/student/.cache/nnlite/mnist"


@pytest.fixture
def no_home(home, monkeypatch):
    pwd = pytest.importorskip("pwd")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # the system does not know the user


def test_without_a_home_directory_nothing_is_fetched_and_other_directories_are_looked_at(no_home, tmp_path):
    assert cache_directory("mnist") is None
    (tmp_path / "a").touch()
    assert find("mnist", [("a",)], system_dirs=[tmp_path]) == [tmp_path / "a"]
    with pytest.raises(FileNotFoundError, match=r"^mnist: not on this machine, and there is no home directory to fetch it into "
                                                r"\(XDG_CACHE_HOME can name one\). Get them; put them into a directory that"):
        fetch_into_cache("mnist", [], "Get them")


# ---- finding


WANTED = [("a.gz", "a"), ("b.gz", "b")]


def put(directory, *names):
    directory.mkdir(parents=True)
    for name in names:
        (directory / name).write_bytes(b"")


def test_the_first_directory_that_has_all_the_files_wins(tmp_path, home, monkeypatch):
    own, system = tmp_path / "own", tmp_path / "system"
    monkeypatch.setenv("NNLITE_DATA", str(own))
    assert find("mnist", WANTED, system_dirs=[system]) is None
    put(system, "a", "b")
    assert find("mnist", WANTED, system_dirs=[system]) == [system / "a", system / "b"]
    put(home / "nnlite" / "mnist", "a", "b.gz", "b")
    cached = [home / "nnlite" / "mnist" / "a", home / "nnlite" / "mnist" / "b.gz"]
    assert find("mnist", WANTED, system_dirs=[system]) == cached
    put(own / "mnist", "a")
    assert find("mnist", WANTED, system_dirs=[system]) == cached  # b is missing in the user's own directory
    (own / "mnist" / "b").write_bytes(b"")
    assert find("mnist", WANTED, system_dirs=[system]) == [own / "mnist" / "a", own / "mnist" / "b"]


def test_a_given_directory_is_the_only_place(tmp_path, home):
    put(home / "nnlite" / "mnist", "a", "b")
    put(tmp_path / "given", "a")
    with pytest.raises(FileNotFoundError, match=r"mnist: the directory .*given has no b.gz$"):
        find("mnist", WANTED, data_dir=tmp_path / "given")
    with pytest.raises(FileNotFoundError, match=r"mnist: the directory .*nowhere has no a.gz, b.gz$"):
        find("mnist", WANTED, data_dir=tmp_path / "nowhere")


# ---- fetching


def test_a_fetched_file_is_the_published_one_and_its_progress_goes_to_stderr(tmp_path, server, capsys):
    content = np.random.default_rng(0).bytes(200_000)
    fetch(server.publish("data.bin", content), tmp_path / "new" / "directory")
    assert (tmp_path / "new" / "directory" / "data.bin").read_bytes() == content
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "data.bin: 100%" in printed.err and "200k/200k" in printed.err


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda content: b"X" + content[1:], "SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}"),
        (lambda content: content[:-1], "expected 1000 bytes, only 999 arrived"),
        (lambda content: b"", "expected 1000 bytes, only 0 arrived"),
        (lambda content: content + b"X", "expected 1000 bytes, more arrived"),
    ],
)
def test_other_bytes_than_the_published_ones_are_not_kept(tmp_path, server, damage, message):
    remote = server.publish("data.bin", bytes(1000))
    server.files["/data.bin"] = damage(bytes(1000))
    with pytest.raises(FormatError, match=f"^{re.escape(remote.url)}: {message}$"):
        fetch(remote, tmp_path / "kept")
    assert files_in(tmp_path / "kept") == []


def test_no_more_is_taken_than_was_published(tmp_path, server):
    remote = server.publish("data.bin", bytes(1000))
    server.files["/data.bin"] = bytes(100 << 20)
    with pytest.raises(FormatError, match="expected 1000 bytes, more arrived"):
        fetch(remote, tmp_path)
    assert server.sent < 50 << 20  # what the sockets buffer, not the whole 100 MB


def test_a_connection_that_breaks_off_leaves_nothing(tmp_path, server):
    remote = server.publish("data.bin", bytes(1000))
    server.files["/data.bin"], server.promised_extra = bytes(600), 400
    with pytest.raises(FormatError, match="only 600 arrived"):
        fetch(remote, tmp_path / "kept")
    assert files_in(tmp_path / "kept") == []


def test_what_cannot_be_reached_is_a_connection_error_with_its_reason(tmp_path, server):
    with pytest.raises(ConnectionError, match=r"/nothing.bin cannot be fetched \(Not Found\)"):
        fetch(RemoteFile(server.url + "nothing.bin", 1, ""), tmp_path)
    with pytest.raises(ConnectionError, match=r"http://127.0.0.1:1/a cannot be fetched \(.*refused"):
        fetch(RemoteFile("http://127.0.0.1:1/a", 1, ""), tmp_path)
    assert files_in(tmp_path) == []


# ---- MNIST


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
LABELS = np.array([7, 0, 9], np.uint8)
MNIST = {name: gzip.compress(idx(IMAGES if "images" in name else LABELS)) for name in mnist.FILES["mnist"]}


@pytest.fixture
def small_mnist(server, monkeypatch):
    """Three images under MNIST's names, on the local server, for both data sets."""
    published = {name: server.publish(name, content)[1:] for name, content in MNIST.items()}
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(mnist.BASE_URL, name, server.url)
        monkeypatch.setitem(mnist.FILES, name, published)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_missing_files_are_fetched_into_the_cache_once(home, server, small_mnist, name):
    for _ in range(2):
        for dataset in load_mnist(name):
            np.testing.assert_array_equal(dataset.images[:, 0], IMAGES)
            np.testing.assert_array_equal(dataset.labels, LABELS)
    assert server.requests == [f"/{file}" for file in MNIST]
    assert files_in(home) == sorted(f"nnlite/{name}/{file}" for file in MNIST)


def test_fetching_goes_on_where_it_was_interrupted(home, server, small_mnist):
    last = "/t10k-labels-idx1-ubyte.gz"
    content = server.files.pop(last)
    with pytest.raises(FileNotFoundError, match="Not Found"):
        load_mnist("mnist")
    server.requests.clear()
    server.files[last] = content
    load_mnist("mnist")
    assert server.requests == [last]


def test_nothing_is_fetched_when_a_directory_is_given(tmp_path, server, small_mnist):
    with pytest.raises(FileNotFoundError, match="has no train-images-idx3-ubyte.gz"):
        load_mnist("mnist", tmp_path)
    assert server.requests == []


def test_files_of_the_system_are_used_where_they_are(tmp_path, server, small_mnist):
    put(tmp_path / "system")
    for file, content in MNIST.items():
        (tmp_path / "system" / file).write_bytes(content)
    load_mnist("fashion-mnist")
    assert server.requests == []


def test_offline_the_error_says_which_files_to_put_where(home, monkeypatch):
    monkeypatch.setitem(mnist.BASE_URL, "mnist", "http://127.0.0.1:1/")
    with pytest.raises(FileNotFoundError) as raised:
        load_mnist("mnist")
    message = str(raised.value)
    assert message.startswith("mnist: not on this machine, and http://127.0.0.1:1/train-images-idx3-ubyte.gz cannot be")
    assert f"Get {', '.join(MNIST)} from http://127.0.0.1:1/; put them into {home}/nnlite/mnist" in message
    assert "\n" not in message


# ---- CIFAR-10


def cifar10_archive():
    """(the packed archive, {file: content}): two records a file, and members that belong nowhere."""
    contents = {
        file: b"".join(bytes([i]) + bytes([pixel]) * 3072 for pixel in (i, 10 * i)) for i, file in enumerate(cifar10.FILES)
    }
    members = {f"cifar-10-batches-bin/{file}": content for file, content in contents.items()}
    members |= {"cifar-10-batches-bin/batches.meta.txt": b"names", "../outside": b"", "/absolute": b""}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue(), contents


def test_cifar10_is_fetched_once_and_only_its_six_files_are_unpacked(home, server, monkeypatch):
    packed, contents = cifar10_archive()
    monkeypatch.setattr(cifar10, "RECORDS", 2)
    monkeypatch.setattr(cifar10, "ARCHIVE", server.publish("cifar-10-binary.tar.gz", packed))
    for _ in range(2):
        train, test = load_cifar10()
        assert train.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and test.labels.tolist() == [5, 5]
        assert test.images.reshape(2, -1).tolist() == [[5] * 3072, [50] * 3072]
    assert server.requests == ["/cifar-10-binary.tar.gz"]
    assert files_in(home.parent) == sorted(f"home/nnlite/cifar10/{file}" for file in contents)


def test_an_archive_left_by_an_interrupted_run_is_unpacked_if_it_is_whole_and_fetched_again_if_not(home, server, monkeypatch):
    packed, contents = cifar10_archive()
    monkeypatch.setattr(cifar10, "RECORDS", 2)
    monkeypatch.setattr(cifar10, "ARCHIVE", server.publish("cifar-10-binary.tar.gz", packed))
    for left_over, requests in [(packed, 0), (packed[:-50], 1)]:
        shutil.rmtree(home, ignore_errors=True)
        put(home / "nnlite" / "cifar10")
        (home / "nnlite" / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(left_over)
        _, test = load_cifar10()
        assert test.labels.tolist() == [5, 5]
        assert len(server.requests) == requests


def test_offline_cifar10_says_what_to_unpack_where(home, monkeypatch):
    url = "http://127.0.0.1:1/cifar-10-binary.tar.gz"
    monkeypatch.setattr(cifar10, "ARCHIVE", RemoteFile(url, 1, ""))
    with pytest.raises(FileNotFoundError) as raised:
        load_cifar10()
    assert f"Get {url} and unpack {', '.join(cifar10.FILES)}; put them into {home}/nnlite/cifar10" in str(raised.value)


# ---- the tables


def test_everything_is_fetched_over_https_and_checked():
    known = [known for files in mnist.FILES.values() for known in files.values()] + [cifar10.ARCHIVE[1:]]
    assert len({sha256 for _, sha256 in known}) == 9
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) and size > 0 for size, sha256 in known)
    assert all(url.startswith("https://") for url in [*mnist.BASE_URL.values(), cifar10.ARCHIVE.url])
