"""The whole comparison in one dict. `rows` has an entry for everything that was timed (see `nnlite.bench.works`, `contest`)."""

import contextlib
import shlex
import tempfile
import time

from benchmark.compiling import compile_cost
from benchmark.contest import Worker, contest, installed_peers
from benchmark.programme import all_contests, training_entries
from benchmark.report import contestant_name
from benchmark.targets import targets
from tqdm import tqdm

from nnlite.bench import machine, works
from nnlite.bench.peak import measure_peak

ROUNDS, PAUSE = 7, 0.04  # s, until the threads of the contestant before are asleep
MEMORY_STEPS = 5


def measure(models, threads, seconds=0.25):
    """Everything that the comparison tells.

    models: names; threads: counts, ascending; seconds: time for each figure, without the pauses.
    -> {"command", "machine", "peers", "peaks", "rows", "memory", "compiling", "targets", …}
    """
    started, clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), time.perf_counter()
    peers = installed_peers()
    result = {"command": command(models, threads, seconds), "started": started, "seed": 0, "machine": machine.describe(),
              "threads": threads, "models": models, "peers": peers, "peaks": [measure_peak(n) for n in threads]}
    pace = {"rounds": ROUNDS, "turn_ms": 1000 * seconds / ROUNDS, "pause": PAUSE}
    result["rows"] = hold(all_contests(models, threads, peers, pace), threads, peers, models)
    result["memory"] = [memory(n, peers) for n in threads] if "cnn" in models else []
    result["compiling"] = compile_cost()
    result["targets"] = targets(result)
    return result | {"seconds": round(time.perf_counter() - clock, 1)}


def command(models, threads, seconds):
    """The command line that asks for this."""
    words = ["python", "tutorials/benchmark", *[word for model in models for word in ("--model", model)],
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
    from benchmark.with_onnxruntime import export

    from nnlite.bench.ours import build

    for model in models:
        images, _ = works.images_for({"model": model, "batch": 64})
        export(build({"model": model}), images, folder, model)


def memory(threads, peers):
    """Bytes by which training cnn raises the memory of a fresh process, for nnlite and for each of torch's two layouts.

    "code": growth during a first step with one image, which loads kernels and modules on demand.
    "steps": further growth during MEMORY_STEPS steps with 64 images.
    """
    work, grown = works.training(["cnn"])[0], {}
    for entry in training_entries(work, threads, peers):
        with Worker(entry["by"], threads) as worker:
            grown[contestant_name(entry)] = {"code": worker.ask({"work": {**entry, "batch": 1}, "memory": 1}),
                                             "steps": worker.ask({"work": entry, "memory": MEMORY_STEPS})}
    return {"threads": threads, "bytes": grown}
