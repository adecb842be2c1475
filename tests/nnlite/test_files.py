import errno
import os
import signal
import subprocess
import sys

import pytest

from nnlite.files import check_ending, check_writable, open_to_read, write_atomically


def test_the_file_holds_what_was_written(tmp_path):
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_path_may_be_a_string_and_replaces_what_was_there(tmp_path):
    (tmp_path / "a").write_bytes(b"old and longer")
    write_atomically(str(tmp_path / "a"), lambda stream: stream.write(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_the_file_is_as_public_as_any_other_new_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
        assert os.umask(umask) == umask  # and the process's mask is what it was
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")

    def write(stream):
        stream.write(b"half of the ne")
        raise error

    with pytest.raises(type(error)):
        write_atomically(tmp_path / "a", write)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_killed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    program = """if True:
        import os, signal, sys
        from nnlite.files import check_writable, write_atomically

        def write(stream):
            stream.write(b"half of the ne")
            stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        write_atomically(sys.argv[1], write)
    """
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a")], timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert (tmp_path / "a").read_bytes() == b"old"
    left_over = [name for name in os.listdir(tmp_path) if name != "a"]
    assert len(left_over) == 1 and left_over[0].startswith(".a.") and left_over[0].endswith(".part")
    (tmp_path / ".b.x.part").write_bytes(b"of another file")
    (tmp_path / ".a.notes").write_bytes(b"of the user")
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert sorted(os.listdir(tmp_path)) == [".a.notes", ".b.x.part", "a"]


def test_a_write_leaves_the_temporary_file_of_another_that_is_not_done(tmp_path):
    def write(stream):
        stream.write(b"outer")
        write_atomically(tmp_path / "a", lambda inner: inner.write(b"inner"))
        assert (tmp_path / "a").read_bytes() == b"inner"

    write_atomically(tmp_path / "a", write)
    assert (tmp_path / "a").read_bytes() == b"outer"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(mode)
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert (tmp_path / "a").stat().st_mode & 0o7777 == mode
    assert (tmp_path / "a").read_bytes() == b"new"


def test_the_longest_name_that_a_file_can_have_is_written(tmp_path):
    name = "ü" * 127 + "x"  # 255 bytes
    check_writable(tmp_path / name)
    write_atomically(tmp_path / name, lambda stream: stream.write(b"new"))
    assert os.listdir(tmp_path) == [name]


def test_the_content_is_on_the_disk_before_the_name_points_to_it(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a)))
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert calls == ["fsync", "replace"]


def test_a_missing_directory_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "a", lambda stream: stream.write(b"new"))


def test_a_directory_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert os.listdir(tmp_path) == ["a"]


# ---- what is no ordinary file: renaming would put a file in its place, as root even in that of /dev/null


@pytest.mark.parametrize("write", [check_writable, lambda path: write_atomically(path, lambda stream: stream.write(b"new"))])
def test_a_device_or_pipe_is_not_replaced_not_even_through_a_link(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="is a device or a pipe, not a file to write"):
            write(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_link_stays_a_link_and_the_file_behind_it_is_replaced(tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("directory/file")
    write_atomically(tmp_path / "link", lambda stream: stream.write(b"new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "directory" / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path / "directory") == ["file"]


# ---- check_writable


def test_what_can_be_written_passes_and_nothing_is_created(tmp_path):
    check_writable(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    (tmp_path / "old").write_bytes(b"old")
    check_writable(tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_missing_directory_a_directory_and_a_protected_one_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no such directory to write to: '.*nowhere'"):
        check_writable(tmp_path / "nowhere" / "a")
    with pytest.raises(IsADirectoryError, match="is a directory, not a file to write"):
        check_writable(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere, so no real directory will do
    with pytest.raises(PermissionError, match="the directory cannot be written to"):
        check_writable(tmp_path / "a")


@pytest.mark.parametrize("write", [check_writable, lambda path: write_atomically(path, lambda stream: stream.write(b"new"))])
def test_links_that_lead_nowhere_and_names_that_are_too_long_are_refused(tmp_path, write):
    (tmp_path / "circle").symlink_to("back")
    (tmp_path / "back").symlink_to("circle")
    (tmp_path / "dangling").symlink_to("nowhere/file")
    before = sorted(os.listdir(tmp_path))
    for name, number in (("circle", errno.ELOOP), ("dangling", errno.ENOENT), ("x" * 256, errno.ENAMETOOLONG)):
        with pytest.raises(OSError) as caught:
            write(tmp_path / name)
        assert caught.value.errno == number
    assert sorted(os.listdir(tmp_path)) == before


def test_a_link_to_a_file_that_is_not_there_yet_can_be_written(tmp_path):
    (tmp_path / "link").symlink_to("file")
    check_writable(tmp_path / "link")
    write_atomically(tmp_path / "link", lambda stream: stream.write(b"new"))
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"


# ---- names


@pytest.mark.parametrize("name, ending", [("a.npz", ".npz"), ("a", ".npz"), ("lr0.1", ".npz"), ("a.NNZ", ".nnz"),
                                          ("a.htm", ".html")])
def test_a_name_with_the_right_ending_or_none_that_stands_for_a_kind_of_file_is_accepted(name, ending):
    check_ending(name, ending)


@pytest.mark.parametrize("name, ending, message", [
    ("a.nnz", ".npz", "a.nnz: the content is a checkpoint, whose name ends in .npz, not in .nnz"),
    ("d/a.npz", ".nnz", "d/a.npz: the content is a compressed model, whose name ends in .nnz, not in .npz"),
    ("r.txt", ".html", "r.txt: the content is an HTML page, whose name ends in .html, not in .txt"),
])
def test_a_name_that_promises_another_kind_of_file_is_refused(name, ending, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_ending(name, ending)


def test_a_file_that_does_not_exist_is_named_in_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^there is no file {tmp_path}/a.npz$"):
        open_to_read(tmp_path / "a.npz")
