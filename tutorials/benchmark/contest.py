"""Workers that take turns.

An entry says who does what: a piece of work with two more words, "by" (nnlite, torch or onnxruntime) and "threads".
"""

import contextlib
import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from nnlite.bench.timing import summarize, take_turns

NEEDS = {"torch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def installed_peers():
    """Those of torch and onnxruntime that can be compared with here."""
    return [peer for peer, packages in NEEDS.items() if all(importlib.util.find_spec(package) for package in packages)]


class Worker:
    """A process of `worker.py`; close() lets it finish what it does, and end."""

    def __init__(self, name, threads, folder=""):
        environment = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}  # nnlite's own setting
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), name, str(threads), str(folder)]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        with contextlib.suppress(BrokenPipeError):  # of a worker that has died
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def time(self, entry, calls):
        """The milliseconds of some calls."""
        return self.ask({"work": entry, "calls": calls})

    def ask(self, request):
        """The answer to a request.   Errors: ChildProcessError where the worker has died (it says why on stderr)."""
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise ChildProcessError(f"the {self.name} worker of the bench ended at {request}")
        return json.loads(answer)


def contest(workers, entries, rounds, turn_ms, pause):
    """Time some entries in turns.   workers: {(by, threads): Worker} -> the entries with their `summarize`d milliseconds."""
    asks = {i: functools.partial(workers[entry["by"], entry["threads"]].time, entry) for i, entry in enumerate(entries)}
    times = take_turns(asks, rounds, turn_ms, pause)
    return [{**entry, **summarize(times[i])} for i, entry in enumerate(entries)]
