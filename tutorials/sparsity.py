"""Where sparsity starts to pay: a layer 784 -> 300 run dense, from CSR and from Deep Compression's relative form.

Run:  python tutorials/sparsity.py [--seed 0] [--threads 1]       (under a minute; on a quiet machine)

Prints a Markdown table, writes tutorials/results/sparsity.json and draws tutorials/pictures/sparsity.svg.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

from git_commit import commit

from nncompress.sparse import pay_off
from nnlite.bench.machine import cpu_name
from nnlite.kernels.machine.threads import set_num_threads
from nnlite.kernels.simd.level import LEVEL

HERE = Path(__file__).parent
SHAPE, BATCHES = (300, 784), (1, 64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    set_num_threads(arguments.threads)
    started = time.perf_counter()
    rows = pay_off.time_forms(SHAPE, BATCHES, seed=arguments.seed)
    result = {"command": f"python tutorials/sparsity.py --seed {arguments.seed} --threads {arguments.threads}",
              "seed": arguments.seed, "threads": arguments.threads, "seconds": round(time.perf_counter() - started, 1),
              "commit": commit(), "cpu": cpu_name(), "simd": LEVEL.name, "python": platform.python_version(),
              **{package: version(package) for package in ("nnlite", "numpy", "numba")}, "shape": SHAPE, "rows": rows}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "sparsity.json").write_text(json.dumps(result, indent=1) + "\n")
    pay_off.draw(rows, HERE / "pictures" / "sparsity.svg")
    print(table(rows), conclusion(rows), sep="\n\n")


def table(rows):
    lines = ["| zeros | images | dense, µs | CSR, µs | relative, µs | CSR | relative | CSR, bytes | relative, bytes |",
             "|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in sorted(rows, key=lambda row: row["batch"]):
        dense, csr, relative = row["dense_us"], row["csr_us"], row["relative_us"]
        lines.append(f"| {row['sparsity']:.0%} | {row['batch']} | {dense:.1f} | {csr:.1f} | {relative:.1f} | "
                     f"{dense / csr:.2f}× | {dense / relative:.2f}× | {row['csr_bytes']:,} | {row['relative_bytes']:,} |")
    return "\n".join(lines)


def conclusion(rows):
    """From which sparsity on each form pays, in one line."""
    parts = []
    for batch in BATCHES:
        for form, name in pay_off.FORMS.items():
            start = pay_off.pays_from(rows, form, batch)
            parts.append(f"{name}, batch {batch}: " + ("never" if start is None else f"from {start:.0%}"))
    return f"Faster than the dense tile: {'; '.join(parts)}."


if __name__ == "__main__":
    main()
