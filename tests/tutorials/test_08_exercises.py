"""The exercises of 08_coding can be solved, and their tests notice a wrong solution."""

from heapq import heapify, heappop, heappush

import numpy as np
import pytest
from lessons import cells_run

from nncompress.coding import huffman, sparse


@pytest.fixture(scope="module")
def lesson():
    return cells_run("08_coding")


def code_lengths(counts, join=1):
    heap = [(count, [symbol]) for symbol, count in enumerate(counts) if count]
    lengths = [0] * len(counts)
    if len(heap) == 1:
        lengths[heap[0][1][0]] = 1
    heapify(heap)
    while len(heap) > 1:
        (rare, one), (common, other) = heappop(heap), heappop(heap)
        for symbol in one + other:
            lengths[symbol] += 1
        heappush(heap, (rare + join * common, one + other))
    return lengths


def best_width(q, last=8):
    sizes = []
    for width in range(1, last + 1):
        gaps, values = sparse.to_relative(q.reshape(-1), width)
        parts = gaps.astype(int), values.astype(int) + 7
        sizes.append(sum(len(huffman.encode(p, huffman.code_lengths(np.bincount(p)))) for p in parts))
    return int(np.argmin(sizes)) + 1, min(sizes)


def golomb_bits(gaps, end=1):
    gaps = gaps.astype(int)
    return min(int(((gaps >> k) + end + k).sum()) for k in range(16))


@pytest.mark.parametrize("test, right, wrong", [
    ("test_code_lengths", code_lengths, lambda counts: code_lengths(counts, join=0)),
    ("test_best_width", best_width, lambda q: best_width(q, last=2)),
    ("test_golomb", golomb_bits, lambda gaps: golomb_bits(gaps, end=0)),
])
def test_the_exercises_of_08_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
