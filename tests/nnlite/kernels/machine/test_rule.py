import pytest

from nnlite.kernels.machine.rule import Rule, call, fingerprint

FACTOR = 2.0


def rule(w, g):
    return w - FACTOR * g


def test_an_edited_rule_has_another_fingerprint_and_a_copy_the_same():
    def function(text):
        space = {"FACTOR": 2.0}
        exec(text, space)
        return space["f"]

    same = "def f(w, g): return w - FACTOR * g"
    others = [same.replace("-", "+"), same + " * 2", same.replace("* g", "* w")]
    fingerprints = {fingerprint(function(text)) for text in (same, *others)}
    assert len(fingerprints) == 4 and fingerprint(function(same)) in fingerprints


def test_a_number_that_a_rule_uses_belongs_to_it(monkeypatch):
    before = fingerprint(rule)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert fingerprint(rule) != before


def test_two_objects_of_one_function_are_of_one_type():
    assert Rule(rule)._numba_type_ == Rule(rule)._numba_type_


def test_outside_of_kernels_the_function_itself_is_called():
    with pytest.raises(TypeError, match="call the function itself"):
        call(Rule(rule), 1.0, 2.0)
