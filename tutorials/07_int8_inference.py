# %% [markdown]
# # One image, nothing but integers
#
# A camera gives bytes. A network answers with one of ten classes. **Can everything between the two be done in integers: no
# fraction, no floating point? And if it can, what is it good for?** In this lesson one image goes through a whole network.
# You see every integer on its way, compute all of them yourself, and compare with the library: not "about equal", but equal.
# Then you count what integers save, in bytes and on the stopwatch.
#
# It takes about 25 minutes. You need scale and zero point from lesson [06](06_quantization.md): a real number $`r`$ is kept
# as an integer $`q`$, and $`r \approx S\,(q - Z)`$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import nncompress
import nnlite
from nnlite import data, models, optim, train
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · A small network, and its plan
#
# All integers have to fit on this page, so the network is small: two convolutions with 4 and 8 filters, two fully connected
# layers with 32 and 10 neurons. We train three of them (they differ only in the seed); the first one is our guide.
# `nncompress.quantize` turns a trained network into a **plan**, a list of steps. It needs some hundred images to see which
# range of numbers comes out of each layer; that is *calibration*.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
some, _ = next(iter(data.DataLoader(digits, batch_size=500, transform=prepare)))
images, labels = next(iter(data.DataLoader(test_digits, batch_size=360, transform=prepare)))

def trained(seed):
    model = models.cnn(in_channels=1, image_size=8, width=0.25, seed=seed)
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=10, progress=False)
    return model.eval()

networks = [trained(seed) for seed in range(3)]
plans = [nncompress.quantize(model, some) for model in networks]
plan = plans[0]

print("step         result      scale S   zero Z   weights       biases")
for step in plan.steps:
    arrays = "" if step.w is None else f"{step.w.shape!s:14}{step.b.shape}"
    print(f"{step.kind:12} {step.shape!s:11} {step.S:.6f} {step.Z:6d}     {arrays}")
    assert step.w is None or (step.w.dtype, step.b.dtype) == (np.int8, np.int32)

# %% [markdown]
# Activations, the numbers between layers, are `uint8`, with one scale and one zero point for each step. Weights are `int8`
# with a scale for each output channel and zero point 0. Biases are `int32`. A ReLU is not a step; section 4 shows where it
# went.
#
# ## 2 · The image
#
# Somebody wrote an eight, and a scanner made bytes of it. The network was trained on *normalized* images: real numbers with
# mean 0. So the plan turns each pixel $`r`$ into $`q = \text{clamp}(\text{round}(r/S) + Z, 0, 255)`$, with the $`S`$ and
# $`Z`$ of its first step.

# %%
results = plan.run(images[:1])               # what each step gives: (images, rows, columns, channels)
first = plan.steps[0]
pixels = images[0, 0]                           # 8×8 real numbers
q0 = np.clip(np.rint(pixels / first.S) + first.Z, 0, 255).astype(np.uint8)

np.testing.assert_array_equal(q0, results[0][0, :, :, 0])
np.testing.assert_array_equal(q0, test_digits.images[0, 0])
assert first.Z == 78 and round(float(pixels[0, 0]), 2) == -0.81

# %% tags=["remove-input"]
def numbers(ax, grid, form="{:d}", size=8, colour=BLUE, top=None):
    """A grid of numbers, each in its cell; larger ones are darker."""
    from matplotlib.colors import LinearSegmentedColormap
    top = np.abs(grid).max() or 1 if top is None else top
    shades = LinearSegmentedColormap.from_list("shades", [ORANGE, "white", colour])
    ax.imshow(grid, cmap=shades, vmin=-1.6 * top, vmax=1.6 * top, aspect="auto")
    for (i, j), value in np.ndenumerate(grid):
        ax.text(j, i, form.format(value).replace("-", "−"), ha="center", va="center", fontsize=size, color=DARK)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=GREY, lw=0.8)

fig, (left, right) = plt.subplots(1, 2, num="image", figsize=(6.4, 3.4))
# alt: The eight as 8 by 8 real numbers from −0.81 to 1.85, and as 8 by 8 integers from 0 to 255.
numbers(left, pixels, "{:.2f}", 7)
numbers(right, q0.astype(int))
left.set_title("what the network was trained on")
right.set_title("what the plan computes with");

# %% [markdown]
# Look at the two asserts. The integers are the plan's, and they are the *bytes of the file*. The normalization subtracts a
# number and divides by another; scale and zero point undo exactly that. Empty paper is 0, the real number −0.81. The real
# number 0 is the integer $`Z = 78`$, a light grey. Keep that 78 in mind: it is not 0, and section 7 shows what comes of
# forgetting it.
#
# ## 3 · One sum by hand
#
# A convolution multiplies pixels by weights and adds up. In real numbers a product is $`S_1 (q_1 - Z_1) \cdot S_w w`$. The
# two scales are the same for all products of an output channel, so they can wait outside:
#
# ```math
# y = S_1 S_w \cdot \text{acc} \qquad \text{acc} = \sum_k (q_1[k] - Z_1)\, w[k] + b
# ```
#
# Everything in $`\text{acc}`$, the *accumulator*, is an integer. The bias $`b`$ is kept in steps of $`S_1 S_w`$, so it is
# added as it stands. Here is the pixel in row 3, column 3, for the first filter:

# %% tags=["volatile"]
conv1 = plan.steps[1]
patch = q0[2:5, 2:5].astype(int)                # the pixel and its eight neighbours
w, b, Z1 = conv1.w[0, 0].astype(int), int(conv1.b[0]), first.Z
acc = 0
for u in range(3):
    print("   ".join(f"({patch[u, v]:3d} − {Z1}) · {w[u, v]:4d}" for v in range(3)))
    for v in range(3):
        acc += (patch[u, v] - Z1) * w[u, v]
acc += b
print(f"sum with the bias {b}: acc = {acc}")

# %% [markdown]
# Each product needs a subtraction first. That is nine subtractions too many, because
#
# ```math
# \sum_k (q_1[k] - Z_1)\, w[k] + b = \sum_k q_1[k]\, w[k] + \Big( b - Z_1 \sum_k w[k] \Big)
# ```
#
# The bracket has nothing to do with the image. It is computed once, when the plan is made, and takes the place of the bias.
# The **zero-point correction** then costs nothing at all:

# %%
folded = b - Z1 * w.sum()
assert (patch * w).sum() + folded == acc

# %% [markdown]
# One thing remains. At the border the neighbours are missing, and the network was trained with a border of real zeros. The
# integer that stands for 0.0 is $`Z_1`$, so the border is filled with 78, not with 0. Now the whole layer, for all pixels,
# filters and images. $`(u, v)`$ walks over the nine places of the kernel:

# %%
def conv_sums(q, step, Z1, border=None, correct=True):
    """acc int32: q (N, H, W, C) uint8 -> (N, H, W, O), for 3×3 kernels."""
    N, H, W, _ = q.shape
    border = Z1 if border is None else border
    x = np.pad(q, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=border).astype(np.int32)
    w = step.w.astype(np.int32)                               # (O, C, 3, 3)
    b = step.b - Z1 * w.sum(axis=(1, 2, 3), dtype=np.int32) if correct else step.b
    acc = np.tile(b, (N, H, W, 1))
    for u in range(3):
        for v in range(3):
            acc += x[:, u : u + H, v : v + W] @ w[:, :, u, v].T
    return acc

sums = conv_sums(q0[None, :, :, None], conv1, Z1)
assert sums.dtype == np.int32 and sums.shape == (1, 8, 8, 4) and sums[0, 3, 3, 0] == acc

# %% [markdown]
# ## 4 · Back to a byte
#
# The sum counts in steps of $`S_1 S_w`$; the next layer wants bytes in steps of $`S_3`$, the scale of this step's result. So
#
# ```math
# q_3 = \text{clamp}\big(Z_3 + \text{round}(M \cdot \text{acc}),\; \text{low},\; 255\big) \qquad M = \frac{S_1 S_w}{S_3}
# ```
#
# This is **requantization**. $`M`$ is a fraction; how do integers multiply by it? It is written as an integer divided by a
# power of two. By the *fixed* law, TensorFlow Lite's and our plan's,
#
# ```math
# M \approx \frac{M_0}{2^{31}} \cdot 2^{-n} \qquad 2^{30} \le M_0 < 2^{31}
# ```
#
# Multiplying by $`M_0`$ needs 64 bits for a moment. Dividing by $`2^{31}`$, and then by $`2^n`$, is a shift to the right, and
# each shift rounds to the nearest integer. In all layers of our networks $`M`$ is smaller than 1, so $`n`$ is not negative.

# %%
def multiplier(M):
    """M ≈ M0 / 2^31 / 2^n -> M0, n."""
    m, exponent = np.frexp(M)                                 # M = m · 2^exponent, 0.5 ≤ m < 1
    M0 = np.int64(np.rint(m * 2**31))
    assert (exponent <= 0).all() and (M0 < 2**31).all()
    return M0, -exponent.astype(np.int64)

def requantize(acc, M0, n, Z, low):
    x = (acc.astype(np.int64) * M0 + 2**30) >> 31             # · M0 / 2^31: a half goes up
    half = (1 << n) >> 1
    x = np.sign(x) * ((np.abs(x) + half) >> n)                # / 2^n: a half goes away from zero
    return np.clip(x + Z, low, 255).astype(np.uint8)

# %% [markdown]
# $`\text{low}`$ is 0, the smallest byte. If a ReLU follows the layer, $`\text{low}`$ is $`Z_3`$. For $`Z_3`$ stands for 0.0,
# and a ReLU lets nothing below 0.0 through. The clamp is there anyway, so **the ReLU is free**.
#
# The plan did the same for our image. Both must agree: 256 bytes.

# %%
def factors(plan, step):
    S1, S3 = np.float64(plan.steps[step.inputs[0]].S), np.float64(step.S)
    return multiplier(S1 * np.float64(step.w_scale) / S3)

M0, n = factors(plan, conv1)
q1 = requantize(sums, M0, n, conv1.Z, conv1.Z)                # conv1 has a ReLU: low = Z
assert conv1.relu and conv1.low == conv1.Z
np.testing.assert_array_equal(q1, results[1])

# %% tags=["remove-input"]
fig, (left, right) = plt.subplots(1, 2, num="sums", figsize=(6.4, 3.4))
# alt: The first filter's sums, from minus to plus some ten thousand, and the bytes that requantization makes of them.
numbers(left, sums[0, :, :, 0], size=6)
numbers(right, q1[0, :, :, 0].astype(int), top=255)
left.set_title("first filter: sums (int32)")
right.set_title("the same as bytes, after ReLU");

# %% [markdown]
# Orange sums are negative; they became 0. All four filters, every byte:

# %% tags=["remove-input"]
fig, axes = plt.subplots(2, 2, num="conv1", figsize=(6.4, 6.2))
# alt: The four maps of the first convolution, 8 by 8 bytes each. Each filter answers to other parts of the eight.
for k, ax in enumerate(axes.flat):
    numbers(ax, q1[0, :, :, k].astype(int), top=255)
    ax.set_title(f"conv1, filter {k}");

# %% [markdown]
# ## 5 · The other steps
#
# **Max-pooling** takes the largest of four bytes. $`S`$ is positive, so the larger integer is the larger real number: scale
# and zero point stay as they are. **Flatten** moves bytes: in the order channel, row, column. A **linear layer** is a product
# of a row of bytes with a matrix, finished like a convolution. That is all we need:

# %%
def run_integers(plan, q, **mistakes):
    """What each step gives, at the end the sums of the last layer.   q (N, 8, 8, 1) uint8"""
    found = [q]
    for step in plan.steps[1:]:
        q, before = found[step.inputs[0]], plan.steps[step.inputs[0]]
        if step.kind == "max_pool2d":
            N, H, W, C = q.shape
            found.append(q.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4)))
        elif step.kind == "flatten":
            found.append(q.transpose(0, 3, 1, 2).reshape(len(q), -1))
        else:
            found.append(layer(plan, step, q, before.Z, **mistakes))
    return found

def layer(plan, step, q, Z1, finish=requantize, correct=True, border=None):
    if step.kind == "conv2d":
        acc = conv_sums(q, step, Z1, border, correct)
    else:
        w = step.w.astype(np.int32)                           # (O, I)
        b = step.b - Z1 * w.sum(axis=1, dtype=np.int32) if correct else step.b
        acc = q.astype(np.int32) @ w.T + b
    return acc if step is plan.steps[-1] else finish(acc, *factors(plan, step), step.Z, step.low)

ours = run_integers(plan, q0[None, :, :, None])
for step, our, its in zip(plan.steps[:-1], ours, results, strict=False):
    assert our.dtype == its.dtype == np.uint8
    np.testing.assert_array_equal(our, its, err_msg=step.name)

# %% tags=["remove-input"]
fig = plt.figure(num="steps", figsize=(6.4, 8.6))
# alt: Every byte of the image's way: four 4 by 4 maps, eight 4 by 4 maps, eight 2 by 2 maps, 32 neurons.
parts = fig.subfigures(4, 1, height_ratios=(1.45, 2.6, 0.95, 1.0))
titles = ("max-pool: 4 maps of 4×4", "conv2: 8 maps of 4×4", "max-pool: 8 maps of 2×2", "fc1: 32 neurons")
for part, title, shape, q in zip(parts, titles, ((1, 4), (2, 4), (1, 8), (1, 1)), (ours[2], ours[3], ours[4], ours[6]),
                                 strict=True):
    part.suptitle(title, fontsize=11)
    for k, ax in enumerate(np.ravel(part.subplots(*shape))):
        numbers(ax, (q[0, :, :, k] if q.ndim == 4 else q.reshape(2, 16)).astype(int), size=7, top=255)

# %% [markdown]
# Every byte is the plan's. From 64 pixels to 32 neurons nothing was "about equal".
#
# ## 6 · The answer
#
# The last layer is not requantized. Its sums, times $`S_1 S_w`$, *are* the logits: ten products, the only ones with real
# numbers. (The largest sum need not win, because each class has its own $`S_w`$.)

# %% tags=["volatile"]
last = plan.steps[-1]
scale = plan.steps[last.inputs[0]].S * last.w_scale           # float32, one for each class
logits = ours[-1].astype(np.float32) * scale
floats = networks[0](nnlite.Tensor(images[:1])).data
print("class      ", *(f"{k:7d}" for k in range(10)))
print("sum        ", *(f"{s:7d}" for s in ours[-1][0]))
print("logit      ", *(f"{z:7.2f}" for z in logits[0]))
print("in float32 ", *(f"{z:7.2f}" for z in floats[0]))
assert logits.argmax() == floats.argmax() == labels[0] == 8

# %% [markdown]
# It is an eight. The network in floats says so too, with slightly other logits: bytes round. Does the rounding cost answers?
# Here are all 360 test images, in three networks. The library has the plan twice: `plan(images)` runs on fast kernels, and
# `run_reference` in `compression/nncompress/int8/reference.py` is the formulas in 64-bit integers. Our slow code makes three.

# %% tags=["volatile"]
from nncompress.int8.reference import run_reference


def answers(plan, q, **mistakes):
    last = plan.steps[-1]
    scale = plan.steps[last.inputs[0]].S * last.w_scale
    return run_integers(plan, q, **mistakes)[-1].astype(np.float32) * scale

all_q = plan.run(images)[0]
wrong = np.zeros((3, 2), int)
for k, (model, its) in enumerate(zip(networks, plans, strict=True)):
    np.testing.assert_array_equal(answers(its, all_q), its(images))
    np.testing.assert_array_equal(run_reference(its, images), its(images))
    in_floats = model(nnlite.Tensor(images)).data.argmax(1)
    wrong[k] = (in_floats != labels).sum(), (its(images).argmax(1) != labels).sum()
    print(f"network {k}: wrong of 360: {wrong[k, 0]} in floats, {wrong[k, 1]} in integers")
assert np.abs(wrong[:, 0] - wrong[:, 1]).max() <= 4

# %% [markdown]
# ## 7 · Five ways to do it wrong
#
# **The zero-point correction is forgotten.** The sum runs over $`q_1`$ instead of $`q_1 - Z_1`$, and the bias is not
# corrected. Then every sum of the first layer is off by $`78 \sum_k w[k]`$.
#
# **The border is filled with 0.** It looks like zero padding. But the integer 0 stands for −0.81, empty paper. The network
# was trained with a border of real zeros, light grey, and now gets a white one.
#
# **The shift does not round.** In C, `x >> n` rounds down. That takes half a step from each number, on average, in each
# layer, and such errors do not cancel.

# %% tags=["volatile"]
def round_down(acc, M0, n, Z, low):
    return np.clip((acc.astype(np.int64) * M0 >> 31 + n) + Z, low, 255).astype(np.uint8)

mistakes = {"no correction": {"correct": False}, "border of 0": {"border": 0},
            "rounded down": {"finish": round_down}}
print(f"wrong of 360 in three networks, right: {wrong[:, 1]}")
total = {}
for name, mistake in mistakes.items():
    runs = [run_integers(its, all_q, **mistake) for its in plans]
    errors = [int((answers(its, all_q, **mistake).argmax(1) != labels).sum()) for its in plans]
    bytes_wrong = [(run[6] != its.run(images)[6]).mean()
                   for run, its in zip(runs, plans, strict=True)]
    print(f"{name:14} {errors!s:>15}; bytes wrong after fc1:", *(f"{b:.0%}" for b in bytes_wrong))
    total[name] = sum(errors)
    assert min(bytes_wrong) > 0.2
assert total["no correction"] > 2 * wrong[:, 1].sum()

# %%
exact, low = (run_integers(plan, all_q, finish=f)[6].astype(int) for f in (requantize, round_down))
live = (exact > 0) & (exact < 255)                            # neurons that no clamp has touched
assert (low - exact)[live].mean() < -0.5

# %% [markdown]
# Without the correction, more than twice as many answers are wrong. The other two mistakes cost few answers here or none, and
# a single network may survive even the first. That makes them dangerous: nobody sees them in the accuracy, and in a deeper
# network they add up. Compare the bytes, and each shows at once: more than a fifth of the bytes after `fc1` are wrong.
# Rounded down, a neuron there is more than half a step too low on average. This is why the lesson insists on "equal".
#
# **The wrong law.** The plan can also run by the *float* law, ONNX Runtime's: multiply by $`M`$ in float32, halves to the
# even neighbour. Then a few bytes of the first layer may come out one higher or lower, and none by more than one. Neither law
# is wrong, but "equal" needs one law on both sides.

# %%
by_float = nncompress.quantize(networks[0], some, law="float")
one, other = plan.run(images)[1].astype(int), by_float.run(images)[1].astype(int)
assert np.abs(one - other).max() <= 1
assert (one != other).mean() < 0.01

# %% [markdown]
# **The sum overflows.** A product of a `uint8` and an `int8` is at most $`255 \cdot 128 = 32{,}640`$ in size. An `int32` ends
# at $`2^{31} - 1`$. So up to 65,793 products are safe, whatever the numbers are, and one more is not: it wraps around, and a
# very negative sum becomes a very positive one. The library refuses such a product.

# %%
assert (2**31 - 1) // (255 * 128) == 65_793
for K in (65_793, 65_794):
    true, in_int32 = -255 * 128 * K, np.full(K, -255 * 128, np.int32).sum(dtype=np.int32)
    print(f"K = {K:,}: {true:,} becomes {in_int32:,}")
assert in_int32 == true + 2**32 > 0

def product(K):
    a, w = np.full((1, K), 255, np.uint8), np.full((K, 1), -128, np.int8)
    return nncompress.matmul_int8(a, nncompress.pack_int8(w))

assert product(65_793) == -255 * 128 * 65_793
try:
    product(65_794)
except ValueError as error:
    print(error)

# %% [markdown]
# ## 8 · What integers save
#
# Take a larger network, 784 → 1200 → 1200 → 10, and a batch of 64 images. (It is not trained; that changes neither bytes nor
# time.) A weight needs one byte instead of four, a bias four as before, and each output channel gets a scale.

# %%
large = models.mlp(hidden=(1200, 1200)).eval()
batch = np.random.default_rng(0).normal(size=(64, 1, 28, 28)).astype(np.float32)
in_floats, in_integers = nnlite.compile(large, batch), nncompress.quantize(large, batch)

float_bytes = sum(p.data.nbytes for p in large.parameters())
layers = [step for step in in_integers.steps if step.w is not None]
int8_bytes = sum(step.w.nbytes + step.b.nbytes + step.w_scale.nbytes for step in layers)
print(f"{float_bytes:,} bytes in float32, {int8_bytes:,} in integers: "
      f"{float_bytes / int8_bytes:.2f} times smaller")
assert 3.9 < float_bytes / int8_bytes < 4

# %% [markdown]
# Time is another matter: it needs an instruction. A register of 64 bytes holds 16 float32 or 64 bytes, and `vpdpbusd` does 64
# multiplications of bytes at once, adding each four of them into an int32. An FMA (fused multiply-add) does 16 in floats. So
# there are four times as many per instruction, and one fourth of the bytes that have to come from memory. Older processors
# widen bytes to 16 bits first and gain less. Let us ask the stopwatch. On a busy machine the shortest of many calls is the
# one that was least disturbed:

# %% tags=["volatile"]
import time

from nnlite.kernels.simd.level import LEVEL


def shortest(*works, rounds=20):
    """The shortest time of each work() in milliseconds; they take turns."""
    times = np.empty((rounds, len(works)))
    for r in range(rounds):
        for k, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[r, k] = 1000 * (time.perf_counter() - start)
    return times.min(axis=0)

float_ms, int8_ms = shortest(lambda: in_floats(batch), lambda: in_integers(batch))
print(f"{LEVEL.name}: {float_ms:.2f} ms in float32, {int8_ms:.2f} ms in integers, "
      f"{float_ms / int8_ms:.1f} times as fast")
if LEVEL.dot4 != "widen":                       # the processor multiplies bytes or 16-bit numbers
    assert int8_ms < float_ms

# %% [markdown]
# How much it gains depends on the machine, so we only claim that integers are faster. Small layers gain less, because
# entering and leaving the plan takes its time. And where integers are only *simulated* in floats, to see what the rounding
# does, there is nothing to gain at all: the instruction makes them fast.
#
# ## 9 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write the matrix product of bytes, as loops over single numbers: `uint8` times `int8`, summed in `int32`. Mind the
# type of each product. (A hole of assignment `hw08_int8`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_matmul(a, w):
    """c[m, n] = Σ_k a[m, k] w[k, n].   a (M, K) uint8, w (K, N) int8 -> c (M, N) int32"""
    raise NotImplementedError

def test_matmul(f):
    c = f(np.array([[255, 255], [1, 0]], np.uint8), np.array([[127, -128], [127, -128]], np.int8))
    assert c.dtype == np.int32 and c.tolist() == [[64_770, -65_280], [127, -128]]
    rng = np.random.default_rng(0)
    a, w = rng.integers(0, 256, (3, 40), np.uint8), rng.integers(-128, 128, (40, 5)).astype(np.int8)
    np.testing.assert_array_equal(f(a, w), a.astype(int) @ w.astype(int))
    assert f(np.zeros((2, 0), np.uint8), np.zeros((0, 3), np.int8)).tolist() == [[0] * 3] * 2

attempt(test_matmul, my_matmul)

# %% [markdown]
# **2.** The fixed law rounds twice. One rounding is more exact and just as easy: add one half of $`2^{31+n}`$, then shift
# once. Newer kernels of TensorFlow Lite do this. Write it; halves go up.

# %%
def single_rounding(acc, M0, n):
    """⌊acc · M0 / 2^(31 + n) + ½⌋ in integers.   acc int32, M0, n int64 -> int64"""
    raise NotImplementedError

def test_single_rounding(f):
    eighths = f(np.array([3, 4, 12, -4], np.int32), np.int64(2**30), np.int64(2))
    assert eighths.tolist() == [0, 1, 2, 0]
    assert f(np.array([7984], np.int32), np.int64(1583594044), np.int64(9)).tolist() == [11]
    acc = np.random.default_rng(0).integers(-(2**31), 2**31, 1000).astype(np.int32)
    exact = acc.astype(np.float64) * (3 / 4096)     # M0 = 0.75 · 2^31, n = 10: exact in 53 bits
    assert (f(acc, np.int64(3 * 2**29), np.int64(10)) == np.floor(exact + 0.5)).all()

attempt(test_single_rounding, single_rounding)

# %% [markdown]
# **3.** Requantize first and pool then, or the other way round? Requantization never turns a larger sum into a smaller byte,
# so both give the same bytes; but pooled sums are a quarter as many. Write `conv1` with its pooling so that only 16 sums of
# each filter are requantized.

# %%
def pooled_conv(plan, step, q, Z1, finish):
    """Convolution, max-pooling 2×2, finish(acc, M0, n, Z, low), in the cheaper order."""
    raise NotImplementedError

def test_pooled_conv(f):
    counted = []
    def finish(acc, *others):
        counted.append(acc.shape)
        return requantize(acc, *others)
    np.testing.assert_array_equal(f(plan, conv1, all_q, Z1, finish), plan.run(images)[2])
    assert counted == [(360, 4, 4, 4)]

attempt(test_pooled_conv, pooled_conv)

# %% [markdown]
# ## What to keep
#
# * A layer in integers is: bytes times bytes, summed in int32; one multiplication and a shift; a clamp.
# * The zero-point correction goes into the bias, the ReLU into the clamp. Both are free.
# * The border is filled with $`Z`$, the integer that stands for 0.0.
# * 65,793 products fit into an int32, whatever they are.
# * Compare integers with integers, by one law, and ask for equality. Accuracy hides mistakes.
# * Integers are four times smaller everywhere. They are faster where the processor has an instruction for them.
#
# Sources: Jacob et al. 2018, [arXiv 1712.05877](https://arxiv.org/abs/1712.05877), eq. 4 to 8 and §2.4. Next:
# [08](08_coding.md), integers as few bits.
