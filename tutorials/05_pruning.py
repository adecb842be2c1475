# %% [markdown]
# # How much of a network is needed?
#
# A small network for digits has fifty thousand weights. **How many of them can we remove? Which ones? And does the network
# become smaller or faster by that?** In this lesson you will set up to 99 % of the weights to zero, see which pixels a
# network stops looking at, find that zeros save nothing by themselves, and then take out whole filters, which does save
# something.
#
# It takes about 40 minutes. You need NumPy, and the idea that a network is layers of weights.

# %%
import copy
import time

import matplotlib.pyplot as plt
import numpy as np

import nnlite
from nncompress import pruning
from nncompress.sparse import CSR
from nnlite import data, models, nn, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Eight weights by hand
#
# Take the weights $`0.9,\; -0.1,\; 0.4,\; 0.05,\; -0.7,\; 0.2,\; -0.3,\; 0.6`$ and remove half of them. Which half? A small
# weight changes its sum by little, so the simplest answer is: those of smallest **magnitude**, $`|w|`$. In order the
# magnitudes are 0.05, 0.1, 0.2, 0.3 and then 0.4, 0.6, 0.7, 0.9. The first four go.
#
# What stays is written as a **mask**: an array of the weights' shape, True where a weight is kept. The fraction of removed
# weights is the **sparsity** $`s`$. Of $`n`$ weights exactly $`\text{round}(s\,n)`$ go, and of equal scores the first one
# goes first. To prune is to multiply:
#
# ```math
# w \leftarrow w \odot \text{mask}
# ```
#
# Beware of a formula that looks alike: $`W_\text{new} = W_\text{old} - W_\text{old} \cdot \text{threshold}`$, as one of the
# [articles](articles.md) prints it. It makes every weight smaller and removes none. ([Lesson 11](11_errata.md) runs it beside
# the accepted form.)

# %%
def slow_keep_highest(scores, sparsity):
    """True for the scores that stay; the round(sparsity · n) lowest go, of equal ones the first."""
    mask = np.ones(scores.shape, bool)
    for _ in range(round(sparsity * scores.size)):
        lowest = None
        for i in np.ndindex(scores.shape):
            if mask[i] and (lowest is None or scores[i] < scores[lowest]):
                lowest = i
        mask[lowest] = False
    return mask

w = np.array([0.9, -0.1, 0.4, 0.05, -0.7, 0.2, -0.3, 0.6])
mask = slow_keep_highest(np.abs(w), 0.5)
assert (w * mask).tolist() == [0.9, 0, 0.4, 0, -0.7, 0, 0, 0.6]
assert np.count_nonzero(w - w * 0.5) == 8                     # as printed: nothing is removed

# %% [markdown]
# The library has this function in `compression/nncompress/pruning/scores.py`. It sorts instead of searching. Both must agree
# in every place, also where scores are equal:

# %%
scores = np.random.default_rng(0).integers(0, 20, (12, 15)) / 4    # 180 scores, many of them equal
for sparsity in (0.0, 0.1, 0.5, 0.77, 1.0):
    kept = pruning.keep_highest(scores, sparsity)
    np.testing.assert_array_equal(kept, slow_keep_highest(scores, sparsity))
    assert np.count_nonzero(~kept) == round(sparsity * 180)

# %% [markdown]
# ## 2 · Small weights, any weights, large weights
#
# Is it true that small weights matter least? We train three networks (they differ only in the seed) on the bundled 8×8
# digits. It is the network of the first papers on pruning, 64 → 300 → 100 → 10 (theirs had 784 inputs). Then we remove
# weights in three ways: the smallest, some at random, and, the wrong way round, the largest. Random removal is the
# **control**: a method that does not beat chance knows nothing.
#
# A way to score weights is a **criterion**: a function from weights to scores. The lowest scores go. `criterion_masks`
# applies it to every layer and returns the masks, and `masks.apply()` sets the removed weights to zero. A criterion gets the
# weights and the *evidence*: what else is known, such as gradients. Ours do not need it.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)
images, labels = next(iter(test_loader))

def trained_on(model, seed, epochs, rate, after_step=None):
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=epochs, after_step=after_step, progress=False)
    return model

def errors(model):
    """How many of the 360 test images are wrong."""
    return train.evaluate(model, test_loader)["errors"]

networks = [trained_on(models.lenet_300_100(in_features=64, seed=s), s, 10, 0.05) for s in range(3)]
untouched = np.array([errors(model) for model in networks])
print("wrong of 360, three networks:", untouched)

# %%
def pruned(model, criterion, sparsity):
    """A copy of the model with zeros in it, and the masks that made them."""
    model = copy.deepcopy(model)
    masks = pruning.criterion_masks(model, criterion, sparsity)
    masks.apply()
    return model, masks

def largest_first(w, evidence):
    return 1 / (np.abs(w) + 1e-9)

criteria = {"the smallest": pruning.magnitude_scores, "any": pruning.random_scores(0),
            "the largest": largest_first}
sparsities = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99])
wrong = {name: np.array([np.mean([errors(pruned(model, criterion, s)[0]) for model in networks])
                         for s in sparsities]) for name, criterion in criteria.items()}
half = np.searchsorted(sparsities, 0.5)
assert wrong["the smallest"][half] - untouched.mean() < 8
assert wrong["any"][half] > 3 * wrong["the smallest"][half]
assert wrong["the largest"][2] > wrong["any"][2] > wrong["the smallest"][2]  # already one fifth
assert wrong["the smallest"][-2] > 360 / 4

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="three_ways")
# alt: Wrong answers against sparsity. The smallest 80 % can go, random ones are missed at 40 %, the largest at once.
for (name, counts), colour, (x, y) in zip(wrong.items(), (BLUE, GREY, ORANGE), ((66, 38), (44, 90), (62, 295)), strict=True):
    ax.plot(100 * sparsities, counts, "o-", color=colour, lw=2, ms=4)
    ax.text(x, y, name, color=colour, ha="right")
ax.set(title="Small weights matter least", xlabel="% of the weights removed", ylabel="wrong of 360 (mean of three)",
       xlim=(0, 100), ylim=(0, 340));

# %% [markdown]
# Half of the weights can go, and on average fewer than eight more of 360 images are wrong. With half of them removed at
# random, more than three times as many are wrong; the largest weights are missed most. But at 95 % even the best choice is of
# no use: more than a quarter of the answers are wrong.
#
# ## 3 · Train on, and keep the masks
#
# After pruning, the weights that are left fit a network that no longer exists. So we train on, for four epochs. There is one
# trap: the optimizer knows nothing of masks. It gives every weight a new value, also those that we removed. So the masks have
# to be applied again **after every step**:

# %% tags=["volatile"]
def sparsity_of(model):
    weights = pruning.prunable_weights(model).values()
    return 1 - sum(np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)

forgotten, masks = pruned(networks[0], pruning.magnitude_scores, 0.9)
assert abs(sparsity_of(forgotten) - 0.9) < 0.001
trained_on(forgotten, 10, 1, 0.02)                            # masks forgotten
print(f"zeros after one epoch without masks: {sparsity_of(forgotten):.0%}")
assert sparsity_of(forgotten) < 0.5                           # most zeros are gone

# %% [markdown]
# Now with the masks, for five sparsities. As a control, a network from which 90 % were removed at random trains on as long.

# %% tags=["volatile", "experiment"]
def pruned_and_trained(criterion, sparsity):
    models_now = []
    for seed, model in enumerate(networks):
        model, masks = pruned(model, criterion, sparsity)
        trained_on(model, 10 + seed, 4, 0.02, after_step=masks.apply)
        assert abs(sparsity_of(model) - sparsity) < 0.001     # the zeros are still there
        models_now.append(model)
    return models_now

again = np.array([0.5, 0.8, 0.9, 0.95, 0.99])
sparse = {s: pruned_and_trained(pruning.magnitude_scores, s) for s in again}
chance = pruned_and_trained(pruning.random_scores(0), 0.9)
retrained = np.array([np.mean([errors(model) for model in sparse[s]]) for s in again])
at_random = np.mean([errors(model) for model in chance])
before = np.interp(again, sparsities, wrong["the smallest"])
print("removed       ", *(f"{s:6.0%}" for s in again))
print("wrong, pruned ", *(f"{e:6.1f}" for e in before))
print("  trained on  ", *(f"{e:6.1f}" for e in retrained))
print(f"90 % at random, trained on as long: {at_random:.1f}")

# %% tags=["experiment"]
assert retrained[again == 0.9] < untouched.mean() + 12
assert before[again == 0.9] > 3 * retrained[again == 0.9]
assert retrained[again == 0.8] < untouched.mean() + 7
assert at_random > 4 * retrained[again == 0.9]
assert retrained[again == 0.99] > 60

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="trained_on")
# alt: Wrong answers on a log axis. After training on, 80 % sparse networks are as good as before; at 99 % they are not.
ax.axhline(untouched.mean(), color=GREY, lw=1)
ax.text(51, untouched.mean() * 0.93, "before pruning", color=GREY, va="top")
ax.semilogy(100 * again, before, "s-", color=ORANGE, lw=2)
ax.text(83, 62, "pruned", color=ORANGE, ha="right")
ax.semilogy(100 * again, retrained, "o-", color=BLUE, lw=2)
ax.text(92, 10.5, "trained on", color=BLUE, va="top")
ax.plot(90, at_random, "x", color=DARK, ms=8, mew=2)
ax.text(89, at_random, "90 % at random,\nand trained on", color=DARK, ha="right", va="center")
ax.set(title="Four epochs repair what pruning broke", xlabel="% of the weights removed",
       ylabel="wrong of 360 (mean of three)", ylim=(4, 400), yticks=[5, 10, 20, 50, 100, 200], xticks=[50, 60, 70, 80, 90, 99],
       yticklabels=[5, 10, 20, 50, 100, 200])
ax.minorticks_off()

# %% [markdown]
# With nine tenths of the weights gone, the networks are nearly as good as before: on average, fewer than twelve more of 360
# are wrong. The control shows that this is not the work of training alone: after a random choice, equally long training
# leaves more than four times as many wrong answers. And there is a limit. With 1 % of the weights the networks are broken for
# good.
#
# What is left? A row of the first layer is a picture: one weight for each of the 8×8 pixels. Here are twelve neurons of the
# first network, before and after, and the number of neurons that still look at each pixel.

# %% tags=["experiment"]
left = (sparse[0.9][0].fc1.weight.data != 0).sum(axis=0).reshape(8, 8)       # of 300 neurons
border, middle = left[:, [0, 7]].mean(), left[:, 2:6].mean()
assert left.sum() == 1920 and middle > 2 * border
spread = images[:, 0].std(axis=0)                             # of each pixel, over 360 images
assert spread[:, [0, 7]].mean() < spread[:, 2:6].mean() / 3
assert np.corrcoef(left.flat, spread.flat)[0, 1] > 0.6

# %% tags=["remove-input"]
rows = np.argsort(-np.abs(sparse[0.9][0].fc1.weight.data).sum(axis=1))[:12]
fig = plt.figure(num="first_layer", figsize=(6.4, 4.6))
# alt: Twelve neurons as 8×8 pictures, full and then nearly empty. Two maps: the pixels that vary most are used most.
top, low = fig.subfigures(2, 1, height_ratios=(3, 2))
for half_, model, title in zip(top.subfigures(1, 2), (networks[0], sparse[0.9][0]), ("before", "90 % removed, trained on"),
                               strict=True):
    half_.suptitle(title, fontsize=11)
    for ax, row in zip(half_.subplots(3, 4).flat, model.fc1.weight.data[rows], strict=True):
        ax.imshow(np.ma.masked_equal(row.reshape(8, 8), 0), cmap="RdBu", vmin=-0.5, vmax=0.5)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
for ax, picture, title in zip(low.subplots(1, 2), (left, spread), ("neurons that look at it", "how much it varies"),
                              strict=True):
    drawn = ax.imshow(picture, cmap="Blues", vmin=0)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"each pixel: {title}", fontsize=10, loc="center")
    ax.grid(False)
    low.colorbar(drawn, ax=ax)

# %% [markdown]
# White is zero. Nobody told the method where a digit is. Yet the outer columns, which vary less than a third as much, keep
# less than half as many weights as the middle. Training made weights large where the pixels tell something.
#
# ## 4 · Smaller? Faster?
#
# Nine of ten weights are zero now. What did we save?

# %%
full, (zeros, _) = networks[0], pruned(networks[0], pruning.magnitude_scores, 0.9)
before, after = nnlite.summary(full, images[:1]), nnlite.summary(zeros, images[:1])
assert after.nonzero < 0.11 * before.nonzero
for model in (full, zeros):
    assert sum(parameter.data.nbytes for parameter in model.parameters()) == 202_440
assert after.macs == before.macs == 64 * 300 + 300 * 100 + 100 * 10

# %% [markdown]
# Nothing. The arrays have the same shapes, so they take the same 202,440 bytes, and a matrix product multiplies the zeros
# like all other numbers: 50,200 multiply-adds for an image. The stopwatch agrees. We time the second layer's product in
# turns, full and with zeros, and take the shortest time of each.

# %% tags=["volatile"]
def shortest(*calls, rounds=200):
    """The shortest time of each call in seconds; the calls take turns."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    return best

x = np.random.default_rng(0).standard_normal((256, 300)).astype(np.float32)
dense, holes = (model.fc2.weight.data.T.copy() for model in (full, zeros))
seconds = shortest(lambda: nnlite.kernels.matmul(x, dense), lambda: nnlite.kernels.matmul(x, holes))
print(f"all weights: {1e6 * seconds[0]:.0f} µs   nine of ten are zero: {1e6 * seconds[1]:.0f} µs")
assert 1 / 2 < seconds[0] / seconds[1] < 2

# %% [markdown]
# So what are masks good for? They are the first half of something. Zeros take little room once they are **coded**: [lesson
# 08](08_coding.md) makes a file of such a network. And there are products that skip zeros: `CSR` of `nncompress.sparse` stores
# the other weights row by row, each with its column. It has to look up where the next weight is, so it pays only from a high
# sparsity on. Here are 300×784 weights, 92 % of them zero, and one image.

# %% tags=["volatile"]
rng = np.random.default_rng(0)
w = rng.standard_normal((300, 784)).astype(np.float32)
w[rng.random(w.shape) < 0.92] = 0
csr, dense, x = CSR.from_dense(w), np.ascontiguousarray(w.T), rng.standard_normal((1, 784)).astype(np.float32)
seconds = shortest(lambda: nnlite.kernels.matmul(x, dense), lambda: csr.matmul(x))
print(f"dense: {1e6 * seconds[0]:.0f} µs   CSR: {1e6 * seconds[1]:.0f} µs   bytes: {w.nbytes:,} and {csr.nbytes:,}")
assert np.allclose(csr.matmul(x), x @ w.T, atol=1e-4) and seconds[1] < seconds[0]

# %% [markdown]
# For a batch of images the dense product catches up, because it uses each weight that it reads many times:
# `tutorials/sparsity.py` measures from which sparsity on each form pays. `compile` and `quantize` do not choose for you: their
# plans multiply zeros. To make an ordinary network smaller and faster, its arrays have to shrink.
#
# ## 5 · A filter cannot be taken out alone
#
# To shrink an array, remove a whole slice: one **filter** of a convolution, one neuron of a linear layer. Take this network:
#
# * `conv1`, 16 filters, then ReLU and 2×2 max-pooling;
# * `conv2`, 32 filters, ReLU, 2×2 max-pooling, after which 2×2 pixels of each channel are left;
# * flatten, which lays the $`32 \cdot 2 \cdot 2 = 128`$ numbers in a row, channel by channel;
# * `fc1`, 128 inputs and 128 neurons, ReLU, and `fc2`, 10 outputs.
#
# Without filter 5 of `conv2`, its bias 5 is useless, and `fc1` has four inputs less: channel 5 lies at the inputs 20, 21, 22,
# 23. All slices that have to go together are a **dependency group**. In general, where each channel owns $`r`$ neighbours of
# an axis, channel $`c`$ owns
#
# ```math
# c\,r,\; c\,r + 1,\; \ldots,\; c\,r + r - 1
# ```
#
# Let us do it by hand and check it. If filter 5 and its bias are zero, channel 5 is zero after the ReLU, and it adds nothing
# to `fc1`. So the network *with zeros* and the *smaller* network must give the same ten outputs, the **logits**, up to
# rounding.

# %%
def cnn(seed, epochs, width=1.0):
    model = models.cnn(in_channels=1, image_size=8, width=width, seed=seed)
    return trained_on(model, seed, epochs, 0.02)

convolutions = [cnn(seed, epochs=10) for seed in range(3)]
model = convolutions[0]
before_cut = np.array([errors(model) for model in convolutions])

def logits(model):
    return train.logits(model, test_loader)[0]

def without(array, indices, axis):
    return np.delete(array, indices, axis)

with_zeros, by_hand = copy.deepcopy(model), copy.deepcopy(model)
with_zeros.conv2.weight.data[5] = 0
with_zeros.conv2.bias.data[5] = 0

by_hand.conv2.weight.data = without(model.conv2.weight.data, 5, axis=0)
by_hand.conv2.bias.data = without(model.conv2.bias.data, 5, axis=0)
by_hand.fc1.weight.data = without(model.fc1.weight.data, [20, 21, 22, 23], axis=1)
assert by_hand.conv2.weight.shape == (31, 16, 3, 3) and by_hand.fc1.weight.shape == (128, 124)
largest = np.abs(logits(model)).max()
np.testing.assert_allclose(logits(by_hand), logits(with_zeros), atol=1e-5 * largest)

# %% [markdown]
# Now wrong. Somebody removes four inputs of `fc1`, but those with the numbers 5, 6, 7, 8. All shapes fit and nothing
# complains. But from channel 1 on, `fc1` reads numbers that are not meant for its weights:

# %%
careless = copy.deepcopy(by_hand)
careless.fc1.weight.data = without(model.fc1.weight.data, [5, 6, 7, 8], axis=1)
assert np.abs(logits(careless) - logits(with_zeros)).max() > 0.1 * largest

# %% [markdown]
# The library finds the groups by itself. It walks along the network's operations and notes which axis hands its channels to
# which (`compression/nncompress/pruning/groups.py`). In the table, *repeat* is $`r`$:

# %%
groups = pruning.dependency_groups(model, images[:1])
for group in groups:
    print(f"{group.name}, {group.size} channels")
    for name, axis, repeat in group.members:
        print(f"    {name:13} axis {axis}, repeat {repeat}")
assert [(g.name, g.size) for g in groups] == [("conv1", 16), ("conv2", 32), ("fc1", 128)]
assert groups[1].members == (("conv2.weight", 0, 1), ("conv2.bias", 0, 1), ("fc1.weight", 1, 4))

library = copy.deepcopy(model)
pruning.shrink_to(library, groups, {"conv2": [c for c in range(32) if c != 5]})
for ours, theirs in zip(by_hand.parameters(), library.parameters(), strict=True):
    np.testing.assert_array_equal(ours.data, theirs.data)

# %% [markdown]
# The outputs of `fc2` are the ten classes. They are in no group, because nothing may be removed from them.
#
# ## 6 · Shrink, and the stopwatch
#
# Which filters go? The score of a filter is the sum of the scores of its weights, $`\sum |w|`$. `shrink` removes the lowest
# of every group. We remove half of all filters and neurons from three networks, by magnitude and at random, and train on for
# four epochs. And we ask an unpleasant question: how good is a network that was *born* with half as many filters, trained
# from its first step for as many epochs in all?

# %% tags=["volatile", "experiment"]
def shrunk(criterion, fraction=0.5):
    small = [copy.deepcopy(model) for model in convolutions]
    for model in small:
        pruning.shrink(model, images[:1], fraction, criterion)
    cut = np.mean([errors(model) for model in small])
    for seed, model in enumerate(small):
        trained_on(model, 10 + seed, 4, 0.02)
    return small, cut, np.mean([errors(model) for model in small])

small, cut, repaired = shrunk(pruning.magnitude_scores)
_, cut_at_random, repaired_at_random = shrunk(pruning.random_scores(0))
born_small = np.mean([errors(cnn(seed, epochs=14, width=0.5)) for seed in range(3)])
print("wrong of 360, mean of three     cut   trained on")
print(f"half removed by magnitude    {cut:6.1f} {repaired:12.1f}")
print(f"half removed at random       {cut_at_random:6.1f} {repaired_at_random:12.1f}")
print(f"half as many from the start         {born_small:12.1f}")
print(f"whole networks                      {before_cut.mean():12.1f}")

# %% tags=["experiment"]
assert cut_at_random > 2 * cut > 4 * before_cut.mean()
assert repaired < before_cut.mean() + 6 and repaired_at_random < before_cut.mean() + 15
assert abs(repaired - born_small) < 8

was, now = nnlite.summary(convolutions[0], images[:1]), nnlite.summary(small[0], images[:1])
assert was.macs == 16 * 9 * 64 + 32 * 144 * 16 + 128 * 128 + 128 * 10 == 100_608
assert now.macs == 8 * 9 * 64 + 16 * 72 * 16 + 64 * 64 + 64 * 10 == 27_776
assert (was.parameters, now.parameters) == (22_602, 6_058)

# %% [markdown]
# Directly after the cut, a random choice is more than twice as bad as magnitude. After four epochs, both are close to the
# whole network again. And the network that was born small is as good as the shrunk one, within eight images. So on a task as
# easy as this, the criterion for filters hardly matters, and what counts is the *size* that is left (Liu et al. 2019 found
# the same on large networks). A control is the only way to notice.
#
# What was gained is real this time. Half of the filters here and half there make a quarter of a layer: 6,058 parameters are
# left of 22,602, and 27,776 multiply-adds of 100,608. Does the stopwatch see that? To keep the fixed costs of a call out of
# it, we time one layer as above, with half of its inputs and half of its outputs:

# %% tags=["volatile", "experiment"]
wide = np.random.default_rng(1).standard_normal((512, 512)).astype(np.float32)
narrow, x = np.ascontiguousarray(wide[:256, :256]), np.ones((512, 512), np.float32)
x_narrow = np.ascontiguousarray(x[:, :256])
seconds = shortest(lambda: nnlite.kernels.matmul(x, wide),
                   lambda: nnlite.kernels.matmul(x_narrow, narrow))
print(f"512 → 512: {1e6 * seconds[0]:.0f} µs   256 → 256: {1e6 * seconds[1]:.0f} µs")
assert seconds[0] > 1.7 * seconds[1]                          # four times fewer multiply-adds

# %% [markdown]
# ## 7 · Which layer can be spared?
#
# So far each layer lost the same part. Are all equally patient? We prune *one* layer at a time, leave the others whole, and
# do not train on. This is a **sensitivity** scan.

# %% tags=["experiment"]
levels = np.array([0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])

def errors_without(name, sparsity):
    counts = []
    for model in convolutions:
        model = copy.deepcopy(model)
        pruning.magnitude_masks(model, {name: sparsity}).apply()
        counts.append(errors(model))
    return np.mean(counts)

names = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")
scan = {name: np.array([errors_without(name, s) for s in levels]) for name in names}
at_80 = {name: counts[levels == 0.8].item() for name, counts in scan.items()}
at_95 = {name: counts[-1].item() for name, counts in scan.items()}
assert at_80["conv1.weight"] > 1.5 * sorted(at_80.values())[-2]      # most harm by far
assert at_95["fc1.weight"] == min(at_95.values())
assert model.conv1.weight.size == 144 and model.fc1.weight.size == 16_384

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="sensitivity")
# alt: Wrong answers when one layer is pruned: conv1 suffers most, fc1 least.
sizes = {name: parameter.size for name, parameter in model.named_parameters()}
for (name, counts), colour in zip(scan.items(), (ORANGE, GREY, BLUE, DARK), strict=True):
    ax.plot(100 * levels, counts, "o-", color=colour, lw=2, ms=4)
    ax.text(96.5, counts[-1], f"{name.split('.')[0]} ({sizes[name]:,})", color=colour, va="center")
ax.set(title="The first layer is small and sensitive", xlabel="% of this layer's weights removed (all others are whole)",
       ylabel="wrong of 360 (mean of three)", xlim=(28, 118), xticks=[30, 50, 70, 80, 90, 95]);

# %% [markdown]
# The first convolution has 144 weights, and everything else depends on them: with four fifths of them gone it does by far the
# most harm. The large `fc1` has 16,384 weights, and at 95 % it suffers least. So give the layers different sparsities:
# `magnitude_masks(model, {"fc1.weight": 0.9, "conv2.weight": 0.7})` prunes the layers that it names and leaves the others. A
# small layer is not worth pruning: nothing of size is in it.

# %% [markdown]
# ## 8 · What else a criterion may know
#
# Magnitude looks at the weight alone. Data know more. Whatever a criterion wants to know about a weight beside its value is
# called **evidence** here; `pruning.collect(model, loader, what=[…])` gathers it once. A question first: by how much does the
# loss $`L`$ grow if one weight becomes zero? Its Taylor series, with the gradient $`g`$ and the curvature $`h`$ of that
# weight, answers
#
# ```math
# L(0) - L(w) \approx -g\,w + \tfrac{1}{2}\,h\,w^2
# ```
#
# Another question: by how much does the *output of its layer* change? If $`x_i`$ is the weight's input, by $`w\,x_i`$. Here
# are the criteria that come out of these questions, and what each of them needs:
#
# | criterion | score of a weight | evidence |
# |---|---|---|
# | magnitude | $`\vert w \vert`$ | none |
# | Taylor | $`\vert g\,w \vert`$ | the mean gradient |
# | Fisher | $`F w^2 / 2`$, $`F`$ the mean of $`g_n^2`$ | the gradient of each image $`n`$ |
# | Optimal Brain Damage | $`h\,w^2 / 2`$ | a backward pass for each image and each output |
# | Wanda | $`\vert w \vert \cdot \Vert x_i \Vert`$ | the norms of the inputs |
#
# (SNIP is Taylor at the *initial* weights, before any training; movement sums $`-g\,w`$ over the steps of a training.)
#
# First a check of the series where it is exact. A quadratic loss has no third derivative, and in its minimum $`g = 0`$. So
# OBD's score must be the true growth, for each weight by itself:

# %%
rng = np.random.default_rng(0)
x, w = rng.standard_normal((50, 4)), np.array([[1.0, -2.0, 0.5, 3.0]])
layer = nn.Linear(4, 1, bias=False, rng=0)
layer.weight.data = w.copy()
exact = [(x, x @ w.T)]                                        # the loss is 0: a minimum
evidence = pruning.collect(layer, exact, F.mse_loss, ["curvature"])["weight"]
growth = [np.mean((x[:, i] * w[0, i]) ** 2) for i in range(4)]         # without weight i
np.testing.assert_allclose(pruning.obd_scores(w, evidence)[0], growth, rtol=1e-6)

# %% [markdown]
# Now the three networks of section 2. Nine of ten weights go, and we train on for four epochs. The first four criteria
# predict a change of the loss, so weights of different layers can be compared: `scope="global"`. Wanda predicts a change of
# its layer's output, so it stays inside the layer.

# %% tags=["volatile", "experiment"]
loader = data.DataLoader(digits, batch_size=64, transform=prepare)
batches = list(loader)
cheap = [pruning.collect(model, batches, what=["gradient", "input_norm"]) for model in networks]
single = [pruning.collect(model, batches[:4], what=["fisher"]) for model in networks]
costly = [pruning.collect(model, batches[:1], what=["curvature"]) for model in networks]

def both(criterion, evidence, scope):
    """Wrong answers of the three networks, pruned and trained on (2, 3)."""
    counts = []
    for seed, model in enumerate(networks):
        model = copy.deepcopy(model)
        masks = pruning.criterion_masks(model, criterion, 0.9, evidence[seed], scope)
        masks.apply()
        counts.append([errors(model)])
        trained_on(model, 10 + seed, 4, 0.02, after_step=masks.apply)
        counts[-1].append(errors(model))
    return np.array(counts).T

compared = {"chance": both(pruning.random_scores(0), cheap, "global"),
            "magnitude": both(pruning.magnitude_scores, cheap, "global"),
            "Taylor": both(pruning.taylor_scores, cheap, "global"),
            "Fisher": both(pruning.fisher_scores, single, "global"),
            "OBD": both(pruning.obd_scores, costly, "global"),
            "Wanda": both(pruning.wanda_scores, cheap, "layer")}
print("wrong of 360, mean of three   pruned   trained on")
for name, (cut, after) in compared.items():
    print(f"{name:28} {cut.mean():7.1f} {after.mean():12.1f}")

# %% tags=["experiment"]
mean = {name: counts.mean(axis=1) for name, counts in compared.items()}
assert all(mean["chance"][1] > 4 * mean[name][1] for name in mean if name != "chance")
assert all(mean[name][1] < untouched.mean() + 20 for name in mean if name != "chance")
assert all(mean[name][1] > mean["magnitude"][1] - 5 for name in mean)      # none is much better
assert all(mean[name][0] > 1.5 * mean["magnitude"][0] for name in ("Taylor", "Fisher", "OBD"))

# %% tags=["remove-input", "experiment"]
fig, ax = plt.subplots(num="criteria", figsize=(6.4, 3.4))
# alt: Wrong answers by criterion, pruned and trained on. Pruned, magnitude is best; trained on, all but chance are close.
for row, (cut, after) in enumerate(reversed(compared.values())):
    ax.plot([after.mean(), cut.mean()], [row, row], color=GREY, lw=1, zorder=1)
    ax.plot(cut, [row] * 3, "s", color=ORANGE, ms=6, alpha=0.7)
    ax.plot(after, [row] * 3, "o", color=BLUE, ms=6, alpha=0.7)
ax.axvline(untouched.mean(), color=DARK, lw=1, ls=":")
ax.text(untouched.mean() * 0.97, 5.45, "before", color=DARK, ha="right", va="center", fontsize=10)
ax.text(np.mean(compared["magnitude"][0]), 4.3, "pruned", color=ORANGE, ha="center", fontsize=10)
ax.text(np.mean(compared["magnitude"][1]), 4.3, "trained on", color=BLUE, ha="center", fontsize=10)
ax.set(title="Trained on, every criterion beats chance", xlabel="wrong of 360 (three networks, 90 % removed)", xscale="log",
       yticks=range(6), yticklabels=list(reversed(compared)), ylim=(-0.5, 5.8), xlim=(4, 400), xticks=[5, 10, 20, 50, 100, 200],
       xticklabels=[5, 10, 20, 50, 100, 200])
ax.minorticks_off()

# %% [markdown]
# Two surprises. After training on, all five are far better than chance, and none is much better than magnitude. And before
# it, the three that know the loss are worse than plain magnitude, by more than half. Why? The series holds for *small*
# changes of *one* weight. On the images that it was trained on, a trained network is nearly perfect: gradients and curvatures
# are tiny there. Nine tenths of the weights are a large change. Look at what OBD predicts for the removed weights together,
# and at what the loss does:

# %% tags=["experiment"]
def predicted_and_true(model, evidence, sparsity):
    model = copy.deepcopy(model)
    masks = pruning.criterion_masks(model, pruning.obd_scores, sparsity, evidence, "global")
    weights = pruning.prunable_weights(model)
    predicted = sum(pruning.obd_scores(w, evidence[name])[~masks[name]].sum()
                    for name, w in weights.items())
    before = train.evaluate(model, loader)["loss"]
    masks.apply()
    return predicted, train.evaluate(model, loader)["loss"] - before

for model, evidence in zip(networks, costly, strict=True):
    predicted, true = predicted_and_true(model, evidence, 0.9)
    assert 0 < predicted < true / 10
    assert predicted_and_true(model, evidence, 0.3)[1] < 0.01     # 30 %: the loss hardly changes

# %% [markdown]
# OBD sets a weight to zero and leaves all others as they are. But the others could make up for it. If two inputs of a neuron
# are nearly equal, the weight of one can take over the other's work. **Optimal Brain Surgeon** asks for the change of *all*
# weights, $`\delta w`$, that removes weight $`q`$ and costs least. With the matrix $`H`$ of second derivatives, it is
#
# ```math
# \delta w = -\frac{w_q}{[H^{-1}]_{qq}}\, H^{-1} e_q, \qquad \Delta L = \frac{w_q^2}{2\,[H^{-1}]_{qq}}
# ```
#
# For the output of one neuron, $`H`$ is simply the mean of $`x x^\mathsf{T}`$ over its inputs, the same for all neurons of a
# layer. Two weights by hand, whose inputs are related:

# %%
H = np.array([[2.0, 1.0], [1.0, 1.0]])
w = np.array([1.0, 3.0])
inverse = np.linalg.inv(H)                                    # [[1, −1], [−1, 2]]
change = -w[0] / inverse[0, 0] * inverse[:, 0]
np.testing.assert_allclose(w + change, [0, 4])                # weight 0 goes, and the other grows
np.testing.assert_allclose(change, pruning.compensation(w, pruning.damped_inverse(H, 0), 0))
cost = change @ H @ change / 2
np.testing.assert_allclose(cost, pruning.saliencies(w, inverse)[0])
assert cost < np.array([-1, 0]) @ H @ np.array([-1, 0]) / 2   # cheaper than w₀ = 0 alone

# %% [markdown]
# `surgeon_masks` does this in each layer, weight by weight (`compression/nncompress/pruning/layerwise.py`). It takes seconds
# where the others take none, so one network has to do. Without any training, 90 % of its weights go:

# %% tags=["volatile", "experiment"]
operated = copy.deepcopy(networks[0])
moments = pruning.collect(operated, batches[:8], what=["input_moments"])
masks = pruning.surgeon_masks(operated, 0.9, moments, damping=1e-3)
assert abs(sparsity_of(operated) - 0.9) < 0.001
print("wrong of 360, not trained on:", errors(operated), "  by magnitude:",
      errors(pruned(networks[0], pruning.magnitude_scores, 0.9)[0]))

# %% tags=["experiment"]
assert errors(operated) < 0.7 * errors(pruned(networks[0], pruning.magnitude_scores, 0.9)[0])

# %% [markdown]
# That is less than seven tenths of the errors. And it needs images only: nothing looked at the labels.
#
# **A pattern for machines.** Free positions are expensive: where a weight lies has to be stored and looked up. Some
# processors want exactly two of every four neighbours of a row instead: **2:4**. Then a position takes two bits, and every
# row has the same number of weights. What does the pattern cost, next to a free choice of as many weights?

# %% tags=["volatile"]
w = np.array([[4.0, -1.0, 3.0, 2.0, -5.0, 6.0, 7.0, -8.0]])
by_hand = [[1, 0, 1, 0, 0, 0, 1, 1]]
assert pruning.keep_n_of_m(np.abs(w), 2, 4).tolist() == np.bool_(by_hand).tolist()

def errors_with(make_masks):
    small = [copy.deepcopy(model) for model in networks]
    for model in small:
        make_masks(model).apply()
    return np.mean([errors(model) for model in small])

free = errors_with(lambda model: pruning.magnitude_masks(model, 0.5))
two_of_four = errors_with(lambda model: pruning.pattern_masks(model, 2, 4))
print(f"half of the weights, wrong of 360: free choice {free:.1f}, two of four {two_of_four:.1f}")
assert abs(two_of_four - free) < 8

# %% [markdown]
# ## 9 · The rest of the shelf
#
# Score, remove, train on: this recipe has four parts, and for each part the library has more than we have tried. **When** do
# weights go? **Who** decides? **What** goes? **How much** does each layer lose? Every method below is one short file in
# `compression/nncompress/pruning`, with its formula, its source and a test. Here each formula meets a few numbers.
#
# **When.** Weights can go at once, in rounds, or a few at every step:
#
# | method | what happens | file |
# |---|---|---|
# | rounds | remove a fifth of what is left, train, and again | `rounds.py` |
# | gradual | the sparsity rises as $`s_t = s_f + (s_i - s_f)\,(1 - t/T)^3`$: fast at first, then slowly | `schedule.py` |
# | lottery ticket | after each round, what is left goes back to its *first* values | `lottery.py` |
# | dense, sparse, dense | prune, train, then let all weights return from 0 | `dense_again.py` |
# | RigL | sparse from the start; the smallest weights go, and as many with the largest gradients return | `regrowth.py` |
# | surgery | removed weights keep learning out of sight; one that becomes large returns | `surgery.py` |
#
# A ticket needs a control: the same masks on *other* first values. [The page about lottery tickets](papers/lottery.md) has both
# curves.

# %% tags=["experiment"]
masks, left = pruning.Masks(networks[0], {}), []
for _ in range(3):
    masks = pruning.prune_remaining(masks, 0.2)               # 20 % of each layer's remaining weights
    left.append(masks.count)
assert left == [40_160, 32_128, 25_702] and round(0.8**3 * 50_200) == 25_702

gradual = [pruning.agp_sparsity(t, start=0, steps=100, final=0.8) for t in (0, 50, 100)]
np.testing.assert_allclose(gradual, [0, 0.7, 0.8])            # half of the time, seven eighths of the way

w, g = np.array([5.0, 0.1, 0, 0]), np.array([0, 0, 1.0, -2.0])
kept = np.array([True, True, False, False])
assert pruning.regrown_mask(w, g, kept, 0.5).tolist() == [True, False, False, True]    # 0.1 goes, −2 calls

latent = np.array([0.1, 0.5, -0.5, 2.0])                      # below 0.4 goes, from 0.6 on returns, between stays as it is
assert pruning.surgery_mask(latent, kept, 0.4, 0.6).tolist() == [False, True, False, True]

# %% [markdown]
# **Who.** A threshold can be drawn in other ways than by counting: `std_masks` keeps $`|w| \ge q\,\text{std}(w)`$, as Han did,
# and `threshold_masks` keeps $`|w| \ge t \max |w|`$, as the second article means it. Other criteria ask other questions, and
# two methods leave the decision to training. They replace each weight, or each gate, by a random one, and training learns
# which of them may be mostly noise:
#
# | method, file | a weight or filter goes if … |
# |---|---|
# | SNIP, `criteria/snip.py` | its share of $`\sum \vert g\,w \vert`$ is small, before any training |
# | movement, `criteria/movement.py` | training moves it towards 0: $`-\sum_t g_t w_t`$ is small |
# | geometric median, `criteria/geometric_median.py` | $`\sum_j \Vert w_i - w_j \Vert`$ is small: it lies amid the others |
# | loss per bit, `criteria/bits.py` | $`t^2 h`$ by the bits of its place is small ([lesson 17](17_smallest_network.md)) |
# | variational dropout, `variational.py` | its noise $`\sigma^2`$ is $`e^3 \approx 20`$ times its square $`\theta^2`$ |
# | L0 gates, `l0.py` | its gate is closed: an open one costs what its weights cost |
#
# A gate is open with the probability $`\text{sigmoid}(\log \alpha - \tfrac23 \ln \tfrac{0.1}{1.1})`$, and training moves
# $`\log \alpha`$.

# %% tags=["experiment"]
Evidence = pruning.Evidence
weights = {"a": np.array([1.0, -2.0]), "b": np.array([3.0])}
slopes = {"a": Evidence(gradient=np.array([1.0, 0.5])), "b": Evidence(gradient=np.array([-2.0]))}
share = pruning.snip_scores(weights, slopes)                  # |g w| is 1, 1 and 6
assert [share(weights[name], slopes[name]).tolist() for name in "ab"] == [[0.125, 0.125], [0.75]]

filters = np.array([[0.0], [3.0], [4.0]])                     # 3 lies in the middle, so 3 goes, though 0 is smaller
assert pruning.geometric_median_scores(filters).ravel().tolist() == [7, 4, 5]

theta, sigma2 = np.array([1.0, 0.1]), np.array([1.0, 1.0])    # the same noise on a large weight and on a small one
goes = pruning.log_alpha(theta, np.log(sigma2)).data >= 3
assert goes.tolist() == [False, True]                         # σ²/θ² is 1 and 100

u, closed = np.array([0.1, 0.5, 0.9]), -5.0                   # three random draws of a gate that training has closed
assert pruning.hard_concrete(np.full(3, closed), u).data.tolist() == [0, 0, 0]
assert pruning.open_probability(np.array(closed)).item() < 0.04 < 0.8 < pruning.open_probability(np.array(0.0)).item()

# %% [markdown]
# **What.** `criterion_masks(…, biases=True)` takes biases along. `slice_masks` empties rows and columns: a column of the first
# layer is a pixel. `dead_input_masks` finds inputs that are always 0. BatchNorm's scale $`\gamma`$ says how much of a channel
# goes on, and *network slimming* pulls every $`\gamma`$ a little towards 0 in each step, $`\gamma \leftarrow
# \text{sign}(\gamma) \max(|\gamma| - a, 0)`$, until some channels are off (`slimming.py`). *ThiNet* takes the channels that
# the *next* layer misses least, and fits its weights to those that are left (`thinet.py`). Whole blocks can go, too ([lesson
# 11](11_errata.md), `blocks.py`). In a convolution with groups, whole groups go: a group without one of its channels would
# leave a weight that is not an array any more.
#
# And a matrix need not lose weights to lose numbers. Of the 100×300 weights $`W`$ of `fc2`, keep the largest 20 of 100
# **singular values**: $`W \approx A\,B`$ with $`A`$ 100×20 and $`B`$ 20×300. That is 8,000 numbers instead of 30,000, and no
# matrix of **rank** 20 lies nearer. For convolutions there are `spatial_conv` (k×1, then 1×k) and `tucker_conv` (1×1, k×k,
# 1×1). `factorize` puts them in, and `ranks_for_energy` and `ranks_for_budget` choose the ranks: all in
# `compression/nncompress/lowrank`.

# %% tags=["experiment"]
from nncompress import lowrank

pixels = pruning.slice_masks(networks[0], {"fc1.weight": 0.3}, axis=1)["fc1.weight"]
assert (~pixels.any(axis=0)).sum() == round(0.3 * 64)

norm = nn.BatchNorm1d(2)
norm.weight.data = np.float32([0.5, -0.05])
pruning.shrink_scales(norm, 0.1)
np.testing.assert_allclose(norm.weight.data, [0.4, 0], rtol=1e-6)      # the second channel is off

grouped = nn.Sequential(nn.Conv2d(1, 8, 3, rng=0), nn.Conv2d(8, 12, 3, groups=4, rng=1), nn.Flatten(),
                        nn.Linear(192, 10, rng=2))
pruning.shrink(grouped, images[:1], 0.5)                      # two of the four groups: 2 filters, 3 outputs each
assert grouped[0].out_channels == 4 and (grouped[1].groups, grouped[1].out_channels) == (2, 6)

W = networks[0].fc2.weight.data
A, B = lowrank.svd_factors(W, 20)
singular = np.linalg.svd(W, compute_uv=False)
np.testing.assert_allclose(np.square(W - A @ B).sum(), np.square(singular[20:]).sum(), rtol=1e-3)
thin = lowrank.svd_linear(networks[0].fc2, 20)
assert (thin.reduce.weight.size, thin.expand.weight.size, W.size) == (6000, 2000, 30_000)

# %% [markdown]
# **How much.** `sensitivity` is the scan of section 7. `sparsities_for_budget` turns its curves into one sparsity for each
# layer: every layer may cost the *same* drop $`\delta`$, and $`\delta`$ is the smallest whose sparsities fit a budget of
# weights, multiply-adds or bytes (`layer_costs`). Two layers of 100 weights by hand: $`a`$ falls quickly, $`b`$ slowly.

# %% tags=["experiment"]
curves = pruning.Curves(np.array([0.5, 0.9]), {"a": np.array([0.98, 0.90]), "b": np.array([0.99, 0.97])}, dense=0.99)
found = pruning.sparsities_for_budget(curves, {"a": 1.0, "b": 1.0}, {"a": 100, "b": 100}, 80)
np.testing.assert_allclose([found["a"], found["b"]], [0.5, 0.7], atol=0.006)  # both cost 0.01; 50 + 30 weights are left

# %% [markdown]
# ## 10 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write `keep_highest` without the search of section 1. (A hole of assignment `hw06_pruning`. The criteria and the
# surgeon of section 8 are holes of `hw11_criteria`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_keep_highest(scores, sparsity):
    raise NotImplementedError

def test_keep_highest(f):
    assert f(np.array([0.3, 0.1, 0.2, 0.1]), 0.25).tolist() == [True, False, True, True]
    for sparsity in (0.0, 0.33, 0.5, 1.0):
        np.testing.assert_array_equal(f(scores, sparsity), slow_keep_highest(scores, sparsity))

test_keep_highest(pruning.keep_highest)                       # the library's passes
attempt(test_keep_highest, my_keep_highest)

# %% [markdown]
# **2.** Prune in steps: to 50 %, 75 %, 90 %, … with an epoch of training after each. A weight that is zero has the smallest
# magnitude, so it stays removed: each mask lies inside the one before. Return the sparse model and the list of masks. (Look
# at `agp_sparsity` for a schedule with many small steps.)

# %%
def prune_in_steps(model, steps):
    """Prune a copy of the model to each sparsity, then train it for an epoch -> model, [masks]"""
    raise NotImplementedError

def test_prune_in_steps(f):
    model, masks = f(networks[1], [0.5, 0.75, 0.9])
    assert len(masks) == 3 and abs(sparsity_of(model) - 0.9) < 0.001
    assert errors(model) < errors(pruned(networks[1], pruning.magnitude_scores, 0.9)[0]) / 2
    for name, last in masks[2].items():
        assert not (last & ~masks[1][name]).any() and not (masks[1][name] & ~masks[0][name]).any()

attempt(test_prune_in_steps, prune_in_steps)

# %% [markdown]
# **3.** A removed neuron takes its mean value with it. That part can be kept: add $`w_{oj} \cdot \text{mean}(h_j)`$ to the
# bias of each output $`o`$ of the next layer. Remove the 200 weakest of the 300 neurons of `fc1` and repair `fc2.bias`. The
# distance of the logits from the whole network's has to fall by a tenth, without any training.

# %%
def remove_and_repair(model, keep):
    """A copy of the model with only these neurons of fc1, and with their mean values in fc2.bias.

    keep: indices. The means are taken over `images` (360, 1, 8, 8) -> model
    """
    raise NotImplementedError

def test_remove_and_repair(f):
    model = networks[0]
    keep = np.sort(np.argsort(np.abs(model.fc1.weight.data).sum(axis=1))[200:])
    plain, repaired = copy.deepcopy(model), f(model, keep)
    pruning.shrink_to(plain, pruning.dependency_groups(model, images[:1]), {"fc1": keep})
    assert repaired.fc1.weight.shape == (100, 64)
    np.testing.assert_array_equal(repaired.fc2.weight.data, plain.fc2.weight.data)
    distance = [np.sqrt(np.mean((logits(m) - logits(model)) ** 2)) for m in (repaired, plain)]
    assert distance[0] < 0.9 * distance[1]

attempt(test_remove_and_repair, remove_and_repair)

# %% [markdown]
# ## What to keep
#
# * Of single weights, the small ones matter least. Compare with chance before you believe a criterion.
# * Apply the masks after every step of further training. Else the zeros come back.
# * Zeros in an array save neither bytes nor time. They pay after coding, or in products that skip them.
# * To save bytes and time directly, remove filters or neurons with all slices that depend on them.
# * What a criterion knows about the loss holds for small changes. After much pruning and some training, magnitude is as good.
#   Where nobody can train on, let the other weights make up for the removed ones.
# * A small first layer is sensitive, a large layer is patient. Scan before you choose sparsities.
#
# Sources: Han et al. 2015, [arXiv 1506.02626](https://arxiv.org/abs/1506.02626), §3; Li et al. 2017, [arXiv
# 1608.08710](https://arxiv.org/abs/1608.08710), §3.1; Liu et al. 2019, [arXiv 1810.05270](https://arxiv.org/abs/1810.05270),
# §4; Zhu & Gupta 2017, [arXiv 1710.01878](https://arxiv.org/abs/1710.01878), eq. 1. Criteria: Molchanov et al. 2017, [arXiv
# 1611.06440](https://arxiv.org/abs/1611.06440), eq. 7; Theis et al. 2018, [arXiv
# 1801.05787](https://arxiv.org/abs/1801.05787), eq. 8; LeCun, Denker, Solla 1990, *Optimal Brain Damage*; Sun et al. 2023,
# [arXiv 2306.11695](https://arxiv.org/abs/2306.11695), eq. 1; Hassibi & Stork 1993, *Optimal Brain Surgeon*; layer by layer,
# Dong et al. 2017, [arXiv 1705.07565](https://arxiv.org/abs/1705.07565); Mishra et al. 2021, [arXiv
# 2104.08378](https://arxiv.org/abs/2104.08378). Next: [06](06_quantization.md), the weights that are left as small integers.
