# %% [markdown]
# # The same sum, fifty thousand times faster
#
# A matrix product is one line of mathematics and three loops. Written down in Python it does about two million operations a
# second on an ordinary processor. The same product in the library does a hundred *thousand* million on one core. **Both do
# the same multiplications. Where do the others lose their time?** In this lesson you climb a ladder from the formula to the
# library's kernel, rung by rung, with a stopwatch on each, and learn to read a picture that says when to stop climbing.
#
# It takes about 25 minutes. You need matrix products, and the loops of [02_layers](02_layers.md). A *kernel* is a function
# that does one such piece of arithmetic on arrays, and nothing else.

# %%
import os
import subprocess
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

from nnlite import kernels
from nnlite.plot import BLUE, DARK, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})
kernels.set_num_threads(1)                      # one core: we compare programs, not machines
rng = np.random.default_rng(0)

def speed(operations, work, *arrays, calls=7):
    """10⁹ operations per second of work(*arrays), from the shortest of several calls."""
    work(*arrays)                               # the first call may compile
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        work(*arrays)
        times.append(time.perf_counter() - start)
    return operations / min(times) / 1e9

# %% [markdown]
# On a busy machine the shortest time is the one that was least disturbed. What the cells print differs from machine to
# machine. So the claims in the text leave a factor of two or more to spare.
#
# ## 1 · The formula, and Python
#
# For $`a`$ with M rows and K columns and $`b`$ with K rows and N columns:
#
# ```math
# c_{mn} = \sum_k a_{mk}\, b_{kn}
# ```
#
# Each of the $`M N K`$ terms is one multiplication and one addition, so we count $`2 M N K`$ operations. Our matrices have
# 256 rows and columns: 33.5 million operations.

# %% tags=["volatile"]
N = 256
a, b = rng.standard_normal((2, N, N)).astype(np.float32)
operations = 2 * N**3

def by_python(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = np.zeros((M, N), np.float32)
    for m in range(M):
        for n in range(N):
            for k in range(K):
                c[m, n] += a[m, k] * b[k, n]
    return c

def by_formula(a, b):
    """All products at once, then the sum over k."""
    return (a[:, :, None] * b[None, :, :]).sum(axis=1)

small = a[:40, :40], b[:40, :40]                # Python would take half a minute for the large ones
rungs = {"Python": speed(2 * 40**3, by_python, *small, calls=1),
         "formula": speed(operations, by_formula, a, b, calls=3)}
for name, gops in rungs.items():
    print(f"{name:10} {gops:8.4f} GOP/s")
assert rungs["formula"] > 20 * rungs["Python"]

# %% [markdown]
# GOP/s are $`10^9`$ operations per second. Python looks up, for each single product, what `*` means, makes an object for the
# result, and throws it away. NumPy does that once for a whole array: more than twenty times as fast. But the formula writes
# *all products* down before it adds them, 64 MiB for a result of 256 KiB:

# %%
products = a[:, :, None] * b[None, :, :]
assert products.nbytes == 64 * 2**20 and by_formula(a, b).nbytes == 256 * 2**10
del products

# %% [markdown]
# This is the `matmul_formula` of `nnlite/kernels/loops/matmul.py`. It is there to be read, and to test the others against.
#
# ## 2 · Compiled loops, and their order
#
# Numba's `njit` translates a Python function into machine code. Then the three loops need no array of products. But which
# loop is the innermost? The sum is the same in any order, so try three:

# %% tags=["volatile"]
@njit
def order_mnk(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = np.zeros((M, N), np.float32)
    for m in range(M):
        for n in range(N):
            for k in range(K):                  # along a row of a, down a column of b
                c[m, n] += a[m, k] * b[k, n]
    return c

@njit
def order_nkm(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = np.zeros((M, N), np.float32)
    for n in range(N):
        for k in range(K):
            for m in range(M):                  # down a column of a, down a column of c
                c[m, n] += a[m, k] * b[k, n]
    return c

@njit
def order_mkn(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = np.zeros((M, N), np.float32)
    for m in range(M):
        for k in range(K):
            for n in range(N):                  # along a row of b, along a row of c
                c[m, n] += a[m, k] * b[k, n]
    return c

for name, work in (("n k m", order_nkm), ("m n k", order_mnk), ("m k n", order_mkn)):
    rungs[name] = speed(operations, work, a, b)
    print(f"{name:10} {rungs[name]:8.2f} GOP/s")
    np.testing.assert_allclose(work(a, b), a.astype(float) @ b, atol=1e-3)
assert rungs["m k n"] > 2 * rungs["m n k"] and rungs["m k n"] > 4 * rungs["n k m"]

# %% [markdown]
# The same lines in another order, and one is many times as fast as another. Two things are at work.
#
# **The cache.** Memory does not come number by number. It comes in *lines* of 64 bytes: 16 neighbouring float32. Lines that
# were used last are kept near the processor, in the cache; the others have to be fetched again. Numbers of a row lie side by
# side. Numbers of a column lie a whole row apart, each in another line. We can count the fetches, without a stopwatch, with a
# small model: a cache that keeps the 48 lines that were used last.

# %%
from collections import OrderedDict

LINE, KEPT = 16, 48                             # float32 in a line; lines in our model's cache

def fetches(places):
    """How often a line has to be fetched when these places of memory are read one after the other."""
    cache, count = OrderedDict(), 0
    for place in places:
        line = place // LINE
        if line in cache:
            cache.move_to_end(line)
        else:
            count += 1
            cache[line] = None
            if len(cache) > KEPT:
                cache.popitem(last=False)       # the one that was used longest ago
    return count

n = 64                                          # a 64×64 matrix; place of b[k, j]: 64 k + j
down_columns = [n * k + j for m in range(4) for j in range(n) for k in range(n)]
along_rows = [n * k + j for m in range(4) for k in range(n) for j in range(n)]
assert fetches(down_columns) == 4 * n * n       # every single read
assert fetches(along_rows) == 4 * n * n / 16    # every sixteenth

# %% tags=["remove-input"]
fig, axes = plt.subplots(1, 2, num="order", figsize=(6.4, 3.5))
# alt: A matrix in memory. Down a column, each step is in another line of the cache; along a row, 16 steps are in one.
for ax, name, steps in ((axes[0], "down: 16 lines for 16 numbers", [(k, 5) for k in range(16)]),
                        (axes[1], "along: 1 line for 16 numbers", [(5, j) for j in range(16)])):
    touched = {(k, j // 16) for k, j in steps}
    for k in range(16):
        for block in range(2):
            ax.add_patch(plt.Rectangle((16 * block + 0.15, k + 0.12), 15.7, 0.76, lw=0,
                                       color=ORANGE if (k, block) in touched else "0.9"))
    k, j = np.array(steps).T
    ax.plot(j + 0.5, k + 0.5, ".", color=DARK, ms=5)
    ax.set(title=name, xlim=(0, 32), ylim=(16, 0), xticks=[], yticks=[])
    ax.set_xlabel("columns: neighbours in memory")
    ax.grid(False)
axes[0].set_ylabel("rows");

# %% [markdown]
# Grey bars are lines of the cache, orange ones those that had to be fetched, dots the numbers that were needed. Down a
# column, fifteen of sixteen numbers come for nothing, and are gone when they would be needed.
#
# **The registers.** A processor has *vector registers* that hold several numbers, 16 float32 in one of 64 bytes, and
# multiplies all of them with one instruction. Along a row of $`b`$ and $`c`$ the numbers lie as in the register, so the
# compiler does it by itself. Down a column it cannot.
#
# So the rule is: **innermost runs the index that is last in the arrays.** The library's `matmul` in
# `nnlite/kernels/loops/matmul.py` is the order m k n.

# %% tags=["volatile"]
from nnlite.kernels.loops.matmul import matmul, matmul_formula

rungs["loops"] = speed(operations, matmul, a, b)
print(f"loops {rungs['loops']:8.2f} GOP/s; order m k n {rungs['m k n']:8.2f}")
np.testing.assert_array_equal(matmul(a, b), order_mkn(a, b))
np.testing.assert_array_equal(matmul_formula(*small), by_formula(*small))

# %% [markdown]
# ## 3 · The register tile
#
# Look at the innermost line again: `c[m, n] += a[m, k] * b[k, n]`. For each multiplication it loads a piece of $`b`$, loads a
# piece of $`c`$, and stores it. The processor can start two multiplications of registers at once, but not three such trips.
# So it waits.
#
# The cure: keep a small piece of $`c`$, a **tile** of R rows and V vectors, in the registers, and let the whole sum over k
# run over it. Each step loads V vectors of $`b`$, and R numbers of $`a`$, each copied into all places of a register. These
# $`R + V`$ loads serve $`R \cdot V`$ multiplications. Nothing is stored before the end.

# %%
def slow_tile(a, b, R, width):
    """The order of work of a register tile, in NumPy: c in pieces of R rows and `width` columns."""
    (M, K), N = a.shape, b.shape[1]
    c = np.empty((M, N), np.float32)
    for m in range(0, M, R):
        for n in range(0, N, width):
            sums = np.zeros(c[m : m + R, n : n + width].shape, np.float32)   # these are registers
            for k in range(K):
                sums += a[m : m + R, k, None] * b[k, None, n : n + width]
            c[m : m + R, n : n + width] = sums
    return c

def trips(R, V):
    """Loads and stores for each multiplication of registers."""
    return (R + V) / (R * V)

np.testing.assert_allclose(slow_tile(a, b, 8, 32), a.astype(float) @ b, atol=1e-3)
assert trips(1, 1) == 2 and trips(8, 2) == 0.625 and trips(6, 2) < 0.7

# %% [markdown]
# The library's tile has 8 rows of 2 vectors where the processor has 32 registers, else 6 rows. It stands in
# `nnlite/kernels/simd/tile.py`, and it is not Python: a tile in NumPy would put its "registers" into memory again. Python
# only *writes* the machine's instructions, once, while Numba compiles. Every float32 product and every convolution of the
# library runs through this one loop.

# %% tags=["volatile"]
from nnlite.kernels.fast.matmul import matmul as tile_matmul
from nnlite.kernels.simd.level import LEVEL
from nnlite.kernels.simd.strip import TALL, TILE_BYTES

rungs["tile"] = speed(operations, tile_matmul, a, b)
print(f"{LEVEL.name}: {TALL} rows of {TILE_BYTES // LEVEL.vector_bytes} vectors of {LEVEL.vector_bytes} bytes; "
      f"{rungs['tile']:.1f} GOP/s")
assert rungs["tile"] > rungs["loops"]

def bound(a, b):
    """How far two sums of K float32 products may differ, whatever their order."""
    K = a.shape[1]
    return 2 * K * 2.0**-24 * (np.abs(a).astype(float) @ np.abs(b).astype(float))

assert (np.abs(tile_matmul(a, b) - matmul(a, b)) <= bound(a, b)).all()

# %% [markdown]
# The two do not agree bit for bit. The tile multiplies and adds in one instruction, which rounds once where the loops round
# twice. Each rounding is off by at most $`2^{-24}`$ of the number; over K terms that gives the bound in the last line.
#
# ## 4 · Bytes: one instruction more
#
# A register that holds 16 float32 holds 64 bytes. Lesson [07](07_int8_inference.md) computes a network with `uint8` and
# `int8`; here only the instruction counts. `vpdpbusd` (its family is called *VNNI*) takes 64 bytes of each factor, multiplies
# them pair by pair, and adds each four products into one of 16 int32:

# %%
def dot4(x, y, sums):
    """x (64,) uint8, y (64,) int8, sums (16,) int32: what one vpdpbusd does."""
    products = x.astype(np.int32) * y.astype(np.int32)
    return sums + products.reshape(16, 4).sum(axis=1, dtype=np.int32)

x, y = rng.integers(0, 256, 64, np.uint8), rng.integers(-128, 128, 64).astype(np.int8)
assert dot4(x, y, np.zeros(16, np.int32)).sum() == x.astype(int) @ y.astype(int)

# %% [markdown]
# Older processors do the same in several steps; `avx2` widens bytes to 16 bits first. Newer ones have *tile registers*
# (`amx`) that multiply 16×64 by 64×16 bytes at once. The library chooses the best **level** that your processor has when it
# is imported. The environment variable `NNLITE_SIMD` chooses another one, so we can climb the levels of this machine. Each
# runs in a process of its own and prints its speed, and a checksum: integers have to be equal on all of them.

# %% tags=["volatile"]
from nnlite.kernels.simd.level import LEVELS, host_features

PROGRAM = """
import time, numpy as np, nncompress
from nnlite import kernels
kernels.set_num_threads(1)
rng = np.random.default_rng(0)
a, w = rng.integers(0, 256, (256, 256), np.uint8), rng.integers(-128, 128, (256, 256)).astype(np.int8)
w, times = nncompress.pack_int8(w), []
for _ in range(30):
    start = time.perf_counter()
    c = nncompress.matmul_int8(a, w)
    times.append(time.perf_counter() - start)
print(2 * 256**3 / min(times) / 1e9, (c * np.arange(256)).sum(dtype=np.int64))
"""

def on_level(name):
    """(GOP/s, checksum) of the int8 product on this level, in a process of its own."""
    environment = os.environ | {"NNLITE_SIMD": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, text=True,
                             capture_output=True, check=True)
    gops, checksum = process.stdout.split()
    return float(gops), int(checksum)

features = host_features()
has = [level.name for level in LEVELS if all(features.get(need) for need in level.needs)][::-1]
by_level = {name: on_level(name) for name in has}
for name, (gops, _) in by_level.items():
    print(f"{name:10} {gops:8.1f} GOP/s of uint8 · int8")
assert len({checksum for _, checksum in by_level.values()}) == 1
rungs["int8"] = by_level[has[-1]][0]
if {"avx2", "generic"} <= set(has):
    assert rungs["int8"] > 1.5 * by_level["generic"][0]

# %% [markdown]
# Not a number differs, and the instruction decides about the time. Here is the whole ladder; each mark of the axis is ten
# times the last.

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="ladder", figsize=(6.4, 3.9))
# alt: The ladder on a logarithmic axis: Python, formula, three orders of loops, the register tile, int8.
names = ["Python", "n k m", "m n k", "formula", "m k n", "tile", "int8"]
labels = ["Python loops", "compiled, order n k m", "compiled, order m n k", "formula in NumPy", "compiled, order m k n",
          "register tile, float32", f"register tile, int8 ({has[-1]})"]
for i, name in enumerate(names):
    ax.barh(i, rungs[name], left=0, color=ORANGE if name == "int8" else BLUE, height=0.62)
    ax.text(rungs[name] * 1.15, i, f"{rungs[name]:.3g}", va="center")
ax.set(xscale="log", xlim=(5e-4, 4000), yticks=range(len(names)), yticklabels=labels, xlabel="GOP/s on one core (logarithmic)")
ax.set_title("The same multiplications, in other orders and instructions", loc="right")
ax.grid(False)

# %% [markdown]
# ## 5 · When to stop climbing: the roofline
#
# Is the tile fast enough? Two things limit a kernel, whatever its code. The multipliers do so many operations per second, the
# **peak**. And numbers have to come from memory, at so many bytes per second, the **bandwidth**. A kernel that does I
# operations for each byte of its arrays cannot be faster than
#
# ```math
# \min(\text{peak},\; I \cdot \text{bandwidth})
# ```
#
# I is the *intensity*. A product of a batch of M rows with a matrix of K×N float32 has
#
# ```math
# I = \frac{2\,M N K}{4\,(M K + K N + M N)}
# ```
#
# One row alone, a single image through a linear layer, has half an operation per byte: each weight is fetched for a single
# multiplication. A batch of 64 uses each weight 64 times. Let us measure both roofs, which takes a second, and then the tile
# with batches from 1 to 256, on a matrix that is too large for the caches of most processors.

# %% tags=["volatile", "experiment"]
from nnlite.bench.peak import measure_peak


def intensity(M, K, N):
    return 2 * M * N * K / (4 * (M * K + K * N + M * N))

assert round(intensity(1, 2048, 2048), 2) == 0.5 and intensity(64, 2048, 2048) > 29

peak = measure_peak(threads=1, seconds=0.2)
large = rng.standard_normal((2048, 2048)).astype(np.float32)
points = []
for M in (1, 4, 16, 64, 256):
    rows = rng.standard_normal((M, 2048)).astype(np.float32)
    gops = speed(2 * M * 2048**2, tile_matmul, rows, large, calls=15)
    roof = min(peak["float32_gops"], intensity(M, 2048, 2048) * peak["memory_gb_per_s"])
    points.append((M, intensity(M, 2048, 2048), gops))
    print(f"batch {M:3d}: {points[-1][1]:6.1f} operations per byte, {gops:6.1f} GOP/s, "
          f"roof {roof:6.1f}")
assert points[-1][2] > 2 * points[0][2]

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="roofline", figsize=(6.4, 4.2))
# alt: The roofline: batches climb along the memory's slope towards the peak; loops and formula hang far below.
top, bandwidth = max(peak["float32_gops"], rungs["tile"], *(y for _, _, y in points)), peak["memory_gb_per_s"]
x = np.geomspace(0.25, 400, 300)
ax.loglog(x, np.minimum(top, x * bandwidth), color=DARK, lw=1.5)
ax.text(390, top * 1.12, f"peak: {top:.0f} GOP/s", fontweight="bold", ha="right")
ax.set(title="A larger batch climbs the slope towards the roof", xlim=(0.25, 400), ylim=(0.4, top * 2),
       xlabel="operations per byte of the arrays (logarithmic)", ylabel="GOP/s (logarithmic)")
ax.text(1.8, 1.9 * bandwidth, f"memory: {bandwidth:.0f} GB/s", fontweight="bold", ha="right")
ax.plot([x for _, x, _ in points], [y for _, _, y in points], "o-", color=BLUE, lw=1)
for M, x, y in points:
    ax.text(x * 1.2, y * 0.8, f"batch {M}", color=BLUE, va="top")
I = intensity(N, N, N)
for name, label in (("m n k", "loops, order m n k"), ("formula", "formula")):
    below = rungs[name] == min(rungs["m n k"], rungs["formula"])
    ax.plot(I, rungs[name], "s", color=ORANGE)
    ax.text(I * 1.2, rungs[name] * (0.9 if below else 1), label, color=ORANGE, va="top" if below else "bottom")
ax.xaxis.set_major_formatter("{x:g}")
ax.yaxis.set_major_formatter("{x:g}");

# %% [markdown]
# Read it from the left. A batch of 1 is held down by the slope: it waits for memory, and a cleverer loop would not help.
# Keeping the weights as bytes would, for then there is a quarter to fetch. With each image more, the same weights serve more
# multiplications, and the batches climb. A batch of 256 comes nearer to the level roof: it waits for the multipliers, and
# only another instruction would help. The squares are slow programs of sections 1 and 2. They are far below both roofs, for
# they wait for *themselves*: there, climbing the ladder pays. (A dot may lie above the slope: then its matrix stayed in a
# cache.)
#
# `nnlite bench` draws this picture for the library's kernels on your machine.
#
# ## 6 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** A convolution by loops, in the order that memory likes. Images lie as (rows, columns, channels), weights as (kernel
# rows, kernel columns, channels, filters). (A hole of assignment `hw03_convolution`, where it has stride, dilation and groups
# as well.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_conv2d(x, w):
    """y[i, j, o] = Σ_u Σ_v Σ_c x[i + u, j + v, c] w[u, v, c, o].

    x (H, W, C), w (kh, kw, C, O) -> y (H − kh + 1, W − kw + 1, O)"""
    raise NotImplementedError

def test_conv2d(f):
    x = np.arange(12.0).reshape(3, 4, 1)
    assert f(x, np.ones((2, 2, 1, 1)))[:, :, 0].tolist() == [[10, 14, 18], [26, 30, 34]]
    x, w = rng.standard_normal((5, 6, 3)), rng.standard_normal((3, 2, 3, 4))
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(0, 1))      # (3, 5, 3, 3, 2)
    np.testing.assert_allclose(f(x, w), np.einsum("ijcuv,uvco->ijo", patches, w), atol=1e-12)

attempt(test_conv2d, my_conv2d)

# %% [markdown]
# **2.** To transpose a matrix, one has to go along the rows of one array and down the columns of the other. Row by row, the
# model's cache fetches more than one line for each number. Find a better order of the 64 × 64 places; with blocks, each line
# needs to be fetched only once.

# %%
def transposing_order(n):
    """All pairs (i, j) of an n×n matrix, in the order in which the loop t[j, i] = x[i, j] should take them."""
    raise NotImplementedError

def fetched(order, n):
    """Lines fetched for x (from place 0) and for t (which follows it)."""
    return fetches(place for i, j in order for place in (n * i + j, n * n + n * j + i))

assert fetched([(i, j) for i in range(64) for j in range(64)], 64) > 64 * 64

def test_transposing_order(f):
    order = list(f(64))
    assert sorted(order) == [(i, j) for i in range(64) for j in range(64)]
    assert fetched(order, 64) == 2 * 64 * 64 / LINE

attempt(test_transposing_order, transposing_order)

# %% [markdown]
# **3.** Which tile has the fewest trips? Its R·V sums, V vectors of $`b`$ and one number of $`a`$ have to fit into the
# registers. (The library's tile is narrower than the best one, because many layers have few columns.)

# %%
def best_tile(registers):
    """The (R, V) with the smallest trips(R, V), where R V + V + 1 ≤ registers."""
    raise NotImplementedError

def test_best_tile(f):
    assert tuple(f(16)) == (4, 3) and tuple(f(32)) == (5, 5) and tuple(f(4)) == (2, 1)

attempt(test_best_tile, best_tile)

# %% [markdown]
# ## What to keep
#
# * First ask what a program waits for: for the interpreter, for memory, for its own loads and stores, or for the multipliers.
# * Innermost runs the index that is last in the arrays.
# * A tile in registers turns two trips for each multiplication into less than one.
# * Integers are the same on every level; floats in another order or instruction differ within a bound.
# * A kernel at the slope needs fewer bytes, a kernel at the roof another instruction, and a kernel far below both needs work.
#
# Sources: Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication" (ACM TOMS 34(3)), §4; Williams,
# Waterman and Patterson 2009, "Roofline" (CACM 52(4)). Next: [04](04_training.md), training.
