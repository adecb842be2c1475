import importlib.util
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
    assert entries[1].equation == "s_t = s_f + (s_i − s_f) (1 − t)³" and entries[1].line == 12


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


def test_a_perturbation_that_its_test_catches_and_one_that_no_test_can_see(ledger):
    caught = ledger.Perturbation("nncompress.pruning.schedule:agp_sparsity", "squared instead of cubed", "** 3", "** 2",
                                 "tests/nncompress/pruning/test_schedule.py")
    unseen = caught._replace(old="** 3", new="** 3.0", name="the same")
    assert ledger.try_out(caught) == ""
    assert "not caught" in ledger.try_out(unseen)
