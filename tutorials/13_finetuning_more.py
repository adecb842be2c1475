# %% [markdown]
# # A thousand numbers beside a frozen network
#
# In [10_finetuning](10_finetuning.md) all weights of a network moved, or only those of the head. There is a way between the
# two: the pretrained weights stay, and a small matrix is learned *beside* each of them. It is called **LoRA**, low-rank
# adaptation, and it is how most large language models are adapted today. **How few numbers are enough to teach a network
# something new?** In this lesson you look at what fine-tuning changes, write LoRA in three lines, put it beside weights that
# are 8-bit integers, and compare the strategies with few labels.
#
# It takes about 20 minutes. You need [10_finetuning](10_finetuning.md), and for section 5
# [06_quantization](06_quantization.md).

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np

from nnlite import data, models, no_grad, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, GREY, ORANGE, STYLE
from nntransfer import Tuning, fine_tune, replace_head, unfreeze
from nntransfer.finetune import add_lora, merge_lora, what_trains

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · What does fine-tuning change?
#
# The old network reads the ten digits. The new task is to read them *in the mirror*, from 30 labelled images of each class.
# First all layers train.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")

def in_the_mirror(dataset):
    return data.Dataset(np.ascontiguousarray(dataset.images[..., ::-1]), dataset.labels, classes=10)

def batches(dataset, seed=0):
    return data.DataLoader(dataset, batch_size=32, shuffle=True, seed=seed, transform=prepare)

mirror_test = data.DataLoader(in_the_mirror(test_digits), batch_size=360, transform=prepare)
old = models.cnn(in_channels=1, image_size=8, seed=0)
train.fit(old, batches(digits), optim.SGD(old.parameters(), lr=0.02, momentum=0.9), epochs=8, progress=False)

def new_head(seed):
    model = copy.deepcopy(old)
    replace_head(model, classes=10, rng=seed)
    return model

def adapted(strategy, n, seed, steps=200, lr=0.05):
    """The network, fine-tuned on n mirrored images of each class."""
    model, loader = new_head(seed), batches(in_the_mirror(digits.few(n, rng=seed)))
    fine_tune(model, strategy, Tuning(loader, epochs=-(-steps // len(loader)), lr=lr, progress=False))
    return model

tuned = adapted("all", n=30, seed=0)
print(f"in the mirror: {train.evaluate(old, mirror_test)['accuracy']:.0%} before, "
      f"{train.evaluate(tuned, mirror_test)['accuracy']:.0%} after")
assert train.evaluate(tuned, mirror_test)["accuracy"] > train.evaluate(old, mirror_test)["accuracy"] + 0.3

# %% [markdown]
# The layer `fc1` has a matrix of 128 × 128 weights. Its change is a matrix of the same shape. The **singular values** of a
# matrix say of how many simple parts it consists. A matrix of rank $`r`$ is a sum of $`r`$ parts, each of them a column times
# a row. The squares of the singular values are the parts' sizes, from the largest down. `np.linalg.svd` finds them.

# %% tags=["volatile"]
def share(matrix):
    """What the first 1, 2, 3, … singular values have of the sum of squares of a matrix."""
    s = np.linalg.svd(matrix, compute_uv=False) ** 2
    return np.cumsum(s) / s.sum()

change = tuned.fc1.weight.data - old.fc1.weight.data
of_weights, of_change = share(old.fc1.weight.data), share(change)
print(f"8 of 128 parts have {of_weights[7]:.0%} of the weights and {of_change[7]:.0%} of the change")
assert of_change[7] > of_weights[7] + 0.2 and of_change[15] > 0.8

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="rank")
# alt: Share of the squares against the number of parts: eight of 128 parts have 80 % of the change, 43 % of the weights.
parts = np.arange(1, 129)
ax.semilogx(parts, 100 * of_change, color=BLUE, lw=2)
ax.semilogx(parts, 100 * of_weights, color=GREY, lw=2)
ax.text(3.2, 100 * of_change[2] + 4, "the change", color=BLUE, ha="right")
ax.text(9, 100 * of_weights[7] - 8, "the weights themselves", color=GREY)
ax.set(title="A few simple parts make up most of the change", xlabel="parts (of 128)",
       ylabel="% of the sum of squares", xticks=[1, 2, 4, 8, 16, 32, 64, 128],
       xticklabels=[1, 2, 4, 8, 16, 32, 64, 128], ylim=(0, 105))
ax.minorticks_off()

# %% [markdown]
# The weights need many parts, the change needs few. So why learn all 16,384 numbers of the change?
#
# ## 2 · The formula
#
# LoRA writes the change as a product of two thin matrices, and learns only these (Hu et al. 2021, eq. 3):
#
# ```math
# W' = W + \frac{\alpha}{r}\, B A, \qquad A \in \mathbb{R}^{r \times I}, \quad B \in \mathbb{R}^{O \times r}
# ```
#
# $`W`$ is frozen. $`B`$ starts with zeros, so that training starts from the pretrained network. $`A`$ starts with random
# numbers. $`\alpha/r`$ is a constant that makes ranks comparable. A convolution's weight (O, C, kh, kw) counts as a matrix
# of O rows. In slow code:

# %%
def slow_lora(W, A, B, alpha):
    r = len(A)
    return W + (alpha / r * (B @ A)).reshape(W.shape)

# %% [markdown]
# In the library, `add_lora` of `transfer/nntransfer/finetune/lora.py` does it with a parametrization: `layer.weight` is
# computed from $`W`$, $`A`$ and $`B`$ at each use. Both agree:

# %%
model = new_head(seed=1)
images, labels = next(iter(batches(in_the_mirror(digits))))
with no_grad():
    before = model.eval()(images).data
names = add_lora(model, rank=4, alpha=8)
assert names == ["conv1", "conv2", "fc1"]
with no_grad():
    np.testing.assert_array_equal(model(images).data, before)          # B = 0: nothing has changed, bit for bit

for name in names:
    layer = dict(model.named_modules())[name]
    adapter = layer.parametrizations["weight"][0]
    adapter.B.data = np.random.default_rng(0).normal(size=adapter.B.shape).astype(np.float32)
    W = layer.parametrizations["weight"].original.data
    np.testing.assert_allclose(layer.weight.data, slow_lora(W, adapter.A.data, adapter.B.data, 8), rtol=1e-4, atol=1e-5)

# %% [markdown]
# The gradients follow from the chain rule. With $`G`$, the gradient of $`W'`$:
#
# ```math
# \frac{\partial J}{\partial B} = \frac{\alpha}{r}\, G A^{\mathsf T}, \qquad
# \frac{\partial J}{\partial A} = \frac{\alpha}{r}\, B^{\mathsf T} G
# ```
#
# At the start $`B = 0`$, so the first step moves $`B`$ alone.

# %%
model = new_head(seed=1)
add_lora(model, rank=4, alpha=8)
F.cross_entropy(model.train()(images), labels).backward()
adapter = model.fc1.parametrizations["weight"][0]
assert not adapter.A.grad.any() and adapter.B.grad.any()

plain = new_head(seed=1)
plain.zero_grad()                                      # what the old training left there
F.cross_entropy(plain(images), labels).backward()
G = plain.fc1.weight.grad
np.testing.assert_allclose(adapter.B.grad, 8 / 4 * G @ adapter.A.data.T, rtol=1e-3, atol=1e-6)

# %% [markdown]
# ## 3 · What trains
#
# The new head has to train as well: it has no pretrained weights. `what_trains` shows it before the training starts:

# %%
unfreeze(model, "fc2")
optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
print(what_trains(model, optimizer))

adapters = sum(p.data.size for name, p in model.named_parameters() if "parametrizations" in name and p.requires_grad)
assert adapters == 4 * (16 + 9) + 4 * (32 + 16 * 9) + 4 * (128 + 128)
assert adapters < 0.1 * sum(p.data.size for p in old.parameters())

# %% [markdown]
# Each layer has $`r\,(O + I)`$ numbers in place of $`O\,I`$. For a small network like this one it is a tenth. For a matrix
# of 4096 × 4096 and $`r = 4`$ it is one in 512:

# %%
assert 4096 * 4096 / (4 * (4096 + 4096)) == 512

# %% [markdown]
# ## 4 · Merged
#
# After training, $`W'`$ is a matrix like any other. `merge_lora` stores it in the weight's place and throws $`A`$ and $`B`$
# away. The network computes the same as before, bit for bit, and takes no more time than the old one. Someone who adapts one
# network to ten tasks keeps one $`W`$ and ten small pairs.

# %%
train.fit(model, batches(in_the_mirror(digits.few(10, rng=1))), optimizer, epochs=3, progress=False)
with no_grad():
    unmerged = model.eval()(images).data
    merge_lora(model)
    np.testing.assert_array_equal(model(images).data, unmerged)
assert model.state_dict().keys() == old.state_dict().keys()
change = model.fc1.weight.data - old.fc1.weight.data
assert np.linalg.matrix_rank(change, tol=1e-4) <= 4

# %% [markdown]
# ## 5 · Beside 8-bit integers
#
# $`W`$ is never changed, so it need not be a float matrix. [Quantized](06_quantization.md) to 8 bits it takes a quarter of
# the memory, and the adapter, which is float, can make up for some of the rounding (Dettmers et al. 2023 do it with 4 bits).
# `base` is a function that turns a weight into integers and their scales:

# %%
def int8(W):
    S = np.abs(W).max(axis=tuple(range(1, W.ndim))) / 127               # one scale for each output
    return np.rint(W / S.reshape(-1, *[1] * (W.ndim - 1))).astype(np.int8), S

small = new_head(seed=1)
floats = sum(a.nbytes for name, a in small.state_dict().items() if name.endswith("weight") and "fc2" not in name)
add_lora(small, rank=4, base=int8)
state = small.state_dict()
codes = {name: a.copy() for name, a in state.items() if a.dtype == np.int8}
assert 4 * sum(a.nbytes for a in codes.values()) == floats
assert np.abs(small.fc1.weight.data - old.fc1.weight.data).max() <= np.abs(old.fc1.weight.data).max() / 127 * 0.51

unfreeze(small, "fc2")
optimizer = optim.SGD([p for p in small.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
train.fit(small, batches(in_the_mirror(digits.few(10, rng=1))), optimizer, epochs=20, progress=False)
for name, q in codes.items():
    np.testing.assert_array_equal(small.state_dict()[name], q)           # the base has not moved
assert train.evaluate(small, mirror_test)["accuracy"] > train.evaluate(old, mirror_test)["accuracy"] + 0.2

# %% [markdown]
# ## 6 · Few labels
#
# Now the honest comparison: 2 and 10 labels of a class, three draws of labels, 200 steps each. `head` trains the head alone,
# `all` all layers, and `l2sp` all layers with a pull towards where they started. `scratch` begins with new weights.

# %% tags=["volatile", "experiment"]
def scratch(n, seed, steps=200):
    model, loader = models.cnn(in_channels=1, image_size=8, seed=seed + 10), batches(in_the_mirror(digits.few(n, rng=seed)))
    fine_tune(model, "all", Tuning(loader, epochs=-(-steps // len(loader)), lr=0.05, progress=False))
    return model

counts, seeds, ways = (2, 10), (0, 1, 2), ("head", "all", "l2sp", "lora")
results = {"scratch": [[train.evaluate(scratch(n, s), mirror_test)["accuracy"] for s in seeds] for n in counts]}
results |= {way: [[train.evaluate(adapted(way, n, s), mirror_test)["accuracy"] for s in seeds] for n in counts]
            for way in ways}
for way, table in results.items():
    print(f"{way:8}", *(f"{n} labels: {np.mean(row):.1%} (from {min(row):.1%} to {max(row):.1%})  "
                        for n, row in zip(counts, table, strict=True)))

# %% tags=["experiment"]
mean = {way: np.mean(table, axis=1) for way, table in results.items()}
assert all(mean[way][0] > mean["scratch"][0] for way in ways)
assert mean["scratch"][1] > mean["head"][1] + 0.02
assert mean["lora"][1] > mean["head"][1] and abs(mean["lora"] - mean["all"]).max() < 0.06

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="labels")
# alt: Accuracy with 2 and 10 labels of a class: scratch is lowest with 2 and highest with 10, LoRA is near all layers.
colours = {"scratch": ORANGE, "lora": BLUE}
for i, (way, table) in enumerate(results.items()):
    x, colour = np.array([0, 1]) + 0.14 * (i - 2), colours.get(way, GREY)
    ax.plot(np.repeat(x, 3), 100 * np.ravel(table), ".", color=colour, alpha=0.6)
    ax.plot(x, 100 * mean[way], "_", color=colour, ms=16, mew=2)
    for at, row in zip(x, table, strict=True):
        ax.text(at, 100 * min(row) - 1.5, way, color=colour, rotation=90, ha="center", va="top")
ax.set(title="With two labels the old network helps, with ten it does not", ylabel="% right in the mirror",
       xticks=[0, 1], xticklabels=["2 labels of a class", "10 labels of a class"], xlim=(-0.5, 1.5),
       ylim=(100 * np.min(results["scratch"][0]) - 14, 96))
ax.grid(axis="x", visible=False)

# %% [markdown]
# With two labels of a class every strategy is better than scratch in the mean. With ten, scratch is better than the head
# alone. LoRA trains a tenth of the numbers and ends within six points of all layers. It is not a way to a *better* network
# here. It is a way to a *smaller change*. A larger experiment, on MNIST and Fashion-MNIST, is
# [`papers/few_labels.py`](papers/few_labels.md).
#
# ## 7 · Two wrong starts
#
# **Both matrices 0.** Then each gradient has a factor 0, and nothing ever moves:

# %%
stuck = new_head(seed=1)
add_lora(stuck, rank=4)
adapter = stuck.fc1.parametrizations["weight"][0]
adapter.A.data = np.zeros_like(adapter.A.data)
F.cross_entropy(stuck(images), labels).backward()
assert not adapter.A.grad.any() and not adapter.B.grad.any()

# %% [markdown]
# **Both matrices random.** Then training starts from a network that has lost much of what it knew:

# %%
broken = copy.deepcopy(old)
add_lora(broken, rank=4, layers=["*"])
rng = np.random.default_rng(0)
for layer in broken.modules():
    if "parametrizations" in vars(layer):
        adapter = layer.parametrizations["weight"][0]
        adapter.B.data = rng.normal(size=adapter.B.shape).astype(np.float32)
whole_test = data.DataLoader(test_digits, batch_size=360, transform=prepare)
assert train.evaluate(old, whole_test)["accuracy"] > 0.9
assert train.evaluate(broken, whole_test)["accuracy"] < 0.8

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
# **1.** Write the gradients of $`A`$ and $`B`$ from $`G`$, the gradient of $`W'`$ (O, I). (The weights $`W'`$ are a hole of
# assignment `hw15_lora`.)

# %%
def my_gradients(G, A, B, alpha):
    """-> dA (r, I), dB (O, r)"""
    raise NotImplementedError

def test_gradients(f):
    rng = np.random.default_rng(0)
    A, B, C = rng.normal(size=(2, 5)), rng.normal(size=(3, 2)), rng.normal(size=(3, 5))
    dA, dB = f(C, A, B, 3.0)                       # J = Σ C ⊙ W', so G = C
    def J(A, B):
        return np.sum(C * slow_lora(np.zeros((3, 5)), A, B, 3.0))
    for array, gradient, at in ((A, dA, lambda a: J(a, B)), (B, dB, lambda b: J(A, b))):
        for i in np.ndindex(array.shape):
            step = np.zeros(array.shape)
            step[i] = 1e-4
            assert abs((at(array + step) - at(array - step)) / 2e-4 - gradient[i]) < 1e-8

attempt(test_gradients, my_gradients)

# %% [markdown]
# **2.** How large may the rank be? Given the shapes of the weights and a number of parameters that you can afford, return the
# largest rank whose adapters have no more. Count as the library does: a layer with fewer rows or columns than the rank gets
# that many.

# %%
def largest_rank(shapes, budget):
    raise NotImplementedError

def test_largest_rank(f):
    assert f([(128, 128)], 1024) == 4 and f([(128, 128)], 1023) == 3
    assert f([(16, 1, 3, 3), (32, 16, 3, 3), (128, 128)], 1828) == 4
    assert f([(2, 50), (100, 100)], 2 * 52 + 3 * 200) == 3      # the first has two rows: rank 2 at most

attempt(test_largest_rank, largest_rank)

# %% [markdown]
# **3.** Somebody has fine-tuned all layers and wants to send you a small file. Return the $`B`$ (O, r) and $`A`$ (r, I) whose
# product is as near as possible to a given change.

# %%
def compressed(change, r):
    raise NotImplementedError

def test_compressed(f):
    rng = np.random.default_rng(1)
    exact = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 9))
    B, A = f(exact, 2)
    assert B.shape == (6, 2) and A.shape == (2, 9) and np.allclose(B @ A, exact)
    full = rng.normal(size=(6, 9))
    B, A = f(full, 3)
    left = np.linalg.svd(full, compute_uv=False)[3:]
    assert np.isclose(np.sum((full - B @ A) ** 2), np.sum(left**2))

attempt(test_compressed, compressed)

# %% [markdown]
# ## More in this room
#
# `fine_tune` knows all strategies by name. Each has its file in `transfer/nntransfer/finetune`.
#
# * **Gradual unfreezing** (`thaw`): the head trains first, then one more layer in each epoch.
# * **Features computed once** (`split_model`, `features_once`): frozen layers give the same numbers in every epoch, so each
#   image passes through them once.
# * **L2-SP** (`StartPointLoss`): weight decay pulls towards the pretrained weights, and not towards 0.
# * **LP-FT** (strategy `lp-ft`): first the head alone, then all layers.
#
# And **which pretrained network** should you take, if there are several? Three scores look at labelled images of the new task
# once, without training: LEEP at the source's class probabilities, LogME and the H-score at its features
# (`transfer/nntransfer/domains`). `nnlite transfer` tunes the best one. When each of them fails is on the page
# [Which source suits a task?](papers/transferability.md)

# %%
from nntransfer import domains, thaw
from nntransfer.finetune import StartPointLoss, head_inputs, split_model

model = new_head(seed=0).eval()
thaw(model, epoch=1)
assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {"fc1", "fc2"}
unfreeze(model)

below, above = split_model(model, "fc2")
with no_grad():
    np.testing.assert_array_equal(above(below(images)).data, model(images).data)

pull = StartPointLoss(model, alpha=0.5, new=["fc2"])
model.zero_grad()
start = model.fc1.weight.data
model.fc1.weight.data = start + np.float32(0.1)
pull.penalty().backward()
np.testing.assert_allclose(model.fc1.weight.grad, 0.5 * (model.fc1.weight.data - start), rtol=1e-5)

def scores(source):
    features, logits, labels = head_inputs(source, batches(in_the_mirror(digits)))
    return np.array([domains.leep_score(F.softmax(logits).data, labels), domains.logme_score(features, labels),
                     domains.h_score(features, labels)])

untrained = models.cnn(in_channels=1, image_size=8, seed=5)
assert (scores(old) > scores(untrained)).all()

# %% [markdown]
# ## What to keep
#
# * Fine-tuning changes a weight matrix by little more than a few simple parts. LoRA learns these alone: $`r\,(O + I)`$
#   numbers beside a frozen $`W`$.
# * $`B`$ starts with zeros and $`A`$ does not. Then the start is the pretrained network, and training can begin.
# * Merging is exact. Beside integers, the base stays integers, and the adapter is float.
# * Compare with training from scratch on the same labels, with more than one draw.
#
# Sources: Hu et al. 2021, [arXiv 2106.09685](https://arxiv.org/abs/2106.09685); Dettmers et al. 2023, [arXiv
# 2305.14314](https://arxiv.org/abs/2305.14314), for integers as the base; Li, Grandvalet & Davoine 2018, [arXiv
# 1802.01483](https://arxiv.org/abs/1802.01483), for L2-SP.
