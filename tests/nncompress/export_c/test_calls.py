import numpy as np
import pytest
from networks import random_network

from nncompress import quantize
from nncompress.export_c.calls import plan_calls
from nnlite import nn


def test_a_flatten_needs_no_function_and_a_pooling_runs_inside_its_convolution():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 20), nn.ReLU(),
                          nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    plan = quantize(model, np.ones((2, 1, 8, 8), np.float32))
    calls, size, end = plan_calls(plan)
    assert [(plan.steps[call.i].kind, call.sources, call.target) for call in calls] == [
        ("conv2d", ["image"], "results + 0"),            # 4 · 3 · 3 = 36 bytes after pooling
        ("linear", ["results + 0"], "results + 36"),     # 20
        ("linear", ["results + 36"], "results + 0"),     # 30, where the image was
        ("linear", ["results + 0"], "logits")]
    assert (size, end) == (56, "logits")
    assert [call.pool is None for call in calls] == [False, True, True, True]


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 2, 1), nn.MaxPool2d(2, (2, 1))])
def test_a_pooling_whose_windows_overlap_or_have_a_border_is_a_function_of_its_own(pool):
    plan = quantize(nn.Sequential(nn.Conv2d(1, 2, 3), pool), np.ones((2, 1, 10, 10), np.float32))
    assert [call.pool for call in plan_calls(plan)[0]] == [None, None]


@pytest.mark.parametrize("seed", range(60))
def test_no_result_is_written_over_before_its_last_reader_has_run(seed):
    model, x = random_network(seed)
    plan = quantize(model, x)
    calls, size, end = plan_calls(plan)
    memory = np.full(size, -1)  # which call has written each byte

    def place(expression):
        return int(expression.removeprefix("results + "))

    written = {}
    for n, call in enumerate(calls):
        step = plan.steps[call.i] if call.pool is None else call.pool
        for source in set(call.sources) - {"image"}:
            writer, count = written[source]
            assert (memory[place(source) : place(source) + count] == writer).all()
        if call.target != "logits":
            for source in set(call.sources) - {"image"}:  # neither is it written over while it is read
                begin, count = place(source), written[source][1]
                assert place(call.target) + np.prod(step.shape) <= begin or begin + count <= place(call.target)
            memory[place(call.target) : place(call.target) + np.prod(step.shape)] = n
            written[call.target] = n, int(np.prod(step.shape))
    if end not in ("logits", "image"):
        writer, count = written[end]
        assert (memory[place(end) : place(end) + count] == writer).all()
    assert size == 0 or memory[-1] >= 0
