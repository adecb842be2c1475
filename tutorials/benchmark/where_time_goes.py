"""Where the time goes: stages of a plan, phases of a training step and products beside the limit of the machine's peak.

Run:  python tutorials/benchmark/where_time_goes.py [--threads 1]       (a minute; on a quiet machine)

Prints Markdown tables and writes tutorials/benchmark/results/where_time_goes.json.
"""

import argparse
import json
import time
from pathlib import Path

from breakdown import part, plan_breakdown, step_breakdown

import nncompress
import nnlite
from nnlite import models
from nnlite.bench import machine
from nnlite.bench.ours import prepare
from nnlite.bench.peak import measure_peak
from nnlite.bench.works import images_for, multiply_adds

RESULT = Path(__file__).parent / "results" / "where_time_goes.json"
NARROW = [(size, size, N) for size in (256, 1024) for N in (1, 7, 16, 32)]
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
    result = {"command": f"python tutorials/benchmark/where_time_goes.py --threads {threads}", "machine": machine.describe(),
              "peak": peak, "tables": tables, "seconds": round(time.perf_counter() - started, 1)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{threads} thread(s); peak {float32:.0f} GFLOP/s in float32, {int8:,.0f} GOP/s in int8")
    print(*(markdown(title, rows) for title, rows in tables.items()), sep="\n")


def product_row(arithmetic, M, K, N, peak_gops):
    work = {"do": "matmul", "rung": "tile", "arithmetic": arithmetic, "M": M, "K": K, "N": N}
    return part(f"M {M}, K {K}, N {N}", prepare(work), multiply_adds(work), peak_gops, 200)


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
