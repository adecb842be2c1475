"""The whole bench in one dict. `rows` has an entry for everything that was timed (see `works` and `timing`)."""

import functools
import shlex
import time

from tqdm import tqdm

from nnlite.bench import machine, works
from nnlite.bench.ours import prepare, set_threads
from nnlite.bench.peak import measure_peak
from nnlite.bench.timing import summarize, take_turns, time_calls
from nnlite.kernels.machine.threads import most_threads

ROUNDS, PAUSE = 5, 0.01


def measure(models, threads, seconds=0.25):
    """Everything that `nnlite bench` tells.

    models: names; threads: how many to use; seconds: time for each figure, without the pauses.
    -> {"command", "started", "seed", "machine", "threads", "models", "peaks", "rows", "seconds"}
    """
    started, clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), time.perf_counter()
    result = {"command": command(models, threads, seconds), "started": started, "seed": 0, "machine": machine.describe(),
              "threads": [threads], "models": models, "peaks": [measure_peak(threads)]}
    turns, most = groups(models, threads), most_threads()
    set_threads(threads)
    try:
        result["rows"] = [{"table": table, "contest": i, **work, "by": "nnlite", "threads": threads, **figures}
                          for i, (table, group) in enumerate(tqdm(turns, "bench", disable=None, leave=False))
                          for work, figures in zip(group, time_in_turns(group, seconds), strict=True)]
    finally:
        set_threads(most)
    return result | {"seconds": round(time.perf_counter() - clock, 1)}


def command(models, threads, seconds):
    """The command line that asks for this."""
    words = ["nnlite", "bench", *[word for model in models for word in ("--model", model)], "--threads", str(threads)]
    return shlex.join([*words, "--seconds", str(seconds)])


def groups(models, threads):
    """[(table, works that take turns)]. BLAS uses all cores, so it is timed only where nnlite uses them, too."""
    blas = threads == most_threads()
    return [*(("ladder", [work for work in rungs if blas or work["rung"] != "BLAS"]) for rungs in works.ladder()),
            *(("networks", [step]) for step in works.training(models)),
            *(("networks", pair) for pair in works.inference(models))]


def time_in_turns(group, seconds):
    """The `summarize`d milliseconds of each work of the group."""
    asks = {i: functools.partial(time_calls, prepare(work)) for i, work in enumerate(group)}
    times = take_turns(asks, ROUNDS, 1000 * seconds / ROUNDS, PAUSE)
    return [summarize(times[i]) for i in asks]
