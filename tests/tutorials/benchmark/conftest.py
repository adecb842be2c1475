"""A bench in which nothing is run: what everything takes is made up."""

import contextlib

import pytest
from benchmark import measure as module

MILLISECONDS = {"nnlite": 2.0, "torch": 6.0, "onnxruntime": 3.0}


class NoWorker(contextlib.nullcontext):
    def __init__(self, name, threads, folder=""):
        super().__init__(self)
        self.name = name

    def ask(self, request):
        return 1_000_000 * request["work"]["batch"] * (1 if self.name == "nnlite" else 2)


def made_up(workers, entries, rounds, turn_ms, pause):
    """int8 takes half the time of float32, two threads half of one."""
    rows = []
    for entry in entries:
        assert (entry["by"], entry["threads"]) in workers
        faster = entry["threads"] * (2 if entry.get("arithmetic") == "int8" else 1)
        ms = MILLISECONDS[entry["by"]] * entry.get("batch", 1) / faster
        rows.append({**entry, "median_ms": ms, "min_ms": 0.9 * ms, "q1_ms": 0.95 * ms, "q3_ms": 1.1 * ms, "runs": rounds})
    return rows


@pytest.fixture
def measure(monkeypatch):
    """measure(models, threads, …) as ever, but at once."""
    monkeypatch.setattr(module, "Worker", NoWorker)
    monkeypatch.setattr(module, "contest", made_up)
    monkeypatch.setattr(module, "installed_peers", lambda: ["torch", "onnxruntime"])
    here = module.machine.describe()
    monkeypatch.setattr(module.machine, "describe", lambda: {"torch": "2.0", "onnxruntime": "1.0", **here})
    monkeypatch.setattr(module, "export_all", lambda models, folder: None)
    monkeypatch.setattr(module, "compile_cost", lambda: {"cold_s": 20.0, "second_process_s": 0.5})
    monkeypatch.setattr(module, "measure_peak", lambda n: {"threads": n, "float32_gops": 100.0 * n, "int8_gops": 400.0 * n,
                                                          "memory_gb_per_s": 10.0})
    return module.measure
