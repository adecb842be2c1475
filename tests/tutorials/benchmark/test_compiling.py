import os

import pytest
from benchmark import compiling


def test_the_second_time_of_each_work_is_taken_from_the_first(monkeypatch):
    clock, log = [0.0], []

    def prepare(work):
        seen = log.count(work)
        log.append(work)
        clock[0] += 2.0 if seen == 0 else 0.5  # preparing compiles, too

        def call():
            clock[0] += 4.0 if seen == 0 else 0.25

        return call

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert compiling.first_minus_second(prepare, ["a", "b"]) == pytest.approx(2 * (6.0 - 0.75))
    assert log == ["a", "a", "b", "b"]


def test_two_processes_share_a_cache_that_is_empty_at_first(monkeypatch):
    caches = []

    def process(cache):
        caches.append((cache, os.listdir(cache)))
        (open(os.path.join(cache, "kernel"), "w")).close()
        return 20.0 if len(caches) == 1 else 0.5

    monkeypatch.setattr(compiling, "_in_a_process", process)
    assert compiling.compile_cost() == {"cold_s": 20.0, "second_process_s": 0.5}
    (first, empty), (second, full) = caches
    assert first == second and (empty, full) == ([], ["kernel"]) and not os.path.exists(first)
