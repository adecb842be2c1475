"""A bench in which nothing is run: what everything takes is made up."""

import pytest

from nnlite.bench import measure as module


def made_up(group, seconds):
    """2 ms an image; int8 takes half the time of float32."""
    times = [2.0 * work.get("batch", 1) / (2 if work.get("arithmetic") == "int8" else 1) for work in group]
    return [{"median_ms": ms, "min_ms": 0.9 * ms, "q1_ms": 0.95 * ms, "q3_ms": 1.1 * ms, "runs": 15} for ms in times]


@pytest.fixture
def measure(monkeypatch):
    """measure(models, threads, …) as ever, but at once."""
    monkeypatch.setattr(module, "time_in_turns", made_up)
    monkeypatch.setattr(module, "set_threads", lambda n: None)
    monkeypatch.setattr(module, "measure_peak", lambda n: {"threads": n, "float32_gops": 100.0 * n, "int8_gops": 400.0 * n,
                                                          "memory_gb_per_s": 10.0})
    return module.measure
