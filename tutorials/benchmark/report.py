"""What was measured as tables of text."""

from benchmark.targets import against_onnxruntime, geometric_mean

from nnlite.bench import report
from nnlite.bench.report import ladder, milliseconds, threads_text, work_name
from nnlite.bench.rows import contests, gops, rows
from nnlite.bench.works import shape

HOW_TO_INSTALL = {"torch": "pip install torch", "onnxruntime": "pip install onnxruntime onnx"}


def text(result):
    """All tables, one below the other."""
    tables = (ladder, networks, int8_products, sparse, memory)
    parts = [head(result), *(table(result, n) for n in result["threads"] for table in tables), compiling(result),
             reached(result)]
    return "\n\n".join(part for part in parts if part)


def head(result):
    """The machine, what it can do, and who is missing."""
    missing = [f"{peer} is left out: it is not installed ({how})." for peer, how in HOW_TO_INSTALL.items()
               if peer not in result["peers"]]
    return "\n".join([report.head(result, ("numpy", "numba", *result["peers"])), *missing])


def networks(result, threads):
    """Each training step and inference; the last column is the time as a multiple of nnlite's."""
    lines = [f"{'networks, ' + threads_text(threads):22} {'work':14} {'batch':>5} {'by':22} {'median ms':>10} {'min':>9} "
             f"{'quartiles':>19} {'÷ ours':>7}"]
    for table in ("networks", "shrunk", "batches"):
        for group in contests(result, table=table, threads=threads):
            lines += [network_line(row, group) for row in group]
    return "\n".join(lines)


def network_line(row, group):
    return (f"{row['model'] + (', half' if row.get('shrunk') else ''):22} {work_name(row):14} {row['batch']:5} "
            f"{contestant_name(row):22} {milliseconds(row)} {row['median_ms'] / ours_in(row, group)['median_ms']:7.2f}")


def contestant_name(row):
    return f"{row['by']} {row['layout']}" if row.get("layout") else row["by"]


def ours_in(row, group):
    """nnlite's row of the same arithmetic in the same contest."""
    return next(one for one in group if one["by"] == "nnlite" and one.get("arithmetic") == row.get("arithmetic"))


def int8_products(result, threads):
    """The int8 products against ONNX Runtime's: the mean, the extremes."""
    pairs = sorted(against_onnxruntime(result, threads), key=lambda pair: pair[0])
    if not pairs:
        return ""
    mean = geometric_mean([ratio for ratio, _ in pairs])
    lines = [f"int8 matmul, {len(pairs)} shapes, {threads_text(threads)}: onnxruntime ÷ ours, geometric mean {mean:.2f}"]
    for ratio, row in (*pairs[:3], *pairs[-3:]):
        rates = f"ours {gops(row):7.1f} GOP/s, onnxruntime {gops(row) / ratio:7.1f} GOP/s"
        lines.append(f"  {shape(row):25} {ratio:6.2f}   {rates}")
    return "\n".join(lines)


def sparse(result, threads):
    """A pruned layer from its two forms."""
    lines = [f"  {row['form']:8} {row['median_ms']:10.4f} ms, least {row['min_ms']:.4f}"
             for row in rows(result, table="sparse", threads=threads)]
    title = f"fully connected 784 → 300, 92 % of its weights 0, batch 1, {threads_text(threads)}"
    return "\n".join([title, *lines]) if lines else ""


def memory(result, threads):
    """Peak memory of training cnn."""
    lines = [f"  {name:22} {grown['steps'] / 1e6:7.1f} MB, and {grown['code'] / 1e6:.1f} MB of code and modules that load late"
             for both in result.get("memory", []) if both["threads"] == threads
             for name, grown in both["bytes"].items() if grown["steps"] is not None]
    title = f"peak memory of training cnn at batch 64, beyond the imports, {threads_text(threads)}"
    return "\n".join([title, *lines]) if lines else ""


def compiling(result):
    """Seconds until the kernels stand."""
    cost = result.get("compiling")
    if not cost:
        return ""
    return f"kernels: {cost['cold_s']:.1f} s of compiling in a first process, {cost['second_process_s']:.1f} s in a second one"


def reached(result):
    """What was reached, in one number for each piece of work."""
    if not result.get("targets"):
        return ""
    width = max(len(target["work"]) for target in result["targets"])
    lines = [f"{'work':{width}} {'threads':>7} {'reached':>9}"]
    for target in result["targets"]:
        lines.append(f"{target['work']:{width}} {target['threads']:7} {target['measured']:9.2f}")
    return "\n".join(lines)
