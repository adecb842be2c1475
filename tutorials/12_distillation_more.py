# %% [markdown]
# # What a teacher knows inside
#
# In [lesson 09](09_distillation.md) a student learned from what its teacher *says*. But a network is more than its last
# layer. **Can a student learn from what happens inside its teacher? And must there be a teacher at all?** You will see a deep
# network that labels alone hardly teach, and that a hint sets going; two students that teach each other; and a network that
# learns from its own past, with two labels of each digit.
#
# It takes about 20 minutes. You need lesson 09.

# %%
import matplotlib.pyplot as plt
import numpy as np

from nnlite import Tensor, data, models, optim, train
from nnlite.nn.module import inference_mode
from nnlite.plot import BLUE, DARK, GREY, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
test_loader = data.DataLoader(test_digits, 360, transform=prepare)

def batches(seed):
    return data.DataLoader(digits, 64, shuffle=True, seed=seed, transform=prepare)

def sgd(model, lr=0.05):
    return optim.SGD(model.parameters(), lr=lr, momentum=0.9)

def errors(model):
    return train.evaluate(model, test_loader)["errors"]

# %% [markdown]
# ## 1 · A hint in the middle
#
# The teacher is wide and shallow: one hidden layer of 128 neurons. The student is thin and deep: six hidden layers of 12
# neurons each. Deep and thin networks are hard to train, since the gradient has to find its way through all layers. *FitNets*
# gives the student a **hint**: its third hidden layer should give what the teacher's hidden layer gives. That is half of the
# way only, so the gradient has half as far to go.
#
# The student's 12 numbers and the teacher's 128 cannot be compared. So a **regressor** $`r`$, one more linear layer, makes
# 128 numbers of the 12; it learns, too, and is thrown away afterwards. With $`v_n`$ for the student's layer and $`u_n`$ for
# the teacher's, for image $`n`$ of $`N`$:
#
# ```math
# L = \frac{1}{2N} \sum_n | u_n - r(v_n) |^2
# ```

# %%
def slow_hint_loss(r, u):
    total = 0.0
    for n in range(len(r)):
        for k in range(r.shape[1]):
            total += (u[n, k] - r[n, k]) ** 2
    return total / (2 * len(r))

by_hand = slow_hint_loss(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0], [3.0, 1.0]]))
assert by_hand == (0 + 4 + 9 + 1) / 4 == 3.5

# %% [markdown]
# The library has it in `transfer/nntransfer/distill/hints.py`: `hint_loss` is the formula, and `Hints` is the loss with its
# regressors. It looks at the layers by their names.

# %%
from nntransfer.distill import Hints, Labels, SoftTargets, distill, hint_loss

rng = np.random.default_rng(0)
r, u = rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
assert abs(hint_loss(r, u).item() - slow_hint_loss(r, u)) < 1e-13

# %% [markdown]
# Now three students from the same first weights, 12 epochs each: by labels alone; by labels and the teacher's soft outputs;
# and by hints for 4 epochs, then by labels for 8. `distill` is the loop for all of these. It takes a list of losses with
# their weights and adds them up.

# %% tags=["volatile"]
teacher = models.mlp(64, 128, seed=0)
train.fit(teacher, batches(0), sgd(teacher), 10, progress=False)

def thin(seed):
    return models.mlp(64, [12] * 6, seed=seed)

def taught(seed, losses, epochs, model=None):
    model = model or thin(seed)
    distill(model, teacher, batches(seed), sgd(model), epochs, losses, progress=False)
    return model

def with_hints(seed):
    model = thin(seed)
    hints = Hints({"relu3": "relu1"}, model, teacher, data.prepare(digits[:1], "digits"), rng=seed)
    both = optim.Adam([*model.parameters(), *hints.parameters()], lr=3e-3)
    distill(model, teacher, batches(seed), both, 4, [(1, hints)], progress=False)
    return taught(seed, [(1, Labels())], 8, model)

seeds = range(3)
deep = {
    "labels alone": [errors(taught(s, [(1, Labels())], 12)) for s in seeds],
    "soft outputs": [errors(taught(s, [(0.1, Labels()), (0.9, SoftTargets(4))], 12)) for s in seeds],
    "hints first": [errors(with_hints(s)) for s in seeds],
}
print("the teacher is wrong on", errors(teacher), "of 360")
for name, counts in deep.items():
    print(f"{name:14}", counts)

# %%
assert errors(teacher) < 25
assert np.mean(deep["hints first"]) < np.mean(deep["labels alone"]) - 30
assert np.mean(deep["soft outputs"]) > np.mean(deep["labels alone"])
assert min(min(counts) for counts in deep.values()) > 2 * errors(teacher)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="deep", figsize=(6.4, 2.6))  # alt: Errors of three students each: hints first has the fewest.
for place, (name, counts) in enumerate(deep.items()):
    colour = BLUE if name == "hints first" else GREY
    ax.plot(counts, [-place] * 3, "o", color=colour, ms=8, alpha=0.7)
    ax.plot([np.mean(counts)] * 2, [-place - 0.3, -place + 0.3], color=colour, lw=3)
ax.set(title="A hint sets a deep network going", xlabel="wrong of 360 after 12 epochs (each dot a student)",
       yticks=[0, -1, -2], yticklabels=deep, xlim=(0, 360), ylim=(-2.6, 0.6));

# %% [markdown]
# After the same 12 epochs, the students with hints make at least 30 mistakes fewer on average. The soft outputs do not help
# here: like the labels, they come in at the top, and with them these students have hardly started. None of the three is
# anywhere near its teacher yet. A hint is a help to *start*.
#
# ## 2 · Not where, but how far apart
#
# A hint asks for the teacher's very numbers. But the directions of a hidden layer mean nothing by themselves: turn all
# features by the same rotation, and the next layer can undo it. What stays is how the images lie **to each other**.
# *Relational distillation* compares distances. For all pairs of images in a batch, with features $`t_i`$:
#
# ```math
# \psi_{ij} = \frac{|t_i - t_j|}{\mu}, \qquad \mu = \text{mean of } |t_i - t_j| \text{ over all } i \ne j
# ```
#
# The loss is the mean of Huber's loss $`h(\psi_{ij}^{\,s} - \psi_{ij}^{\,t})`$ of student and teacher: $`h(e) = e^2/2`$ for
# $`|e| \le 1`$, and $`|e| - 1/2`$ beyond.

# %%
def slow_distance_loss(s, t):
    def psi(f):
        d = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in f] for a in f])
        return d / (d.sum() / (len(f) * (len(f) - 1)))
    e = np.abs(psi(s) - psi(t))
    h = np.where(e <= 1, e**2 / 2, e - 0.5)
    return h.sum() / (len(s) * (len(s) - 1))

from nntransfer.distill import OnFeatures, distance_loss

s, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 8))           # 3 numbers against 8: no regressor
assert abs(distance_loss(s, t).item() - slow_distance_loss(s, t)) < 1e-12

turn, _ = np.linalg.qr(rng.normal(size=(8, 8)))
assert distance_loss(5 * t @ turn + 1, t).item() < 1e-12           # turned, scaled, moved: nothing to pay
assert hint_loss(5 * t @ turn + 1, t).item() > 1                   # the hint's loss sees another thing

# %% [markdown]
# Does it work? Two students with 12 hidden neurons learn from the labels, one of them from its teacher's distances, too. We
# look at 100 test images, sorted by digit: dark means close.

# %% tags=["volatile"]
from nntransfer import tap

some = test_digits[np.argsort(test_digits.labels[:100], kind="stable")]

def distances(model):
    with tap(model, ["relu1"]) as features, inference_mode(model):
        model(data.prepare(some, "digits"))
    t = features["relu1"].data
    d = np.linalg.norm(t[:, None] - t[None], axis=2)
    return d / d.sum() * len(t) * (len(t) - 1)

def small(weight):
    model = models.mlp(64, 12, seed=1)
    losses = [(1, Labels()), (weight, OnFeatures(distance_loss, {"relu1": "relu1"}))]
    distill(model, teacher, batches(1), sgd(model), 6, losses, progress=False)
    return model

alone, related = small(0), small(10)
maps = {"teacher": distances(teacher), "labels alone": distances(alone), "with relations": distances(related)}
off = {name: ((m - maps["teacher"]) ** 2).mean() for name, m in maps.items()}
print({name: round(float(value), 3) for name, value in off.items()}, "errors:", errors(alone), errors(related))

# %%
assert off["with relations"] < 0.7 * off["labels alone"]

# %% tags=["remove-input"]
fig, axes = plt.subplots(1, 3, num="relations", figsize=(6.4, 2.6))
# alt: Three distance maps of 100 images. The one learned with relations looks more like the teacher's.
for ax, (name, m) in zip(axes, maps.items(), strict=True):
    ax.imshow(m, cmap="gray", vmin=0, vmax=2)
    ax.set(title=name, xticks=[], yticks=[])
fig.supxlabel("100 test images, sorted by digit: dark is close", fontsize=11)

# %% [markdown]
# `angle_loss` compares the angles in triangles of images in the same way, and `attention_loss` *where* in an image a
# convolution is active. All of them go into the same list of losses.
#
# ## 3 · No teacher: two students
#
# Two students see the same batch. Each learns from the labels and from the other's softmax $`p`$, which is a constant for it:
#
# ```math
# L = \sum_k \Big[ \text{CE}(y, p_k) + \frac{1}{K-1} \sum_{j \ne k} \text{KL}(p_j \,\|\, p_k) \Big]
# ```
#
# Neither knows more than the other. But they start from different weights, so they are wrong on different images at first.

# %%
from nntransfer.distill import Cohort, mutual_loss


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def slow_mutual_loss(logits, y):
    p, total = [softmax(z) for z in logits], 0.0
    for k in range(len(p)):
        total -= np.mean(np.log(p[k][np.arange(len(y)), y]))
        for j in range(len(p)):
            if j != k:
                total += np.mean((p[j] * np.log(p[j] / p[k])).sum(axis=1)) / (len(p) - 1)
    return total

z, y = rng.normal(size=(3, 5, 4)), rng.integers(0, 4, 5)
assert abs(mutual_loss(tuple(map(Tensor, z)), y).item() - slow_mutual_loss(z, y)) < 1e-12

# %% tags=["volatile"]
def pair(together):
    cohort = Cohort([models.mlp(64, 16, seed=k) for k in range(2)])
    def own(logits, y):                                            # each by itself: no divergence
        return (mutual_loss((logits[0], logits[0]), y) + mutual_loss((logits[1], logits[1]), y)) / 2
    loss = mutual_loss if together else own
    train.fit(cohort, batches(0), sgd(cohort, lr=0.01), 6, loss, progress=False)
    p = [softmax(train.logits(student, test_loader)[0]) for student in cohort.students]
    return float(np.abs(p[0] - p[1]).sum(axis=1).mean()), [errors(s) for s in cohort.students]

apart, mutual = pair(False), pair(True)
print("by themselves: differ by", round(apart[0], 3), " errors", apart[1])
print("together:      differ by", round(mutual[0], 3), " errors", mutual[1])

# %%
assert mutual[0] < 0.8 * apart[0]

# %% [markdown]
# Students that learn together agree more: that is what the loss asks for. Whether they also make fewer mistakes is another
# question; on these digits, which one network learns well alone, do not expect much.
#
# ## 4 · The mean of your own past
#
# Now nearly all labels are gone: two of each digit are left, 20 of 1,437. The other images are there, without labels. *Mean
# Teacher* uses them so. The teacher's weights $`\theta'`$ are the **running average** of the student's weights $`\theta`$:
#
# ```math
# \theta'_k = a\, \theta'_{k-1} + (1 - a)\, \theta_k
# ```
#
# Student and teacher look at the same image, each through noise of its own. On *every* image, with label or without, the
# student should say what the teacher says:
#
# ```math
# L = \text{CE on the labelled} \;+\; w\, \frac1N \sum_n | p_s(n) - p_t(n) |^2
# ```
#
# An average of many steps is steadier than the last step. But what if $`a`$ is 0.999 from the start, and there are 336 steps?
# Then $`0.999^{336} = 71`$ % of the teacher are still the random first weights. So $`a = \min(1 - 1/(k+1), \text{decay})`$:
# the first steps count more. By hand, from $`\theta'_0 = 8`$ and the weights 4, 1 with $`a = 1/2`$ and $`2/3`$: 6, then 4⅓.

# %%
from nntransfer.distill import InStep, MeanTeacher, OnLogits, TwoViews, consistency_loss, ramp_up


def slow_average(theta, start, decay):
    mean = start
    for k, value in enumerate(theta, 1):
        a = min(1 - 1 / (k + 1), decay)
        mean = a * mean + (1 - a) * value
    return mean

assert slow_average([4.0], 8.0, 0.999) == 6 and abs(slow_average([4.0, 1.0], 8.0, 0.999) - 13 / 3) < 1e-12
assert 0.71 < 0.999**336 < 0.72

model = models.mlp(64, 4)
follower, first = MeanTeacher(model, decay=0.6), model.fc1.bias.data[0]
for value in (3.0, -1.0, 2.0, 7.0):
    model.fc1.bias.data[0] = value
    follower.update()
assert abs(follower.teacher.fc1.bias.data[0] - slow_average([3, -1, 2, 7], first, 0.6)) < 1e-6

# %% [markdown]
# The weight $`w`$ rises slowly (`ramp_up`): at the start the teacher knows nothing, and agreeing with it is easy: both give
# all images the same answer. `InStep` makes batches of 20 labelled and 60 other images, whose labels are −1; `TwoViews` adds
# the noise twice.

# %% tags=["volatile"]
def noisy(images, rng):
    return images + 0.3 * rng.standard_normal(images.shape, np.float32)

def mean_teacher(seed, weight):
    few, view = digits.few(2, rng=seed), [*prepare, noisy]
    both = InStep(data.DataLoader(few, 20, shuffle=True), data.DataLoader(digits, 60, shuffle=True))
    model = models.mlp(64, 64, dropout=0.3, seed=seed)
    mean = MeanTeacher(model, decay=0.95)
    losses = [(1, Labels()), (ramp_up(weight, steps=150), OnLogits(consistency_loss))]
    distill(model, mean.teacher, TwoViews(both, view, view), optim.Adam(model.parameters(), lr=3e-3), 14,
            losses, noisy=True, after_step=mean.update, progress=False)
    return errors(mean.teacher)

labels_alone, with_others = ([mean_teacher(s, weight) for s in seeds] for weight in (0, 3))
print("20 labels alone:", labels_alone, "  with 1,437 images:", with_others)

# %%
assert len(digits) == 1437 and np.mean(with_others) < 0.95 * np.mean(labels_alone)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="few_labels", figsize=(6.4, 2.8))  # alt: For each of three label sets, images without labels help.
for s, (a, b) in enumerate(zip(labels_alone, with_others, strict=True)):
    ax.annotate("", (b, -s), (a, -s), arrowprops={"arrowstyle": "->", "color": DARK})
    ax.plot(a, -s, "o", color=GREY, ms=9)
    ax.plot(b, -s, "o", color=BLUE, ms=9)
ax.text(labels_alone[0], 0.3, "20 labels alone", color=GREY, ha="left")
ax.text(with_others[0], 0.3, "and all images", color=BLUE, ha="right")
ax.set(title="Images without labels are worth something", xlabel="wrong of 360", yticks=[0, -1, -2],
       yticklabels=[f"labels {s + 1}" for s in seeds], xlim=(0, 140), ylim=(-2.5, 0.8));

# %% [markdown]
# Both rows have the same noise, the same dropout and the same average of weights: the only difference is $`w`$. The three
# label sets differ a lot, so one of them alone would say little.
#
# ## 5 · Three ways to do it wrong
#
# **A regressor that does not train.** `Hints` has parameters of its own, and `distill` refuses an optimizer without them.
# Freeze them, and the student has to fit a random layer: it has only 12 numbers for 128 outputs, so the loss stays higher.
#
# **A layer that is not there.** Names are checked before anything is trained.
#
# **A teacher that is not a copy.** `MeanTeacher` copies the student. If teacher and student were one object, their
# difference would be the noise alone, and its average no average.

# %%
def hint_loss_after(train_regressor):
    model = thin(0)
    hints = Hints({"relu3": "relu1"}, model, teacher, data.prepare(digits[:1], "digits"), rng=0)
    for parameter in hints.parameters():
        parameter.requires_grad = train_regressor
    both = optim.Adam([*model.parameters(), *hints.parameters()], lr=3e-3)
    return distill(model, teacher, batches(0), both, 3, [(1, hints)], progress=False)[-1]["loss"]

assert hint_loss_after(True) < 0.8 * hint_loss_after(False)

try:
    distill(thin(0), teacher, batches(0), sgd(thin(0)), 1, [(1, OnFeatures(distance_loss, {"relu7": "relu1"}))])
except ValueError as error:
    print(error)
    assert "no layer 'relu7'; nearest: relu" in str(error)

assert follower.teacher is not model and follower.teacher.fc1.weight is not model.fc1.weight

# %% [markdown]
# ## 6 · Exercises
#
# **1. The gradient of a hint.** Write `hint_gradient(r, u)`: $`\partial L / \partial r`$ of the hint's loss, an array like
# $`r`$. (The loss is a hole of assignment `hw14_hints`, as are the regressor and exercise 2.)

# %%
def hint_gradient(r, u):
    ...

def test_hint_gradient(hint_gradient):
    rng = np.random.default_rng(1)
    r, u = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    x = Tensor(r, requires_grad=True)
    hint_loss(x, u).backward()
    assert np.allclose(hint_gradient(r, u), x.grad, atol=1e-12)

# %% [markdown]
# **2. Where is it active?** Write `attention(features)` for features (N, C, H, W): the squares of the channels added up, as
# vectors (N, H·W) of length 1.

# %%
def attention(features):
    ...

def test_attention(attention):
    from nntransfer.distill import attention_map
    features = np.random.default_rng(2).normal(size=(3, 5, 2, 4))
    assert np.allclose(attention(features), attention_map(features).data, atol=1e-12)
    assert np.allclose((attention(features) ** 2).sum(axis=1), 1)

# %% [markdown]
# **3. How old is the mean?** With a fixed $`a`$, the weights of $`s`$ steps ago have the share $`(1 - a)\,a^s`$ of the
# teacher. Write `half_life(a)`: the smallest whole number of steps whose weights, with all later ones, make up at least half.

# %%
def half_life(a):
    ...

def test_half_life(half_life):
    for a in (0.5, 0.9, 0.95, 0.99, 0.999):
        n = half_life(a)
        share = [(1 - a) * a**s for s in range(n)]
        assert sum(share) >= 0.5 - 1e-12 and sum(share[:-1]) < 0.5

# %% [markdown]
# ## More in this room
#
# Four more files of `transfer/nntransfer/distill`. Each has its formula and its source.
#
# * **Decoupled distillation** (`decoupled.py`) splits the divergence from the teacher into two: is it the right class or
#   another one, and which of the others? Each part gets a weight of its own. With the weights 1 and $`1 - p_y`$ of the teacher,
#   it is Hinton's divergence.
# * **Born-again networks** (`generations.py`): each student is as large as its teacher, and becomes the next one's teacher.
# * **Transfer sets** (`transfer_set.py`): a student may learn from images without one class, without labels, or from noise.
# * **Cached logits** (`cached.py`): with shifts by up to $`p`$ pixels, an image has only $`(2p + 1)^2`$ views. The teacher sees
#   each of them once, and a file keeps its answers.

# %%
import tempfile
from pathlib import Path

from nntransfer import distillation_loss
from nntransfer.distill import Unlabelled, born_again, cached_logits, decoupled_loss, noise, without_classes

z_s, z_t, T = rng.normal(size=(1, 5)), rng.normal(size=(1, 5)), 4.0
p = np.exp(z_t[0] / T) / np.exp(z_t / T).sum()
apart = decoupled_loss(z_s, z_t, [2], temperature=T, alpha=1, beta=1 - p[2])
assert np.isclose(apart.item(), distillation_loss(z_s, z_t, [2], temperature=T, alpha=1).item())

taught_by = []
lineage = born_again(thin, lambda student, before: taught_by.append(before), generations=3)
assert taught_by == [None, *lineage[:2]]

assert 3 not in without_classes(digits, [3]).labels and (Unlabelled(digits.images).labels == -1).all()
assert noise(9, (1, 8, 8), rng=0).images.shape == (9, 1, 8, 8)

with tempfile.TemporaryDirectory() as folder:
    cached = cached_logits(Path(folder) / "logits.npz", [teacher], digits[:20], pixels=1, prepare=prepare)
with inference_mode(teacher):
    asked = teacher(data.prepare(digits[:20], "digits")).data
assert cached.logits.shape == (3, 3, 20, 10)                     # down, right, image, class
assert np.allclose(cached.of(np.arange(20), np.zeros((20, 2), int)), asked, rtol=2e-3, atol=2e-3)   # float16

# %% [markdown]
# ## What to keep
#
# * A **hint** trains the lower half of a deep student first. It needs a regressor, which learns, too.
# * **Relations** between images do not care how a layer is turned or scaled; student and teacher may have layers of any size.
# * **Mutual** students need no teacher; they come to agree.
# * **Mean Teacher**: the teacher is the running average of the student. Images without labels say where the two differ.
# * All of these are losses in one list: `distill(student, teacher, loader, optimizer, epochs, [(weight, loss), …])`.
# * Compare with the same student, the same steps, the same noise, and several seeds.
#
# Sources: Romero et al. 2015, *FitNets* ([1412.6550](https://arxiv.org/abs/1412.6550)); Park et al. 2019, *Relational
# Knowledge Distillation* ([1904.05068](https://arxiv.org/abs/1904.05068)); Zhang et al. 2018, *Deep Mutual Learning*
# ([1706.00384](https://arxiv.org/abs/1706.00384)); Tarvainen & Valpola 2017, *Mean teachers are better role models*
# ([1703.01780](https://arxiv.org/abs/1703.01780)). On MNIST: [FitNets](papers/fitnets.md), [Mean
# Teacher](papers/mean_teacher.md).
