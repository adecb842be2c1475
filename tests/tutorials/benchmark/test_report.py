import re

import pytest
from benchmark import measure as module
from benchmark.report import text


@pytest.fixture
def result(measure):
    return measure(["cnn", "lenet-300-100"], [1, 2])


def line_with(report, *words):
    (line,) = [line for line in report.splitlines() if all(word in line for word in words)]
    return re.sub(r" +", " ", line.strip())


def section(report, title):
    (part,) = [part for part in report.split("\n\n") if part.startswith(title)]
    return part


def test_the_head_names_the_machine_and_its_peaks(result):
    head = text(result).split("\n\n")[0]
    assert result["machine"]["cpu"] in head and f"Python {result['machine']['python']}" in head
    assert "Measured peak, 2 threads: float32 200 GOP/s, int8 800 GOP/s, memory 10.0 GB/s." in head
    assert "left out" not in head


def test_a_peer_that_is_missing_is_named_with_how_to_install_it(measure, monkeypatch):
    monkeypatch.setattr(module, "installed_peers", lambda: ["torch"])
    head = text(measure(["cnn"], [1])).split("\n\n")[0]
    assert head.splitlines()[-1] == "onnxruntime is left out: it is not installed (pip install onnxruntime onnx)."


def test_a_kernel_has_its_rate_and_share_of_the_peak(result):
    table = section(text(result), "kernels, 1 thread")
    # 2·1024³ operations in 2 ms, of 100 GOP/s
    line = line_with(table, "M 1024", "tile float32")
    assert line == "matmul, M 1024, K 1024, N 1024 tile float32 2.0000 1.8000 1073.7 1073.7%"


def test_a_network_has_a_line_for_everyone_with_the_multiple_of_our_time(result):
    table = section(text(result), "networks, 1 thread")
    line = line_with(table, "cnn", "step, SGD", "torch channels last")
    assert line == "cnn step, SGD 64 torch channels last 384.000 345.600 364.800–422.400 3.00"
    assert line_with(table, "cnn", "int8", " 64 onnxruntime").endswith(" 1.50")
    assert line_with(table, "cnn, half").endswith(" 1.00")
    assert "1024" in table


def test_int8_products_sparse_memory_and_compiling_have_their_lines(result):
    report = text(result)
    assert section(report, "int8 matmul, 125 shapes, 2 threads: onnxruntime ÷ ours, geometric mean 1.50").count("\n") == 6
    assert "sparse" in section(report, "fully connected 784 → 300, 92 % of its weights 0, batch 1, 1 thread")
    memory = section(report, "peak memory of training cnn at batch 64, beyond the imports, 2 threads")
    assert line_with(memory, "nnlite") == "nnlite 64.0 MB, and 1.0 MB of code and modules that load late"
    assert "kernels: 20.0 s of compiling in a first process, 0.5 s in a second one" in report


def test_the_last_table_says_what_was_reached(result):
    table = text(result).split("\n\n")[-1]
    assert len(table.splitlines()) == 1 + len(result["targets"])
    lines = [re.sub(r" +", " ", line.strip()) for line in table.splitlines()]
    assert "float32 inference of cnn, batch 64: torch ÷ ours 1 3.00" in lines
    assert "int8 inference of cnn, batch 1: onnxruntime int8 ÷ ours 2 1.50" in lines
    assert "loading the kernels in a second one, seconds 2 0.50" in lines
