from types import SimpleNamespace

import numpy as np
import pytest

from nnlite.bench import peak
from nnlite.bench.peak import RING, WIDTH, X, Y

STEPS = 7


@pytest.mark.parametrize("threads", [1, 2])
def test_the_loop_in_float32_adds_up_its_products(threads):
    x, y, sums = peak.operands("float32", threads)
    peak.run_loops(x, y, sums, STEPS)
    x, y = x.astype(np.float64), y.astype(np.float64)
    expected = [[sum(x[i] * y[k % RING * Y + j] for k in range(STEPS)) for j in range(Y)] for i in range(X)]
    for thread in range(threads):
        np.testing.assert_allclose(sums[thread].reshape(X, Y, WIDTH), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_loop_in_int8_adds_up_four_products_in_each_number(threads):
    x, y, sums = peak.operands("int8", threads)
    peak.run_loops(x, y, sums, STEPS)
    x, y = x.view(np.uint8).reshape(X, WIDTH, 4).astype(int), y.view(np.int8).reshape(RING * Y, WIDTH, 4).astype(int)
    expected = [[sum((x[i] * y[k % RING * Y + j]).sum(-1) for k in range(STEPS)) for j in range(Y)] for i in range(X)]
    for thread in range(threads):
        np.testing.assert_array_equal(sums[thread].reshape(X, Y, WIDTH), expected)


@pytest.mark.parametrize("level", ["amx", "avx512vnni"])
def test_operations_are_two_for_each_multiply_add_of_all_threads(monkeypatch, level):
    monkeypatch.setattr(peak, "best_seconds", lambda work, seconds: 0.5)
    monkeypatch.setattr(peak, "LEVEL", SimpleNamespace(name=level))
    products = X * Y * WIDTH * peak.STEPS * 2  # on two threads
    assert peak.peak_gops("float32", 2, 1) == pytest.approx(2 * products / 0.5 / 1e9)
    in_int8 = 4 * 16 * 64 * 16 * peak.AMX_STEPS * 2 if level == "amx" else 4 * products
    assert peak.peak_gops("int8", 2, 1) == pytest.approx(2 * in_int8 / 0.5 / 1e9)


def test_the_triad_reads_two_arrays_and_writes_one(monkeypatch):
    monkeypatch.setattr(peak, "TRIAD_NUMBERS", 1000)
    monkeypatch.setattr(peak, "best_seconds", lambda work, seconds: 1e-6)
    assert peak.memory_bandwidth(1, 1) == pytest.approx(3 * 4000 / 1e-6 / 1e9)
    for threads in (1, 2):
        a, b, c = np.zeros(5, np.float32), np.arange(5, dtype=np.float32), np.ones(5, np.float32)
        peak.triad(a, b, c, threads)
        assert a.tolist() == [3, 4, 5, 6, 7]


def test_the_best_time_is_the_shortest_of_those_after_the_first(monkeypatch):
    clock, durations = [0.0], iter([100.0, 0.5, 0.25, 0.75, 0.5])

    def work():
        clock[0] += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert peak.best_seconds(work, 1.9) == 0.25


def test_what_is_measured_is_named_with_its_unit(monkeypatch):
    monkeypatch.setattr(peak, "best_seconds", lambda work, seconds: 1.0)
    assert set(peak.measure_peak(1)) == {"threads", "float32_gops", "int8_gops", "memory_gb_per_s"}
