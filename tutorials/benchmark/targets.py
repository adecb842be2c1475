"""The figures that are looked at: ratios of medians of one contest, the peer's time ÷ nnlite's or one of its own ÷ another.

Each has a limit, which guards the code against becoming slower: "at_least" and an "aim", or "at_most".
"""

import math

from nnlite.bench.rows import contests, gops, has
from nnlite.bench.works import shape

OURS = {"by": "nnlite"}
FLOAT, INT8 = {**OURS, "arithmetic": "float32"}, {**OURS, "arithmetic": "int8"}
CNN_STEP = {"table": "networks", "do": "train", "model": "cnn"}
LENET_STEP = {"table": "networks", "do": "train", "model": "lenet-300-100"}
CNN_64 = {"table": "networks", "do": "infer", "model": "cnn", "batch": 64}
CNN_1 = {**CNN_64, "batch": 1}
RATIOS = [  # work, the slower row (the fastest of those that have all of this), the other one, at least, aim
    ("training step of cnn, SGD: torch, the faster layout ÷ ours", {**CNN_STEP, "by": "torch"}, OURS, 1.5, 2.0),
    ("training step of lenet-300-100, SGD: torch ÷ ours", {**LENET_STEP, "optimizer": "SGD", "by": "torch"}, OURS, 1.1, 1.3),
    ("training step of lenet-300-100, Adam: torch ÷ ours", {**LENET_STEP, "optimizer": "Adam", "by": "torch"}, OURS, 1.8, 2.5),
    ("float32 inference of cnn, batch 64: onnxruntime ÷ ours", {**CNN_64, **FLOAT, "by": "onnxruntime"}, FLOAT, 1.2, 1.6),
    ("float32 inference of cnn, batch 64: torch ÷ ours", {**CNN_64, **FLOAT, "by": "torch"}, FLOAT, 3, 5),
    ("int8 inference of cnn, batch 1: onnxruntime int8 ÷ ours", {**CNN_1, **INT8, "by": "onnxruntime"}, INT8, 2, 3),
    ("int8 inference of cnn, batch 64: onnxruntime int8 ÷ ours", {**CNN_64, **INT8, "by": "onnxruntime"}, INT8, 2, 3),
    ("int8 inference of cnn, batch 64: own float32 ÷ int8", {**CNN_64, **FLOAT}, INT8, 1.8, 3),
    ("int8 inference of lenet-5, batch 64: own float32 ÷ int8", {**CNN_64, **FLOAT, "model": "lenet-5"}, INT8, 1.8, 3),
    ("int8 inference of resnet, batch 64: own float32 ÷ int8", {**CNN_64, **FLOAT, "model": "resnet"}, INT8, 1.8, 3),
    ("cnn without half of each layer's filters, batch 64: whole ÷ small", {"table": "shrunk", "shrunk": None},
     {"shrunk": True}, 2, 2.8),
    ("fully connected 784 → 300, 92 % of its weights 0, batch 1: dense ÷ sparse", {"table": "sparse", "form": "dense"},
     {"form": "sparse"}, 1.5, 3),
]


def targets(result):
    """[{"work", "threads", "measured", "at_least" and "aim", or "at_most", "reached"}] for all that was measured."""
    found = [target for n in result["threads"] for part in (ratios, int8_products, memory, batches)
             for target in part(result, n)]
    return [{**target, "reached": is_reached(target)} for target in [*found, *throughput(result), *compiling(result)]]


def is_reached(target):
    if "at_most" in target:
        return target["measured"] <= target["at_most"]
    return target["measured"] >= target["at_least"]


def ratio(result, slow, fast):
    """Least median of the rows that have `slow` ÷ that of those that have `fast`, in the first contest with both; or None."""
    for group in contests(result):
        both = [[row["median_ms"] for row in group if has(row, wanted)] for wanted in (slow, fast)]
        if all(both):
            return min(both[0]) / min(both[1])
    return None


def ratios(result, threads):
    """The table RATIOS on this many threads."""
    for work, slow, fast, least, aim in RATIOS:
        measured = ratio(result, {**slow, "threads": threads}, {**fast, "threads": threads})
        if measured is not None:
            yield {"work": work, "threads": threads, "measured": round(measured, 3), "at_least": least, "aim": aim}


def against_onnxruntime(result, threads):
    """[(onnxruntime's time ÷ ours, our row)] of the int8 products."""
    pairs = contests(result, table="int8 products", threads=threads)
    return [(other["median_ms"] / one["median_ms"], one) for one, other in pairs]


def int8_products(result, threads):
    """The mean over all shapes against ONNX Runtime, and the best shape's share of the measured peak."""
    pairs = against_onnxruntime(result, threads)
    if pairs:
        peak = next(peak["int8_gops"] for peak in result["peaks"] if peak["threads"] == threads)
        worst, best = min(pairs, key=lambda pair: pair[0]), max((row for _, row in pairs), key=gops)
        yield {"work": f"int8 matmul, mean of {len(pairs)} shapes: onnxruntime ÷ ours "
               f"(worst {worst[0]:.2f}: {shape(worst[1])})", "threads": threads,
               "measured": round(geometric_mean([r for r, _ in pairs]), 3), "at_least": 1.0, "aim": 1.2}
        yield {"work": f"int8 matmul, share of the measured peak of the best shape ({shape(best)})", "threads": threads,
               "measured": round(gops(best) / peak, 3), "at_least": 0.6, "aim": 0.85}


def geometric_mean(ratios):
    """(Π r)^(1/n): the mean in which a ratio of 2 and one of 1/2 make 1.

    >>> geometric_mean([2, 0.5]), round(geometric_mean([1, 10, 100]), 9)
    (1.0, 10.0)
    """
    return math.exp(math.fsum(math.log(ratio) for ratio in ratios) / len(ratios))


def memory(result, threads):
    """Peak memory of training cnn: the smaller of torch's layouts against ours."""
    for grown in result.get("memory", []):
        theirs = [value["steps"] for name, value in grown["bytes"].items() if name.startswith("torch")]
        ours = grown["bytes"]["nnlite"]["steps"]
        if grown["threads"] == threads and theirs and ours:
            yield {"work": "peak memory of training cnn, batch 64: torch, the smaller layout ÷ ours", "threads": threads,
                   "measured": round(min(theirs) / ours, 3), "at_least": 1, "aim": 2}


def batches(result, threads):
    """Time per image with many batches against one."""
    for wanted in (FLOAT, INT8):
        wanted = {**wanted, "table": "batches", "threads": threads}
        growth = ratio(result, {**wanted, "batch": 1024}, {**wanted, "batch": 64})
        if growth is not None:
            yield {"work": f"{wanted['arithmetic']} inference of cnn: time per image, 1024 images ÷ 64 images",
                   "threads": threads, "measured": round(growth / 16, 3), "at_most": 1.1}


def throughput(result):
    """All threads against one."""
    fewest, most = result["threads"][0], result["threads"][-1]
    gain = ratio(result, {"table": "threads", "threads": fewest}, {"table": "threads", "threads": most})
    if gain is not None:
        yield {"work": f"float32 inference of cnn, batch 256: throughput ÷ that on {fewest} thread", "threads": most,
               "measured": round(gain, 3), "at_least": 0.85 * most / fewest, "aim": most / fewest}


def compiling(result):
    """Seconds of compilation."""
    cost = result.get("compiling")
    if cost:
        most = result["threads"][-1]
        yield {"work": "compiling the kernels in a first process, seconds", "threads": most, "measured": cost["cold_s"],
               "at_most": 25}
        yield {"work": "loading the kernels in a second one, seconds", "threads": most, "measured": cost["second_process_s"],
               "at_most": 1}
