import ast
import io
import json
import subprocess
import sys
from pathlib import Path

from benchmark import with_nnlite, worker

TUTORIALS = str(Path(worker.__file__).parents[1])
PRODUCT = {"do": "matmul", "M": 2, "K": 3, "N": 4, "rung": "BLAS", "arithmetic": "float32"}


def answers_to(monkeypatch, *requests):
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(request) + "\n" for request in requests)))
    answers = io.StringIO()
    monkeypatch.setattr(sys, "stdout", answers)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    worker.main("nnlite", "1", "")
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_each_request_is_answered_by_one_line_and_prepared_once(monkeypatch):
    prepared = []

    def prepare(work):
        prepared.append(work)
        return lambda: print("what a library prints is no answer")

    monkeypatch.setattr(with_nnlite, "prepare", prepare)
    monkeypatch.setattr(with_nnlite, "set_threads", lambda n: None)
    requests = [({"a": 1}, 3), ({"a": 1}, 2), ({"b": 1}, 1)]
    answers = answers_to(monkeypatch, *({"work": work, "calls": calls} for work, calls in requests))
    assert [len(answer) for answer in answers] == [3, 2, 1]
    assert prepared == [{"a": 1}, {"b": 1}]


def test_the_threads_are_those_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(with_nnlite, "set_threads", asked.append)
    assert answers_to(monkeypatch) == [] and asked == [1]


def modules_after(program):
    program = f"import sys\nsys.path.insert(0, {TUTORIALS!r})\n{program}\nprint(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_our_worker_imports_no_peer():
    loaded = modules_after(f"import benchmark.worker; from nnlite.bench import ours; ours.prepare({PRODUCT})()")
    assert "nnlite.kernels" in loaded and not {"torch", "onnx", "onnxruntime"} & loaded


def test_the_peers_workers_import_none_of_our_kernels_whose_settings_would_serve_them_too():
    loaded = modules_after("import benchmark.worker, benchmark.with_torch, benchmark.with_onnxruntime")
    assert not {"nnlite.kernels", "numba", "torch", "onnx", "onnxruntime"} & loaded
