# %% [markdown]
# # Ten labels, and a network that has seen other digits
#
# Labels are expensive. Suppose that you have a network that tells the digits 0 to 4 apart, and now you need 5 to 9, with only
# a few labelled images of each. **Does it help to start from the old network? How much, and when does it not?** In this
# lesson you replace a network's head, hold its other layers still, let them move at rates of their own, and compare all of it
# with the honest alternative: starting from nothing, with the same labels.
#
# It takes about 25 minutes. You need the training loop of [04_training](04_training.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

from nnlite import data, models, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, GREY, ORANGE, STYLE
from nntransfer import discriminative_groups, freeze, layer_groups, replace_head, unfreeze

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Two tasks from one data set
#
# The bundled digits split into two tasks that share nothing but the way people write. The old network learns 0 to 4 from all
# training images. The new task gets a few images of each of 5 to 9. Its test images are those of the test set, and nobody
# trains on them.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")

def only(dataset, classes):
    chosen = np.isin(dataset.labels, classes)
    return data.Dataset(dataset.images[chosen], dataset.labels[chosen] - min(classes), classes=len(classes))

def few(dataset, n, seed):
    """n images of each class."""
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(dataset.labels == c))[:n] for c in range(5)])
    return data.Dataset(dataset.images[chosen], dataset.labels[chosen], classes=5)

def batches(dataset, seed=0):
    return data.DataLoader(dataset, batch_size=32, shuffle=True, seed=seed, transform=prepare)

old_task, new_task = only(digits, range(5)), only(digits, range(5, 10))
old_test, new_test = (data.DataLoader(only(test_digits, c), batch_size=200, transform=prepare)
                      for c in (range(5), range(5, 10)))
old = models.cnn(in_channels=1, image_size=8, classes=5, seed=0)
train.fit(old, batches(old_task), optim.SGD(old.parameters(), lr=0.02, momentum=0.9), epochs=8, progress=False)
pretrained = old.state_dict()
print(f"0 to 4: {train.evaluate(old, old_test)['accuracy']:.1%} right")
assert train.evaluate(old, old_test)["accuracy"] > 0.95

# %% [markdown]
# ## 2 · The formula, and a new head
#
# Fine-tuning is nothing but training that goes on ([B4 of the second article](articles.md)):
#
# ```math
# W_\text{new} = W_\text{old} - \alpha\, \nabla J(W_\text{old})
# ```
#
# $`J`$ is the loss of the *new* task. The last layer, the **head**, speaks of the old classes, so a fresh one takes its
# place. The layers below it, the **body**, have learned edges and strokes, which 5 to 9 have as well. `replace_head` does it,
# in `transfer/nntransfer/finetune/layers.py`:

# %%
def from_old(seed):
    model = models.cnn(in_channels=1, image_size=8, classes=5, seed=seed)
    model.load_state_dict(pretrained)
    replace_head(model, classes=5, rng=seed)
    return model

model = from_old(seed=1)
body = [name for name in pretrained if not name.startswith("fc2")]
for name in body:
    np.testing.assert_array_equal(model.state_dict()[name], pretrained[name])
assert not np.array_equal(model.state_dict()["fc2.weight"], pretrained["fc2.weight"])

# %% [markdown]
# ## 3 · Holding layers still, and rates of their own
#
# With few labels, most weights cannot be learned well. Two remedies: **freeze** the body, so that only the head moves; or
# give every layer a smaller rate than the one above it, since low layers are the most general (Howard & Ruder 2018):
#
# ```math
# \alpha_\text{depth} = \alpha \cdot \text{decay}^{\,\text{depth}}, \qquad \text{depth } 0 \text{ is the head}
# ```
#
# In slow code, a step with a rate for each layer is four lines. A frozen layer is one with rate 0:

# %%
def slow_step(weights, gradients, rates):
    return {name: weights[name] - np.float32(rates[name.split(".")[0]]) * gradients[name] for name in weights}

images, labels = next(iter(batches(few(new_task, 5, seed=0))))
layers = list(layer_groups(model))
assert layers == ["conv1", "conv2", "fc1", "fc2"]
rates = {layer: 0.1 * 0.5 ** (3 - i) for i, layer in enumerate(layers)}

F.cross_entropy(model(images), labels).backward()
weights = model.state_dict()
gradients = {name: p.grad for name, p in model.named_parameters()}
expected = slow_step(weights, gradients, rates)
optim.SGD(discriminative_groups(model, lr=0.1, decay=0.5)).step()
for name, w in model.state_dict().items():
    np.testing.assert_array_equal(w, expected[name])

# %% [markdown]
# `freeze` goes further than a rate of 0. A frozen parameter gets no gradient at all, so neither momentum nor weight decay can
# move it, and the backward pass is shorter:

# %%
model = from_old(seed=1)
freeze(model, "conv1", "conv2", "fc1")
F.cross_entropy(model(images), labels).backward()
assert [name for name, p in model.named_parameters() if p.grad is not None] == ["fc2.weight", "fc2.bias"]
optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1).step()
for name in body:
    np.testing.assert_array_equal(model.state_dict()[name], pretrained[name])
unfreeze(model)

# %% [markdown]
# ## 4 · The honest comparison
#
# Now the question. For 2, 10 and 50 labels of each class, with three draws of labels each, we train three ways with the same
# images and the same number of steps: **from scratch**, the **head alone** on the frozen body, and **all layers** from the
# old weights.

# %% tags=["volatile", "experiment"]
def accuracy(model, few_images, parameters, steps=100, lr=0.02):
    loader, optimizer = batches(few_images), optim.SGD(parameters, lr=lr, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=-(-steps // len(loader)), progress=False)
    return train.evaluate(model, new_test)["accuracy"]

def scratch(seed, images):
    model = models.cnn(in_channels=1, image_size=8, classes=5, seed=seed + 10)
    return accuracy(model, images, model.parameters())

def head_alone(seed, images):
    model = from_old(seed)
    freeze(model, "conv1", "conv2", "fc1")
    return accuracy(model, images, model.parameters())

def all_layers(seed, images):
    model = from_old(seed)
    return accuracy(model, images, model.parameters())

counts = [2, 10, 50]
ways = {"from scratch": scratch, "head alone": head_alone, "all layers": all_layers}
results = {name: np.array([[way(seed, few(new_task, n, seed)) for seed in range(3)] for n in counts])
           for name, way in ways.items()}
print("labels a class", *(f"{n:6d}" for n in counts))
for name, table in results.items():
    print(f"{name:14}", *(f"{a:6.1%}" for a in table.mean(1)), "  spread", *(f"{np.ptp(a):5.1%}" for a in table))

# %% tags=["experiment"]
means = {name: table.mean(1) for name, table in results.items()}
assert all(mean[-1] > mean[0] + 0.05 for mean in means.values())
assert means["all layers"][0] < means["from scratch"][0] + 0.02
assert means["head alone"][0] < means["from scratch"][0] and means["head alone"][-1] < means["all layers"][-1]
assert abs(means["all layers"][-1] - means["from scratch"][-1]) < 0.05 and means["all layers"][-1] > 0.9
assert np.ptp(results["from scratch"][0]) > 0.02

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="labels")
# alt: Accuracy on 5 to 9 against labels of each class, three ways: all rise; the head alone levels off below the others.
for table, colour in zip(results.values(), (GREY, ORANGE, BLUE), strict=True):
    ax.semilogx(counts, 100 * table, ".", color=colour, alpha=0.6)
    ax.semilogx(counts, 100 * table.mean(1), "-", color=colour, lw=2)
ends = sorted((100 * table.mean(1)[-1], name) for name, table in results.items())
for i, (end, name) in enumerate(ends):
    ax.text(54, end + (-2.5, -1.0, 2.0)[i], name, va="center",
            color={"from scratch": GREY, "head alone": ORANGE, "all layers": BLUE}[name])
ax.set(title="More labels help more than the old network does", xlabel="labels of each class", ylabel="% right on 5 to 9",
       xticks=counts, xticklabels=counts, xlim=(1.8, 130))
ax.minorticks_off()

# %% [markdown]
# Look at the dots before the lines. With two labels of a class the draws of labels differ by several points, so a single run
# proves nothing. The head alone is worst: a frozen body has what 0 to 4 needed, and no label can add to it. And starting from
# scratch is *not* worse than starting from the old network when labels are few. With fifty labels of a class the two are
# within five points. The task is easy, the images are tiny, and the old body has seen only five shapes.
#
# That is the honest answer for *this* pair of tasks. Measure it for yours, always beside training from scratch, on images
# that no training has seen, with more than one draw of labels.
#
# ## 5 · A pair where it does help
#
# Now let the old network know all ten digits, and let the new task be the same digits *in the mirror*. The strokes are the
# same; they only point the other way. We compare with 2 and with 30 labels of a class, and we also stop halfway, after 100 of
# the 200 steps. Both ways see the same images.

# %% tags=["volatile", "experiment"]
def in_the_mirror(dataset):
    return data.Dataset(np.ascontiguousarray(dataset.images[..., ::-1]), dataset.labels, classes=10)

mirror_test = data.DataLoader(in_the_mirror(test_digits), batch_size=360, transform=prepare)
reader = models.cnn(in_channels=1, image_size=8, seed=0)
train.fit(reader, batches(digits), optim.SGD(reader.parameters(), lr=0.02, momentum=0.9), epochs=8, progress=False)
print("wrong of 360 in the mirror\nthe old network, as it is:", train.evaluate(reader, mirror_test)["errors"])

def wrong(seed, n, steps, start):
    model = models.cnn(in_channels=1, image_size=8, seed=seed + 10)
    if start == "from the old":
        model.load_state_dict(reader.state_dict())
        replace_head(model, classes=10, rng=seed)
    loader = batches(in_the_mirror(digits.few(n, rng=seed)))
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=-(-steps // len(loader)), progress=False)
    return train.evaluate(model, mirror_test)["errors"]

mirror = {(start, n, steps): [wrong(seed, n, steps, start) for seed in range(3)]
          for n in (2, 30) for steps in (100, 200) for start in ("from scratch", "from the old")}
for (start, n, steps), counts in mirror.items():
    print(f"{n:2} labels a class, {steps} steps, {start}: {counts}")

# %% tags=["experiment"]
mean = {key: np.mean(counts) for key, counts in mirror.items()}
assert train.evaluate(reader, mirror_test)["errors"] > 180
assert all(mean["from the old", 2, steps] < mean["from scratch", 2, steps] - 8 for steps in (100, 200))
assert mean["from the old", 30, 100] < 0.75 * mean["from scratch", 30, 100]
assert abs(mean["from the old", 30, 200] - mean["from scratch", 30, 200]) < 10

# %% [markdown]
# Without training, the old network gets more than half of the mirrored digits wrong. As a *start* it is worth a lot: with two
# labels of a class it saves more than eight mistakes, after either number of steps. With thirty labels it saves a quarter of
# the mistakes after 100 steps. But after 200 steps the two are within ten: there the old network saved time, and no mistakes.
# So state the number of steps with every such comparison. A start from scratch that was stopped too early looks worse than it
# is.
#
# ## 6 · Three ways to spoil it
#
# **Too high a rate.** What took hundreds of images to learn is gone in a few steps:

# %% tags=["volatile", "experiment"]
def forgotten(lr):
    model = from_old(seed=3)
    accuracy(model, few(new_task, 5, seed=0), model.parameters(), steps=20, lr=lr)
    return np.sqrt(sum(np.sum((model.state_dict()[name] - pretrained[name]) ** 2) for name in body)
                   / sum(np.sum(pretrained[name] ** 2) for name in body))

moved = {lr: forgotten(lr) for lr in (0.002, 0.02, 0.2)}
print("the body has moved by", ", ".join(f"{m:.0%} at lr {lr}" for lr, m in moved.items()))
assert moved[0.002] < moved[0.02] < moved[0.2] and moved[0.2] > 0.3

# %% [markdown]
# **A BatchNorm that is not really frozen.** A BatchNorm layer brings each channel to mean 0 and variance 1. For inference it
# keeps a running mean and a running variance of what it has seen, and these are not parameters. If a layer only has its
# parameters' gradients switched off, they go on moving in training mode, and the "frozen" body computes something else.
# `freeze` holds them as well:

# %%
norm = models.resnet(in_channels=1, classes=5, depth=8, seed=0)
for p in norm.parameters():
    p.requires_grad = False                                  # the half of it
before = norm.state_dict()
norm.train()(images)
assert any(not np.array_equal(before[n], after) for n, after in norm.state_dict().items() if "running" in n)

freeze(norm)                                                 # all of it
before = norm.state_dict()
norm.train()(images)
for name, array in norm.state_dict().items():
    np.testing.assert_array_equal(array, before[name])

# %% [markdown]
# **A [pruned](05_pruning.md) network that fills up again.** A weight that was set to 0 has a gradient, and the first step
# makes it something else. Masks put the zeros back after each step:

# %%
from nncompress import pruning

sparse = from_old(seed=4)
masks = pruning.magnitude_masks(sparse, 0.8)
masks.apply()
zeros = {name: ~mask for name, mask in masks.items()}
optimizer = optim.SGD(sparse.parameters(), lr=0.02)
train.fit(sparse, batches(few(new_task, 5, seed=0)), optimizer, epochs=1, progress=False, after_step=masks.apply)
assert all((sparse.state_dict()[name][zero] == 0).all() for name, zero in zeros.items())
train.fit(sparse, batches(few(new_task, 5, seed=0)), optimizer, epochs=1, progress=False)
assert any((sparse.state_dict()[name][zero] != 0).any() for name, zero in zeros.items())

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
# **1.** Write the rates of the layers, from the input to the head, for a given rate of the head and a decay.

# %%
def my_rates(layers, lr, decay):
    raise NotImplementedError

def test_rates(f):
    assert f(["conv1", "conv2", "fc1", "fc2"], 0.8, 0.5) == {"conv1": 0.1, "conv2": 0.2, "fc1": 0.4, "fc2": 0.8}
    groups = discriminative_groups(from_old(0), lr=0.3)
    assert np.allclose(list(f(layers, 0.3, 1 / 2.6).values()), [group["lr"] for group in groups])

attempt(test_rates, my_rates)

# %% [markdown]
# **2.** The head alone is a linear classifier on features that never change. So compute the features *once*, and train on
# them: return the output of the body for all images, as an array.

# %%
def features(model, images):
    """What fc2 reads: images (N, 1, 8, 8) -> (N, 128)"""
    raise NotImplementedError

def test_features(f):
    model = from_old(0)
    x = next(iter(new_test))[0]
    got = f(model, x)
    logits = got @ model.fc2.weight.data.T + model.fc2.bias.data
    assert got.shape == (len(x), 128) and np.abs(logits - model.eval()(x).data).max() < 1e-4

attempt(test_features, features)

# %% [markdown]
# **3.** *L2-SP* pulls the weights towards where they started, not towards 0: add $`\lambda\,(w - w_\text{old})`$ to the
# gradient. Write that gradient for one array. At the old weights the pull has to vanish, and the further away, the stronger
# it has to be.

# %%
def pulled(gradient, w, w_old, strength):
    raise NotImplementedError

def test_pulled(f):
    g, w = np.array([1.0, -1.0]), np.array([0.5, 2.0])
    assert f(g, w, w, 0.1).tolist() == [1.0, -1.0]
    assert np.allclose(f(g, w, np.zeros(2), 0.1), [1.05, -0.8]) and np.allclose(f(g, w, w + 1, 2.0), [-1.0, -3.0])

attempt(test_pulled, pulled)

# %% [markdown]
# ## What to keep
#
# * Fine-tuning is training that goes on: a new head, an old body, and a choice of what may move.
# * Compare it with training from scratch on the same labels and after the same steps. Draw the labels more than once.
# * Freezing means parameters *and* statistics. A mask has to be kept, a rate has to be small.
#
# Sources: Yosinski et al. 2014, [arXiv 1411.1792](https://arxiv.org/abs/1411.1792); Howard & Ruder 2018, [arXiv
# 1801.06146](https://arxiv.org/abs/1801.06146), §3.2 and §3.3; Li, Grandvalet & Davoine 2018, [arXiv
# 1802.01483](https://arxiv.org/abs/1802.01483), for L2-SP. Next: [11_errata](11_errata.md).
