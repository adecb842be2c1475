# %% [markdown]
# # How far, how long, and is it any good?
#
# The gradient tells every weight in which direction to move. It leaves three questions open. **How far should a weight move?
# When should we stop? And how do we know that the network is good?** In this lesson you will write three rules for the step
# and run them beside the library's, bit for bit. You will start a network so badly that it learns nothing, let another one
# learn wrong answers by heart, and train the same network forty times to see what a single run is worth.
#
# It takes about 30 minutes. You need NumPy and to know what a gradient is; [01_tape](01_tape.md) computes it.

# %%
from math import log, sqrt

import matplotlib.pyplot as plt
import numpy as np

from nnlite import data, models, optim, train
from nnlite import functional as F
from nnlite.plot import BLUE, DARK, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Three heaps of images
#
# We want to know how well a network does on images that it has *not* seen. So we never count on the images from which it
# learned. And there is a second trap: whoever tries ten learning rates and keeps the best one has used the counted images to
# choose. Therefore the 1,797 bundled digits go onto three heaps. From the **training** images the weights are learned. With
# the **validation** images we choose everything else: rate, rule, number of passes. The **test** images we leave alone until
# section 8.

# %%
digits, test = data.load("digits")
learn, choose = digits.split(0.8, rng=0)
assert (len(learn), len(choose), len(test)) == (1150, 287, 360)

def batches(images, size=64, shuffle=False, seed=0):
    return data.DataLoader(images, size, shuffle, seed, transform=data.preprocessing("digits"))

def errors(model, images):
    """How many of the images get the wrong answer."""
    return train.evaluate(model, batches(images, size=400))["errors"]

# %% [markdown]
# ## 2 · One step, the slow way
#
# Take a **batch** of 64 images, compute the mean loss and its gradient $`g`$, and move every weight against its gradient, by
# a fixed multiple of it. The multiple is the **learning rate** $`\alpha`$. The second article writes it so (B4):
#
# ```math
# W_\text{new} = W_\text{old} - \alpha\,\nabla J(W_\text{old})
# ```
#
# Then take the next batch. One pass through all training images, in a random order, is an **epoch**. Because each batch is a
# random sample, the method is called **stochastic gradient descent**, SGD. In slow code, one weight at a time:

# %%
def slow_sgd(w, g, lr):
    new = np.empty_like(w)
    for i in np.ndindex(w.shape):
        new[i] = w[i] - np.float32(lr) * g[i]
    return new

class SlowSGD:
    def __init__(self, lr):
        self.lr = lr

    def step(self, parameters):
        for p in parameters:
            p.data = slow_sgd(p.data, p.grad, self.lr)

def train_slowly(model, loader, rule):
    """One epoch."""
    for images, labels in loader:
        for p in model.parameters():
            p.grad = None
        F.cross_entropy(model(images), labels).backward()
        rule.step(model.parameters())

# %% [markdown]
# In the library the rule is a plain function, `sgd` in `nnlite/optim/sgd.py`. It works on whole arrays, and a kernel runs the
# same function on every single number. The network here is the second article's (B5): the pixels, one hidden layer with ReLU,
# ten outputs. After one epoch, slow code and library have to agree in every bit of every weight.

# %%
def mlp(seed, hidden=128):
    return models.mlp(in_features=64, hidden=hidden, seed=seed)

def same_bits(slow_rule, make_optimizer):
    slow, fast = mlp(seed=0, hidden=16), mlp(seed=0, hidden=16)
    train_slowly(slow, batches(learn, shuffle=True), slow_rule)
    train.fit(fast, batches(learn, shuffle=True), make_optimizer(fast.parameters()), 1, progress=False)
    pairs = zip(slow.parameters(), fast.parameters(), strict=True)
    return all(np.array_equal(a.data, b.data) for a, b in pairs)

assert same_bits(SlowSGD(lr=0.1), lambda parameters: optim.SGD(parameters, lr=0.1))
assert not same_bits(SlowSGD(lr=0.1), lambda parameters: optim.SGD(parameters, lr=0.1001))
print(f"{sum(p.size for p in mlp(0, 16).parameters()):,} weights, {len(batches(learn))} steps: equal")

# %% [markdown]
# ## 3 · A narrow valley
#
# Why should there be any other rule? Look at two weights with the loss
#
# ```math
# J(w) = \tfrac12\left(w_1^2 + 25\,w_2^2\right), \qquad g = (w_1,\; 25\,w_2)
# ```
#
# This is a valley. It is 25 times as steep across ($`w_2`$) as along ($`w_1`$). A step of SGD multiplies $`w_1`$ by $`1 -
# \alpha`$ and $`w_2`$ by $`1 - 25\,\alpha`$. Beyond $`\alpha = 2/25`$ the second factor is below −1, and $`w_2`$ swings
# further out with every step. So the steep direction limits the rate, and the flat direction has to creep. The best we can do
# is to make both factors equally small: $`\alpha = 1/13`$ gives 12/13 and −12/13. From $`(-4, 1)`$ that needs 75 steps until
# both weights are within 0.01 of the minimum.

# %%
steepness = np.array([1.0, 25.0])

def path(step, most=200):
    """The points that step(w, g) visits, until both weights are within 0.01 of the minimum."""
    w = np.array([-4.0, 1.0])
    points = [w]
    while np.abs(w).max() > 0.01 and len(points) <= most:
        w = step(w, steepness * w)
        points.append(w)
    return np.array(points)

plain = path(lambda w, g: w - g / 13)
too_far = path(lambda w, g: w - 0.081 * g)
assert np.allclose(1 - steepness / 13, [12 / 13, -12 / 13]) and len(plain) - 1 == 75
assert np.abs(too_far[-1, 1]) > 100 and np.abs(1 - 0.081 * 25) > 1

# %% [markdown]
# **Momentum** keeps a memory. Let $`b`$ be a sum of all gradients so far, in which older ones count less and less, and step
# along $`b`$. Across the valley the gradients change their sign and cancel; along the valley they agree and add up.
#
# ```math
# b \leftarrow \mu\,b + g, \qquad w \leftarrow w - \alpha\,b
# ```
#
# It is called the **heavy ball**, after a ball that rolls down and does not stop at once. For a valley, Polyak computed the
# best $`\alpha`$ and $`\mu`$ in 1964: here 1/9 and 4/9. The factor per step falls from 12/13 to 2/3.
#
# **Adam** takes another road. It gives each weight a rate of its own. It keeps a running average $`m`$ of the gradient and
# another one, $`v`$, of its square, and divides the first by the root of the second:
#
# ```math
# m \leftarrow \beta_1 m + (1 - \beta_1)\,g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2
# ```
#
# ```math
# \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}, \qquad
# w \leftarrow w - \alpha\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}
# ```
#
# $`t`$ counts the steps from 1. Usual numbers are $`\beta_1 = 0.9`$, $`\beta_2 = 0.999`$, $`\varepsilon = 10^{-8}`$. If a
# gradient is always 25 times as large, so is this root, and the two cancel: for Adam the valley is round.

# %%
class HeavyBall:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.b = lr, momentum, 0.0

    def __call__(self, w, g):
        self.b = self.momentum * self.b + g
        return w - self.lr * self.b

class PaperAdam:
    def __init__(self, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = 0.0, 0.0, 0

    def __call__(self, w, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        m_hat = self.m / (1 - self.beta1**self.t)
        v_hat = self.v / (1 - self.beta2**self.t)
        return w - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)

ball, adam_path = path(HeavyBall(1 / 9, 4 / 9)), path(PaperAdam(0.2))
assert len(ball) - 1 == 21 and len(adam_path) - 1 < 75
first = PaperAdam(0.2)(np.array([-4.0, 1.0]), steepness * [-4.0, 1.0])
np.testing.assert_allclose(first, [-3.8, 0.8], rtol=1e-8)     # α in each direction, steep or flat
rule = PaperAdam(0.2)
round_valley = path(lambda w, g: rule(w, g / steepness))      # the same path where both are flat
np.testing.assert_allclose(round_valley, adam_path, rtol=1e-5, atol=1e-7)

for h in steepness:                                           # (w_new, w) = A (w, w_old)
    A = np.array([[1 + 4 / 9 - h / 9, -4 / 9], [1, 0]])
    assert np.allclose(np.abs(np.linalg.eigvals(A)), 2 / 3, atol=1e-6)

# %% tags=["remove-input"]
fig, axes = plt.subplots(3, 1, num="valley", figsize=(6.4, 6.4), sharex=True)
# alt: Three paths in a narrow valley. SGD zigzags for 75 steps, the heavy ball swings wider and needs 21, Adam 55.
x, y = np.meshgrid(np.linspace(-4.6, 1.6, 200), np.linspace(-2.6, 2.6, 100))
paths = {"SGD": plain, "momentum": ball, "Adam": adam_path}
for ax, (name, points), colour in zip(axes, paths.items(), (DARK, BLUE, ORANGE), strict=True):
    ax.contour(x, y, (x**2 + 25 * y**2) / 2, levels=[0.1, 0.5, 2, 5, 10, 18, 30, 50, 80], colors="#cccccc", linewidths=0.8)
    ax.plot(*points.T, "o-", color=colour, ms=3, lw=1.2)
    ax.plot(0, 0, "+", color=DARK, ms=12)
    ax.set(title=f"{name}: {len(points) - 1} steps", ylabel="w₂ (steep)", ylim=(-2.6, 2.6), xlim=(-4.6, 1.6))
    ax.grid(visible=False)
axes[2].set_xlabel("w₁ (flat)");

# %% [markdown]
# Look at Adam's first step in the code: 0.2 along both axes, whatever the size of the gradient. Multiply the loss by 1,000
# and Adam walks the same path. SGD flies away.

# %%
def on_a_steeper_loss(step):
    return lambda w, g: step(w, 1000 * g)

np.testing.assert_allclose(path(on_a_steeper_loss(PaperAdam(0.2))), adam_path, rtol=1e-6, atol=1e-8)
assert np.abs(path(on_a_steeper_loss(lambda w, g: w - g / 13), most=5)[-1]).max() > 1e9

# %% [markdown]
# ### What the two divisions are for
#
# $`m`$ and $`v`$ start at 0, so at first both are too small. It is tempting to leave out the two divisions by $`1 -
# \beta^t`$, since they soon are divisions by 1. But $`v`$ is *much more* too small than $`m`$, and stands below the line.
# Suppose that the gradient is always the same. With the divisions each step is $`\alpha`$. Without them:

# %%
def step_without_divisions(t):
    """In units of α, for a gradient that never changes."""
    return (1 - 0.9**t) / sqrt(1 - 0.999**t)

lengths = [step_without_divisions(t) for t in range(1, 5001)]
for t in (1, 3, 12, 100, 1000, 5000):
    print(f"step {t:4d}: {lengths[t - 1]:5.2f} α")
assert 3.1 < lengths[0] < 3.2 and 6 < max(lengths) < 7 and 5 < np.argmax(lengths) + 1 < 20
assert lengths[999] > 1.2 and abs(lengths[4999] - 1) < 0.01

walk = PaperAdam(0.2)
w = [0.0, *(walk(0.0, g=7.0) for _ in range(100))]
np.testing.assert_allclose(w[1:], -0.2, rtol=1e-8)            # with the divisions: α, every time

# %% [markdown]
# The first steps would be three to seven times as long as asked for, and at step 1,000 they still are more than a fifth too
# long. That happens at the very time when the weights are random and the network is easiest to break.
#
# ### The library's two functions
#
# They are `heavy_ball` in `nnlite/optim/sgd.py` and `adam` in `nnlite/optim/adam.py`. The library rearranges Adam's formula a
# little. The two divisions are the same for all weights, so they go into two numbers, `rate` and `eps`, which are computed
# once for each step. First, then: is the rearranged formula the same? In float64, both can differ only by a few roundings of
# $`1.1 \cdot 10^{-16}`$ each.

# %%
from nnlite.optim.adam import adam


def folded(t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """The numbers that `adam` takes in step t: rate, β₁, 1 − β₁, β₂, 1 − β₂, eps."""
    root = sqrt(1 - beta2**t)
    return lr * root / (1 - beta1**t), beta1, 1 - beta1, beta2, 1 - beta2, root * eps

rng = np.random.default_rng(0)
paper, m, v = PaperAdam(0.01), np.zeros(1000), np.zeros(1000)
for t in range(1, 101):
    g = rng.normal(size=1000)
    step = paper(0.0, g)                                       # from w = 0 to see the step alone
    new, m, v = adam(0.0, g, m, v, *folded(t, lr=0.01), coupled=0.0, keep=1.0)
    np.testing.assert_allclose(new, step, rtol=1e-13)

# %% [markdown]
# Now the training, number by number in float32, and both rules have to give the library's bits.

# %%
class SlowHeavyBall:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.b = np.float32(lr), np.float32(momentum), {}

    def step(self, parameters):
        for k, p in enumerate(parameters):
            w, g, b = p.data.copy(), p.grad, self.b.setdefault(k, np.zeros_like(p.data))
            for i in np.ndindex(w.shape):
                b[i] = self.momentum * b[i] + g[i]
                w[i] = w[i] - self.lr * b[i]
            p.data = w

class SlowAdam:
    def __init__(self, lr):
        self.lr, self.t, self.m, self.v = lr, 0, {}, {}

    def step(self, parameters):
        self.t += 1
        rate, beta1, rest1, beta2, rest2, eps = map(np.float32, folded(self.t, self.lr))
        for k, p in enumerate(parameters):
            w, g = p.data.copy(), p.grad
            m = self.m.setdefault(k, np.zeros_like(w))
            v = self.v.setdefault(k, np.zeros_like(w))
            for i in np.ndindex(w.shape):
                m[i] = beta1 * m[i] + rest1 * g[i]
                v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
                w[i] = w[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))
            p.data = w

assert same_bits(SlowHeavyBall(0.05, 0.9), lambda parameters: optim.SGD(parameters, 0.05, momentum=0.9))
assert same_bits(SlowAdam(0.003), lambda parameters: optim.Adam(parameters, 0.003))

# %% [markdown]
# ## 4 · How far? A sweep
#
# The learning rate is the number that matters most. So we try eleven of them, from 0.0001 to 10, with each rule: five epochs,
# three seeds, errors on the validation images. If the loss is not finite any more, `fit` says so and stops; such a
# run counts as all wrong.
#
# First a prediction. If a gradient stays the same, the memory of the heavy ball fills up: $`b = g + \mu g + \mu^2 g + \dots =
# g / (1 - \mu)`$. With $`\mu = 0.9`$ that is ten times the gradient. If this is what momentum does here, then momentum with
# the rate $`\alpha`$ has to do as well as plain SGD with $`10\,\alpha`$.

# %%
RULES = {"SGD": lambda parameters, lr: optim.SGD(parameters, lr),
         "momentum": lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9),
         "Adam": lambda parameters, lr: optim.Adam(parameters, lr)}
rates = 10.0 ** np.arange(-4, 1.5, 0.5)

def trained(model, optimizer, images=learn, epochs=5, seed=0, **options):
    loader = batches(images, shuffle=True, seed=seed)
    return train.fit(model, loader, optimizer, epochs, progress=False, **options)

# %% tags=["volatile", "experiment"]
def sweep(rule, seed, lr):
    model = mlp(seed, hidden=64)
    try:
        trained(model, RULES[rule](model.parameters(), float(lr)), seed=seed)
    except FloatingPointError:
        return len(choose)
    return errors(model, choose)

wrong = {rule: np.array([np.mean([sweep(rule, seed, lr) for seed in range(3)]) for lr in rates])
         for rule in RULES}
print("wrong of 287, mean of three\nrate     ", *(f"{lr:7.2g}" for lr in rates))
for rule, counts in wrong.items():
    print(f"{rule:9}", *(f"{count:7.1f}" for count in counts))

# %% tags=["experiment"]
sgd_at_10_times, momentum = wrong["SGD"][2:9], wrong["momentum"][:7]      # α up to 0.1
assert (np.abs(sgd_at_10_times - momentum) < 25).all()
assert (np.abs(wrong["SGD"] - wrong["momentum"])[2:5] > 50).all()
assert wrong["momentum"][7] < 80 < 200 < wrong["SGD"][9]                # α/(1 − μ) = 3
for counts in wrong.values():
    assert counts.min() < 30 and counts[0] > 2 * counts.min() and counts[-1] > 200
    assert np.sum(counts < 2 * counts.min()) <= 5

# %% tags=["remove-input"]
fig, (top, low) = plt.subplots(2, 1, num="sweep", figsize=(6.4, 6.4))
# alt: Above: three valleys at different learning rates. Below, against α/(1 − μ), SGD's and momentum's are one.
for (rule, counts), colour in zip(wrong.items(), (DARK, BLUE, ORANGE), strict=True):
    top.loglog(rates, counts, "o-", color=colour, lw=2, ms=4)
    if rule != "Adam":
        low.loglog(rates / (0.1 if rule == "momentum" else 1), counts, "o-", color=colour, lw=2, ms=4)
for x, rule, colour in ((1, "SGD", DARK), (0.11, "momentum", BLUE), (0.012, "Adam", ORANGE)):
    top.text(x, 9.5, rule, color=colour, ha="center")
low.text(6, 28, "momentum", color=BLUE)
low.text(0.6, 120, "SGD", color=DARK)
top.set(title="Each rule has its own range of good rates", xlabel="learning rate  α")
low.set(title="α / (1 − μ) explains momentum", xlabel="α / (1 − μ)")
for ax in (top, low):
    ax.set(ylabel="wrong of 287", ylim=(7, 400), yticks=[10, 20, 50, 100, 200], yticklabels=[10, 20, 50, 100, 200])
    ax.minorticks_off();

# %% [markdown]
# All three curves are valleys, and a good rate is a matter of a factor of ten, not of a digit. Too small a rate wastes the
# five epochs. Too large a rate breaks the network. The prediction holds: momentum at $`\alpha`$ and SGD at $`10\,\alpha`$ are
# nearly the same, while at the same $`\alpha`$ they differ widely. So most of what momentum does *here* is a larger step, and
# "momentum 0.9 is better" can simply mean that the rate was too small before. Only at the right end do they part: three times
# the rate at which SGD is still good breaks SGD, and not momentum. There it cancels what swings, as in the valley. Whoever
# compares rules has to sweep the rate for each.
#
# ## 5 · Where to start
#
# All weights equal, say 0.1, looks like a neutral start. But then all hidden neurons compute the same number, get the same
# gradient, and make the same step. They stay equal for ever, and 32 neurons do the work of one. The start has to be random.

# %% tags=["experiment"]
model = mlp(seed=0, hidden=32)
for p in model.parameters():
    p.data = np.full_like(p.data, 0.1)
trained(model, RULES["momentum"](model.parameters(), 0.03), epochs=10)
rows = model.state_dict()["fc1.weight"]                       # one row for each hidden neuron
assert np.abs(rows - 0.1).max() > 0.05 and np.ptp(rows, axis=0).max() < 1e-4
random = mlp(seed=0, hidden=32)
trained(random, RULES["momentum"](random.parameters(), 0.03), epochs=10)
assert errors(model, choose) > 3 * errors(random, choose)

# %% [markdown]
# And how large? Each layer multiplies its input by the weights. If the weights have mean 0 and standard deviation $`\sigma`$,
# then an output that adds up $`n`$ products has the mean square
#
# ```math
# \overline{z^2} = n\,\sigma^2\,\overline{x^2}
# ```
#
# A ReLU then sets the negative half to 0, which halves the mean square. To keep the size through many layers, $`n\,\sigma^2 /
# 2`$ has to be 1. So $`\sigma = \sqrt{2/n}`$: this is **He's initialisation**. If every layer's weights are half as large,
# ten layers make the signal $`2^{10}`$ times smaller; if they are twice as large, $`2^{10}`$ times larger. Let us build a
# network of ten hidden layers and look.

# %%
def deep(scale, seed=0):
    """Ten hidden layers of 64; weights from N(0, scale² · 2/n), biases 0."""
    model, rng = mlp(seed, hidden=[64] * 10), np.random.default_rng(seed)
    for name, p in model.named_parameters():
        sigma = scale * sqrt(2 / p.shape[-1]) if name.endswith("weight") else 0.0
        p.data = (sigma * rng.normal(size=p.shape)).astype(np.float32)
    return model

images, labels = next(iter(batches(choose, size=287)))

def sizes(model):
    """The root mean square of what each of the 11 linear layers gives."""
    x, found = images.reshape(287, 64), []
    for layer in range(1, 12):
        z = F.linear(x, getattr(model, f"fc{layer}").weight, getattr(model, f"fc{layer}").bias).data
        found.append(np.sqrt(np.mean(z**2)))
        x = np.maximum(z, 0)
    return np.array(found)

kept, shrunk, grown = sizes(deep(1)), sizes(deep(0.5)), sizes(deep(2))
assert 0.3 < kept[-1] / kept[0] < 3 and grown[-1] > 1000
np.testing.assert_allclose(shrunk[-1] / shrunk[0], kept[-1] / kept[0] / 2**10, rtol=1e-4)
np.testing.assert_allclose(grown[-1] / grown[0], kept[-1] / kept[0] * 2**10, rtol=1e-4)

# %% tags=["volatile", "experiment"]
def loss_and_errors(model, seed):
    """After five epochs; an infinite loss where the training broke down."""
    try:
        history = trained(model, RULES["momentum"](model.parameters(), 0.01), seed=seed)
    except FloatingPointError as error:
        print(str(error).split(";")[0])
        return np.inf, len(choose)
    return history[-1]["loss"], errors(model, choose)

ends = {scale: np.array([loss_and_errors(deep(scale, seed), seed) for seed in range(3)])
        for scale in (0.5, 1, 2)}
for scale, found in ends.items():
    print(f"scale {scale}: loss", found[:, 0].round(3), "wrong of 287", found[:, 1].astype(int))

# %% tags=["experiment"]
assert (np.abs(ends[0.5][:, 0] - log(10)) < 0.02).all()       # the loss of guessing: 1/10 for each class
assert (ends[1][:, 1] < 120).all() and np.isinf(ends[2][:, 0]).all()

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="start")
# alt: Size of the signal after each layer on a log scale: constant with He's initialisation, falling and rising otherwise.
for found, name, colour in ((grown, "twice as large: the loss overflows", ORANGE), (kept, "σ = √(2/n): it learns", BLUE),
                            (shrunk, "half as large: nothing is learned", DARK)):
    ax.semilogy(np.arange(1, 12), found, "o-", color=colour, lw=2, ms=4)
    ax.text(11, found[-1] * {ORANGE: 0.006, BLUE: 0.2, DARK: 60}[colour], name, color=colour, ha="right")
ax.set(title="A factor of two in each layer is 1,024 in ten", xlabel="layer", ylabel="root mean square of the output",
       xticks=range(1, 12))

# %% [markdown]
# With half the size the last layer hardly hears the image. Its loss stays at $`\ln 10 \approx 2.303`$, the loss of somebody
# who gives every digit one tenth. With twice the size the outputs are in the thousands, the gradients too, and the loss
# overflows within the first steps. In between, the same network with the same rule learns.
#
# The library starts as PyTorch does (`nnlite/nn/init.py`): uniform between $`\pm 1/\sqrt n`$, which is the variance
# $`1/(3n)`$, one sixth of He's. The articles' networks have two to four layers and learn from there, as all other sections
# show. For ten layers without normalization it is too small:

# %% tags=["experiment"]
default = sizes(mlp(seed=0, hidden=[64] * 10))
assert default[-1] < kept[-1] / 10
for seed in range(3):
    loss, _ = loss_and_errors(mlp(seed, hidden=[64] * 10), seed)
    assert abs(loss - log(10)) < 0.02

# %% [markdown]
# ## 6 · How long? Learning by heart
#
# A network with more weights than images can learn the images *by heart*. To see it, we give it something to learn that
# cannot be understood: of 400 training images, a fifth get a random wrong label. Nobody can guess these from the pixels. So a
# network that gives the wrong labels back has memorised them. After each epoch we count three things.

# %% tags=["experiment"]
def mislabelled(seed):
    """400 training images, their true labels, and labels of which a fifth are wrong."""
    rng = np.random.default_rng(seed)
    some = learn.few(40, rng)
    other = (some.labels + rng.integers(1, 10, 400)) % 10
    changed = rng.random(400) < 0.2
    return some, data.Dataset(some.images, np.where(changed, other, some.labels), classes=10), changed

def by_heart(seed, epochs=60):
    true, given, changed = mislabelled(seed)
    model = mlp(seed)
    optimizer = RULES["momentum"](model.parameters(), 0.05)
    validation = batches(choose, size=287)
    counts, history = [], []
    for epoch in range(1, epochs + 1):
        history = trained(model, optimizer, given, epoch, seed=1000 * seed + epoch,
                          validation=validation, history=history)
        answers, _ = train.predict(model, batches(given, size=400))
        counts.append([np.mean(answers == given.labels), history[-1]["validation_accuracy"],
                       np.mean(answers[changed] == true.labels[changed])])
    return np.array(counts).T

runs = [by_heart(seed) for seed in range(3)]

# %% tags=["remove-input"]
labels_back, validation, seen_through = np.mean(runs, axis=0)
fig, ax = plt.subplots(num="by_heart", figsize=(6.4, 4.2))
# alt: Accuracy over 60 epochs: on the training labels it climbs to 100 %, on validation images it falls after the first ten.
epochs = np.arange(1, 61)
ax.plot(epochs, 100 * labels_back, color=DARK, lw=2)
ax.plot(epochs, 100 * validation, color=BLUE, lw=2)
ax.plot(epochs, 100 * seen_through, color=ORANGE, lw=2)
ax.text(60, 91, "training labels given back", color=DARK, ha="right")
ax.text(60, 76, "validation images right", color=BLUE, ha="right")
ax.text(60, 42, "true digit in spite of a wrong label", color=ORANGE, ha="right")
ax.set(title="First it understands, then it memorises", xlabel="epoch", ylabel="% (mean of three seeds)", ylim=(0, 104))

# %% [markdown]
# In the first epochs the network answers with the *true* digit even where its label is wrong: what it has understood from the
# other images outweighs the label. Later it knows nearly all labels by heart, the wrong ones included, and the validation
# images pay for it. This is **overfitting**. The training accuracy does not warn us; it goes on rising. The validation
# images do. The cure here is to stop early: `fit(…, validation=…, patience=5)` stops after five epochs without a better
# validation accuracy, and a checkpoint keeps the best epoch's network.

# %% tags=["experiment"]
for labels_back, validation, seen_through in runs:
    assert labels_back[-1] > 0.97                              # by heart, wrong labels included
    assert validation.max() > validation[-1] + 0.03            # and new images pay for it
    assert validation.argmax() < 30
    assert seen_through.max() > 0.6 and seen_through[-1] < 0.15

for seed in range(3):
    model = mlp(seed)
    optimizer = RULES["momentum"](model.parameters(), 0.05)
    history = trained(model, optimizer, mislabelled(seed)[1], 60, seed=seed,
                      validation=batches(choose, size=287), patience=5)
    assert len(history) < 40 and history[-1]["validation_accuracy"] > 0.82

# %% [markdown]
# ## 7 · One run says little
#
# The seed decides about the first weights and the order of the images. It has no merit of its own. Still, it changes the
# result. Here are two networks that differ in their hidden layer, 16 neurons or 64, each trained with twenty seeds.

# %% tags=["volatile"]
def many(hidden, seeds=range(20)):
    counts = []
    for seed in seeds:
        model = mlp(seed, hidden)
        trained(model, RULES["momentum"](model.parameters(), 0.1), epochs=10, seed=seed)
        counts.append(errors(model, choose))
    return np.array(counts)

small, large = many(hidden=16), many(hidden=64)
for name, counts in (("16 neurons", small), ("64 neurons", large)):
    print(f"{name}: {counts.mean():.1f} wrong of 287 on average, from {counts.min()} to {counts.max()}")
upside_down = np.mean(small[:, None] <= large)
print(f"in {upside_down:.0%} of the 400 pairs of runs, 16 neurons do as well or better")

# %% tags=["experiment"]
assert large.mean() < small.mean()                            # twenty runs each: more neurons help
assert upside_down > 0.05                                     # one run each: often enough they do not
assert np.ptp(small) >= 4 and np.ptp(large) >= 3

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="seeds", figsize=(6.4, 2.8))
# alt: Errors of twenty runs each with 16 and 64 hidden neurons: two clouds that overlap, with their means apart.
for y, counts, colour in zip((1, 0), (small, large), (ORANGE, BLUE), strict=True):
    seen = {}
    for count in counts.tolist():
        seen[count] = seen.get(count, 0) + 1
        ax.plot(count, y + 0.11 * (seen[count] - 1), "o", color=colour, ms=6, alpha=0.8)
    ax.plot([counts.mean()] * 2, [y - 0.22, y - 0.08], color=colour, lw=3)
ax.set(title="Twenty seeds each: the means differ, single runs overlap", xlabel="wrong of 287 (the bar below is the mean)",
       yticks=[0, 1], yticklabels=["64 neurons", "16 neurons"], ylim=(-0.4, 2.1))
ax.grid(visible=False, axis="y")

# %% [markdown]
# The means tell the two apart, a pair of single runs may not. To say that one method is better, train each with several seeds
# and report the mean *and* the spread.
#
# There is a second source of chance that no number of seeds removes: which images happen to be on the heap. If a network is
# wrong with probability $`p`$, then among $`n`$ images it makes $`np`$ errors, give or take $`\sqrt{n\,p\,(1-p)}`$, the
# **standard deviation** of such a count. Draw other heaps, with replacement, from the heap we have (the **bootstrap**), and
# this is what you see:

# %% tags=["experiment"]
answers, truth = train.predict(random, batches(choose, size=287))
mistakes, rng = answers != truth, np.random.default_rng(0)
redrawn = np.array([mistakes[rng.integers(0, 287, 287)].sum() for _ in range(5000)])
p = mistakes.mean()
assert abs(redrawn.std() / sqrt(287 * p * (1 - p)) - 1) < 0.05

# %% [markdown]
# For nine errors among 360 images it is about three. So "nine errors" means something between six and twelve for the next 360
# images, and a difference of one or two between two networks means little.

# %%
assert round(sqrt(360 * (9 / 360) * (1 - 9 / 360))) == 3

# %% [markdown]
# ## 8 · The test heap, opened once
#
# We have chosen: momentum 0.9, and the rate 0.05 from the middle of its valley. Now both articles' networks, with ten seeds
# each, on the images that no choice has seen. The first article's CNN (A5) looks at neighbouring pixels together, with two
# convolutions.

# %% tags=["volatile", "experiment"]
def cnn(seed):
    return models.cnn(in_channels=1, image_size=8, seed=seed)

def final(make):
    counts = []
    for seed in range(10):
        model = make(seed)
        trained(model, RULES["momentum"](model.parameters(), 0.05), epochs=10, seed=seed)
        counts.append(errors(model, test))
    return np.array(counts)

finals = {"MLP (B5)": final(mlp), "CNN (A5)": final(cnn)}
for name, counts in finals.items():
    print(f"{name}: {counts.mean():.1f} ± {counts.std(ddof=1):.1f} wrong of 360")

# %% tags=["experiment"]
assert finals["CNN (A5)"].mean() < finals["MLP (B5)"].mean() < 14

# %% [markdown]
# ## 9 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Nesterov's momentum looks ahead: it steps along $`g + \mu b`$, where $`b`$ already contains $`g`$. Write it for whole
# arrays, with weight decay: first $`d = g + \lambda w`$, and $`d`$ takes the place of $`g`$. (A hole of assignment
# `hw05_optimizers`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_nesterov(w, g, b, lr, momentum, weight_decay):
    """The new w and the new b."""
    raise NotImplementedError

def test_nesterov(f):
    w, b = f(np.array([1.0, 2.0]), np.array([0.5, 0.0]), np.array([1.0, 0.0]), 0.5, 0.5, 0.25)
    assert b.tolist() == [1.25, 0.5] and w.tolist() == [0.3125, 1.625]
    at_start = np.zeros(2)
    f(np.ones(2), np.ones(2), at_start, 0.1, 0.9, 0.0)
    assert at_start.tolist() == [0, 0]                        # the old b is not changed

from nnlite.optim.sgd import nesterov

test_nesterov(nesterov)                                       # the library's passes
attempt(test_nesterov, my_nesterov)

# %% [markdown]
# **2.** A batch that is too large for the memory can be cut into pieces: compute the gradient of each piece and add up. The
# result has to be the gradient of the *mean over the whole batch*, also where the pieces have different sizes.

# %%
def gradients_in_pieces(model, images, labels, size):
    """The gradient of the mean cross-entropy for each parameter, from pieces of at most `size` images."""
    raise NotImplementedError

def test_pieces(f):
    model = mlp(seed=1)
    for p in model.parameters():
        p.grad = None
    F.cross_entropy(model(images), labels).backward()
    whole = [p.grad.copy() for p in model.parameters()]
    for size in (287, 100, 286):                              # 286: the last piece is a single image
        for got, expected in zip(f(model, images, labels, size), whole, strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-5)

attempt(test_pieces, gradients_in_pieces)

# %% [markdown]
# **3.** How often would we be fooled? From the runs of two methods, draw $`k`$ runs of each (with replacement, many times)
# and compare the means. Return in which share of the draws the method with the better mean of all runs does *not* come out
# ahead.

# %%
def fooled(a, b, k, rng, draws=4000):
    """The share of draws in which the mean of k of the better runs is not below that of k of the worse."""
    raise NotImplementedError

def test_fooled(f):
    rng = np.random.default_rng(0)
    assert f(np.array([1, 2]), np.array([3, 4]), 1, rng) == 0 == f(np.array([3, 4]), np.array([1, 2]), 1, rng)
    assert f(np.array([5, 5]), np.array([5, 5]), 3, rng) == 1           # never ahead
    a, b = np.array([0, 3]), np.array([1, 4])                 # by hand: not ahead only for 3 against 1
    assert abs(f(a, b, 1, rng) - 0.25) < 0.03 and abs(f(b, a, 1, rng) - 0.25) < 0.03
    one, ten = f(small, large, 1, rng), f(small, large, 10, rng)
    assert abs(one - upside_down) < 0.05 and ten <= one

attempt(test_fooled, fooled)

# %% [markdown]
# ## What to keep
#
# * SGD steps along the gradient, momentum along a sum of gradients, Adam by about the rate, whatever the gradient's size.
# * Find the learning rate by a sweep over factors of three, for each rule by itself. Momentum 0.9 makes steps ten times as
#   long.
# * Start with random weights of standard deviation $`\sqrt{2/n}`$, or near it. A factor in each layer is a power of it in the
#   whole network.
# * Training accuracy cannot show overfitting. Choose on validation images, and open the test images once.
# * Report a mean and a spread over seeds. And know what the number of images allows you to say.
#
# Sources: Polyak 1964, *Some methods of speeding up the convergence of iteration methods*; Sutskever et al. 2013, *On the
# importance of initialization and momentum in deep learning*; Kingma & Ba 2015, [arXiv
# 1412.6980](https://arxiv.org/abs/1412.6980), algorithm 1; He et al. 2015, [arXiv
# 1502.01852](https://arxiv.org/abs/1502.01852), §2.2; Zhang et al. 2017, [arXiv
# 1611.03530](https://arxiv.org/abs/1611.03530), on random labels. Next: [05](05_pruning.md), which weights a network does not
# need.
