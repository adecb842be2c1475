"""A process that does pieces of work and times them:  python tutorials/benchmark/worker.py NAME THREADS FOLDER

NAME is nnlite, torch or onnxruntime; FOLDER holds the ONNX files of the last. Each line on stdin is a request, answered by a
line on stdout. Only the modules of NAME are imported.

    {"work": {…}, "calls": n}       the milliseconds of n calls, as a list; the work is prepared at its first request
    {"work": {…}, "memory": n}      bytes by which n calls raise the process's memory at its highest (Linux)
"""

import functools
import importlib
import json
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # where the package `benchmark` lies

from benchmark.memory import growth  # noqa: E402

from nnlite.bench.timing import time_calls  # noqa: E402


def main(name, threads, folder):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that asks, and with it this one's stdin
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not be taken for an answer
    peer = importlib.import_module(f"benchmark.with_{name}")
    peer.set_threads(int(threads))

    @functools.lru_cache(maxsize=8)
    def prepared(text):
        return peer.prepare({**json.loads(text), **({"folder": folder} if name == "onnxruntime" else {})})

    for line in sys.stdin:
        request = json.loads(line)
        call = prepared(json.dumps(request["work"], sort_keys=True))
        answer = growth(call, request["memory"]) if "memory" in request else time_calls(call, request["calls"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
