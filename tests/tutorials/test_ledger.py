import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SOURCE = '''"""Two formulas.   Source: a file's source serves all."""


class Double:
    """y = 2 x;   dx = 2 dy."""


def double(x):
    """y = 2 x, as `Double` computes it."""


def agp(t):
    """Sparsity at step t.

        s_t = s_f + (s_i − s_f) (1 − t)³
        s_0 = s_i

        with what(t) as s:
            s_t = s

    Errors: ValueError unless t = 1.
    Source: Zhu & Gupta 2017,
    eq. 1.
    """


def check(t):
    """A number that is checked.   Errors: ValueError unless t = 1."""


def _hidden():
    """y = x"""
'''


@pytest.fixture(scope="module")
def ledger():
    spec = importlib.util.spec_from_file_location("ledger", TUTORIALS / "ledger.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["ledger"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def entries(ledger, tmp_path):
    path = tmp_path / "two.py"
    path.write_text(SOURCE, encoding="utf-8")
    return list(ledger.formulas_in(path, "two"))


def test_formulas_are_read_off_public_docstrings_with_an_equation(entries):
    assert [entry.name for entry in entries] == ["two:Double", "two:agp"]
    assert entries[0].equations == ("y = 2 x;   dx = 2 dy.",) and entries[1].line == 12
    assert entries[1].equations == ("s_t = s_f + (s_i − s_f) (1 − t)³", "s_0 = s_i")


def test_a_source_may_be_the_formulas_own_or_its_files(entries):
    assert [entry.source for entry in entries] == ["a file's source serves all.", "Zhu & Gupta 2017, eq. 1."]


def test_what_is_missing_is_told(ledger):
    linear = next(entry for entry in ledger.formulas() if entry.name == "nnlite.functional.linear:Linear")
    good = ledger.Perturbation(linear.name, "db is a mean", "dy.sum(axis=0)", "dy.mean(axis=0)",
                               "tests/nnlite/functional/test_linear.py::test_linear_gradients")
    bad = good._replace(old="dy.sum(axis=7)", test="tests/none.py::test_x")
    told = list(ledger.faults([linear._replace(source="")], [bad]))
    assert told[0].endswith("nnlite.functional.linear:Linear has a formula and no source")
    assert "`old` stands 0 times" in told[1] and told[2].endswith("there is no test tests/none.py::test_x")
    assert list(ledger.faults([linear], []))[0].endswith("has a formula and no perturbation that a test catches")


@pytest.fixture(scope="module")
def cubed(ledger):
    return ledger.Perturbation("nncompress.pruning.schedule:agp_sparsity", "squared, not cubed", "** 3", "** 2",
                               "tests/nncompress/pruning/test_schedule.py::test_agp_prunes_fast_at_first")


def test_a_perturbation_that_its_test_catches_one_that_no_test_can_see_and_one_that_is_no_mistake_in_a_formula(
        ledger, cubed, tmp_path):
    by_hand = cubed._replace(test="tests/nncompress/pruning/test_schedule.py::test_agp_equals_equation_1_worked_by_hand")
    copy = ledger.Copy(tmp_path)
    before = {path: path.read_bytes() for path in copy.root.rglob("*.py")}
    assert copy.tried(by_hand) == "caught"
    assert copy.tried(by_hand._replace(new="** 3.0")) == "NOT CAUGHT"
    assert copy.tried(by_hand._replace(new="** three")) == "NOT CAUGHT"
    assert {path: path.read_bytes() for path in copy.root.rglob("*.py")} == before


def test_a_perturbation_whose_test_is_skipped_for_want_of_a_package_is_no_fault(ledger, cubed, tmp_path, monkeypatch):
    copy = ledger.Copy(tmp_path)
    monkeypatch.setattr(copy, "run", lambda *_: subprocess.CompletedProcess([], 0, "1 skipped in 0.12s", ""))
    assert copy.tried(cubed) == "skipped"


def test_the_names_of_what_was_not_caught_are_told(ledger, cubed, capsys):
    told = ledger.try_all([cubed, cubed._replace(old="(1.0 - progress)", new="(2.0 - progress)")], None)
    assert told == ["nncompress.pruning.schedule:agp_sparsity, 'squared, not cubed': not caught by " + cubed.test] * 2
    assert capsys.readouterr().out.endswith("0 of 2 perturbations caught, 0 skipped\n")  # both curves prune fast at first


def test_a_test_that_fails_by_itself_catches_nothing(ledger, cubed):
    (told,) = ledger.try_all([cubed._replace(test="tests/nncompress/pruning/test_schedule.py::test_of_nothing")], None)
    assert told.startswith("tests fail without any perturbation:\n") and "test_of_nothing" in told
