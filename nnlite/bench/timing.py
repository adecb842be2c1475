"""Milliseconds: of one callable, or of several that take turns; and their median and quartiles."""

import math
import statistics
import time


def time_calls(work, calls):
    """The milliseconds of each of `calls` calls of work()."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return times


def summarize(times):
    """Times in milliseconds as five numbers: median, minimum, first and third quartile, and how many times there are.

    >>> summarize([4.0, 1.0, 2.0, 3.0, 9.0])
    {'median_ms': 3.0, 'min_ms': 1.0, 'q1_ms': 2.0, 'q3_ms': 4.0, 'runs': 5}
    """
    q1, median, q3 = statistics.quantiles(times, n=4, method="inclusive")
    rounded = {"median_ms": median, "min_ms": min(times), "q1_ms": q1, "q3_ms": q3}
    return {name: round(value, 6) for name, value in rounded.items()} | {"runs": len(times)}


def calls_in_turn(times, turn_ms, least=3, most=200):
    """How many calls fill a turn of turn_ms, if earlier calls took `times` milliseconds; between `least` and `most`.

    >>> calls_in_turn([4.0, 2.0, 2.5], turn_ms=50), calls_in_turn([90.0], 50), calls_in_turn([0.001], 50)
    (25, 3, 200)
    """
    return max(least, min(most, math.ceil(turn_ms / max(min(times), 1e-6))))


def take_turns(contestants, rounds, turn_ms, pause=0.04):
    """Time callables in turns, so that whatever slows the machine for a while slows all of them.

    contestants: {name: ask}; ask(n) makes n calls and returns their milliseconds. Before the first round, each makes one call,
    which may compile, and three more, which show how many calls fill a turn; these four do not count. During the pause after
    each turn, the threads of the last contestant fall asleep: OpenMP's and ONNX Runtime's spin for some milliseconds, and a
    spinning thread occupies a core.
    -> {name: milliseconds of all its calls}
    """
    calls, times = {}, {name: [] for name in contestants}
    for name, ask in contestants.items():
        ask(1)
        calls[name] = calls_in_turn(ask(3), turn_ms)
        time.sleep(pause)
    for _ in range(rounds):
        for name, ask in contestants.items():
            times[name] += ask(calls[name])
            time.sleep(pause)
    return times
