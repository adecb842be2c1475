import platform

import numpy as np

from nnlite.bench import machine


def test_the_machine_is_described_by_processor_cores_level_and_versions():
    described = machine.describe()
    assert described["cpu"] and described["cores"] >= 1 and described["simd"]
    assert (described["python"], described["numpy"]) == (platform.python_version(), np.__version__)


def test_the_processor_has_a_name_without_proc_too(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "Path", lambda name: tmp_path / "missing")
    assert machine.cpu_name() == platform.machine()


def test_a_package_that_is_missing_is_left_out(monkeypatch):
    assert machine.installed("no-such-package") is None
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package"))
    assert "numpy" in machine.describe() and "no-such-package" not in machine.describe()
