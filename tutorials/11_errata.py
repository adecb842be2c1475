# %% [markdown]
# # What the articles say, and what happens
#
# This project began with two short articles about making networks smaller and reusing what they have learned. Their ideas are
# sound, and people use all of them. But **what does each formula do if we run it exactly as it is printed?** In this lesson
# you run every one, beside the form that people use, and look at the difference. You will meet a pruning that removes
# nothing, a quantization without integers small enough, and a loss that falls for ever.
#
# A formula is named by its article and its number: A1 to A11 are the first article's, B1 to B6 the second's. The page
# [articles](articles.md) has the code of both. The lesson takes about 25 minutes. You have read [pruning](05_pruning.md),
# [quantization](06_quantization.md) and [distillation](09_distillation.md), or are willing to believe a few words about each.

# %%
import matplotlib.pyplot as plt
import numpy as np

import nnlite
from nnlite import data, models, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# We need one trained network and its weights: the articles' small CNN, on the bundled 8×8 digits.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)
model = models.cnn(in_channels=1, image_size=8, seed=0)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.02, momentum=0.9), epochs=10, progress=False)
trained = model.state_dict()

def errors(change=lambda w: w):
    """Wrong answers of 360 with change(w) in place of every weight array w."""
    model.load_state_dict({name: np.float32(change(w)) if name.endswith("weight") else w
                           for name, w in trained.items()})
    wrong = train.evaluate(model, test_loader)["errors"]
    model.load_state_dict(trained)
    return wrong

w = trained["fc1.weight"]
print(f"wrong of 360: {errors()}; fc1 has {w.size:,} weights from {w.min():.2f} to {w.max():.2f}")
assert errors() < 30 and w.size == 16_384

# %% [markdown]
# ## B1 · A pruning that removes nothing
#
# Pruning means to remove weights that matter little. The second article scales the weights to a range from 0 to 1, says that
# those under a threshold are deleted, and prints
#
# ```math
# W_\text{new} = W_\text{old} - W_\text{old} \times \text{threshold}
# ```
#
# Read it once more: the right side is $`W_\text{old}\,(1 - \text{threshold})`$. Every weight is multiplied by the same
# number. Which one would be deleted?

# %%
def printed_b1(w, threshold):
    return w - w * threshold

def accepted_b1(w, threshold):
    return np.where(np.abs(w) / np.abs(w).max() >= threshold, w, 0)

printed, accepted = printed_b1(w, 0.25), accepted_b1(w, 0.25)
print(f"zeros among {w.size:,} weights: {np.sum(printed == 0)} as printed, {np.sum(accepted == 0):,} as described")
np.testing.assert_allclose(printed, 0.75 * w, rtol=1e-6)
assert np.sum(printed == 0) == np.sum(w == 0) and np.mean(accepted == 0) > 0.3

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="pruned")
# alt: Weight after against weight before. As printed, a line that is less steep. As described, the diagonal with a gap at zero.
order = np.linspace(-1, 1, 801)
ax.axhline(0, color=GREY, lw=0.8)
ax.plot(order, printed_b1(order, 0.25), color=ORANGE, lw=2)
ax.plot(order, np.where(np.abs(order) >= 0.25, order, np.nan), color=BLUE, lw=2)
ax.plot([-0.25, 0.25], [0, 0], color=BLUE, lw=2)
ax.text(0.62, 0.33, "as printed", color=ORANGE)
ax.text(0.3, 0.85, "as described", color=BLUE)
ax.set(title="The printed formula makes every weight smaller, none zero",
       xlabel="weight before (1 = the largest)", ylabel="weight after");

# %% [markdown]
# As printed, the method shrinks all weights by a quarter and deletes none. The accepted form compares each weight with the
# threshold and keeps or removes it: $`W_\text{new} = W_\text{old} \odot 1[\,|W_\text{old}| / \max|W_\text{old}| \ge
# \text{threshold}\,]`$. The library has both, under names that say which is which, in `compression/nncompress/articles.py`.

# %%
from nncompress.articles import shrink_by_threshold, split_weights, threshold_mask

np.testing.assert_array_equal(shrink_by_threshold(w, 0.25), printed)
np.testing.assert_array_equal(w * threshold_mask(w, 0.25), accepted)

# %% [markdown]
# ## A2 · A rule that is not there
#
# The first article prunes in four steps: choose a fraction of the weights at random, take their mean and variance, decide
# *from these* which stay, and write the kept ones into a new model. Its formula is $`W_\text{pruned} = W_\text{original} -
# W_\text{removed}`$.
#
# The formula is right, and says little: it holds for every method. Two things make it exact. No place may be non-zero in both
# parts, and together they give the original.

# %%
kept, removed = split_weights(w, threshold_mask(w, 0.25))
assert not np.any((kept != 0) & (removed != 0))
np.testing.assert_array_equal(kept + removed, w)

# %% [markdown]
# The text has the gap: it never says *how* mean and variance decide. Two readings are possible, and they do opposite things.
# Keep what lies near the mean, or keep what lies far from it? We try both on half of the weights of every layer, chosen at
# random.

# %% tags=["volatile"]
from nncompress.articles import prune_by_statistics


def far_stays(v, mean, variance):
    return (v - mean) ** 2 > variance

def near_stays(v, mean, variance):
    return (v - mean) ** 2 <= variance

wrong_far = [errors(lambda w: prune_by_statistics(w, 0.5, far_stays, rng)) for rng in range(3)]
wrong_near = [errors(lambda w: prune_by_statistics(w, 0.5, near_stays, rng)) for rng in range(3)]
def share(decide):
    return np.mean(prune_by_statistics(w, 0.5, decide, 0) == 0)

print(f"far stays:  {share(far_stays):.0%} of fc1 removed, wrong of 360: {wrong_far}")
print(f"near stays: {share(near_stays):.0%} of fc1 removed, wrong of 360: {wrong_near}")
assert share(far_stays) > share(near_stays) and sum(wrong_far) < sum(wrong_near)

# %% [markdown]
# Keeping what is far from the mean removes *more* weights and does *less* harm, because small weights carry little. Then why
# choose at random first? A large weight that was chosen may go while a tiny one that was not chosen stays. The accepted
# method, magnitude pruning, drops the lottery: of all weights, the smallest go. (A5, the first article's code, does so: 50 %
# by magnitude. It then prints the number of entries of the arrays, which pruning does not change. What it means is the number
# that are not 0.)

# %%
from nncompress import pruning
from nncompress.articles import count_weights

masks = pruning.magnitude_masks(model, 0.5)
before = count_weights(model)
pruned = {name: array * masks[name] if name in masks else array for name, array in trained.items()}
model.load_state_dict(pruned)
assert count_weights(model) == before
assert sum(np.count_nonzero(array) for array in pruned.values()) < 0.55 * before
model.load_state_dict(trained)

# %% [markdown]
# ## A3, B2, A6 · A scale that is called a number of bits
#
# Both articles quantize by $`W_q = \text{round}(W \times Q)`$ and suggest $`Q = 2, 4, 8`$, as if Q counted bits. What does
# $`Q = 8`$ leave of our weights?

# %%
from nncompress.quantization import affine

levels = np.unique(np.round(w * 8))
print(f"Q = 8 leaves {len(levels)} integers: {levels.astype(int).tolist()}")
assert len(levels) < 2**8 / 8

S = affine.symmetric_scale(w, 8)
assert len(np.unique(affine.quantize_affine(w, S, 0, -127, 127, np.int8))) > 100

# %% [markdown]
# Q is one divided by the *step*: with $`S = 1/Q`$ and zero point 0, the formula is affine quantization without its clamp, and
# its error is at most $`1/(2Q)`$. With 8 bits one would choose the step so that the largest weight becomes 127. And without
# the clamp a large number does not fit into the type at all:

# %%
error = np.abs(w - np.round(w * 8) / 8)
assert error.max() <= 1 / (2 * 8)
assert np.round(20.0 * 8) == 160 > np.iinfo(np.int8).max
assert affine.quantize_affine(np.array([20.0]), 1 / 8, 0, -127, 127, np.int8) == 127

# %% [markdown]
# In the picture, our 16,384 weights of one layer meet both rules. (A6: the code calls `torch.nn.utils.quantize_weight`, which
# PyTorch has never had.)

# %% tags=["remove-input"]
fig, axes = plt.subplots(2, 1, num="levels", sharex=True, figsize=(6.4, 4.2))
# alt: Above, all weights fall on a handful of values. Below, with a step for 8 bits, the values follow the bell of the weights.
for ax, values, colour, title in ((axes[0], np.round(w * 8) / 8, ORANGE, f"Q = 8, as printed: {len(levels)} values"),
                                  (axes[1], affine.dequantize(affine.quantize_affine(w, S, 0, -127, 127, np.int8), S, 0), BLUE,
                                   "8 bits, step max |w| / 127")):
    at, count = np.unique(values, return_counts=True)
    ax.vlines(at, 0.5, count, color=colour, lw=1.5)
    ax.set(title=title, yscale="log", ylabel="weights", ylim=(0.5, 2 * count.max()))
axes[1].set_xlabel("weight after quantization");

# %% [markdown]
# ## A4 · A distillation without a teacher
#
# *Distillation* trains a small network, the student, with the outputs of a large one, the teacher. The first article prints
#
# ```math
# L = -\frac{1}{N} \sum_i \left[\, y_i \ln \hat y_i + (1 - y_i) \ln(1 - \hat y_i) \,\right]
# ```
#
# where $`y_i`$ is the true label and $`\hat y_i`$ the *student's* output. Look for the teacher: nothing in the formula is
# his. It is binary cross-entropy, an ordinary training loss. So a good teacher and a bad one give the same gradient:

# %%
from nntransfer import distillation_loss
from nntransfer.articles import log_loss

four_labels = np.array([0, 2, 1, 2])
z_s = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
good, bad = 4 * np.eye(3, dtype=np.float32)[four_labels], 4 * np.eye(3, dtype=np.float32)[(four_labels + 1) % 3]

def gradient(loss):
    z = nnlite.Tensor(z_s, requires_grad=True)
    loss(z).backward()
    return z.grad

one_hot = np.eye(3, dtype=np.float32)[four_labels]
as_printed = [gradient(lambda z: log_loss(F.softmax(z, 1), one_hot)) for teacher in (good, bad)]
as_accepted = [gradient(lambda z: distillation_loss(z, teacher, four_labels, temperature=2.0, alpha=0.5))
               for teacher in (good, bad)]
np.testing.assert_array_equal(as_printed[0], as_printed[1])
assert np.abs(as_accepted[0] - as_accepted[1]).max() > 0.1

# %% [markdown]
# The accepted form has two parts. One compares with the labels, one with the teacher's probabilities, softened by a
# temperature T:
#
# ```math
# L = (1 - \alpha)\,\text{CE}\big(y, \text{softmax}(z_s)\big)
#     + \alpha\, T^2\, \text{KL}\big(\text{softmax}(z_t / T) \,\|\, \text{softmax}(z_s / T)\big)
# ```
#
# ## A8 · A loss that falls for ever
#
# The first article's *code* does have a teacher: `criterion(outputs, log_softmax(teacher))`, a cross-entropy whose target is
# a log-probability. A target has to be a probability, from 0 to 1. A log-probability is *negative*. So the student's loss is
#
# ```math
# L = -\sum_c \underbrace{\ln p_{t,c}}_{\le 0}\; \underbrace{\ln p_{s,c}}_{\le 0} \;\le\; 0
# ```
#
# and nothing stops it from below: as soon as any $`p_{s,c}`$ goes to 0, it goes to $`-\infty`$. Let us descend and see. One
# image, three classes, the teacher is fairly sure of class 0. One student starts undecided, another starts with a wrong
# belief, in class 1.

# %%
from nntransfer.articles import cross_entropy_with_log_probabilities

z_t = np.array([[2.0, 0.0, 0.0]], np.float32)
undecided, mistaken = np.zeros((1, 3), np.float32), np.array([[0.0, 4.0, 0.0]], np.float32)

def descend(loss, start, steps=400, lr=0.5):
    z, losses, belief = start, [], []
    for _ in range(steps):
        x = nnlite.Tensor(z, requires_grad=True)
        value = loss(x)
        value.backward()
        losses.append(value.item())
        belief.append(F.softmax(z, 1).data[0, 0])
        z = z - lr * x.grad
    return np.array(losses), np.array(belief)

def printed_a8(z):
    return cross_entropy_with_log_probabilities(z, z_t)

def accepted_a8(z):
    return distillation_loss(z, z_t, [0], temperature=1.0, alpha=1.0)

teacher = F.softmax(z_t, 1).data[0, 0]
runs = {(name, begin): descend(loss, start) for name, loss in (("printed", printed_a8), ("accepted", accepted_a8))
        for begin, start in (("undecided", undecided), ("mistaken", mistaken))}
print(f"the teacher's belief in class 0: {teacher:.2f}")
for (name, begin), (losses, belief) in runs.items():
    print(f"{name:9} {begin:10} loss {losses[0]:7.2f} → {losses[-1]:8.2f}   belief {belief[0]:.2f} → {belief[-1]:.4f}")
for begin in ("undecided", "mistaken"):
    losses, belief = runs["printed", begin]
    assert (np.diff(losses) < 0).all() and losses[-1] - losses[-101] < -10      # it does not slow down
    assert abs(runs["accepted", begin][1][-1] - teacher) < 0.01
assert runs["printed", "undecided"][1][-1] > 0.9999 and runs["printed", "mistaken"][1][-1] < 1e-4

# %% tags=["remove-input"]
fig, (left, right) = plt.subplots(1, 2, num="falls", figsize=(6.4, 3.6))
# alt: Left, the printed losses fall for ever, the accepted ones settle at 0. Right, the beliefs: printed go to 1 and to 0.
for (name, _), (losses, belief) in runs.items():
    left.plot(losses, color=ORANGE if name == "printed" else BLUE, lw=2)
    right.plot(belief, color=ORANGE if name == "printed" else BLUE, lw=2)
left.text(20, -4600, "as printed", color=ORANGE)
left.text(390, -60, "accepted", color=BLUE, ha="right", va="top")
left.set(title="the loss", xlabel="step")
right.text(390, 1.02, "as printed, undecided", color=ORANGE, ha="right", va="bottom")
right.text(390, 0.03, "as printed, mistaken", color=ORANGE, ha="right", va="bottom")
right.text(390, teacher - 0.03, "accepted, both", color=BLUE, ha="right", va="top")
right.set(title="belief in class 0", xlabel="step", ylim=(-0.05, 1.12));

# %% [markdown]
# With the accepted loss both students end where the teacher stands. With the printed one nobody does: the undecided student
# becomes certain, and the mistaken one becomes *more* mistaken, for ever. The loss has no minimum; the one point without a
# slope is a maximum, and descent flees from it to either side. The library's cross-entropy refuses such a target, with a
# sentence that says why:

# %%
try:
    F.cross_entropy(np.zeros((1, 3), np.float32), F.log_softmax(z_t, 1))
    raise SystemExit("a negative target was accepted")
except ValueError as error:
    print(error)

# %% [markdown]
# ## B3 · Removing layers by a formula for their number
#
# To simplify a structure, the second article removes layers: $`N_\text{new} = N_\text{old} - N_\text{old} \times
# \text{threshold}`$, where N is the number of layers. Two things are missing. N has to be rounded, since there is no 3.6th
# layer. And it does not say *which* layers go.

# %%
n_new = 4 - 4 * 0.1
assert n_new == 3.6 and round(n_new) == 4                               # a tenth of four layers removes none

# %% [markdown]
# The accepted way asks each block how much it changes what passes through it. If input and output point in the same
# direction, the block does little. *Block influence* is $`1 - \mathbb{E}[\cos(x_\text{in}, x_\text{out})]`$, and the block
# with the smallest one goes first:

# %%
def block_influence(x_in, x_out):
    cosine = (x_in * x_out).sum(1) / (np.linalg.norm(x_in, axis=1) * np.linalg.norm(x_out, axis=1))
    return 1 - cosine.mean()

x = np.random.default_rng(1).normal(size=(500, 16))
lazy, busy = x + 0.1 * np.maximum(x @ np.eye(16)[::-1], 0), np.maximum(x @ np.eye(16)[::-1], 0)
assert block_influence(x, 3 * x) < 1e-12                                # only its length changed
assert block_influence(x, lazy) < 0.01 < 0.5 < block_influence(x, busy)

# %% [markdown]
# ## B4 · One that is right
#
# Fine-tuning continues with a new task: $`W_\text{new} = W_\text{old} - \alpha\,\nabla J(W_\text{old})`$. This is one step of
# gradient descent, and the library's plain `SGD` computes it to the last bit.

# %%
images, targets = next(iter(loader))
parameters = dict(model.named_parameters())
F.cross_entropy(model(images), targets).backward()
expected = {name: p.data - np.float32(0.1) * p.grad for name, p in parameters.items()}
optim.SGD(model.parameters(), lr=0.1).step()
for name, p in parameters.items():
    np.testing.assert_array_equal(p.data, expected[name])
model.load_state_dict(trained)

# %% [markdown]
# The code around it is another matter (B5). It subtracts Python lists, applies `int()` to arrays, calls a method that Keras
# does not have, and fits the new task on the *test* set, after which nobody can say how good the network is. What that costs
# shows when a network is asked about images that it has seen. We give 60 images wrong labels, train on them, and then "test"
# on the same 60:

# %% tags=["volatile"]
rng = np.random.default_rng(0)
images, labels = next(iter(data.DataLoader(test_digits, batch_size=60, transform=prepare)))
nonsense = rng.integers(0, 10, 60)
cheat = models.mlp(in_features=64, hidden=128)
optimizer = optim.Adam(cheat.parameters(), lr=0.01)
for _ in range(200):
    optimizer.zero_grad()
    F.cross_entropy(cheat(images.reshape(60, 64)), nonsense).backward()
    optimizer.step()
seen = (cheat(images.reshape(60, 64)).data.argmax(1) == nonsense).mean()
honest = (cheat(images.reshape(60, 64)).data.argmax(1) == labels).mean()
print(f"on the images that it was trained on: {seen:.0%} of the nonsense; of the truth: {honest:.0%}")
assert seen > 0.95 and honest < 0.4

# %% [markdown]
# The network "reached" nearly 100 % of something that is not true. Numbers on images that training has seen measure memory.
#
# ## The table
#
# | | as printed | what it does | accepted |
# |---|---|---|---|
# | A2 | $`W_\text{pruned} = W - W_\text{removed}`$ | true of every method; the rule is missing | the smallest weights go |
# | A3, B2 | $`\text{round}(W Q)`$ | Q is a scale, nothing clamps | $`\text{clamp}(\text{round}(r/S) + Z)`$ |
# | A4 | binary cross-entropy | no teacher in it | labels and softened teacher, $`T^2`$ |
# | A5 | counts entries | pruning does not change the count | count what is not 0 |
# | A8 | log-probabilities as target | no minimum | probabilities as target |
# | B1 | $`W (1 - \text{threshold})`$ | shrinks all, removes none | keep what reaches threshold · max |
# | B3 | $`N (1 - \text{threshold})`$ | not a whole number, does not say which | drop the least influence |
# | B4 | one gradient step | right | – |
#
# ## Your turn

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

# %% [markdown]
# **1.** Write the accepted distillation loss in NumPy, from logits to one number. (A hole of assignment `hw10_distillation`.)

# %%
def my_distillation_loss(z_s, z_t, labels, T, alpha):
    raise NotImplementedError

def test_distillation_loss(f):
    z_t = 3 * good + np.float32([[0, 1, 0]])
    for T, alpha in ((1.0, 1.0), (2.0, 0.5), (4.0, 0.9), (3.0, 0.0)):
        want = distillation_loss(z_s, z_t, four_labels, temperature=T, alpha=alpha).item()
        assert abs(f(z_s, z_t, four_labels, T, alpha) - want) < 1e-5

attempt(test_distillation_loss, my_distillation_loss)

# %% [markdown]
# **2.** A9 asks for whole neurons to go. Score each neuron of a fully connected layer by the sum of the magnitudes of its
# weights, and return the weights of the `keep` best, in their old order: an array that is really smaller.

# %%
def best_neurons(w, keep):
    raise NotImplementedError

def test_best_neurons(f):
    small = np.array([[1.0, -4.0], [0.5, 0.5], [-2.0, 2.0]])
    np.testing.assert_array_equal(f(small, 2), [[1.0, -4.0], [-2.0, 2.0]])
    assert f(w, 64).shape == (64, 128) and np.abs(f(w, 64)).sum() > 0.5 * np.abs(w).sum()

attempt(test_best_neurons, best_neurons)

# %% [markdown]
# **3.** Where is the printed loss A8 highest? Its gradient is $`p_s \sum_k t_k - t`$ with $`t = \ln p_t`$. Give the student's
# probabilities at which it is 0, for any teacher. Then look which class gets the *least* there.

# %%
def highest(p_t):
    """Teacher's probabilities (C,) -> the student's probabilities where the gradient of A8 is 0."""
    raise NotImplementedError

def test_highest(f):
    p_t = np.array([0.7, 0.2, 0.1])
    p_s = f(p_t)
    assert abs(p_s.sum() - 1) < 1e-6 and np.argmin(p_s) == np.argmax(p_t)
    z = nnlite.Tensor(np.log(p_s)[None], requires_grad=True)
    cross_entropy_with_log_probabilities(z, np.log(p_t)[None]).backward()
    assert np.abs(z.grad).max() < 1e-6

attempt(test_highest, highest)

# %% [markdown]
# ## What to keep
#
# * Run a formula before you believe it. Ask what it does to one number, and what it does to 0.
# * A formula that holds for every method describes none.
# * A target of a cross-entropy is a probability. A loss without a lower bound teaches nothing.
# * A scale is not a number of bits, and the number of entries is not the number of weights that are left.
#
# Sources: the two articles, [cited here](articles.md); Han et al. 2015, [arXiv 1506.02626](https://arxiv.org/abs/1506.02626),
# §3; Jacob et al. 2018, [arXiv 1712.05877](https://arxiv.org/abs/1712.05877), eq. 1; Hinton, Vinyals & Dean 2015, [arXiv
# 1503.02531](https://arxiv.org/abs/1503.02531), §2; Men et al. 2024, [arXiv 2403.03853](https://arxiv.org/abs/2403.03853),
# for block influence.
