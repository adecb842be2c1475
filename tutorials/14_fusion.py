# %% [markdown]
# # Can two networks become one?
#
# You have trained two networks for the same task. Each is good. **Can you take the mean of their weights, and have one good
# network?** In this lesson you will see that the mean is bad, find the reason, remove it by putting neurons in another order,
# and then see two ways to fuse networks that need no such trouble: soups and ensembles.
#
# It takes about 25 minutes. You need to know what a hidden layer is, and the training loop of [04_training](04_training.md).

# %%
import copy
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np

from nnlite import data, models, nn, optim, train
from nnlite.plot import BLUE, GREY, ORANGE, STYLE
from nntransfer import fusion
from nntransfer.distill import WithTeacher, distillation
from nntransfer.domains import Faded, shifted

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · One function, many networks
#
# A network with three hidden neurons, by hand: $`y = v \cdot \max(0, W x + b)`$. Neuron 0 and neuron 2 change places. Its
# weights $`W`$ and its bias $`b`$ move, and so does the weight by which the output reads it:

# %%
W, b = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]]), np.array([0.5, 1.0, -2.0])
v, x = np.array([2.0, 5.0, -1.0]), np.array([1.0, 0.5])

def y(W, b, v):
    return v @ np.maximum(0, W @ x + b)

p = [2, 1, 0]                                 # new place 0 gets old neuron 2, and so on
assert y(W, b, v) == y(W[p], b[p], v[p]) == 6.0
assert y(W[p], b[p], v) != 6.0                # the output forgot to follow

# %% [markdown]
# The weights are other numbers, and the function is the same. Of $`n`$ neurons there are $`n!`$ orders. For two hidden layers
# of 64 neurons, that makes

# %%
orders = math.factorial(64) ** 2
assert 10**178 < orders < 10**179

# %% [markdown]
# networks that all compute the same. Training ends at one of them, by chance of the first weights. The mean of two networks
# takes no notice of that. It adds neuron 0 of the one to neuron 0 of the other, whatever these two have learned:

# %%
mean = y((W + W[p]) / 2, (b + b[p]) / 2, (v + v[p]) / 2)
assert mean != 6.0                            # the mean of a network and of itself, in another order
print(f"{mean:.2f} instead of 6")

# %% [markdown]
# ## 2 · The barrier
#
# Now with real networks: three pairs, 64 → 64 → 64 → 10, on the bundled digits. The two of a pair differ in their first
# weights and in the order of the images.

# %% tags=["volatile"]
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
example = np.zeros((1, 1, 8, 8), np.float32)

def whole(part):
    return data.DataLoader(part, 500, transform=prepare)

def trained_on(model, part, seed, epochs, rate):
    loader = data.DataLoader(part, batch_size=50, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=epochs, progress=False)
    return model.eval()

def network(seed):
    return models.mlp(in_features=64, hidden=[64, 64], seed=seed)

def errors(model, part=test_digits):
    """How many images of a part are wrong; of the test digits there are 360."""
    return train.evaluate(model, whole(part))["errors"]

networks = [trained_on(network(seed), digits, seed, epochs=20, rate=0.1) for seed in range(6)]
pairs = [networks[0:2], networks[2:4], networks[4:6]]
print("wrong of 360, six networks:", [errors(model) for model in networks])

# %% [markdown]
# Between two networks lies a line: $`\theta(t) = (1 - t)\,\theta_1 + t\,\theta_2`$. We walk along it and measure the loss.
# The **barrier** is how far the loss rises above the straight line between the losses of the ends:
#
# ```math
# \text{barrier} = \max_t \; L(\theta(t)) - (1 - t)\, L(\theta_1) - t\, L(\theta_2)
# ```

# %%
def slow_mean(first, second, t):
    """A network with the weights (1 − t) θ₁ + t θ₂."""
    model, one, two = copy.deepcopy(first), first.state_dict(), second.state_dict()
    model.load_state_dict({name: (1 - t) * one[name] + t * two[name] for name in one})
    return model

def slow_barrier(losses):
    t = [i / (len(losses) - 1) for i in range(len(losses))]
    return max(losses[i] - (1 - t[i]) * losses[0] - t[i] * losses[-1] for i in range(len(losses)))

def losses_between(first, second, part=digits):
    models_between = [slow_mean(first, second, t) for t in np.linspace(0, 1, 11)]
    return [train.evaluate(model, whole(part))["loss"] for model in models_between]

naive = [losses_between(*pair) for pair in pairs]
assert all(slow_barrier(losses) > 0.2 for losses in naive)
assert all(max(losses[0], losses[-1]) < 0.05 for losses in naive)

# %% [markdown]
# The training loss at both ends is below 0.05, and in between it rises by more than 0.2, in all three pairs. The library has
# both functions in `transfer/nntransfer/fusion/line.py`, and the mean, of any number of networks, in `average.py`:

# %%
rows = fusion.scores_on_line(*pairs[0], whole(digits), points=11)
np.testing.assert_allclose([row["loss"] for row in rows], naive[0], rtol=1e-3)
assert abs(fusion.barrier(naive[0]) - slow_barrier(naive[0])) < 1e-12
halfway = [fusion.average_weights(pair) for pair in pairs]
assert all(errors(model) > 20 for model in halfway) and max(map(errors, networks)) < 15

# %% [markdown]
# Fewer than 15 of 360 images are wrong with each network, and more than 20 with each mean.
#
# ## 3 · Which neuron is which?
#
# If it is only the order, there must be an order that is better. Look at the first layer. Each neuron has 64 weights, one for
# each pixel. Multiply those of neuron $`i`$ of the first network with those of neuron $`j`$ of the second one, add up, and
# you have a number that says how alike both are: the **gain** of letting $`j`$ take place $`i`$. Wanted is a **pairing**,
# each $`j`$ once, with the largest sum of gains. For five neurons, one can try all $`5! = 120`$ pairings:

# %%
first, second = pairs[0]
gains = first.fc1.weight.data.astype(np.float64) @ second.fc1.weight.data.T          # (64, 64)

def slow_assignment(gains):
    n = len(gains)
    return max(itertools.permutations(range(n)), key=lambda p: sum(gains[i, p[i]] for i in range(n)))

small = gains[:5, :5]
assert list(slow_assignment(small)) == fusion.best_assignment(small).tolist()

# %% [markdown]
# For 64 neurons, trying is hopeless. The **Hungarian method** (1955) finds the best of all 64! pairings in about $`64^3`$
# steps. You find it in `transfer/nntransfer/fusion/assignment.py`, in 60 lines. It is better than what comes to mind first,
# "the largest gain, then the largest of what is left":

# %%
def greedy_assignment(gains):
    left, p = gains.copy(), np.zeros(len(gains), int)
    for _ in range(len(gains)):
        i, j = np.unravel_index(left.argmax(), left.shape)
        p[i] = j
        left[i], left[:, j] = -np.inf, -np.inf
    return p

def total(gains, p):
    return gains[np.arange(len(p)), p].sum()

p = fusion.best_assignment(gains)
in_order = np.arange(64)
assert total(gains, p) >= total(gains, greedy_assignment(gains)) > 2 * total(gains, in_order)

two_by_two = np.array([[9.0, 8.0], [8.0, 1.0]])
assert total(two_by_two, greedy_assignment(two_by_two)) == 10                # 9 + 1
assert total(two_by_two, fusion.best_assignment(two_by_two)) == 16           # 8 + 8

# %% tags=["remove-input"]
lengths = [np.linalg.norm(model.fc1.weight.data, axis=1) for model in (first, second)]
alike = np.argsort(-gains[in_order, p] / (lengths[0] * lengths[1][p]))[:6]
fig, axes = plt.subplots(2, 6, num="partners", figsize=(6.4, 2.6))
# alt: Six neurons of the first network as 8 by 8 pictures of weights, and below each its partner of the second network.
for column, i in enumerate(alike):
    for row, (model, neuron) in enumerate(((first, i), (second, p[i]))):
        w = model.fc1.weight.data[neuron].reshape(8, 8)
        axes[row, column].imshow(w, cmap="RdBu", vmin=-np.abs(w).max(), vmax=np.abs(w).max())
        axes[row, column].set(xticks=[], yticks=[])
        axes[row, column].set_title(f"neuron {neuron}", fontsize=9)
axes[0, 0].set_ylabel("first")
axes[1, 0].set_ylabel("second")
fig.suptitle("Two trainings have found similar neurons, in other places", fontsize=11);

# %% [markdown]
# Above are six neurons of the first network, blue where a bright pixel excites them, red where it holds them down. Below are
# their partners.
#
# ## 4 · All layers together
#
# A neuron is known by what it reads *and* by what reads it. The gains of layer 1 should count the weights of layer 2, too.
# But these lie in the order of layer 2, which is not known yet. So the layers take turns: find the best order of one while
# the other is held still, then the other, until nothing changes. This is Git Re-Basin's **weight matching**. No step can make
# the sum of all gains smaller, so it ends.

# %%
def slow_matching(first, second):
    """The orders of both hidden layers of the second network that fit the first."""
    A, B = ({name: array.astype(np.float64) for name, array in model.state_dict().items()}
            for model in (first, second))
    p1, p2, sums = np.arange(64), np.arange(64), []
    while len(sums) < 2 or sums[-1] > sums[-2] + 1e-9:
        gains1 = (A["fc1.weight"] @ B["fc1.weight"].T + np.outer(A["fc1.bias"], B["fc1.bias"])
                  + A["fc2.weight"].T @ B["fc2.weight"][p2])
        p1 = fusion.best_assignment(gains1)
        gains2 = (A["fc2.weight"] @ B["fc2.weight"][:, p1].T + np.outer(A["fc2.bias"], B["fc2.bias"])
                  + A["fc3.weight"].T @ B["fc3.weight"])
        p2 = fusion.best_assignment(gains2)
        sums.append(total(gains2, p2) + total(A["fc1.weight"] @ B["fc1.weight"].T, p1)
                    + total(np.outer(A["fc1.bias"], B["fc1.bias"]), p1))
    return p1, p2, sums

def reordered(model, p1, p2):
    """A copy with its neurons in another order: rows of their layer, columns of the next one."""
    model = copy.deepcopy(model)
    for layer, after, p in ((model.fc1, model.fc2, p1), (model.fc2, model.fc3, p2)):
        layer.weight.data, layer.bias.data = layer.weight.data[p], layer.bias.data[p]
        after.weight.data = after.weight.data[:, p]
    return model

p1, p2, sums = slow_matching(first, second)
moved = reordered(second, p1, p2)
assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(sums))

images, _ = next(iter(whole(test_digits)))
np.testing.assert_allclose(moved(images).data, second(images).data, atol=1e-3)   # same function

# %% [markdown]
# The library's `align` does this for any network: which arrays have to move together it reads off the graph
# (`nnlite/inference/groups.py`), so convolutions, BatchNorm and residual additions are included. Its turns come in random
# order, so it may end at another order of the neurons, about as good. It finds an order that we have shuffled ourselves
# without a mistake:

# %%
rng = np.random.default_rng(0)
orders = {"fc1": rng.permutation(64), "fc2": rng.permutation(64)}
shuffled = fusion.permute_channels(first, example, orders)
found = fusion.align(first, shuffled, example)
assert all((found.state_dict()[name] == array).all() for name, array in first.state_dict().items())

# %% [markdown]
# And the two networks? We walk along the line again, from the first network to the second one in its new order:

# %%
matched = [losses_between(one, fusion.align(one, two, example)) for one, two in pairs]
own = losses_between(first, moved)
for before, after in zip(naive, matched, strict=True):
    assert slow_barrier(after) < slow_barrier(before) / 10
assert slow_barrier(own) < slow_barrier(naive[0]) / 10
halfway = [fusion.average_weights([one, fusion.align(one, two, example)]) for one, two in pairs]
assert all(errors(model) < 20 for model in halfway)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="barrier")
# alt: Training loss between two networks, three pairs. As they came it rises in the middle; matched it stays near 0.
t = np.linspace(0, 1, 11)
for before, after in zip(naive, matched, strict=True):
    ax.plot(t, before, color=ORANGE, lw=2)
    ax.plot(t, after, color=BLUE, lw=2)
top = max(map(max, naive))
ax.text(0.5, 1.02 * top, "neurons as they came", color=ORANGE, ha="center", va="bottom")
ax.text(0.5, 0.06 * top, "neurons matched", color=BLUE, ha="center", va="bottom")
ax.set(title="The barrier was the order of the neurons",
       xlabel="from the first network (0) to the second (1)", ylabel="training loss",
       ylim=(-0.02 * top, 1.15 * top), xlim=(0, 1));

# %% [markdown]
# More than nine tenths of the barrier are gone, in each pair. One valley, seen from two orders.
#
# Is that a law? No. It takes wide layers, and steps that are large against the first weights: after small steps, or a short
# training, more of the barrier stays ([papers/rebasin](papers/rebasin.md) measures it on MNIST). And it needs all arrays to
# follow. Forget one, and the network is lost:

# %%
lost = copy.deepcopy(second)
lost.fc1.weight.data = second.fc1.weight.data[p1]
lost.fc1.bias.data = second.fc1.bias.data[p1]                 # and fc2 does not know
assert errors(lost) > 180 > 10 * errors(second)

# %% [markdown]
# ## 5 · Soups: one start, several fine-tunings
#
# Networks that begin at the same weights have their neurons in the same order, and need no matching. Take one pretrained
# network and fine-tune it five times. Here the new task are digits with little contrast, on a grey ground, with noise, and
# 100 labelled images of them. As a control, five networks that learn the same 100 images from nothing.

# %% tags=["volatile"]
def faded(part, seed):
    return shifted(part, [Faded(contrast=0.4, ground=60, noise=40)], seed)

labelled, new_test = faded(digits[900:1000], 0), faded(test_digits, 2)
held_out = faded(digits[1000:], 1)
tuned, scratch = [], []
for seed in range(3):
    pretrained = trained_on(network(seed), digits[:900], seed, epochs=10, rate=0.1)
    tuned.append([trained_on(copy.deepcopy(pretrained), labelled, i, epochs=10, rate=rate)
                  for i, rate in enumerate((0.01, 0.02, 0.03, 0.05, 0.1))])
    scratch.append([trained_on(network(10 + 5 * seed + i), labelled, i, epochs=30, rate=0.05)
                    for i in range(5)])

def wrong(model):
    return errors(model, new_test)

uniform = [wrong(fusion.average_weights(models)) for models in tuned]
uniform_of_scratch = [wrong(fusion.average_weights(models)) for models in scratch]
print("fine-tuned:   ", *([wrong(model) for model in models] for models in tuned))
print("  their means:", uniform)
print("from nothing: ", *([wrong(model) for model in models] for models in scratch))
print("  their means:", uniform_of_scratch)

# %%
for models_tuned, soup, far in zip(tuned, uniform, uniform_of_scratch, strict=True):
    assert soup < np.mean([wrong(model) for model in models_tuned]) + 10
    assert far > 240                                          # of 360: nearly as bad as guessing

# %% [markdown]
# The mean of the fine-tuned networks, the **uniform soup**, is about as good as they are. The mean of those from nothing is
# nearly as bad as guessing. A **greedy soup** is more careful. It starts with the network that is best on held-out images,
# and takes in each further one only if that does no harm there:

# %%
def slow_greedy_soup(models, score):
    models = sorted(models, key=score, reverse=True)
    kept = models[:1]
    for model in models[1:]:
        if score(fusion.average_weights([*kept, model])) >= score(fusion.average_weights(kept)):
            kept.append(model)
    return fusion.average_weights(kept), len(kept)

def score(model):
    return train.evaluate(model, whole(held_out))["accuracy"]

for models_tuned in tuned:
    soup, members = slow_greedy_soup(models_tuned, score)
    same, numbers, reached = fusion.greedy_soup(models_tuned, score)
    assert members == len(numbers) and score(soup) == score(same) == reached
    assert reached >= max(map(score, models_tuned))           # by construction: on held-out images

# %% [markdown]
# That the greedy soup is not worse than the best single network holds by construction on the images that choose, and on no
# others. So measure it on new ones.
#
# One trap is left. BatchNorm keeps the mean and the variance of what each neuron sees. The mean of two variances is the
# variance of neither network, nor of their mean. By hand: one neuron computes $`x`$, its double $`-x`$. Both see variance 1.
# Their mean computes 0, which has variance 0, and not 1. So `average_weights` asks for training images, and has the
# statistics estimated anew:

# %%
plus, minus = (nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)) for _ in range(2))
plus[0].weight.data, minus[0].weight.data = np.float32([[1]]), np.float32([[-1]])
batch = [(np.float32([[-1], [0], [1]]),)]
fused = fusion.average_weights([plus, minus], loader=batch)
assert (plus[1].running_var.data, minus[1].running_var.data, fused[1].running_var.data) == (1, 1, 0)
try:
    fusion.average_weights([plus, minus])
    raise AssertionError
except ValueError as error:
    print(error)

# %% [markdown]
# ## 6 · Ensembles: keep them all
#
# The five networks from nothing cannot be averaged. But their *answers* can. The mean of the probabilities is an
# **ensemble**:
#
# ```math
# \bar p(c \mid x) = \frac{1}{M} \sum_m p_m(c \mid x)
# ```
#
# One thing about it is certain. The logarithm bends downwards, so the mean of logarithms is never above the logarithm of the
# mean. For *every* image, the ensemble's loss $`-\ln \bar p`$ is at most the mean loss of its members:

# %%
images, labels = next(iter(whole(new_test)))
for members in scratch:
    logits = np.stack([model(images).data.astype(np.float64) for model in members])
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    of_right_class = p[:, np.arange(len(labels)), labels]
    ensemble_loss = -np.log(of_right_class.mean(axis=0))
    assert (ensemble_loss <= -np.log(of_right_class).mean(axis=0) + 1e-9).all()
    ensemble = fusion.Ensemble(members)
    in_library = train.evaluate(ensemble, whole(new_test))["loss"]
    np.testing.assert_allclose(in_library, ensemble_loss.mean(), rtol=1e-5)
    assert wrong(ensemble) < np.mean([wrong(model) for model in members])

# %% [markdown]
# In all three cases the ensemble also has fewer wrong answers than its members have on average. That is not certain, but
# usual: networks that err in different places outvote each other. The price is five times the memory and five times the time.
#
# Unless you **distil** it. The ensemble answers for images that nobody has labelled, and one network learns its answers
# ([09_distillation](09_distillation.md)). The labels of these 437 images are not looked at (`alpha=1`):

# %% tags=["volatile", "experiment"]
def student_of(ensemble, seed):
    model = network(100 + seed)
    unlabelled = data.DataLoader(held_out, batch_size=50, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train.fit(model, WithTeacher(unlabelled, ensemble), optimizer, epochs=20,
              loss=distillation(temperature=2, alpha=1), progress=False)
    return model.eval()

ensembles = [fusion.Ensemble(members) for members in scratch]
students = [student_of(ensemble, seed) for seed, ensemble in enumerate(ensembles)]
singles = np.mean([[wrong(model) for model in members] for members in scratch], axis=1)
together, alone = [wrong(model) for model in ensembles], [wrong(model) for model in students]
print("wrong of 360: singles", singles, " ensembles", together, " students", alone)
assert np.mean(alone) < np.mean(singles)
assert np.mean(alone) < np.mean(together) + 15

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="fused", figsize=(6.4, 3.0))
# alt: Wrong answers of 360. The mean of weights is nearly always wrong; the ensemble and its student are best.
bars = {"mean of the weights": np.mean(uniform_of_scratch), "single networks": singles.mean(),
        "ensemble of five": np.mean(together), "one student of the ensemble": np.mean(alone)}
ax.barh(range(4), bars.values(), color=[ORANGE, GREY, BLUE, BLUE], height=0.6)
for i, count in enumerate(bars.values()):
    ax.text(count + 3, i, f"{count:.0f}", va="center")
ax.set_yticks(range(4), bars)
ax.invert_yaxis()
ax.set(title="Average answers, not weights", xlabel="wrong of 360 (mean of three)", xlim=(0, 360));

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
# **1.** A convolution's filters can be permuted like neurons. Write it for `models.cnn`: put the filters of `conv1` into the
# order `p`. Which axis of `conv2.weight` has to follow?

# %%
def permuted_filters(model, p):
    """A copy of the model that computes the same, with conv1's filter p[i] at place i."""
    raise NotImplementedError

def test_permuted_filters(f):
    model, p = models.cnn(1, 8, width=0.5, seed=3).eval(), np.random.default_rng(1).permutation(8)
    moved = f(model, p)
    np.testing.assert_array_equal(moved.conv1.weight.data, model.conv1.weight.data[p])
    np.testing.assert_allclose(moved(images).data, model(images).data, atol=1e-4)

test_permuted_filters(lambda model, p: fusion.permute_channels(model, example, {"conv1": p}))
attempt(test_permuted_filters, permuted_filters)

# %% [markdown]
# **2.** ReLU layers have another symmetry: multiply what a hidden neuron reads, its bias included, by $`s > 0`$, and divide
# what reads it by $`s`$. Write it for `fc1` of our networks. (Matching does not undo it.)

# %%
def rescaled(model, s):
    """A copy that computes the same, with the neurons of fc1 s times as loud.   s (64,) > 0"""
    raise NotImplementedError

def test_rescaled(f):
    s = np.exp(np.random.default_rng(2).standard_normal(64)).astype(np.float32)
    loud = f(first, s)
    np.testing.assert_allclose(loud.fc1.weight.data, first.fc1.weight.data * s[:, None], rtol=1e-5)
    np.testing.assert_allclose(loud(images).data, first(images).data, atol=1e-3)

attempt(test_rescaled, rescaled)

# %% [markdown]
# **3.** *Task arithmetic.* What a fine-tuning has changed is a vector $`\tau = \theta_\text{tuned} -
# \theta_\text{pretrained}`$. Return the pretrained network moved by $`\lambda \sum_t \tau_t`$.

# %%
def with_tasks(pretrained, tuned, scale):
    raise NotImplementedError

def test_with_tasks(f):
    start, one, two = networks[:3]
    for scale in (0.5, -1.0):
        vectors = [fusion.task_vector(start, model) for model in (one, two)]
        right = fusion.add_task_vectors(start, vectors, scale)
        for name, array in f(start, [one, two], scale).state_dict().items():
            np.testing.assert_allclose(array, right.state_dict()[name], atol=1e-6)

attempt(test_with_tasks, with_tasks)

# %% [markdown]
# ## More in this room
#
# * **Stochastic weight averaging** (`transfer/nntransfer/fusion/swa.py`) is a soup of one training: the mean of its weights at
#   the end of each epoch, say. The mean in which older weights count less and less is the Mean Teacher of
#   [12](12_distillation_more.md).
# * **Fisher-weighted averaging** (`fisher.py`): each weight counts in the mean by how much its network's answers depend on it,
#   $`F_i = \frac{1}{N} \sum_n \sum_c p(c|x_n) \left(\partial \ln p(c|x_n) / \partial \theta_i\right)^2`$. With equal $`F`$ it
#   is the plain mean.

# %%
moving = nn.Linear(1, 1, rng=0)
swa = fusion.StochasticWeightAverage(moving, start=2, every=2)     # steps 2 and 4 count
for w in (9.0, 1.0, 9.0, 4.0):
    moving.weight.data = np.float32([[w]])
    swa.update()
assert swa.model.weight.item() == 2.5

x, classifier = np.float32([[2.0]]), nn.Linear(1, 2, rng=0)        # for two classes: F of a weight is p (1 − p) x²
(z,) = classifier(x).data
p = np.exp(z[0]) / np.exp(z).sum()
F_w = fusion.diagonal_fisher(classifier, [(x,)])["weight"]
np.testing.assert_allclose(F_w, p * (1 - p) * 4, rtol=1e-5)

one, two = networks[:2]
equal = {name: np.ones(parameter.shape) for name, parameter in one.named_parameters()}
mean = fusion.average_weights([one, two]).state_dict()
for name, array in fusion.fisher_average([one, two], [equal, equal]).state_dict().items():
    np.testing.assert_array_equal(array, mean[name])

# %% [markdown]
# ## What to keep
#
# * Hidden neurons have no order of their own. Weights of two trainings cannot be compared place by place.
# * Matching puts them in one order. Then most of the barrier between two networks is gone, if layers are wide and steps large
#   enough.
# * From one start, the mean of several fine-tunings is as good as they are: a soup costs no more than one network.
# * An ensemble's loss is never above the mean loss of its members. Its student needs only one network's time.
# * After averaging weights, estimate BatchNorm's statistics anew.
#
# Sources: Ainsworth, Hayase & Srinivasa 2023, [arXiv 2209.04836](https://arxiv.org/abs/2209.04836), §3; Kuhn 1955, *The
# Hungarian method for the assignment problem*; Wortsman et al. 2022, [arXiv 2203.05482](https://arxiv.org/abs/2203.05482),
# §2; Izmailov et al. 2018, [arXiv 1803.05407](https://arxiv.org/abs/1803.05407), §3.2, for the statistics; Bishop 2006,
# *Pattern Recognition and Machine Learning*, §14.2, for ensembles; Hinton, Vinyals & Dean 2015, [arXiv
# 1503.02531](https://arxiv.org/abs/1503.02531); Ilharco et al. 2023, [arXiv 2212.04089](https://arxiv.org/abs/2212.04089).
