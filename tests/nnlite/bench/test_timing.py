import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.bench import timing
from nnlite.bench.timing import calls_in_turn, summarize, take_turns, time_calls


def test_each_call_is_timed_by_itself_in_milliseconds(monkeypatch):
    clock, durations = [0.0], iter([0.5, 0.25, 2.0])

    def work():
        clock[0] += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert time_calls(work, 3) == [500, 250, 2000]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.001, 1000), min_size=2, max_size=50))
def test_a_summary_has_the_median_the_minimum_and_the_quartiles(times):
    names = {"min_ms": 0, "q1_ms": 25, "median_ms": 50, "q3_ms": 75}
    summary = summarize(times)
    assert summary.pop("runs") == len(times)
    assert summary == pytest.approx({name: np.percentile(times, p) for name, p in names.items()}, abs=5.1e-7)


def test_a_turn_has_as_many_calls_as_fill_it_within_limits():
    assert calls_in_turn([10.0, 8.0, 11.0], turn_ms=40) == 5  # the fastest call counts
    assert calls_in_turn([8.1], 40) == 5
    assert calls_in_turn([1000.0], 40) == 3
    assert calls_in_turn([0.0], 40) == 200
    assert calls_in_turn([1.0], 40, least=2, most=30) == 30


def test_contestants_take_turns_in_every_round_with_a_pause_behind_each(monkeypatch):
    log = []
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: log.append(f"pause {seconds}"))

    def contestant(name, ms):
        def ask(calls):
            log.append(f"{name} {calls}")
            return [ms] * calls

        return ask

    times = take_turns({"a": contestant("a", 10.0), "b": contestant("b", 5.0)}, rounds=2, turn_ms=40, pause=0.5)
    warming_up = ["a 1", "a 3", "pause 0.5", "b 1", "b 3", "pause 0.5"]
    assert log == warming_up + 2 * ["a 4", "pause 0.5", "b 8", "pause 0.5"]
    assert times == {"a": 8 * [10.0], "b": 16 * [5.0]}


def test_what_is_measured_before_the_first_round_does_not_count(monkeypatch):
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)
    answers = iter([[99.0], [3.0, 3.0, 3.0], [1.0, 2.0], [4.0, 5.0]])
    assert take_turns({"a": lambda calls: next(answers)}, rounds=2, turn_ms=6) == {"a": [1.0, 2.0, 4.0, 5.0]}
