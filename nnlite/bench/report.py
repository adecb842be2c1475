"""What was measured as tables of text."""

from nnlite.bench.rows import gops, rows
from nnlite.bench.works import shape


def text(result):
    """All tables, one below the other."""
    (threads,) = result["threads"]
    return "\n\n".join([head(result), ladder(result, threads), networks(result, threads)])


def head(result, packages=("numpy", "numba")):
    """The machine, these packages' versions, and the peaks that were measured."""
    machine = result["machine"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {machine['simd']}; Python {machine['python']}, "
             + ", ".join(f"{name} {machine[name]}" for name in packages)]
    for peak in result["peaks"]:
        lines.append(f"Measured peak, {threads_text(peak['threads'])}: float32 {peak['float32_gops']:,.0f} GOP/s, "
                     f"int8 {peak['int8_gops']:,.0f} GOP/s, memory {peak['memory_gb_per_s']:.1f} GB/s.")
    return "\n".join(lines)


def threads_text(n):
    return "1 thread" if n == 1 else f"{n} threads"


def ladder(result, threads):
    """Each product on all its rungs, with its share of the machine's measured peak."""
    peak = next(peak for peak in result["peaks"] if peak["threads"] == threads)
    lines = [f"{'kernels, ' + threads_text(threads):43} {'rung':15} {'median ms':>10} {'min':>10} {'GOP/s':>8} {'of peak':>8}"]
    for row in rows(result, table="ladder", threads=threads):
        share = gops(row) / peak[f"{row['arithmetic']}_gops"]
        lines.append(f"{row['do'] + ', ' + shape(row):43} {row['rung'] + ' ' + row['arithmetic']:15} {row['median_ms']:10.4f} "
                     f"{row['min_ms']:10.4f} {gops(row):8.1f} {share:8.1%}")
    return "\n".join(lines)


def networks(result, threads):
    """Each training step and each inference."""
    lines = [f"{'networks, ' + threads_text(threads):22} {'work':14} {'batch':>5} {'median ms':>10} {'min':>9} "
             f"{'quartiles':>19}"]
    for row in rows(result, table="networks", threads=threads):
        lines.append(f"{row['model']:22} {work_name(row):14} {row['batch']:5} {milliseconds(row)}")
    return "\n".join(lines)


def work_name(row):
    return f"step, {row['optimizer']}" if row["do"] == "train" else row["arithmetic"]


def milliseconds(row):
    """Median, minimum and quartiles, in three columns."""
    quartiles = f"{row['q1_ms']:.3f}–{row['q3_ms']:.3f}"
    return f"{row['median_ms']:10.3f} {row['min_ms']:9.3f} {quartiles:>19}"
