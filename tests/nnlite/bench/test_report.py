import re

import pytest

from nnlite.bench.report import text


@pytest.fixture
def result(measure):
    return measure(["cnn", "lenet-300-100"], 2)


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


def test_a_kernel_has_its_rate_and_share_of_the_peak(result):
    table = section(text(result), "kernels, 2 threads")
    # 2·1024³ operations in 2 ms, of 200 GOP/s
    line = line_with(table, "M 1024", "tile float32")
    assert line == "matmul, M 1024, K 1024, N 1024 tile float32 2.0000 1.8000 1073.7 536.9%"


def test_a_network_has_a_line_for_each_work(result):
    table = section(text(result), "networks, 2 threads")
    assert line_with(table, "cnn", "step, SGD") == "cnn step, SGD 64 128.000 115.200 121.600–140.800"
    assert line_with(table, "cnn", "int8", " 64 ") == "cnn int8 64 64.000 57.600 60.800–70.400"


def test_there_are_three_parts(measure):
    parts = text(measure(["cnn"], 2)).split("\n\n")
    assert [part.split(",")[0] for part in parts[1:]] == ["kernels", "networks"] and len(parts) == 3
