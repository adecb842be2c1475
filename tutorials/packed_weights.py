"""What weights of 4 bits save and cost: the int8 product with `PackedWeights`, beside the product with weights of one byte.

    python tutorials/packed_weights.py                       (half a minute, on a quiet machine)

Weights of −8 … 7 are unpacked by arithmetic ("4 bits"), 16 other values by a table ("codebook"). A network is the products of
its layers, one after the other. All run on one thread. Prints a Markdown table. Times are medians of calls that take turns.
"""

from functools import partial
from statistics import median

import numpy as np

from nncompress.int8.packed import PackedWeights
from nncompress.int8.product import matmul_int8, pack_int8
from nnlite import set_num_threads
from nnlite.bench.timing import take_turns, time_calls

NETWORKS = {"784 × 300": [(784, 300)], "4096 × 4096": [(4096, 4096)], "LeNet-300-100": [(784, 300), (300, 100), (100, 10)]}
IMAGES = (1, 64)


def measure(name, layers, rounds=20):
    """A row of the table for each number of images: the bytes of the weights, and the times in milliseconds."""
    rng = np.random.default_rng(0)
    small = [rng.integers(-8, 8, (K, N)).astype(np.int8) for K, N in layers]
    values = np.append(0, rng.permutation(np.r_[-127:-8, 8:128])[:15]).astype(np.int8)
    as_bytes, packed = [pack_int8(w) for w in small], [PackedWeights(w) for w in small]
    shared = [PackedWeights(rng.choice(values, (K, N))) for K, N in layers]
    sizes = {"bytes": sum(w.size for w in small), "packed": sum(w.nbytes for w in packed)}
    for images in IMAGES:
        inputs = [rng.integers(0, 256, (images, K)).astype(np.uint8) for K, _ in layers]
        forms = {"bytes": [partial(matmul_int8, a, w) for a, w in zip(inputs, as_bytes, strict=True)],
                 "4 bits": [partial(w.matmul, a) for a, w in zip(inputs, packed, strict=True)],
                 "codebook": [partial(w.matmul, a) for a, w in zip(inputs, shared, strict=True)]}
        asked = {form: partial(time_calls, partial(in_a_row, products)) for form, products in forms.items()}
        times = {form: median(each) for form, each in take_turns(asked, rounds, turn_ms=20).items()}
        yield {"name": name, "images": images, "sizes": sizes, "ms": times}


def in_a_row(products):
    for product in products:
        product()


def table(rows):
    lines = ["| weights | images | bytes | packed | bytes, µs | 4 bits, µs | codebook, µs | 4 bits | codebook |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        sizes, times = row["sizes"], row["ms"]
        micro = " | ".join(f"{1000 * time:,.1f}" for time in times.values())
        lines.append(f"| {row['name']} | {row['images']} | {sizes['bytes']:,} | {sizes['packed']:,} | {micro} | "
                     f"{times['4 bits'] / times['bytes']:.1f}× | {times['codebook'] / times['bytes']:.1f}× |")
    return "\n".join(lines)


def main():
    set_num_threads(1)
    print(table(row for name, layers in NETWORKS.items() for row in measure(name, layers)))


if __name__ == "__main__":
    main()
