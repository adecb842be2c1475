# %% [markdown]
# # A number between 0 and 255
#
# A trained weight is a `float32`: four bytes, about seven decimal digits. **Does a network need seven digits of each weight?
# If not, how few will do, and what do we pay?** In this lesson every number becomes a small integer, one byte instead of
# four. You will write the formulas that do it, see how large their error can be, run four well-known mistakes, and count
# wrong answers with 8, 7, … 2 bits.
#
# It takes about 60 minutes; after section 9 is a good place for a pause. You need NumPy, and the idea that a network is
# layers of weights.

# %%
import matplotlib.pyplot as plt
import numpy as np

from nnlite import data, models, optim, train
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · How exact must a weight be?
#
# Before we round anything, we ask the network. We train three small CNNs (they differ only in the seed) on the bundled 8×8
# digits, shake every weight at random, and count wrong answers on the 360 test images. A shaking of 0.01 moves each weight,
# up or down, by at most one hundredth of the largest weight of its layer.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)

def trained(seed):
    model = models.cnn(in_channels=1, image_size=8, seed=seed)
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=10, progress=False)
    return model

def errors(model, change=lambda w: w):
    """How many of the 360 test images are wrong, with change(w) in place of all weights w."""
    kept = {name: w.copy() for name, w in model.state_dict().items()}
    model.load_state_dict({name: np.float32(change(w)) if name.endswith("weight") else w
                           for name, w in kept.items()})
    wrong = train.evaluate(model, test_loader)["errors"]
    model.load_state_dict(kept)
    return wrong

networks = [trained(seed) for seed in range(3)]
untouched = np.array([errors(model) for model in networks])
print("wrong of 360, three networks:", untouched)

# %%
rng = np.random.default_rng(0)
shakes = np.geomspace(0.002, 0.5, 13)

def shake(a):
    return lambda w: w + rng.uniform(-a, a, w.shape) * np.abs(w).max()

shaken = np.array([[np.mean([errors(model, shake(a)) for _ in range(5)]) for model in networks]
                   for a in shakes])
assert (shaken[shakes <= 0.03].mean(1) - untouched.mean() < 2).all() and shaken[-1].mean() > 360 / 4

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="shaken")  # alt: Wrong answers against the size of the shaking: flat up to 0.03, then steep.
ax.axvspan(shakes[0], 0.03, color=BLUE, alpha=0.08, lw=0)
ax.semilogx(shakes, shaken, color=GREY, lw=1, alpha=0.6)
ax.semilogx(shakes, shaken.mean(1), color=BLUE, marker="o", lw=2)
ax.text(0.0023, 25, "nothing happens", color=BLUE)
ax.set(title="Small shakes change nothing (three networks, and their mean)",
       xlabel="size of the shaking (1 = largest weight of the layer)", ylabel="wrong of 360",
       xticks=[0.003, 0.01, 0.03, 0.1, 0.3], xticklabels=["0.003", "0.01", "0.03", "0.1", "0.3"]);

# %% [markdown]
# Up to three hundredths of the largest weight, nothing happens: on average, fewer than two more of 360 images are wrong.
# Beyond a tenth the errors rise quickly, and at one half more than a quarter of all answers are wrong. A layer tolerates so
# much because it *sums*: the errors of its hundred or so weights have different signs and mostly cancel. If that is the
# reason, errors of one sign must do far more harm. So push all weights *up*, by as much:

# %% tags=["volatile"]
def push(a):
    return lambda w: w + rng.uniform(0, a, w.shape) * np.abs(w).max()

both_ways, upwards = ([errors(model, change(0.1)) for model in networks] for change in (shake, push))
print("wrong of 360, shaken by 0.1: ", both_ways)
print("wrong of 360, pushed up by 0.1:", upwards)
assert sum(upwards) > 5 * sum(both_ways)

# %% [markdown]
# More than five times as many answers are wrong. So about two digits are enough as long as errors go both ways, and one byte
# can tell 256 values apart. Remember this curve; section 7 uses it to predict.
#
# ## 2 · Five numbers by hand
#
# Let us keep the numbers $`-1.0,\; -0.5,\; 0.0,\; 0.7,\; 3.0`$ as integers between 0 and 255.
#
# **The step.** The numbers span $`3.0-(-1.0)=4.0`$, and from 0 to 255 there are 255 steps. So one step is worth $`S = 4/255
# \approx 0.0157`$. This is the **scale**.
#
# **The zero.** If $`-1.0`$ becomes 0, then 0.0 lies $`1.0/S = 63.75`$ steps higher. There is no integer 63.75, so we take the
# nearest: $`Z = 64`$. This is the **zero point**, the integer that stands for 0.0 exactly. It has to be exact because
# networks are full of zeros: padding, the output of a ReLU, pruned weights.
#
# **One number.** $`0.7/S = 44.625`$ steps from zero. Rounded that is 45, so we store $`q = 45 + 64 = 109`$. On the way back,
# $`S\,(109-64) \approx 0.7059`$. The error is 0.0059, or 0.375 of a step.

# %%
S, Z = 4 / 255, 64
print("     r      r/S    q     back  error/S")
for r in (-1.0, -0.5, 0.0, 0.7, 3.0):
    q = round(r / S) + Z
    print(f"{r:6.2f} {r / S:8.3f} {q:4d} {S * (q - Z):8.4f} {(S * (q - Z) - r) / S:8.3f}")
    assert 0 <= q <= 255

assert round(0.7 / S) + Z == 109
assert np.isclose(S * (109 - Z) - 0.7, 0.375 * S) and round(0.375 * S, 4) == 0.0059
assert np.isclose(S * (255 - Z) - 3.0, -0.25 * S) and np.isclose(S * (0 - Z) + 1.0, -0.25 * S)

# %% [markdown]
# Look at the two ends. $`-1.0`$ and $`3.0`$ each come back a quarter of a step too low: the whole range has moved, because
# the zero point moved from 63.75 to 64. That is the price of an exact zero.
#
# ## 3 · The formulas, the slow code, the library
#
# For a range from *low* to *high* that contains 0, and integers from $`q_\text{min}`$ to $`q_\text{max}`$ (0 and 255 for
# `uint8`):
#
# ```math
# S = \frac{\text{high} - \text{low}}{q_\text{max} - q_\text{min}} \qquad
# Z = \text{round}\left(q_\text{min} - \frac{\text{low}}{S}\right)
# ```
#
# ```math
# q = \text{clamp}\left(\text{round}(r / S) + Z,\; q_\text{min},\; q_\text{max}\right)
# ```
#
# ```math
# \hat r = S\,(q - Z)
# ```
#
# *Clamp* moves what lies outside to the nearer end, and $`\hat r`$ is the number that comes back. In slow code, one number at
# a time:

# %%
def slow_parameters(low, high, qmin, qmax):
    low, high = min(low, 0.0), max(high, 0.0)                 # 0 has to be inside
    S = np.float32((high - low) / (qmax - qmin))    # as a file keeps it, so that is the S to use
    return S, round(qmin - low / float(S))

def slow_quantize(r, S, Z, qmin, qmax, dtype):
    q = np.empty(r.shape, dtype)
    for i in np.ndindex(r.shape):
        q[i] = min(max(round(r[i] / S) + Z, qmin), qmax)  # clamp first: then it fits into the type
    return q

def slow_dequantize(q, S, Z):
    r = np.empty(q.shape, np.float32)
    for i in np.ndindex(q.shape):
        r[i] = S * (int(q[i]) - Z)                            # int(): in uint8, 3 − 64 would be 195
    return r

# %% [markdown]
# The library has these three, without loops and with readable errors, in `compression/nncompress/quantization/affine.py`.
# Both must agree, and not "about": integer for integer, bit for bit.

# %%
from nncompress.quantization.affine import affine_parameters, dequantize, quantize_affine

r = np.random.default_rng(1).normal(0.5, 1.0, 10_000).astype(np.float32)
S, Z = affine_parameters(-1.0, 3.0, 0, 255)
q = quantize_affine(r, S, Z, 0, 255, np.uint8)
assert (S, Z) == slow_parameters(-1.0, 3.0, 0, 255) == (np.float32(4 / 255), 64)
np.testing.assert_array_equal(q, slow_quantize(r, S, Z, 0, 255, np.uint8))
np.testing.assert_array_equal(dequantize(q, S, Z), slow_dequantize(q, S, Z))
print(f"{q.size:,} integers equal; {r.nbytes:,} bytes became {q.nbytes:,}")

# %% [markdown]
# ## 4 · How wrong can it be?
#
# Inside the range only rounding loses something, and rounding moves a number by at most one half. One half of a step, that
# is:
#
# ```math
# |r - \hat r| = S\,\left|\, r/S - \text{round}(r/S) \,\right| \;\le\; \frac{S}{2}
# ```
#
# Outside the range the clamp takes over, and there is no bound. 256 steps look like a straight line, so the picture has 16.

# %%
S, Z = affine_parameters(-1.0, 3.0, 0, 15)
r = np.linspace(-1.6, 3.6, 2001)
back = S * (quantize_affine(r, S, Z, 0, 15, np.uint8).astype(int) - Z)
first, last = S * (0 - Z - 0.5), S * (15 - Z + 0.5)           # half a step beyond both ends
inside = (first < r) & (r < last)
assert np.abs(r - back)[inside].max() <= S / 2 * (1 + 1e-6)   # S is rounded too: 1e-6
assert np.abs(r - back)[~inside].min() >= S / 2 * (1 - 1e-6)

# %% tags=["remove-input"]
fig, (top, low) = plt.subplots(2, 1, num="half_a_step", figsize=(6.4, 5.2), sharex=True, height_ratios=(3, 2))
# alt: Above, 16 stairs follow the diagonal. Below, the error stays within half a step, and leaves it where clamping begins.
top.plot(r, r, color=GREY, lw=1, ls="--")
top.plot(r, back, color=BLUE, lw=2)
top.annotate("0.0 is exact", (0, 0), (0.45, -0.85), color=DARK, arrowprops={"arrowstyle": "->", "color": DARK})
top.set(title="What goes in and what comes back, 16 integers", ylabel="back  r̂", xlim=(-1.6, 3.6))
low.axhspan(-0.5, 0.5, color=BLUE, alpha=0.12, lw=0)
low.plot(r, (r - back) / S, color=BLUE, lw=1.5)
low.text(1.0, 0.65, "never more than half a step", color=BLUE, ha="center")
low.set(xlabel="real number  r", ylabel="error in steps", ylim=(-1.6, 1.6))
for ax in (top, low):
    ax.axvspan(-1.6, first, color=ORANGE, alpha=0.12, lw=0)
    ax.axvspan(last, 3.6, color=ORANGE, alpha=0.12, lw=0)
top.text(-1.37, 1.4, "clamped", color=ORANGE, rotation=90, ha="center", va="center")
top.text(3.37, 0.8, "clamped", color=ORANGE, rotation=90, ha="center", va="center");

# %% [markdown]
# ## 5 · A real layer: one scale, or one for each channel?
#
# Weights reach about equally far to both sides of 0. So we set $`Z = 0`$ and need only a scale (**symmetric** quantization):
#
# ```math
# S = \frac{\max |w|}{q_\text{max}}, \qquad q_\text{max} = 2^{\text{bits}-1} - 1
# ```
#
# With 8 bits that is 127. But the maximum *of what*? A convolution has one filter for each output channel, and some filters
# are larger than others. **Per tensor** means one scale for the layer: its largest weight decides for all filters. **Per
# channel** means one scale for each filter. Here is the second convolution of our first network, 32 filters with 144 weights
# each.

# %%
from nncompress.quantization.affine import symmetric_scale

w = networks[0].state_dict()["conv2.weight"].reshape(32, 144)
w = w[np.argsort(np.abs(w).max(axis=1))]              # smallest weights first
scales = {"per tensor": symmetric_scale(w, 8), "per channel": symmetric_scale(w, 8, axis=0)}
integers = {name: quantize_affine(w, S, 0, -127, 127, np.int8) for name, S in scales.items()}

# %% tags=["remove-input"]
fig, axes = plt.subplots(1, 2, num="per_channel", figsize=(6.4, 4.2), sharey=True)
# alt: Left, per tensor, small filters use a narrow band of the integers. Right, per channel, every filter uses all of them.
for ax, q, colour in zip(axes, integers.values(), (ORANGE, BLUE), strict=True):
    ax.plot(q.reshape(-1), np.repeat(np.arange(32), 144), "|", color=colour, ms=5, alpha=0.6)
    ax.set(xlabel="integer that is stored", xlim=(-133, 133), xticks=[-127, 0, 127], yticks=[0, 10, 20, 31])
axes[0].set(title="per tensor: narrow rows", ylabel="filter, smallest weights first")
axes[1].set_title("per channel: full width");

# %% [markdown]
# Each row is a filter, each tick a weight. On the left, small filters crowd in the middle: the smallest uses less than a
# third of the integers from −127 to 127, which is 6 bits' worth and not 8. On the right every filter uses the full width. The
# typical error (root mean square, RMS) falls by more than a third. The cost is 32 scales instead of one: 128 bytes beside
# 4,608.

# %%
def rms(x):
    return np.sqrt(np.mean(np.square(x)))

typical = {name: rms(w - dequantize(q, scales[name], 0)) for name, q in integers.items()}
assert np.abs(integers["per tensor"][0]).max() < 32           # 6 bits hold −31 … 31
assert (np.abs(integers["per channel"]).max(axis=1) == 127).all()
assert typical["per channel"] < typical["per tensor"] * 2 / 3
assert scales["per channel"].nbytes == 128 and integers["per channel"].nbytes == 4608

# %% [markdown]
# ## 6 · Four ways to do it wrong
#
# None of the four raises an error. Each gives healthy-looking bytes, so let us run them and look at what comes back.
#
# **Cast before clamp.** A scale was chosen for numbers up to 7.4: $`S = 10/172`$, integers −128 … 127. Then 10.0 arrives, 172
# steps. Cast to `int8`, 172 wraps around to −84. That is a legal integer, so a clamp that comes later changes nothing, and
# 10.0 comes back as −4.88. Clamped first, it becomes 127 and comes back as 7.38.
#
# **A range without 0.** For numbers from 2 to 6 one might take $`S = 4/255`$ and $`Z = \text{round}(-2/S) = -128`$, which a
# `uint8` cannot hold. The numbers from 2 to 6 survive. But 0.0, the padding around an image, is clamped to the integer 0, and
# that stands for 2.0: the image gets a grey frame.
#
# **Z clamped, S kept.** Somebody sees the −128 and clamps it to 0. Now 0.0 is exact, but 255 steps from 0 end at 4.0, and
# everything above is cut off. The right way is to widen the range to $`[0, 6]`$ first and accept the larger step $`S =
# 6/255`$.
#
# **Q taken for a number of bits.** The formula `round(W * Q)` is sometimes printed with Q as the number of bits. But Q is
# $`1/S`$. With $`Q = 8`$ the numbers from −1 to 1 become 17 integers instead of 256, and our 4,608 weights share at most
# nine. Nothing clamps either: a weight of 20 becomes 160, too large for `int8`.
#
# In the picture, the dashed line is what should come back.

# %%
from nncompress.quantization.affine import round_scaled


def cast_first(r, S):
    q = np.rint(r / S).astype(np.int64).astype(np.int8)  # 172.0 straight to int8: C promises nothing
    return S * np.clip(q, -128, 127)

def there_and_back(r, S, Z):
    return S * (np.clip(np.rint(r / S) + Z, 0, 255) - Z)

assert np.isclose(cast_first(10.0, 10 / 172), -84 * 10 / 172) and round(-84 * 10 / 172, 2) == -4.88
assert quantize_affine(10.0, 10 / 172, 0, -128, 127, np.int8) == 127 and round(127 * 10 / 172, 2) == 7.38
assert round(-2 / (4 / 255)) == -128 and np.isclose(there_and_back(0.0, 4 / 255, -128), 2.0, atol=0.01)
assert there_and_back(0.0, 4 / 255, 0) == 0.0 and there_and_back(6.0, 4 / 255, 0) == 4.0
assert affine_parameters(2.0, 6.0, 0, 255) == (np.float32(6 / 255), 0)
assert len(np.unique(round_scaled(np.linspace(-1, 1, 1001), 8))) == 17
assert len(np.unique(round_scaled(w, 8))) <= 9 and round_scaled(20.0, 8) == 160

# %% tags=["remove-input"]
wide, positive, small = np.linspace(-10.5, 10.5, 801), np.linspace(0, 6.5, 801), np.linspace(w.min(), w.max(), 801)
few = f"{len(np.unique(round_scaled(w, 8)))} integers"
panels = [("cast before clamp", wide, cast_first(wide, 10 / 172), "10.0 → −4.9", (10, -4.88), (-3, -9.5)),
          ("a range without 0", positive, there_and_back(positive, 4 / 255, -128), "0.0 → 2.0", (0, 2), (0.7, 4.4)),
          ("Z clamped, S kept", positive, there_and_back(positive, 4 / 255, 0), "6.0 → 4.0", (6, 4), (3.4, 1)),
          ("Q taken for bits", small, round_scaled(small, 8) / 8, few, (0.12, 0.12), (-0.22, 0.36))]
fig, axes = plt.subplots(2, 2, num="four_mistakes", figsize=(6.4, 5.6))
# alt: Four panels: what comes back against what went in. Each mistake leaves the diagonal in its own way.
for ax, (name, r, back, note, point, place) in zip(axes.flat, panels, strict=True):
    ax.plot(r, r, color=GREY, lw=1.5, ls="--")
    ax.plot(r, back, color=ORANGE, lw=2)
    ax.annotate(note, point, place, arrowprops={"arrowstyle": "->", "color": DARK})
    ax.set(title=name, xlabel="real number  r" if ax in axes[1] else "", ylabel="back  r̂" if ax in axes[:, 0] else "")

# %% [markdown]
# ## 7 · How many bits?
#
# Now we round the three networks, with 8 bits down to 2, one scale for each layer or one for each channel. Section 1 gives us
# a *prediction* for the first: rounding moves a weight by up to $`S/2`$, which is $`1/(2\,q_\text{max})`$ of the layer's
# largest weight. If rounding does no more harm than shaking of that size, we can read the number of wrong answers off the
# first picture.

# %% tags=["volatile"]
def rounded(w, bits, axis):
    qmax = 2 ** (bits - 1) - 1
    S = symmetric_scale(w, bits, axis)
    return dequantize(quantize_affine(w, S, 0, -qmax, qmax, np.int8), S, 0)

bits = np.arange(8, 1, -1)

def mean_errors(axis):
    return np.array([np.mean([errors(model, lambda w: rounded(w, b, axis)) for model in networks])
                     for b in bits])

wrong = {"per tensor": mean_errors(None), "per channel": mean_errors(0)}
half_step = 1 / (2 * (2.0 ** (bits - 1) - 1))                 # of the largest weight
wrong["prediction"] = np.interp(half_step, shakes, shaken.mean(1))
print("wrong of 360\nbits       ", *(f"{b:5d}" for b in bits))
for name, counts in wrong.items():
    print(f"{name:11}", *(f"{c:5.1f}" for c in counts))

# %%
more = {name: counts - untouched.mean() for name, counts in wrong.items()}
assert (more["per channel"][bits >= 5] < 1).all()
assert wrong["per tensor"][-1] > 2 * wrong["per channel"][-1]
assert (np.abs(wrong["prediction"] - wrong["per tensor"])[bits >= 5] < 4).all()
assert wrong["per tensor"][-1] > wrong["prediction"][-1] + 30
zeros = [rounded(model.state_dict()["conv2.weight"], 2, None) == 0 for model in networks]
assert np.mean(zeros) > 0.9

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="bits")
# alt: Wrong answers stay at the level of float32 from 8 to 5 bits and soar at 2, most per tensor.
ax.axhline(untouched.mean(), color=GREY, lw=1)
ax.text(1.88, untouched.mean() * 0.93, "float32", color=GREY, va="top")
for (name, counts), colour, style in zip(wrong.items(), (ORANGE, BLUE, GREY), ("s-", "o-", "--"), strict=True):
    ax.semilogy(bits, counts, style, color=colour, lw=2)
    ax.text(1.88, counts[-1], name, color=colour, va="center")
ax.set(title="Five bits are as good as 32, two are not", xlabel="bits for each weight", ylabel="wrong of 360 (mean of three)",
       xlim=(8.2, 0.8), ylim=(4, 400), xticks=bits, yticks=[5, 10, 20, 50, 100, 200], yticklabels=[5, 10, 20, 50, 100, 200])
ax.minorticks_off()

# %% [markdown]
# Down to 5 bits, with a scale for each channel, these images show no loss: on average, fewer than one more of 360 is wrong.
# At 2 bits the networks are broken, and one scale for each layer gives more than twice as many wrong answers as one for each
# channel.
#
# The prediction is good while steps are small. At 2 bits per tensor it is too hopeful: there, rounding is *not* like shaking.
# Only $`-S`$, 0 and $`S`$ are left, and more than nine tenths of the weights of the second convolution become 0. A shaken
# weight is right on average. A weight that becomes 0 is always too small, and such errors do not cancel.
#
# ## 8 · Two rounding laws, and a tie
#
# In a true int8 network the layers' outputs are integers too, and sums of products are kept in `int32`. Such a sum counts in
# steps of $`S_1 S_2`$ (input times weight), the output in steps of $`S_3`$. So the sum is multiplied by $`M = S_1 S_2 / S_3`$
# and rounded, by one of two laws:
#
# * **float** (ONNX Runtime): multiply in `float32`; a tie, a number midway between two integers, goes to the *even* one.
# * **fixed** (TensorFlow Lite): integers only, $`M = M_0 / 2^{31} \cdot 2^\text{shift}`$. Round after multiplying by $`M_0`$,
#   and again after the shift, where a tie goes away from zero.
#
# Take $`M = 1/8`$. The sum 4 gives a tie. And watch the sum 3:

# %%
from nncompress.int8.requantize import quantize_multiplier
from nnlite.kernels.loops.requantize import requantize_fixed_formula, requantize_float_formula

M0, shift = quantize_multiplier(1 / 8)
sums = np.arange(-1000, 1001)
by_float = requantize_float_formula(sums, np.float32(1 / 8), 0, -128, 127)
by_fixed = requantize_fixed_formula(sums, M0, shift, 0, -128, 127)
print("sum   sum/8  float  fixed")
for i in np.searchsorted(sums, [3, 4, 12, 20, -4]):
    print(f"{sums[i]:3d} {sums[i] / 8:7.3f} {by_float[i]:6d} {by_fixed[i]:6d}")
assert (M0, shift) == (2**30, -2) and np.abs(by_float - by_fixed).max() == 1
for tie in (sums == 3, sums == 4):
    assert by_float[tie] == 0 and by_fixed[tie] == 1
assert requantize_fixed_formula([3, 4], M0, shift, 0, -128, 127, law="once").tolist() == [0, 1]

# %% [markdown]
# Why does 0.375 become 1? $`M_0 = 2^{30}`$ means one half, and the shift is −2. First rounding: $`3 \cdot \tfrac12 = 1.5`$,
# so 2. Second rounding: $`2 / 4 = 0.5`$, so 1. Two roundings can make a tie where there was none. (A third law, *once*, has
# the same $`M_0`$ and rounds only at the end: 3 becomes 0, 4 becomes 1.) The laws differ by at most one step, and that
# changes the answers of our networks for at most two images of 360; so does the whole way from floats to integers. But "equal
# bit for bit" means nothing until you say by which law.

# %% tags=["volatile"]
import nncompress

some, _ = next(iter(data.DataLoader(digits, batch_size=500, transform=prepare)))
for model, before in zip(networks, untouched, strict=True):
    fixed, _ = train.predict(nncompress.quantize(model, some, law="fixed"), test_loader)
    floats, labels = train.predict(nncompress.quantize(model, some, law="float"), test_loader)
    print(f"wrong of 360: {before} in floats, {(fixed != labels).sum()} in integers")
    assert abs((fixed != labels).sum() - before) <= 2 and (fixed != floats).sum() <= 2

# %% [markdown]
# ## 9 · Two bits, without training
#
# At 2 bits the networks of section 7 were broken. Suppose that we may not train them: we have 500 images, no labels, and a
# few seconds. **What can be mended by looking at what the layers see?** Four things.
#
# **The range of an activation.** The activations need a low and a high, too. We show the network images and let an *observer*
# choose. `MinMax` takes the smallest and the largest value that it saw. `Percentile` leaves out one value in ten thousand at
# either end. `SquaredError` takes the range with the smallest error $`\sum (x - \hat x)^2`$. Now let one pixel of one image
# be broken, 1000 instead of about 1:

# %% tags=["volatile"]
import copy
from functools import partial

from nncompress.quantization.observers import MinMax, Percentile, SquaredError


def wrong_in_integers(model, images, *bits, **options):
    plan = nncompress.quantize(model, images, *bits, **options)
    return train.evaluate(plan, test_loader)["errors"]

broken = some.copy()
broken[0, 0, 3, 3] = 1000
seen = {observer: [wrong_in_integers(model, broken, observer=observer) for model in networks]
        for observer in (MinMax, Percentile, SquaredError)}
for observer, counts in seen.items():
    print(f"wrong of 360, one broken pixel, {observer.__name__:12}", counts)

# %%
assert min(seen[MinMax]) > 180 and max(seen[Percentile]) < 36 and min(seen[SquaredError]) > 180
S = 1000 / 255
assert S > np.abs(some).max() and broken.size == 32_000        # all other pixels: less than a step
assert broken.size * (S / 2) ** 2 < 0.2 * 1000**2

# %% [markdown]
# One bad pixel of 32,000 sets the step to $`1000/255 \approx 4`$, more than any other pixel reaches, and the network sees
# next to nothing. `SquaredError` is fooled as well: cutting off the one pixel costs about $`1000^2`$, rounding all others
# costs a fifth of that at most. Each rule has its blind spot; look at your data before you choose one.
#
# **Equal channels.** A ReLU lets a positive factor through: $`\text{ReLU}(a x) = a\,\text{ReLU}(x)`$. So we can make a
# channel of the first convolution 8 times as large, and the weights that read it 8 times as small. It is the same network,
# bit for bit. But one scale for each layer no longer fits:

# %%
from nncompress.quantization.equalization import equalize


def rescaled(model, s):
    """The same function, but channel i of the first convolution is s[i] times as large."""
    model = copy.deepcopy(model)
    model.conv1.weight.data *= s[:, None, None, None]
    model.conv1.bias.data *= s
    model.conv2.weight.data /= s[:, None, None]
    return model

def channel_ranges(w1, w2):
    """max |w| of each channel: where it is made, and where it is read."""
    return np.abs(w1).max(axis=(1, 2, 3)), np.abs(w2).max(axis=(0, 2, 3))

uneven = [rescaled(model, np.float32(2.0 ** rng.integers(-3, 4, 16))) for model in networks]
for model, other in zip(networks, uneven, strict=True):
    assert np.array_equal(model.eval()(some).data, other.eval()(some).data)

# %% [markdown]
# **Cross-layer equalisation** finds the best factors. Let $`r_1`$ be the largest weight that makes channel $`i`$, and $`r_2`$
# the largest that reads it. Then divide the first by $`s_i`$ and multiply the second by it:
#
# ```math
# s_i = \sqrt{r_1 / r_2}, \qquad r_1 / s_i \;=\; r_2 \, s_i \;=\; \sqrt{r_1 r_2}
# ```
#
# Now no channel is larger in one place than in the other. `equalize` does so for all pairs of layers, in turns until nothing
# changes.

# %% tags=["volatile"]
equal = [equalize(model, some[:1]) for model in uneven]
for model, plan in zip(uneven, equal, strict=True):
    layers = [step.arrays["w"] for step in plan.steps if step.kind == "conv2d"]
    assert np.allclose(*channel_ranges(*layers), rtol=1e-4)
    assert np.allclose(plan(some), model(some).data, atol=1e-3)
print("wrong of 360, 4 bits, one scale for each layer")
by_scale = {name: [wrong_in_integers(model, some, 4, per="layer") for model in models_]
            for name, models_ in (("as trained", networks), ("rescaled", uneven), ("equalised", equal))}
for name, counts in by_scale.items():
    print(f"{name:10}", counts)
assert min(by_scale["rescaled"]) > 3 * max(by_scale["equalised"])

# %% [markdown]
# This is not far-fetched: the channels of MobileNetV2's first depthwise convolution differ as much (Nagel et al. 2019, figure
# 2).
#
# **The bias takes the mean.** Section 7 ended with errors that do not cancel: weights that became 0 are always too small. If
# the inputs $`x`$ have the mean $`E[x]`$, the output is off by $`(\hat W - W)\,E[x]`$ on average. That is a constant, and a
# constant can be put into the bias:
#
# ```math
# b' = b + (W - \hat W)\, E[x]
# ```

# %%
from nncompress.quantization.bias_correction import corrected_bias

x = np.maximum(rng.normal(0.3, 1, (1000, 50)), 0)             # what a layer sees after a ReLU
w, b = rng.normal(0, 1, (20, 50)), rng.normal(0, 1, 20)
w_hat = rounded(w, 2, 0)
ours = b + (w - w_hat) @ x.mean(axis=0)
assert np.allclose(ours, corrected_bias(b, w, w_hat, x.mean(axis=0)[None]))
assert np.allclose((x @ w_hat.T + ours).mean(axis=0), (x @ w.T + b).mean(axis=0))

# %% [markdown]
# **Up or down?** Two weights of 0.4 steps see the same input. The nearest integers are 0 and 0, and the sum is 0 instead of
# 0.8. One up and one down gives 1: a worse weight, a better output. What counts is the output, and with $`\delta = W - \hat
# W`$ and $`H = E[x x^T]`$ its error is
#
# ```math
# E\,\lVert Wx - \hat W x \rVert^2 = \textstyle\sum_o \delta_o H \delta_o^T
# ```
#
# For one row of ten weights we can try all $`2^{10}`$ ways to round. For a layer nobody can. **AdaRound** gives each weight a
# number $`h`$ between 0 (down) and 1 (up), goes down the gradient of the error, and pushes each $`h`$ to one of the ends.

# %%
from itertools import product
from types import SimpleNamespace

from nncompress.quantization.rounding import Layer, adaround, round_nearest

x = np.maximum(rng.normal(0, 0.5, (500, 10)) + rng.normal(1, 1, (500, 1)), 0)    # inputs that go together
H, w, S = x.T @ x / len(x), rng.uniform(-3, 3, 10), 1.0

assert abs(0.4 + 0.4 - (1 + 0)) < abs(0.4 + 0.4 - (0 + 0))

def output_error(q):
    return (w - S * q) @ H @ (w - S * q)

layer = Layer("row", np.float32(w[None]), np.float32([S]), 7, SimpleNamespace(products=H[None]))
quick = partial(adaround, steps=300, lr=0.03)
nearest, found = output_error(round_nearest(layer)[0]), output_error(quick(layer)[0])
best = min(output_error(np.floor(w / S) + up) for up in product((0, 1), repeat=10))
print(f"error of the output: nearest {nearest:.3f}, AdaRound {found:.3f}, best of all 1024 {best:.3f}")
assert best <= found * (1 + 1e-6) and found < 0.5 * nearest

# %% [markdown]
# Bias correction and AdaRound on our three networks, at 2 bits:

# %% tags=["volatile"]
ways = {"nearest": {}, "bias correction": {"correct_bias": True}, "AdaRound": {"rounding": quick},
        "both": {"rounding": quick, "correct_bias": True}}
mended = {name: np.array([wrong_in_integers(model, some, 2, **way) for model in networks]) for name, way in ways.items()}
for name, counts in mended.items():
    print(f"wrong of 360: {name:16}", counts)

# %%
assert mended["nearest"].mean() > 360 / 5
assert mended["bias correction"].sum() < mended["nearest"].sum() * 2 / 3
assert mended["AdaRound"].sum() < mended["nearest"].sum() / 2
assert mended["both"].sum() < mended["nearest"].sum() / 3 and mended["both"].max() < 360 / 9

# %% tags=["remove-input"]
fig, (left, right) = plt.subplots(1, 2, num="without_training", figsize=(6.4, 3.6), width_ratios=(5, 4))
# alt: Left: wrong answers at 2 bits fall from nearest over bias correction and AdaRound to both. Right: equal channel ranges.
places = np.arange(4)[::-1]
left.barh(places, [counts.mean() for counts in mended.values()], color=[ORANGE, BLUE, BLUE, BLUE], alpha=0.35)
for place, counts in zip(places, mended.values(), strict=True):
    left.plot(counts, np.full(3, place), "o", color=DARK, ms=4)
left.axvline(untouched.mean(), color=GREY, lw=1)
left.set(title="Both together repair most", xlabel="wrong of 360 (line: float32)", yticks=places, yticklabels=mended)
r1, r2 = channel_ranges(uneven[0].conv1.weight.data, uneven[0].conv2.weight.data)
right.loglog(r1, r2, "o", color=ORANGE)
right.text(0.1, 2.4, "rescaled", color=ORANGE)
r1, r2 = channel_ranges(*(step.arrays["w"] for step in equal[0].steps if step.kind == "conv2d"))
right.loglog(r1, r2, "o", color=BLUE)
right.text(r1.min() * 0.85, r2.min(), "equalised", color=BLUE, ha="right", va="center")
right.set(title="Ranges made equal", xlabel="range where it is made", ylabel="range where it is read",
          xlim=(0.02, 4), ylim=(0.03, 4), xticks=[0.1, 1], xticklabels=["0.1", "1"], yticks=[0.1, 1], yticklabels=["0.1", "1"])

# %% [markdown]
# Rounded to the nearest, more than a fifth of all answers is wrong; with both, fewer than one in nine, and no weight was
# trained. On the command line it is `nnlite quantize model.npz --bits 2 --rounding adaround --bias-correction`; `--observer`
# and `--equalize` (with `--per layer`) are there as well.
#
# ## 10 · Two bits, and training
#
# So far the networks were rounded *after* training, and nobody asked them. **What if training sees the rounding, and looks
# for weights that are good once they are rounded?** Each forward pass then uses $`\hat w = S\,
# \text{clamp}(\text{round}(w/S), -1, 1)`$, and the optimizer moves $`w`$. For that it needs $`\partial \hat w/\partial w`$,
# the slope of a staircase. Every step of a staircase is flat:
#
# ```math
# \frac{\partial\, \text{round}(u)}{\partial u} = 0
# ```
#
# So the gradient is 0, and it is not wrong. A weight that moves a little is still rounded to the same integer, and the loss
# does not change. The library lets us put any function in the place of a weight: `register_parametrization` computes
# `layer.weight` from the trained `original` at each use. Run it with plain rounding:

# %% tags=["volatile"]
from nnlite import functional as F
from nnlite import nn


class PlainRounding(nn.Module):
    def __init__(self, w):
        self.S = float(symmetric_scale(w, 2))

    def forward(self, w):
        return self.S * F.clamp(F.round(w / self.S), -1, 1)

def retrained(model, transform, epochs):
    """(copy of the model, wrong before, wrong after): each weight is seen through transform(w)."""
    model = copy.deepcopy(model)
    for layer in [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]:
        nn.register_parametrization(layer, "weight", transform(layer.weight.data))
    before = train.evaluate(model, test_loader)["errors"]
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
    train.fit(model, loader, optim.Adam(model.parameters(), lr=0.002), epochs, progress=False)
    return model, before, train.evaluate(model, test_loader)["errors"]

stuck, before, after = retrained(networks[0], PlainRounding, epochs=1)
for layer, old in ((stuck.conv2, networks[0].conv2), (stuck.fc1, networks[0].fc1)):
    assert np.array_equal(layer.parametrizations["weight"].original.data, old.weight.data)
assert after > before / 2
print(f"wrong of 360: {before} before, {after} after one epoch; of the weights, none has moved")

# %% [markdown]
# Not one bit of one weight has changed; what little was learned, the biases learned. The trick that everybody uses is a white
# lie: forwards we round, **backwards we pretend that we had not**. This is the **straight-through** gradient. Its reason: the
# staircase rises, over many steps, exactly as fast as the line $`u`$. The slope of each single step is 0, the slope that a
# long walk feels is 1. Only where the clamp holds $`\hat w`$ does the gradient stop. In the library it is
# `F.straight_through(x, y)`, the value of y with the gradient of x:

# %% tags=["volatile"]
class StraightThrough(PlainRounding):
    def forward(self, w):
        u = F.clamp(w / self.S, -1, 1)
        return self.S * F.straight_through(u, F.round(u))

_, before, after = retrained(networks[0], StraightThrough, epochs=1)
print(f"wrong of 360: {before} before, {after} after one epoch")
assert after < before * 2 / 3

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="staircase", figsize=(6.4, 3.4))
# alt: The loss of one weight: a smooth valley, and the same with rounding, a flight of flat steps.
u = np.linspace(-0.4, 4.4, 1201)
ax.plot(u, (u - 2.8) ** 2, color=GREY, lw=1.5, ls="--")
for q in range(5):
    part = np.rint(u) == q
    ax.plot(u[part], (np.rint(u[part]) - 2.8) ** 2, color=BLUE, lw=2.5)
ax.plot([0.62, 1.42], [(1 - 2.8) ** 2 + 2 * (1 - 2.8) * (x - 1) for x in (0.62, 1.42)], color=ORANGE, lw=2)
ax.annotate("slope 0: where to?", (1.0, 3.24), (-0.3, 1.0), color=BLUE, arrowprops={"arrowstyle": "->", "color": BLUE})
ax.text(1.5, 2.2, "straight-through slope", color=ORANGE)
ax.text(0.4, 6.2, "without rounding", color=GREY)
ax.set(title="A rounded weight sees steps; the slope comes from the line", xlabel="weight, in steps  w/S", ylabel="loss",
       xticks=range(5), ylim=(-0.6, 9))

# %% [markdown]
# ## 11 · A step that learns
#
# Better, not good. The largest weight still decides $`S`$, and section 7 showed what comes of it: nine tenths of the second
# convolution are 0. **Which step is best for the answers? Let the gradient say.** In LSQ, *learned step size quantization*,
# the step $`s`$ of a layer is a parameter. Rounding counts as the identity again, so with $`Q`$ integers on each side
#
# ```math
# \frac{\partial \hat w}{\partial s} = \begin{cases} \text{round}(w/s) - w/s & |w/s| < Q \\ Q\,\text{sign}(w) & \text{else}
# \end{cases}
# ```
#
# Outside the grid $`\hat w = \pm Q s`$, and a larger step takes it along. Inside, what is left is the error of rounding. The
# sum over all weights is a large number beside one $`s`$; it is divided by $`\sqrt{n\,Q}`$. In slow code:

# %%
from nncompress.quantization.learned import LearnedStep
from nnlite import Tensor


def slow_step(w, s, Q, dy):
    """ŵ, and the gradients of w and s, for dy = ∂L/∂ŵ."""
    y, dw, ds = np.empty(w.shape), np.zeros(w.shape), 0.0
    for i in np.ndindex(w.shape):
        u = w[i] / s
        y[i] = s * min(max(round(u), -Q), Q)
        if -Q < u < Q:
            dw[i] = dy[i]
            ds += dy[i] * (round(u) - u)
        else:
            ds += dy[i] * (Q if u > 0 else -Q)
    return y, dw, ds / np.sqrt(w.size * Q)

w, dy = np.random.default_rng(2).normal(0, 1, (2, 20, 30))
grid = LearnedStep(w, 3, 3)
ours, theirs = Tensor(w, requires_grad=True), slow_step(w, float(grid.step), 3, dy)
y = grid(ours)
y.backward(dy)
assert np.allclose(y.data, theirs[0], rtol=1e-6) and np.array_equal(ours.grad, theirs[1])
assert np.isclose(grid.log_step.grad, float(grid.step) * theirs[2], rtol=1e-4)  # ln s is the parameter

# %% [markdown]
# The library trains $`\ln s`$, so that $`s`$ cannot become negative: `compression/nncompress/quantization/learned.py`. One
# epoch, three networks, two bits:

# %% tags=["volatile"]
by_step = [retrained(model, lambda w: LearnedStep(w, 1, 1), epochs=1) for model in networks]
print("wrong of 360, float32:          ", untouched)
print("rounded, step from the largest: ", [errors(m, lambda w: rounded(w, 2, None)) for m in networks])
print("rounded, first step of LSQ:     ", [before for _, before, _ in by_step])
print("after one epoch:                ", [after for *_, after in by_step])

# %%
for model, before, after in by_step:
    assert after < before and after < 360 / 12
    assert len(np.unique(model.conv2.weight.data)) == 3
assert sum(after for *_, after in by_step) < sum(untouched) + 36

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="learned_step", figsize=(6.4, 3.2))
# alt: A histogram of the weights of one layer: the largest weight as step lies beyond nearly all, the learned step among them.
trained_w = by_step[0][0].conv2.parametrizations["weight"]
values, largest = trained_w.original.data.reshape(-1), float(symmetric_scale(networks[0].conv2.weight.data, 2))
learned = float(trained_w[0].step)
counts, *_ = ax.hist(values, bins=80, color=GREY, alpha=0.5)
for S, colour, note, height in ((largest, ORANGE, "±S: the largest weight", 0.7), (learned, BLUE, "±s: learned", 0.95)):
    for sign in (-1, 1):
        ax.axvline(sign * S, color=colour, lw=2)
    ax.text(S, counts.max() * height, f" {note}", color=colour)
ax.set(title="The learned step lies among the weights", xlabel="weight of the second convolution", ylabel="how many",
       xlim=(-1.15 * largest, 2.1 * largest))

# %% [markdown]
# Two bits for each weight, and after one epoch the networks answer nearly as well as with 32. Of the whole layer three values
# are left: $`-s`$, 0 and $`s`$. The activations can be rounded in training as well: `prepare_qat` makes a network that rounds
# wherever the integer plan will, and `convert` turns it into that plan, integer for integer
# (`compression/nncompress/quantization/qat.py`).
#
# ## 12 · Any few values: weight sharing
#
# Why should the values of a layer lie at equal distances? **Deep Compression** lets a layer have any $`k`$ values, a
# **codebook** $`C`$, and each weight keeps the number $`I`$ of its value: $`w_{ij} = C_{I_{ij}}`$. The values come from
# k-means: give each weight to the nearest value, move each value to the mean of its weights, and repeat.

# %%
from nncompress.quantization.clusters import kmeans
from nncompress.quantization.sharing import share_weights


def slow_kmeans(w, k):
    C = np.linspace(w.min(), w.max(), k)                     # "linear": large weights get values, too
    while True:
        I = np.abs(w[:, None] - C).argmin(axis=1)
        C, old = np.array([w[I == i].mean() for i in range(k)]), C
        if (C == old).all():
            return C, I

w = networks[0].fc2.weight.data.reshape(-1).astype(np.float64)
C, I = slow_kmeans(w, 5)
shared = kmeans(w, 5)
assert np.allclose(shared.values, C, rtol=1e-6) and (shared.codes == I + 1).all()  # code 0 is kept for zeros

# %% [markdown]
# Then the values are trained. A value is used by all weights of its group, so it gets all their gradients:
#
# ```math
# \frac{\partial L}{\partial C_k} = \sum_{ij} \frac{\partial L}{\partial w_{ij}} \left[I_{ij} = k\right]
# ```
#
# No rounding, no white lie: this gradient is exact. Let each of the four layers have three values, and train *only these
# twelve numbers*.

# %% tags=["volatile"]
few = share_weights(copy.deepcopy(networks[0]), 3)
codebooks = [layer.parametrizations["weight"].original for layer in (few.conv1, few.conv2, few.fc1, few.fc2)]
grouped = train.evaluate(few, test_loader)["errors"]
motion = [[C.data.copy() for C in codebooks]]
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
train.fit(few, loader, optim.Adam(codebooks, lr=0.01), epochs=1, progress=False,
          after_step=lambda: motion.append([C.data.copy() for C in codebooks]))
moved = train.evaluate(few, test_loader)["errors"]
print(f"wrong of 360: {untouched[0]} in float32, {grouped} grouped, {moved} with moved values")
assert sum(C.size for C in codebooks) == 12 and moved < grouped / 2

# %% tags=["remove-input"]
fig, axes = plt.subplots(1, 4, num="codebook_motion", figsize=(6.4, 2.9), sharey=False)
# alt: Four panels, one for each layer: its three values against the training step, moving away from where k-means put them.
for ax, name, i in zip(axes, ("conv1", "conv2", "fc1", "fc2"), range(4), strict=True):
    ax.plot(np.array([C[i] for C in motion]), color=BLUE, lw=2)
    ax.plot(np.zeros(3), motion[0][i], "o", color=ORANGE)
    ax.set(title=name, xlabel="step", xticks=[0, len(motion) - 1])
axes[0].set_ylabel("the layer's three values")
fig.suptitle("Twelve numbers move, and the network is repaired", fontsize=12, weight="bold")

# %% [markdown]
# The dots are where k-means put the values. It had made the *weights* nearly right; training makes the *answers* right, and
# moves the values elsewhere. On disk, three values need less than two bits for each weight; lesson [08](08_coding.md) turns
# them into a file.

# %% [markdown]
# ## 13 · The rest of the shelf
#
# A grid has a range, an arrangement, a number of bits and a price, and for each of them the library has more than we have
# tried. Every method is one short file in `compression/nncompress/quantization`; here each formula meets a few numbers.
#
# **The range of activations.** Section 9 chose a range from a fixed set of images. `MovingAverage` follows ranges that drift
# while the network trains: in each batch an end moves a part of the way to the batch's own, $`\text{high} \leftarrow
# \text{high} + \text{rate}\,(\max x - \text{high})`$. `Entropy` cuts the range off where the rounded histogram $`Q`$ still
# tells most about the original one, $`P`$: where the divergence $`\text{KL}(P\,\Vert\,Q)`$ is smallest (`observers/`). *PACT*
# trains the upper end $`a`$ of a clipped ReLU: every activation beyond $`a`$ pushes it up or down (`learned.py`).
#
# **The grid of weights.** `WeightGrid` gives a step to a layer, a channel or each $`g`$ neighbours, with or without a zero
# point, and on demand the steps are powers of two, by which hardware multiplies with a shift (`fake.py`). With *two* values,
# a binary weight is $`\alpha\,\text{sign}(w)`$, $`\alpha`$ the mean of $`|w|`$; with *three*, a ternary weight is
# $`\alpha\,\text{sign}(w)`$ where $`|w|`$ exceeds $`\Delta = 0.7\,\text{mean}\,|w|`$, else 0, and $`\alpha`$ is the mean of
# those beyond $`\Delta`$ (`binary.py`).

# %% tags=["experiment"]
from nncompress.quantization import PACT, Binary, Ternary, WeightGrid, power_of_two
from nncompress.quantization.observers import MovingAverage

seen = MovingAverage(rate=0.5)
for batch in ([0.0, 4.0], [-2.0, 2.0]):
    seen.observe(batch)
assert seen.range() == (-1.0, 3.0)                            # half of the way from 0 to −2, and from 4 to 2

x, clipped = Tensor(np.float32([-1.0, 2.0, 9.0]), requires_grad=True), PACT(bits=2, a=6.0)
y = clipped(x)                                                # the grid is 0, 2, 4, 6
y.sum().backward()
assert y.data.tolist() == [0, 2, 6] and x.grad.tolist() == [0, 1, 0] and clipped.a.grad == 1

w = Tensor(np.float32([[1.0, 0.1, 8.0, 4.0]]))                # beside 8, the weight 1 is rounded to 0
assert WeightGrid(bits=3)(w).data[0, 0] == 0 and WeightGrid(bits=3, per=2)(w).data[0, 0] == 1
assert power_of_two(np.float32([0.3, 0.5, 3.0])).tolist() == [0.5, 0.5, 4.0]

assert Binary()(Tensor(np.float32([[1.0, -3.0]]))).data.tolist() == [[2, -2]]
assert Ternary()(Tensor(np.float32([[1.0, -3.0, 0.2, -0.2]]))).data.tolist() == [[2, -2, 0, 0]]    # Δ = 0.77

# %% [markdown]
# **Bits for each layer.** `bit_sensitivity` measures by how much the loss increases with $`n`$ bits in one layer and 8 in the
# others. `bits_for_budget` finds the smallest sum of increases whose layers fit into so many bytes, exactly (`mixed.py`).
#
# **A price for bits.** A file is coded ([lesson 08](08_coding.md)), and a frequent integer takes fewer bits there than a rare
# one. `round_by_rate` takes, of the integers nearby, the one with the smallest sum of error and price, $`h\,(w - S k)^2 +
# \lambda\,(-\log_2 p(k))`$, with $`p(k)`$ the share of $`k`$ in the layer (`rounding/rate_distortion.py`). *EPR* puts such a
# price into the loss of the training: a logistic distribution with a trained scale $`e^t`$ says how probable each integer is,
# $`p(k) = \sigma\left(\frac{k + 1/2}{e^t}\right) - \sigma\left(\frac{k - 1/2}{e^t}\right)`$ (`epr.py`).

# %% tags=["experiment"]
from nncompress.quantization import bits_for_budget, logistic_bits
from nncompress.quantization.rounding import Layer, round_by_rate

increases = {"fc1": {2: 0.5, 8: 0.0}, "fc2": {2: 0.9, 8: 0.0}}         # 80 weights each: 20 or 80 bytes
assert bits_for_budget(increases, {"fc1": 80, "fc2": 80}, most_bytes=100) == {"fc1": 2, "fc2": 8}

layer, h = Layer("fc", np.float32([[0, 0, 0, 0.6]]), np.float32([1]), 1, None), {"fc": np.ones((1, 4))}
k1, k0 = 0.4**2 + 0.2 * np.log2(4), 0.6**2 + 0.2 * np.log2(4 / 3)      # with λ = 0.2, 0.6 had better be 0:
assert k0 < k1 and round_by_rate(layer, 0.2, h).tolist() == [[0, 0, 0, 0]]
assert round_by_rate(layer, 0.0, h).tolist() == [[0, 0, 0, 1]]         # without a price, the nearest

def sigma(a):
    return 1 / (1 + np.exp(-a))

k = np.array([0.0, 1.0, 3.0])
prices = -np.log2(sigma((k + 0.5) / np.exp(0.5)) - sigma((k - 0.5) / np.exp(0.5)))
np.testing.assert_allclose(logistic_bits(Tensor(k), Tensor(np.array(0.5))).data, prices)
assert (np.diff(prices) > 0).all()                            # large integers cost more

# %% [markdown]
# ## 14 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write `quantize_affine` without loops. It has to take one scale and zero point, or one for each row. (A hole of
# assignment `hw07_affine`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_quantize(r, S, Z, qmin, qmax, dtype):
    raise NotImplementedError

def test_quantize(f):
    assert f(np.array([-0.5, 0.0, 10.0]), 10 / 172, 0, -128, 127, np.int8).tolist() == [-9, 0, 127]
    assert f(np.array([0.5, 1.5, 2.5]), 1.0, 0, 0, 255, np.uint8).tolist() == [0, 2, 2]
    q = f(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([1.0, 0.5]), np.array([0, 10]), 0, 255, np.uint8)
    assert q.dtype == np.uint8 and q.tolist() == [[1, 2], [12, 14]]

test_quantize(quantize_affine)                                       # the library's passes
attempt(test_quantize, my_quantize)

# %% [markdown]
# **2.** Why stop at channels? Give each *group* of neighbouring weights in a row its own scale, as formats for language
# models do. With 4 bits and groups of 16, the typical error of our first fully connected layer has to fall by a fifth.

# %%
def group_scales(w, bits, group):
    """S[o, j] = max |w[o, k]| / qmax over the j-th group of k.   w (O, I) -> S (O, I / group)"""
    raise NotImplementedError

def test_group_scales(f):
    w = networks[0].state_dict()["fc1.weight"]                # (128, 128)
    np.testing.assert_allclose(f(w, 4, 128)[:, 0], symmetric_scale(w, 4, axis=0), rtol=1e-6)
    S = np.repeat(f(w, 4, 16), 16, axis=1)
    assert S.shape == w.shape and rms(w - S * np.rint(w / S)) < 0.8 * rms(w - rounded(w, 4, 0))

attempt(test_group_scales, group_scales)

# %% [markdown]
# **3.** The largest weight need not fit. With 3 bits it can pay to clamp a few large weights and give all others a smaller
# step. Find, for each row, the scale with the smallest squared error; trying fifty fractions of the usual scale will do. The
# typical error has to fall by a tenth, and no row's may grow. Then look whether the *answers* get better, too.

# %%
def best_scale(w, bits):
    """For each row the S that makes Σ (w − S clamp(round(w / S)))² smallest.   w (O, I) -> S (O,)"""
    raise NotImplementedError

def test_best_scale(f):
    w = networks[0].state_dict()["fc1.weight"]
    S = f(w, 3)[:, None]
    error, usual = w - S * np.clip(np.rint(w / S), -3, 3), w - rounded(w, 3, 0)
    assert rms(error) < 0.9 * rms(usual)
    assert ((error**2).sum(1) <= (usual**2).sum(1) * (1 + 1e-5)).all()

attempt(test_best_scale, best_scale)

# %% [markdown]
# **4.** The gradient of the codebook, without a loop over the weights. Code 0 is a zero and belongs to no value; code i + 1
# is the value i. (A hole of assignment `hw12_sharing`.)

# %%
def codebook_gradient(dw, codes, k):
    """dC[i] = Σ dw over the places whose code is i + 1.   dw, codes: one shape -> (k,)"""
    raise NotImplementedError

def test_codebook_gradient(f):
    dw, codes = np.array([[1.0, 10], [100, 1000]]), np.array([[0, 2], [1, 2]])
    assert f(dw, codes, 3).tolist() == [100, 1010, 0]

attempt(test_codebook_gradient, codebook_gradient)

# %% [markdown]
# ## What to keep
#
# * A real number is $`S\,(q-Z)`$: a step, and an integer that stands for 0. Inside the range the error is at most half a
#   step.
# * First clamp, then cast. First put 0 into the range, then compute the scale, then the zero point.
# * A scale for each channel costs next to nothing, and saves the bits that one large filter takes from the others.
# * Say which rounding law you mean.
# * What a layer sees tells how to round it: the bias takes back the mean error, AdaRound chooses up or down for the output.
#   Factors can move between layers, and one broken pixel can spoil a range.
# * Rounding has the gradient 0. Straight-through rounds forwards and passes the gradient on as if it had not; with it, two
#   bits can be trained, and so can the step.
# * A codebook needs no such trick: the gradient of a value is the sum over the weights that share it.
#
# Sources: Jacob et al. 2018, [arXiv 1712.05877](https://arxiv.org/abs/1712.05877), eq. 1 and §2; Krishnamoorthi 2018, [arXiv
# 1806.08342](https://arxiv.org/abs/1806.08342), §2; straight-through: Bengio et al. 2013, [arXiv
# 1308.3432](https://arxiv.org/abs/1308.3432); LSQ: Esser et al. 2020, [arXiv 1902.08153](https://arxiv.org/abs/1902.08153);
# equalisation and bias correction: Nagel et al. 2019, [arXiv 1906.04721](https://arxiv.org/abs/1906.04721), §4; AdaRound:
# Nagel et al. 2020, [arXiv 2004.10568](https://arxiv.org/abs/2004.10568); weight sharing: Han, Mao, Dally 2016, [arXiv
# 1510.00149](https://arxiv.org/abs/1510.00149), §3. Next: 07, one image through the integer plan, every integer shown.
