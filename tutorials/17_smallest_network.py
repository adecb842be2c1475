# %% [markdown]
# # How small can a network be?
#
# LeNet-300-100 for the bundled digits has 50,610 weights and biases: 202,440 bytes. **How few bytes are enough to be right as
# often?** [Lesson 05](05_pruning.md) removed weights, [lesson 06](06_quantization.md) rounded them, [lesson 08](08_coding.md)
# coded what was left. One after the other these steps give a file of some thousand bytes. In this lesson the three know of
# each other, and the file has less than a thousand. The same recipe makes the smallest files of LeNet-300-100 and LeNet-5 for
# MNIST, which `tutorials/papers/smallest.py` trains.
#
# It takes about 25 minutes. You need the idea of a mask (lesson 05) and of a grid (lesson 06).

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np

import nncompress
from nncompress import pruning
from nncompress.coding import coded_sizes
from nncompress.nnz.file import from_bytes, to_bytes
from nncompress.pruning.criteria.bits import loss_per_bit, place_bits
from nncompress.search import Budget, OnGrid, RankOneCurvature, Settings, compress
from nnlite import data, models, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, DARK, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · One step after the other
#
# The usual way first: train, set nine tenths of the weights to zero, train on, round to 4 bits, code. Pixels are divided by
# 255 and nothing is subtracted. So a pixel that is always black is always 0, and its weights do nothing.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
held_out = data.DataLoader(test_digits, 360, transform=[data.ToFloat()])

def loader(seed):
    return data.DataLoader(digits, 64, shuffle=True, seed=seed, transform=[data.ToFloat()])

def network(seed):
    return models.lenet_300_100(in_features=64, seed=seed)

def errors(model):
    """How many of the 360 test images are wrong."""
    return train.evaluate(model, held_out)["errors"]

dense = network(0)
train.fit(dense, loader(0), optim.Adam(dense.parameters(), lr=2e-3), epochs=15, progress=False)
usual = copy.deepcopy(dense)
masks = pruning.magnitude_masks(usual, 0.9)
masks.apply()
train.fit(usual, loader(1), optim.Adam(usual.parameters(), lr=1e-3), epochs=8, after_step=masks.apply,
          progress=False)
usual_plan = nncompress.quantize(usual, loader(0), bits=4, per="layer")
usual_bytes, usual_errors = len(to_bytes(usual_plan)), errors(usual_plan)
nonzero = sum(np.count_nonzero(step.w) for step in usual_plan.steps if step.w is not None)
print(f"dense: 202,440 bytes, {errors(dense)} of 360 wrong")
print(f"pruned, 4 bits, coded: {usual_bytes:,} bytes, {usual_errors} wrong, "
      f"{8 * usual_bytes / nonzero:.1f} bits for each of {nonzero:,} weights")
assert 202_440 / usual_bytes > 30 and usual_errors < 36
assert 8 * usual_bytes / nonzero > 5

# %% [markdown]
# More than thirty times smaller. But a weight that is left costs more than 5 bits, and only some of them say how large it is.
# The others say *where* it is. Magnitude does not know what a place costs.
#
# ## 2 · The price of a place
#
# An adaptive coder learns while it writes. Where weights are frequent, it expects the next one, and a weight is cheap. Where
# they are rare, a weight is a surprise, and a surprise costs bits: with the probability $`p`$ of a weight, a weight costs
# $`\log_2 \frac1p`$ bits and a zero costs $`\log_2 \frac{1}{1-p}`$. The **price** of keeping a weight is the difference:
#
# ```math
# \log_2 \frac1p - \log_2 \frac1{1-p} = \log_2 \frac{1-p}{p}
# ```
#
# One in two: 0 bits. One in 17: 4 bits. One in 1025: 10 bits. Does a real coder behave like this? Here are 400 weights of
# 10,000, all +1 or −1, first anywhere and then crowded into 8 rows and 100 columns. The file's coder writes both.

# %%
assert np.allclose([np.log2((1 - p) / p) for p in (1 / 2, 1 / 17, 1 / 1025)], [0, 4, 10])
rng = np.random.default_rng(0)
scattered, crowded = np.zeros((100, 100), np.int8), np.zeros((100, 100), np.int8)
scattered.flat[rng.choice(10_000, 400, replace=False)] = rng.choice([-1, 1], 400)
crowded[:8].flat[rng.choice(800, 400, replace=False)] = rng.choice([-1, 1], 400)
sizes = [coded_sizes(w, bits=2)["arithmetic"] for w in (scattered, crowded)]
assert np.count_nonzero(scattered) == np.count_nonzero(crowded) == 400
assert sizes[1] < 0.65 * sizes[0]

# %% [markdown]
# Just as many weights, and the file needs less than two thirds of the bytes.
#
# Which $`p`$ should a weight get? We sort the places into 16 classes by the density of their row times the density of their
# column, and count in each class how many weights are kept. To the price come 3 bits for the sign and the size:

# %%
def slow_price(kept):
    (O, I), mean = kept.shape, kept.mean()
    classes = np.zeros((O, I), int)
    for o in range(O):
        for i in range(I):
            row = np.log2((kept[o].sum() + 4 * mean) / (I + 4))
            column = np.log2((kept[:, i].sum() + 4 * mean) / (O + 4))
            classes[o, i] = np.clip(int(1.5 * (row + (column - np.log2(mean)))) + 15, 0, 15)
    price = np.zeros((O, I))
    for c in range(16):
        here = classes == c
        p = (kept[here].sum() + 2 * mean + 0.02) / (here.sum() + 2.04)     # so that p is never 0
        price[here] = np.clip(np.log2((1 - p) / p), 0, 14) + 3
    return price

kept = np.zeros((24, 48), bool)
kept[:6, :16] = rng.random((6, 16)) < 0.6                     # a crowd
kept[20, 40] = kept[12, 30] = True                            # and two lonely weights
price = slow_price(kept)
np.testing.assert_allclose(price, place_bits(kept), rtol=1e-12)
assert price[20, 40] > price[:6, :16][kept[:6, :16]].mean() + 3

# %% tags=["remove-input"]
fig, axes = plt.subplots(2, 1, num="price", figsize=(6.4, 5.2))
# alt: Above, weights: a crowd in a corner and two lonely ones. Below, the price of each place: low in the crowd, else high.
axes[0].imshow(kept, cmap="Greys", vmax=1.3)
axes[0].set_title("weights that are kept", fontsize=11)
shown = axes[1].imshow(price, cmap="Blues")
axes[1].set_title("A weight is cheap where others are", fontsize=11)
fig.colorbar(shown, ax=axes, label="bits", shrink=0.5, anchor=(0, 0))
for ax in axes:
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)

# %% [markdown]
# The library's function is `place_bits` in `compression/nncompress/pruning/criteria/bits.py`. In maps of pixels it also counts
# how many of the eight neighbours are kept.
#
# ## 3 · What a weight is worth
#
# A weight is worth what the loss would rise without it. If the loss has the second derivative $`h`$ at a weight $`t`$, setting
# it to zero costs about $`\frac12 t^2 h`$ (the first derivative is near zero after training). We take $`h = E[g^2]`$, the mean
# squared gradient, in the rank-one form of `compression/nncompress/search/curvature.py`: a number $`r`$ for each row and a
# number $`c`$ for each column, $`h_{oi} = r_o c_i / \text{mean}(r)`$. A weight's **score** is its worth divided by its price:
#
# ```math
# \text{score} = \frac{t^2 h}{\text{bits}}
# ```

# %%
g = np.array([[1.0, 2.0], [3.0, 0.0]])
curvature = RankOneCurvature(beta=0.0, every=1)
curvature({"w": g})
r, c = (g**2).mean(axis=1), (g**2).mean(axis=0)
assert r.tolist() == [2.5, 4.5] and c.tolist() == [5.0, 2.0]
np.testing.assert_allclose(curvature.of("w", g.shape), np.outer(r, c) / r.mean())
assert loss_per_bit(np.array([2.0, 3.0]), np.array([1.0, 1.0]), np.array([4.0, 13.0])).argmax() == 0

# %% [markdown]
# In the last line the second weight is worth more, $`9 > 4`$, but it is lonely and costs 13 bits instead of 4: it goes first.
#
# ## 4 · Weights below the weights
#
# The weights that are left have to lie on a coarse **grid**, all of them multiples of one step $`s`$: mostly −1, 0 and +1 times
# $`s`$. How does one train such weights? Let us try the obvious first: after each step of the optimizer round every weight to
# the grid.

# %%
def on_grid(t, s):
    return s * np.rint(t / s)

def step_of(model, layer):
    return float(np.abs(dict(model.named_parameters())[f"{layer}.weight"].data).mean()) / 1.2

steps = {layer: step_of(dense, layer) for layer in ("fc1", "fc2", "fc3")}

rounded = copy.deepcopy(dense)

def round_all():
    for name, p in rounded.named_parameters():
        p.data = on_grid(p.data, np.float32(steps[name.split(".")[0]]))

round_all()
before = rounded.state_dict()
train.fit(rounded, loader(2), optim.Adam(rounded.parameters(), lr=1e-3), epochs=3, after_step=round_all,
          progress=False)
assert all((before[name] == w).all() for name, w in rounded.state_dict().items())
longest_step_of_adam = 1e-3 * 0.1 / np.sqrt(0.001)
assert min(steps.values()) / 2 > longest_step_of_adam

# %% [markdown]
# Three epochs, and not one weight has moved. Adam's longest step is $`\text{lr}\,(1-\beta_1)/\sqrt{1-\beta_2}`$, which is
# less than half a step of the grid. So each weight is rounded back to where it was.
#
# The remedy is to keep two weights. The **latent** weight $`t`$ is an ordinary float. The network computes with the nearest
# point of the grid, $`w`$, and the gradient *at* $`w`$ moves $`t`$:
#
# ```math
# w = \text{mask} \odot s\,\text{round}(t/s), \qquad t \leftarrow t - \text{lr}\,\frac{\partial L}{\partial w}
# ```
#
# Small steps of $`t`$ add up, until $`w`$ jumps. By hand, with $`s = 1`$, a gradient of −1 and a rate of 0.06: $`t`$ goes 0.4,
# 0.46, 0.52, and at 0.52 $`w`$ jumps from 0 to 1. In the library it is `OnGrid` in `compression/nncompress/search/latent.py`,
# an optimizer around another one. Its rule for a removed weight: $`t`$ stands still, and is there when the weight comes back.

# %%
t, path = 0.4, []
for _ in range(3):
    path.append((round(t, 2), float(on_grid(t, 1.0))))
    t -= 0.06 * -1.0
assert path == [(0.4, 0.0), (0.46, 0.0), (0.52, 1.0)]

model, slow = copy.deepcopy(dense), {name: p.data.copy() for name, p in dense.named_parameters()}
mask = {name: rng.random(w.shape) < 0.5 for name, w in slow.items()}
grid = OnGrid(model, lambda parameters: optim.SGD(parameters, lr=0.1))
grid.set_masks(mask)
grid.set_steps(steps)
images, labels = next(iter(loader(3)))
for _ in range(3):
    grid.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    for name, p in model.named_parameters():                  # the same, slowly
        slow[name] = np.where(mask[name], slow[name] - np.float32(0.1) * p.grad, slow[name])
    grid.step()
    for name, p in model.named_parameters():
        s = np.float32(steps[name.split(".")[0]])
        np.testing.assert_allclose(grid.latents[name].data, slow[name], rtol=1e-5, atol=1e-7)
        w = mask[name] * on_grid(grid.latents[name].data, s)
        np.testing.assert_allclose(p.data, w, rtol=1e-5, atol=1e-7)

# %% [markdown]
# ## 5 · The record in thirty lines
#
# Now we put it together. One training of 30 epochs, in which the network becomes smaller while it learns:
#
# * From 5 % to 40 % of the training the number of weights falls from all to $`K`$: fast at first, then slower (`agp_sparsity`).
#   Every 20 steps the best $`K`$ of **all layers together** are chosen anew. Who was removed may come back.
# * From 40 % on the weights lie on a grid. Its step is the layer's mean size divided by 1.2, so most weights are ±1. At 50 %
#   the masks freeze, at 70 % the grid does.
# * The rest of the training repairs what this has broken.
#
# The score is an argument, so that we can compare.

# %% tags=["experiment"]
def magnitude(t, h, kept):
    return np.abs(t)

def worth(t, h, kept):
    return t**2 * h

def worth_per_bit(t, h, kept):
    return loss_per_bit(t, h, place_bits(kept) if t.ndim == 2 else 4.0)

def smallest(score, K, seed, epochs=30):
    """Train a network of K weights and biases on a grid -> the bytes of its file."""
    model, batches = network(seed), loader(seed)
    grid = OnGrid(model, lambda parameters: optim.Adam(parameters, lr=2e-3))
    grid.watch = curvature = RankOneCurvature()
    total, taken = epochs * len(batches), 0

    def after_step():
        nonlocal taken
        taken += 1
        done = taken / total
        if taken % 20 == 0 and 0.05 <= done < 0.5:
            part = pruning.agp_sparsity(done, start=0.05, steps=0.35, final=1 - K / 50_610)
            now = round(50_610 * (1 - part))
            masks = grid.masks
            scores = {name: score(t.data, curvature.of(name, t.shape), masks[name])
                      for name, t in grid.latents.items()}
            threshold = np.sort(np.concatenate([s.ravel() for s in scores.values()]))[-now]
            grid.set_masks({name: s >= threshold for name, s in scores.items()})
        if taken % len(batches) == 0 and 0.4 <= done < 0.7:
            left = {name: t.data[grid.masks[name]] for name, t in grid.latents.items()}
            grid.set_steps({layer: np.abs(left[f"{layer}.weight"]).mean() / 1.2 for layer in grid.layers})

    schedule = optim.CosineAnnealingLR(grid.inner, total)
    train.fit(model, batches, grid, epochs, schedule=schedule, after_step=after_step,
              progress=False)
    return to_bytes(nncompress.quantize(model, batches, per="layer", steps=grid.steps))

# %% [markdown]
# Three scores, 1500 weights and biases each. We decode the files and count the test images on what comes out, in integers:

# %% tags=["volatile", "experiment"]
found = {}
for score in (magnitude, worth, worth_per_bit):
    file = smallest(score, K=1500, seed=0)
    found[score.__name__] = len(file), errors(from_bytes(file))
    print(f"{score.__name__:14} {len(file):5,} bytes, {found[score.__name__][1]:3} of 360 wrong")
assert found["worth_per_bit"][0] < 0.9 * found["worth"][0] < 0.81 * found["magnitude"][0]
assert found["worth_per_bit"][0] < usual_bytes / 5
assert max(wrong for _, wrong in found.values()) < 60

# %% [markdown]
# With the price, as many weights take less than 0.81 of magnitude's bytes, and the file is less than a fifth of the usual
# one. (Which score is most often right? One seed cannot tell; section 7 says why.)
#
# ## 6 · A budget in bytes
#
# How many weights fit into 700 bytes? Nobody knows before the file is written. So `nncompress.search.compress` writes it: once
# an epoch or so it tries in memory which $`K`$ would give a file of 700 bytes, by bisection. It also takes rows and columns
# out of the arrays once they are empty, and checks the file at the end. What it does is otherwise the loop above.

# %% tags=["volatile", "experiment"]
small = {}
for limit in (350, 700, 1400):
    small[limit] = compress(network(0), (loader(0), held_out), Budget(bytes=limit), progress=False,
                            settings=Settings(epochs=45, levels=1.2, share=1.0, every=20))
    stage = small[limit].report.stages[-1]
    print(f"at most {limit:5,} bytes: {stage.bytes:5,} bytes, {stage.errors:3} of 360 wrong, {stage.nonzero:5,} not 0")
    assert len(small[limit].data) <= limit and errors(from_bytes(small[limit].data)) == stage.errors
assert small[700].report.stages[-1].errors < min(36, usual_errors + 15) and 700 < usual_bytes / 5

# %% tags=["remove-input", "experiment"]
fig, ax = plt.subplots(num="front")
# alt: Errors against bytes, both logarithmic. The small files lie far to the left of the usual ones, at similar errors.
front = [(len(one.data), one.report.stages[-1].errors) for one in small.values()]
ax.loglog(*zip(*front, strict=True), "o-", color=BLUE, lw=2)
ax.text(front[0][0], front[0][1] * 1.15, "one training, loss per bit", color=BLUE, ha="left", va="bottom")
ordinary = [(len(to_bytes(plan)), errors(plan)) for plan in
            (nncompress.quantize(usual, loader(0), bits=bits, per="layer") for bits in (3, 4, 8))]
ax.loglog(*zip(*ordinary, strict=True), "s-", color=ORANGE, lw=2)
ax.text(ordinary[2][0] * 1.2, ordinary[2][1], "prune, round, code\n(3, 4, 8 bits)", color=ORANGE, va="center")
ax.plot(202_440, errors(dense), "o", color=DARK)
ax.text(202_440, errors(dense) * 1.15, "dense", color=DARK, ha="center", va="bottom")
ax.set(title="Less than a fifth of the bytes, as often right", xlabel="bytes of the file", ylabel="wrong of 360",
       xlim=(200, 500_000), ylim=(5, 100), yticks=[5, 10, 20, 50, 100], yticklabels=[5, 10, 20, 50, 100])
ax.minorticks_off()

# %% [markdown]
# What is in the file of 700 bytes? Nobody said that neurons or pixels should go. But a row with few weights is expensive, so
# it loses more, and becomes more expensive. In the end it is empty. Of the 300 neurons of the first layer fewer than half are
# left, and the pixels at the left and right border keep fewer weights than the middle.

# %% tags=["experiment"]
plan = small[700].plan
first, second = (next(step.w for step in plan.steps if step.name == name) for name in ("fc1", "fc2"))
assert first.shape[0] < 150 and first.shape[1] <= 64 and second.shape[0] < 75
live = small[700].model.fc1.weight.data
pixels = (live != 0).sum(axis=0)
assert pixels.reshape(8, 8)[:, [0, 7]].mean() < pixels.reshape(8, 8)[:, 2:6].mean() / 2

# %% tags=["remove-input", "experiment"]
fig, axes = plt.subplots(1, 2, num="what_is_left", figsize=(6.4, 3.6), width_ratios=(1.3, 1))
# alt: Left, the first layer's weights: few, of a few values. Right, weights for each pixel: hardly any at the border.
order = np.argsort(-(live != 0).sum(axis=1))
size = np.abs(live).max()
axes[0].imshow(live[order], cmap="RdBu", vmin=-size, vmax=size, aspect="auto", interpolation="nearest")
axes[0].set(xlabel="64 pixels", ylabel="neurons", xticks=[], yticks=[])
axes[0].set_title("the first layer's weights", fontsize=11)
shown = axes[1].imshow(pixels.reshape(8, 8), cmap="Blues", vmin=0)
axes[1].set(xticks=[], yticks=[])
axes[1].set_title("weights at each pixel", fontsize=11)
fig.colorbar(shown, ax=axes[1], shrink=0.7)
for ax in axes:
    ax.grid(visible=False)

# %% [markdown]
# ## 7 · Twenty tries, and luck
#
# A recipe like this has a dozen numbers to turn. Who tries twenty settings and reports the one with the fewest test errors
# reports luck, too. How much? Take twenty networks that are all wrong in exactly 5 % of cases in the long run, and count
# each on 360 images:

# %%
rng = np.random.default_rng(0)
wrong = rng.binomial(360, 0.05, (2000, 20)) / 360             # 2000 times: twenty networks on one test set
fresh = rng.binomial(360, 0.05, (2000, 20)) / 360             # the same networks on other images
best = wrong.argmin(axis=1)
reported, later = (np.take_along_axis(part, best[:, None], axis=1).mean() for part in (wrong, fresh))
assert reported < 0.033 and abs(later - 0.05) < 0.002

# %% [markdown]
# The best of the twenty seems to be wrong in less than 3.3 %, and on other images it is wrong in 5 % again. So settings and
# seeds have to be chosen on images that are neither trained on nor tested on. The files for MNIST are made in this way: 55,000
# images train, 5,000 choose, and the 10,000 test images are counted once for each run. The numbers of this lesson are **not**:
# there are too few digits for three parts, and its settings were chosen with the test images in view. So they show how the
# recipe works, and no record.
#
# For MNIST two more things help (see `RUNS` in `tutorials/papers/smallest.py`): images that are shifted by a pixel or two, and
# the answers of four larger networks in the place of labels ([lesson 09](09_distillation.md)).
#
# **Many runs, one picture.** Settings times seeds are many trainings. `nncompress.pareto` runs them in a process for each core
# and keeps every finished run in a folder, so a sweep that was stopped goes on where it was. It returns a row for each run,
# and the **front**: the runs that no other one beats in bytes and in errors. A script for it:
#
# ```python
# def run(seed, limit):
#     found = compress(network(seed), (loader(seed), held_out), Budget(bytes=limit), progress=False)
#     return {"bytes": len(found.data), "errors": found.report.stages[-1].errors}
#
# if __name__ == "__main__":                                  # the processes import this file, too
#     settings = {f"{limit} bytes": {"limit": limit} for limit in (350, 700, 1400)}
#     rows, front = nncompress.pareto(run, settings, seeds=range(3), folder="runs", picture="front.svg")
# ```
#
# `executor` takes any pool of `concurrent.futures`, or Dask's, in the place of the processes. Which of four files are on the
# front?

# %%
from nncompress.search import pareto_front

files = [(350, 25), (694, 20), (700, 30), (1399, 8)]          # (bytes, wrong)
assert pareto_front(files) == [0, 1, 3]                       # 700 bytes with 30 wrong: one is smaller and better

# %% [markdown]
# ## Your turn

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

# %% [markdown]
# **1.** The criterion needs a schedule. Return how many weights are kept when the part `done` of a training is over: all $`N`$
# until `start`, $`K`$ from `end` on, and in between $`K + (N - K)(1 - g)^3`$ with $`g`$ from 0 to 1, rounded.

# %%
def kept_at(done, start, end, N, K):
    raise NotImplementedError

def test_kept_at(f):
    assert [f(done, 0.2, 0.6, 1000, 200) for done in (0.0, 0.2, 0.4, 0.6, 1.0)] == [1000, 1000, 300, 200, 200]
    for done in np.linspace(0, 1, 21):
        part = pruning.agp_sparsity(done, start=0.1, steps=0.7, final=0.9)
        assert abs(f(done, 0.1, 0.8, 50_000, 5000) - 50_000 * (1 - part)) <= 0.51

attempt(test_kept_at, kept_at)

# %% [markdown]
# **2.** In place of a grid, the weights of a layer can share a few values $`C_k`$ that are trained, as in Deep Compression:
# $`w_{ij} = C_{I_{ij}}`$. Return the gradient of the values from the gradient of the weights: a value gets the gradients of
# all weights that share it. (A hole of assignment `hw12_sharing`, where code 0 stands for weights that are 0.)

# %%
def value_gradient(dw, I, k):
    """dC_k = Σ_ij dw_ij [I_ij = k];   dw and I (O, J), I from 0 to k − 1  ->  (k,)"""
    raise NotImplementedError

def test_value_gradient(f):
    dw, I = np.array([[1.0, 10.0], [100.0, 1000.0]]), np.array([[0, 2], [0, 2]])
    assert list(f(dw, I, 4)) == [101.0, 0.0, 1010.0, 0.0]
    rng = np.random.default_rng(1)
    C, I, G = rng.standard_normal(5), rng.integers(0, 5, (7, 9)), rng.standard_normal((7, 9))
    numeric = [((C + 1e-3 * (np.arange(5) == k))[I] * G).sum() - (C[I] * G).sum() for k in range(5)]
    np.testing.assert_allclose(f(G, I, 5), np.array(numeric) / 1e-3, atol=1e-8)

attempt(test_value_gradient, value_gradient)

# %% [markdown]
# **3.** In a map of pixels a weight seldom stands alone, so the price depends on its neighbours. Count for each place of
# the maps how many of its eight neighbours in the same map are kept. Outside of a map nothing is kept.

# %%
def neighbours(kept):
    """kept (N, H, W) of booleans -> whole numbers 0 … 8 of the same shape."""
    raise NotImplementedError

def test_neighbours(f):
    one = np.zeros((2, 3, 4), bool)
    one[0, 1, 1] = True
    assert f(one)[0].tolist() == [[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]] and not f(one)[1].any()
    full = f(np.ones((1, 3, 3), bool))[0]
    assert full.tolist() == [[3, 5, 3], [5, 8, 5], [3, 5, 3]]

attempt(test_neighbours, neighbours)

# %% [markdown]
# ## What to keep
#
# * The steps of compression pay for each other. A weight's worth stands against the bits that it costs in the file.
# * A coarse grid is learned with latent weights: small steps add up below, until a weight jumps.
# * Break everything in the first half of the training, and leave the second half to repair it.
# * Count the bytes of a file that was written, decode it, and test what was decoded.
# * Choose on other images than you report.
#
# Sources: LeCun, Denker & Solla 1990, *Optimal Brain Damage*, for $`t^2 h`$; Courbariaux, Bengio & David 2015,
# [arXiv 1511.00363](https://arxiv.org/abs/1511.00363), for the two kinds of weights; Zhu & Gupta 2017,
# [arXiv 1710.01878](https://arxiv.org/abs/1710.01878), for the schedule; Han, Mao & Dally 2016,
# [arXiv 1510.00149](https://arxiv.org/abs/1510.00149), for shared values. The division by bits is this project's.
