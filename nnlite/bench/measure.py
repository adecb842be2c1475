"""The whole bench in one dict. `rows` has an entry for everything that was timed (see `works` and `contest`)."""

import contextlib
import shlex
import tempfile
import time

from tqdm import tqdm

from nnlite.bench import machine, works
from nnlite.bench.compiling import compile_cost
from nnlite.bench.contest import Worker, contest, installed_peers
from nnlite.bench.peak import measure_peak
from nnlite.bench.programme import all_contests, own_contests, training_entries
from nnlite.bench.report import contestant_name
from nnlite.bench.targets import targets

ROUNDS, PAUSE = 7, 0.04  # s, until the threads of the contestant before are asleep
ROUNDS_ALONE, PAUSE_ALONE = 5, 0.01
MEMORY_STEPS = 5


def measure(models, threads, with_peers=False, seconds=0.25):
    """Everything that `nnlite bench` tells.

    models: names; threads: counts, ascending; seconds: time for each figure, without the pauses.
    -> {"machine", "peers", "peaks", "rows", …}; with peers also "memory", "compiling" and "targets".
    """
    started, clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), time.perf_counter()
    peers = installed_peers() if with_peers else []
    result = {"command": command(models, threads, with_peers, seconds), "started": started, "seed": 0,
              "machine": machine.describe(), "threads": threads, "models": models, "with_peers": with_peers, "peers": peers,
              "peaks": [measure_peak(n) for n in threads]}
    rounds, pause = (ROUNDS, PAUSE) if peers else (ROUNDS_ALONE, PAUSE_ALONE)
    pace = {"rounds": rounds, "turn_ms": 1000 * seconds / rounds, "pause": pause}
    contests = all_contests(models, threads, peers, pace) if with_peers else own_contests(models, threads, pace)
    result["rows"] = hold(contests, threads, peers, models)
    if with_peers:
        result["memory"] = [memory(n, peers) for n in threads] if "cnn" in models else []
        result["compiling"] = compile_cost()
        result["targets"] = targets(result)
    return result | {"seconds": round(time.perf_counter() - clock, 1)}


def command(models, threads, with_peers, seconds):
    """The command line that asks for this."""
    words = ["nnlite", "bench", *["--peers"] * with_peers, *[word for model in models for word in ("--model", model)],
             *(["--threads", str(threads[0])] if len(threads) == 1 else []), "--seconds", str(seconds)]
    return shlex.join(words)


def hold(contests, threads, peers, models):
    """The rows of all contests, with the number of their contest: only rows of one contest are to be compared."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if "onnxruntime" in peers:
            export_all(models, folder)
        workers = {(name, n): stack.enter_context(Worker(name, n, folder)) for name in ["nnlite", *peers] for n in threads}
        bar = tqdm(contests, "bench", disable=None, leave=False)
        return [{"table": table, "contest": i, **row} for i, (table, entries, pace) in enumerate(bar)
                for row in contest(workers, entries, **pace)]


def export_all(models, folder):
    """The ONNX files of the models."""
    from nnlite.bench.ours import build
    from nnlite.bench.with_onnxruntime import export

    for model in models:
        images, _ = works.images_for({"model": model, "batch": 64})
        export(build({"model": model}), images, folder, model)


def memory(threads, peers):
    """Bytes by which training cnn raises the memory of a fresh process, for nnlite and both of torch's layouts.

    "code": by a first step, of one image. It loads what both load when it is needed: kernels, and the modules for them.
    "steps": from there, by some steps of 64 images.
    """
    work, grown = works.training(["cnn"])[0], {}
    for entry in training_entries(work, threads, peers):
        with Worker(entry["by"], threads) as worker:
            grown[contestant_name(entry)] = {"code": worker.ask({"work": {**entry, "batch": 1}, "memory": 1}),
                                             "steps": worker.ask({"work": entry, "memory": MEMORY_STEPS})}
    return {"threads": threads, "bytes": grown}
