"""Damaged files of versions 2 to 4, under checksums that fit: each is refused with a FormatError or read as a whole plan.

    python -m pytest -m slow tests/nncompress/nnz/test_fuzz.py       100,000 files; some minutes
"""

import time
import tracemalloc

import numpy as np
import pytest
from networks import random_plan
from small_files import sealed, small_file

from nncompress.nnz.architecture import NAMES
from nncompress.nnz.fields import Fields
from nncompress.nnz.file import from_bytes, most_weights, to_bytes
from nnlite.errors import FormatError


def originals():
    """Contents of small files, without their checksums."""
    return [small_file(number)[:-4] for number in range(7)] + [to_bytes(random_plan(seed)[0])[:-4] for seed in range(10)]


def damaged(rng, files):
    """The content of a file with one kind of damage."""
    content = bytearray(files[rng.integers(len(files))])
    kind = rng.integers(6)
    if kind == 0:  # bytes changed, most often in the header
        for at in (4 + rng.exponential(20, rng.integers(1, 5))).astype(int):
            content[min(at, len(content) - 1)] = rng.integers(256)
    elif kind == 1:  # one bit
        at = rng.integers(4, len(content))
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 2:  # cut off, and perhaps something else put there
        content[rng.integers(4, len(content)) :] = rng.bytes(int(rng.integers(0, 30)))
    elif kind == 3:  # the first part of one file and the last of another
        other = files[rng.integers(len(files))]
        content[rng.integers(4, len(content)) :] = other[rng.integers(4, len(other)) :]
    elif kind == 4:  # nothing that was ever written
        content[4:] = rng.bytes(int(rng.integers(0, 100)))
    else:
        content = b"NNZ" + bytes([rng.integers(2, 5)]) + invented(rng) + rng.bytes(int(rng.integers(0, 40)))
    return bytes(content)


def invented(rng):
    """A header whose fields are all readable and do not fit together: steps of any kind, sizes and numbers of inputs."""
    fields = Fields("fuzz")
    fields.coder.number(int(rng.integers(2)), 1)
    steps = int(rng.integers(2, 6))
    fields.number(steps - 1, "steps")
    for step in range(steps):
        kind = "input" if step == 0 else str(rng.choice(NAMES))
        fields.choice(kind, NAMES, 4)
        fields.flag(True)  # the usual name
        for _ in range(rng.integers(0, 12)):
            if rng.random() < 0.5:
                fields.flag(rng.random() < 0.6)
            else:
                fields.number(int(2 ** rng.uniform(0, 24 * rng.random())) - 1, "a size")
    return fields.coder.finish()


def read(content):
    """from_bytes, or None where it says FormatError."""
    try:
        return from_bytes(sealed(content), "net.nnz")
    except FormatError as error:
        assert str(error).startswith("net.nnz: "), str(error)
        return None


def check(content):
    """One file: refused or a plan that runs and can be saved again."""
    plan = read(content)
    if plan is not None and sum(int(np.prod(step.shape)) for step in plan.steps) < 2**14:
        x = np.linspace(-3, 3, int(np.prod(plan.steps[0].shape)), dtype=np.float32).reshape(1, *plan.steps[0].shape)
        np.testing.assert_array_equal(from_bytes(to_bytes(plan))(x), plan(x))
    return plan is not None


def fuzz(count, seed):
    """How many of `count` damaged files were read; the longest time; the most memory in units of what a file may claim."""
    rng, files = np.random.default_rng(seed), originals()
    whole, longest, most = 0, 0.0, 0.0
    for number in range(count):
        content = damaged(rng, files)
        traced = number % 20 == 0
        if traced:
            tracemalloc.start()
        start = time.perf_counter()
        whole += check(content)
        longest = max(longest, time.perf_counter() - start)
        if traced:
            most = max(most, tracemalloc.get_traced_memory()[1] / most_weights(len(content)))
            tracemalloc.stop()
    return whole, longest, most


def test_four_hundred_damaged_files_are_refused_or_whole_plans():
    whole, _, most = fuzz(400, seed=0)
    assert 0 < whole < 400 and most < 24  # bytes for each weight that a file may claim


@pytest.mark.slow
def test_a_hundred_thousand_damaged_files_are_refused_or_whole_plans():
    whole, longest, most = fuzz(100_000, seed=1)
    print(f"{whole:,} of 100,000 were whole plans, {longest:.1f} s for one file at most, {most:.1f} bytes for each weight")
    assert 0 < whole < 100_000 and longest < 30 and most < 24


def test_invented_headers_go_deep():
    rng = np.random.default_rng(2)
    reasons = set()
    for _ in range(300):
        try:
            from_bytes(sealed(b"NNZ\x02" + invented(rng) + rng.bytes(20)), "net.nnz")
        except FormatError as error:
            reasons.add(str(error).split(": ", 2)[-1].split(" ")[0])
    assert len(reasons) > 5
