"""Where the time goes where nnlite falls short of what was asked: stages and phases beside the limit of the machine's peak.

Run:  python tutorials/where_time_goes.py [--threads 1]       (a minute; on a quiet machine)

Prints Markdown tables and writes tutorials/results/where_time_goes.json.
"""

import argparse
import functools
import json
import time
from pathlib import Path

import nncompress
import nnlite
from nnlite import models
from nnlite.bench import machine
from nnlite.bench.breakdown import part, plan_breakdown, step_breakdown
from nnlite.bench.ours import prepare
from nnlite.bench.peak import measure_peak
from nnlite.bench.timing import summarize, take_turns, time_calls
from nnlite.bench.works import edges, images_for, multiply_adds, on_the_tile, shape
from nnlite.kernels.simd.level import LANES

RESULT = Path(__file__).parent / "results" / "where_time_goes.json"
NARROW = [(size, size, N) for size in (256, 1024) for N in (1, 7, 16, 32)]  # of one column: hardly more than reading a
CALLS = {"matmul": {"do": "matmul", "M": 1, "K": 1, "N": 1},  # hardly more than the call
         "conv": {"do": "conv", "N": 1, "C": 1, "O": 1, "size": 1}}
CLIFF = 1.5  # times the rounded-up neighbour's time for a multiply-add: more is not wanted
PRODUCTS = [(64, 1024, 1024), (256, 1024, 256), (256, 1024, 1024), (1024, 1024, 64), (1024, 64, 1024), (1024, 1024, 1024)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    nnlite.set_num_threads(threads)
    started, peak = time.perf_counter(), measure_peak(threads)
    model, (images, _) = models.cnn().eval(), images_for({"model": "cnn", "batch": 64})
    float32, int8 = peak["float32_gops"], peak["int8_gops"]
    tables = {"cnn in float32, 64 images": plan_breakdown(nnlite.compile(model, images[:1]), images, float32),
              "cnn in int8, 64 images": plan_breakdown(nncompress.quantize(model, images), images, int8),
              "a training step of lenet-300-100, 64 images, SGD": step_breakdown("lenet-300-100", float32),
              "int8 products": [product_row("int8", *sizes, int8) for sizes in PRODUCTS],
              "narrow products in float32": [product_row("float32", *sizes, float32) for sizes in NARROW],
              "narrow products in int8": [product_row("int8", *sizes, int8) for sizes in NARROW]}
    cliffs = [row for pair in edges() if (row := cliff_row(*pair, peak))["ratio"] > CLIFF]
    result = {"command": f"python tutorials/where_time_goes.py --threads {threads}", "machine": machine.describe(),
              "peak": peak, "tables": tables, "cliffs": cliffs, "seconds": round(time.perf_counter() - started, 1)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{threads} thread(s); peak {float32:.0f} GFLOP/s in float32, {int8:,.0f} GOP/s in int8")
    print(*(markdown(title, rows) for title, rows in tables.items()), cliffs_markdown(cliffs), sep="\n")


def product_row(arithmetic, M, K, N, peak_gops):
    work = {"do": "matmul", "rung": "tile", "arithmetic": arithmetic, "M": M, "K": K, "N": N}
    return part(f"M {M}, K {K}, N {N}", prepare(work), multiply_adds(work), peak_gops, 200)


def cliff_row(one, other, peak):
    """A work beside its rounded-up neighbour, in turns: their times for a multiply-add as a ratio, and what the ratio would be
    if the first took no longer than the call and its registers at the peak, while the neighbour stays what it is.
    """
    call = CALLS[one["do"]]
    works = {"one": one, "other": other, "call": on_the_tile(call)[one["arithmetic"] == "int8"]}
    asks = {name: functools.partial(time_calls, prepare(work)) for name, work in works.items()}
    ms = {name: summarize(times)["median_ms"] for name, times in take_turns(asks, 5, 4, 0).items()}
    least = ms["call"] + 2 * multiply_adds(in_whole_registers(one)) / peak[f"{one['arithmetic']}_gops"] / 1e6
    more = multiply_adds(other) / multiply_adds(one)
    return {"part": f"{one['do']} {one['arithmetic']}, {shape(one)}", "ms": ms["one"], "neighbour_ms": ms["other"],
            "call_ms": ms["call"], "ratio": round(ms["one"] / ms["other"] * more, 3), "least_ms": round(least, 5),
            "least_ratio": round(least / ms["other"] * more, 3)}


def in_whole_registers(work):
    """The work with as many columns, or channels made, as fill whole registers; those of floats can hold part of a sum, too."""
    columns = "N" if work["do"] == "matmul" else "O"
    return {**work, columns: -(-work[columns] // LANES) * LANES} if work["arithmetic"] == "int8" else work


def cliffs_markdown(rows):
    lines = [f"\n**more than {CLIFF} × the time for a multiply-add of the rounded-up neighbour**\n",
             "| work | µs | neighbour's µs | ratio | µs of the call | call and peak, µs | then the ratio |",
             "|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        lines.append(f"| {row['part']} | {1000 * row['ms']:.1f} | {1000 * row['neighbour_ms']:.1f} | {row['ratio']:.2f} | "
                     f"{1000 * row['call_ms']:.1f} | {1000 * row['least_ms']:.1f} | {row['least_ratio']:.2f} |")
    return "\n".join(lines)


def markdown(title, rows):
    lines = [f"\n**{title}**\n", "| part | µs | multiply-adds | GOP/s | µs at the peak | share of the peak |",
             "|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        speed = 2 * row["multiply_adds"] / row["ms"] / 1e6
        lines.append(f"| {row['part']} | {1000 * row['ms']:,.1f} | {row['multiply_adds']:,} | {speed:,.0f} | "
                     f"{1000 * row['limit_ms']:,.1f} | {row['limit_ms'] / row['ms']:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
