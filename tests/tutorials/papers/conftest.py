"""The papers' scripts are programs: they import what lies beside them."""

import importlib
import sys
from pathlib import Path

import pytest

PAPERS = Path(__file__).parents[3] / "tutorials" / "papers"


@pytest.fixture
def program(monkeypatch):
    """program(name, *words): the module of a script; with words, after it has run with these as its command line."""
    monkeypatch.setattr(sys, "path", [str(PAPERS), str(PAPERS.parent), *sys.path])

    def run(name, *words):
        module = importlib.import_module(name)
        if words:
            monkeypatch.setattr(sys, "argv", [str(PAPERS / f"{name}.py"), *map(str, words)])
            module.main()
        return module

    return run
