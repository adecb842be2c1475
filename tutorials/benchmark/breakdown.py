"""Where the time goes: a plan stage by stage, a training step phase by phase, each beside what the machine's peak would allow.

    limit = 2 · multiply-adds / peak

The zeros that fill up a step of the tile count as multiply-adds; what memory allows is left out.
"""

import statistics
import time

import numpy as np

from nnlite import functional as F
from nnlite import kernels
from nnlite.bench.ours import build
from nnlite.bench.timing import time_calls
from nnlite.bench.works import images_for
from nnlite.inference.cost import summary
from nnlite.inference.pipeline import table_macs
from nnlite.optim import SGD

KINDS = {kernels.CONVOLUTION: "convolution", kernels.LINEAR: "linear", kernels.LOGITS: "linear", kernels.FLATTEN: "flatten"}


def plan_breakdown(plan, images, peak_gops, calls=200):
    """[{"part", "ms", "multiply_adds", "limit_ms"}]: the images' entry, each stage, and all; median times.

    plan: one that runs all stages from its table, for no more images than go in one chunk.
    """
    stages, run_table = [], plan.run_table
    plan.run_table = lambda rows: stages.extend((row, run_table([row])) for row in rows) or run_table(rows)
    plan(images)
    pipeline, n = plan.pipeline, len(images)
    if len(pipeline.runners) > 1 or n > pipeline.chunk:
        raise ValueError(f"plan_breakdown: expects a plan of one table and up to {pipeline.chunk} images, got "
                         f"{len(pipeline.runners)} and {n}")
    per_lane = 4 if pipeline.buffers[0].array.dtype == np.uint8 else 1  # a lane of integers adds four products at once
    parts = [part("entry", lambda: pipeline.enter(images, pipeline.buffers[0]), 0, peak_gops, calls)]
    for row, run in stages:
        name = f"{KINDS[row['kind']]}, {row['O']} out" if "O" in row else KINDS[row["kind"]]
        parts.append(part(name, lambda run=run: run(n), n * per_lane * table_macs(row), peak_gops, calls))
    return [*parts, part("all", lambda: plan(images), sum(p["multiply_adds"] for p in parts), peak_gops, calls)]


def part(name, work, multiply_adds, peak_gops, calls):
    """One row: the median of some calls, after one that does not count."""
    work()
    return {"part": name, "ms": round(statistics.median(time_calls(work, calls)), 5), "multiply_adds": multiply_adds,
            "limit_ms": round(2 * multiply_adds / peak_gops / 1e6, 5)}


def step_breakdown(model_name, peak_gops, calls=200):
    """[{"part", "ms", …}] of a training step with SGD at batch 64: forward, loss, backward, update, all."""
    work = {"model": model_name, "batch": 64}
    model, (images, labels) = build(work), images_for(work)
    optimizer = SGD(model.parameters(), lr=1e-3)
    phases = {name: [] for name in ("forward", "loss", "backward", "update", "all")}
    for _ in range(calls):
        start = time.perf_counter()
        optimizer.zero_grad()
        logits = model(images)
        forward = time.perf_counter()
        loss = F.cross_entropy(logits, labels)
        lost = time.perf_counter()
        loss.backward()
        backward = time.perf_counter()
        optimizer.step()
        end = time.perf_counter()
        spans = (start, forward), (forward, lost), (lost, backward), (backward, end), (start, end)
        for times, (first, last) in zip(phases.values(), spans, strict=True):
            times.append(1000 * (last - first))
    macs = forward_macs(model, images)  # the first layer's images need no gradient
    products = {"forward": sum(macs), "backward": 2 * sum(macs) - macs[0], "all": 3 * sum(macs) - macs[0]}
    return [{"part": name, "ms": round(statistics.median(times), 5), "multiply_adds": products.get(name, 0),
             "limit_ms": round(2 * products.get(name, 0) / peak_gops / 1e6, 5)} for name, times in phases.items()]


def forward_macs(model, images):
    """Multiply-adds of each layer's forward pass for all the images."""
    return [len(images) * row.macs for row in summary(model, images[:1]).rows if row.macs]
