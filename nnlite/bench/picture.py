"""The roofline picture of what was measured: the tile's kernels under the machine's roofs."""

from nnlite import plot
from nnlite.bench.rows import gops, rows
from nnlite.bench.works import bytes_moved, multiply_adds

ROOFS = ("float32", "int8")


def draw_roofline(result, target=None):
    """The kernels of the ladder's last rung, on the largest number of threads that was measured; see `plot.roofline`."""
    peak = result["peaks"][-1]
    tiles = rows(result, table="ladder", rung="tile", threads=peak["threads"])
    points = [(name(row), row["arithmetic"], intensity(row), gops(row)) for row in tiles]
    fastest = {kind: max((rate for _, arithmetic, _, rate in points if arithmetic == kind), default=0) for kind in ROOFS}
    roofs = {kind: max(peak[f"{kind}_gops"], fastest[kind]) for kind in ROOFS}  # a kernel shows that the machine can do it
    threads = "1 thread" if peak["threads"] == 1 else f"{peak['threads']} threads"
    return plot.roofline(points, roofs, peak["memory_gb_per_s"], target, f"{result['machine']['cpu']}, {threads}")


def intensity(work):
    """Operations per byte: 2 · multiply-adds / bytes of the arrays that it reads and writes, each counted once."""
    return 2 * multiply_adds(work) / bytes_moved(work)


def name(work):
    """A few letters for a point.

    >>> name({"do": "matmul", "M": 64, "K": 64, "N": 64}), name({"do": "matmul", "M": 64, "K": 2048, "N": 128})
    ('64³', '64·2048·128')
    """
    if work["do"] == "conv":
        return f"conv {work['C']}→{work['O']}"
    sizes = [work["M"], work["K"], work["N"]]
    return f"{sizes[0]}³" if len(set(sizes)) == 1 else "·".join(map(str, sizes))
