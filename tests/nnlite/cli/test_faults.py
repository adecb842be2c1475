import pytest

from nnlite.cli import evaluate, faults, main


def raised(error):
    """The error after it has been raised in this file."""
    try:
        raise error
    except type(error) as caught:
        return caught


LINE = raised.__code__.co_firstlineno + 3  # of `raise error`


def test_what_a_user_can_correct_is_one_line_and_a_fault_of_nnlite_is_none():
    assert faults.told(raised(ValueError("two\n lines"))) == "two lines"
    assert faults.told(raised(MemoryError())) == "MemoryError"
    assert faults.told(raised(FileNotFoundError(2, "No such file", "a.npz"))) == "No such file: a.npz"
    assert faults.told(raised(TypeError("x"))) is None and faults.told(raised(SystemExit(2))) is None


def test_an_error_that_passed_through_a_users_file_begins_with_its_line(monkeypatch):
    monkeypatch.setitem(faults.own_files, __file__, "nets/net.py")
    error, outside = raised(TypeError("x\ny")), ValueError("outside")
    assert faults.told(error) == f"nets/net.py: line {LINE}: TypeError: x y"
    assert faults.told(outside) == "outside"
    outside.__cause__ = error
    assert faults.told(outside) == f"nets/net.py: line {LINE}: ValueError: outside"


def test_a_fault_of_nnlite_keeps_its_traceback(monkeypatch, trained):
    def run(arguments):
        raise AttributeError("a fault of nnlite")

    monkeypatch.setattr(evaluate, "run", run)
    with pytest.raises(AttributeError, match="a fault of nnlite"):
        main(["evaluate", str(trained)])
