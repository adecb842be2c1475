"""`python tutorials/benchmark` from end to end, on a few small works: that figures come is tested, never how large they are."""

import json

import pytest
from benchmark import measure, programme
from benchmark.__main__ import main
from benchmark.contest import installed_peers

from nnlite.bench import works


@pytest.mark.peer
def test_the_whole_bench_runs_against_the_peers_that_are_installed(monkeypatch, tmp_path, capsys):
    if len(installed_peers()) < 2:
        pytest.skip("needs torch, onnx and onnxruntime")
    products, peak = programme.all_int8_products(), measure.measure_peak
    monkeypatch.setattr(works, "ladder", lambda: [works.on_the_tile(works.square(16))])
    monkeypatch.setattr(programme, "all_int8_products", lambda: products[:2])
    monkeypatch.setattr(measure, "compile_cost", lambda: {"cold_s": 1.0, "second_process_s": 0.1})
    monkeypatch.setattr(measure, "measure_peak", lambda threads: peak(threads, seconds=0.001))
    monkeypatch.setattr(measure, "PAUSE", 0)
    monkeypatch.setattr(measure, "ROUNDS", 1)
    out = tmp_path / "bench.json"
    line = "--model lenet-300-100 --threads 1 --seconds 0.001 --out"
    main([*line.split(), str(out)])
    result, report = json.loads(out.read_text(encoding="utf-8")), capsys.readouterr().out
    tables = {(row["table"], row["by"]) for row in result["rows"]}
    assert tables >= {*(("networks", by) for by in ("nnlite", "torch", "onnxruntime")), ("int8 products", "onnxruntime")}
    assert all(0 < row["min_ms"] <= row["q1_ms"] <= row["median_ms"] <= row["q3_ms"] for row in result["rows"])
    assert len(result["targets"]) == 7
    assert all(target["work"] in report for target in result["targets"])
