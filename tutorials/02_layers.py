# %% [markdown]
# # Who used this number?
#
# A network for images is built from two kinds of layers above all: **linear** and **convolution**. Libraries give them as one
# line each. **What does each of them compute, number by number? And how does the gradient come back through it?** In this
# lesson you will write both with loops, forwards and backwards, check every derivative, and find that the second is the first
# in disguise. At the end you will break a gradient on purpose and train with it.
#
# It takes about 25 minutes. Read [01_tape](01_tape.md) first: you need its rule that the gradients of all uses add up.

# %%
import matplotlib.pyplot as plt
import numpy as np

from nnlite import Tensor, data
from nnlite import functional as F
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · Linear: every output looks at every input
#
# A linear layer with I inputs and O outputs has a weight $`w_{oi}`$ for each pair, and a bias $`b_o`$ for each output. For
# each example n of a batch:
#
# ```math
# y_{no} = b_o + \sum_i x_{ni}\, w_{oi}
# ```
#
# By hand, with one example $`x = (2, -1, 3)`$, two outputs, and $`b = (10, 20)`$:
#
# $`w_0 = (1, 0, -1)`$ gives $`2 \cdot 1 - 1 \cdot 0 - 3 \cdot 1 + 10 = 9`$. And $`w_1 = (2, 1, 0)`$ gives $`4 - 1 + 0 + 20 =
# 23`$.

# %%
def slow_linear(x, w, b):
    """x (N, I), w (O, I), b (O,) -> y (N, O)"""
    (N, I), O = x.shape, len(w)
    y = np.zeros((N, O))
    for n in range(N):
        for o in range(O):
            y[n, o] = b[o]
            for i in range(I):
                y[n, o] += x[n, i] * w[o, i]
    return y

w = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]])
assert slow_linear(np.array([[2.0, -1.0, 3.0]]), w, np.array([10.0, 20.0])).tolist() == [[9, 23]]

# %% [markdown]
# ## 2 · Its gradient: ask who used a number
#
# Say we know $`dy_{no}`$, how fast the loss grows with each output. We want the same for $`x`$, $`w`$ and $`b`$. The recipe
# is always the same: **take one number, find all terms that use it, and add up what each brings back.**
#
# * $`w_{oi}`$ is used once for each example n, in $`y_{no}`$, and there it is multiplied by $`x_{ni}`$. So $`dw_{oi} = \sum_n
#   dy_{no}\, x_{ni}`$.
# * $`x_{ni}`$ is used once for each output o, and multiplied by $`w_{oi}`$. So $`dx_{ni} = \sum_o dy_{no}\, w_{oi}`$.
# * $`b_o`$ is used once for each example, and multiplied by 1. So $`db_o = \sum_n dy_{no}`$.
#
# Each line of the forward loop has two factors. On the way back, each factor gets $`dy`$ times *the other one*. So the loops
# stay as they are, and only the innermost line changes:

# %%
def slow_linear_gradients(x, w, dy):
    """dy (N, O) -> dx (N, I), dw (O, I), db (O,)"""
    (N, I), O = x.shape, len(w)
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(O)
    for n in range(N):
        for o in range(O):
            db[o] += dy[n, o]                                 # y[n, o] = b[o]
            for i in range(I):                                # y[n, o] += x[n, i] * w[o, i]
                dx[n, i] += dy[n, o] * w[o, i]
                dw[o, i] += dy[n, o] * x[n, i]
    return dx, dw, db

def check(function, inputs, gradients, dy, h=1e-5):
    """The largest error of the gradients of Σ dy · function(*inputs), by central differences."""
    worst = 0
    for k, (x, dx) in enumerate(zip(inputs, gradients, strict=True)):
        assert x.shape == dx.shape
        for i in np.ndindex(x.shape):
            sides = []
            for step in (h, -h):
                moved = x.copy()
                moved[i] += step
                sides.append(np.sum(dy * function(*inputs[:k], moved, *inputs[k + 1 :])))
            worst = max(worst, abs((sides[0] - sides[1]) / (2 * h) - dx[i]))
    return worst

x, w, b, dy = (rng.normal(size=s) for s in ((4, 3), (2, 3), (2,), (4, 2)))
assert check(slow_linear, (x, w, b), slow_linear_gradients(x, w, dy), dy) < 1e-8

# %% [markdown]
# In matrices, with examples as rows, all of this is three lines:
#
# ```math
# y = x\, w^T + b \qquad dx = dy\, w \qquad dw = dy^T x \qquad db = \sum_n dy_n
# ```
#
# You need not remember which one is transposed. The shapes tell: $`dx`$ is $`(N, I)`$, and only $`(N, O) \cdot (O, I)`$ gives
# that. But beware of square weights, where a wrong formula has the right shape. We come back to that in section 6.

# %%
dx, dw, db = slow_linear_gradients(x, w, dy)
np.testing.assert_allclose(slow_linear(x, w, b), x @ w.T + b, rtol=1e-13)
np.testing.assert_allclose(dx, dy @ w, rtol=1e-13)
np.testing.assert_allclose(dw, dy.T @ x, rtol=1e-13)
np.testing.assert_allclose(db, dy.sum(axis=0), rtol=1e-13)

# %% [markdown]
# ## 3 · Convolution: a small window that slides
#
# In an image, neighbours belong together. A linear layer does not know that: shuffle the pixels of all images, and its
# weights in the same way, and nothing changes. A **convolution** looks at a small window, say 3×3 pixels. It multiplies them
# by nine weights, the **kernel**, and adds up. Then it moves on by one pixel and does the same *with the same weights*. Here
# are two kernels on a real digit. One answers to edges where it gets brighter to the right, one where it gets brighter
# downwards.

# %%
at = rng.permutation(3)                                       # shuffled inputs, shuffled weights
np.testing.assert_allclose(slow_linear(x[:, at], w[:, at], b), slow_linear(x, w, b), rtol=1e-13)

digits, test_digits = data.load("digits")
image = digits.images[digits.labels == 0][0].astype(float)[None] / 255               # (1, 1, 8, 8)
rightwards = np.array([[-1.0, 0, 1]] * 3)
kernels = np.stack([rightwards, rightwards.T])[:, None]                               # (2, 1, 3, 3)

def slow_conv(x, w, b, stride=1, padding=0):
    """x (N, C, H, W), w (O, C, kh, kw), b (O,) -> y (N, O, H', W')"""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])           # a frame of zeros
    (N, C, H, W), (O, _, kh, kw), s = x.shape, w.shape, stride
    y = np.zeros((N, O, (H - kh) // s + 1, (W - kw) // s + 1))
    for n, o, i, j in np.ndindex(y.shape):                    # each number of the result …
        y[n, o, i, j] = b[o]
        for c, u, v in np.ndindex(C, kh, kw):                 # … looks at its window
            y[n, o, i, j] += x[n, c, i * s + u, j * s + v] * w[o, c, u, v]
    return y

edges = slow_conv(image, kernels, np.zeros(2))
assert edges.shape == (1, 2, 6, 6)                            # a 3×3 window has 6 places in 8 pixels
by_hand = sum(image[0, 0, 2 + u, 4] - image[0, 0, 2 + u, 2] for u in range(3))
assert np.isclose(edges[0, 0, 2, 2], by_hand)

# %% tags=["remove-input"]
fig, axes = plt.subplots(1, 3, num="edges", figsize=(6.4, 2.6))
# alt: A handwritten zero, and what two kernels make of it: one marks upright edges, the other level ones.
axes[0].imshow(image[0, 0], cmap="gray")
axes[0].set_title("a zero")
for ax, y, title in zip(axes[1:], edges[0], ("brighter to the right", "brighter downwards"), strict=True):
    ax.imshow(y, cmap="PuOr", vmin=-3, vmax=3)
    ax.set_title(title, color=DARK, size=10)
for ax in axes:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
fig.suptitle("Each kernel finds its own kind of edge", x=0.02, ha="left", weight="bold", size=11)
fig.supxlabel("violet: brighter that way; orange: darker", color=GREY, size=10);

# %% [markdown]
# The formula, for stride s (by how many pixels the window moves) and padding p (how many zeros are put around the image):
#
# ```math
# y_{noij} = b_o + \sum_c \sum_u \sum_v x_{n,\,c,\,is+u-p,\,js+v-p}\; w_{ocuv} \qquad
# H' = \left\lfloor \frac{H + 2p - k}{s} \right\rfloor + 1
# ```
#
# With C channels in (colours, or the results of the layer before), a kernel has $`C \cdot 3 \cdot 3`$ weights. With O kernels
# there are O channels out.
#
# ## 4 · Its gradient: the same loops
#
# Ask the same question. Who used $`w_{ocuv}`$? Every place $`(i, j)`$ of every image, and each time it met another pixel. Who
# used pixel $`x_{ncrt}`$? Every window that lies over it, up to nine of them, and each time it met another weight. Written as
# sums, this looks frightening. As loops it does not. Take the forward loops, and change the innermost line as before:

# %%
def slow_conv_gradients(x, w, dy, stride=1, padding=0):
    """dy (N, O, H', W') -> dx like x, dw like w, db (O,)"""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    (O, C, kh, kw), s = w.shape, stride
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(O)
    for n, o, i, j in np.ndindex(dy.shape):
        db[o] += dy[n, o, i, j]
        for c, u, v in np.ndindex(C, kh, kw):                 # y += x[n, c, …, …] * w[o, c, u, v]
            dx[n, c, i * s + u, j * s + v] += dy[n, o, i, j] * w[o, c, u, v]
            dw[o, c, u, v] += dy[n, o, i, j] * x[n, c, i * s + u, j * s + v]
    p = slice(padding, -padding or None)                      # the frame's gradient is nobody's
    return dx[:, :, p, p], dw, db

for stride, padding in ((1, 0), (1, 1), (2, 1), (3, 2)):
    x, w, b = (rng.normal(size=s) for s in ((2, 2, 5, 6), (3, 2, 3, 2), (3,)))
    y = slow_conv(x, w, b, stride, padding)
    dy = rng.normal(size=y.shape)
    worst = check(lambda *a: slow_conv(*a, stride, padding), (x, w, b),
                  slow_conv_gradients(x, w, dy, stride, padding), dy)
    assert worst < 1e-8

# %% [markdown]
# Every derivative is right, for every stride and padding, and we did not think about strides at all: what the forward loop
# *reads* from a place, the backward loop *adds* to that place. The forward pass **gathers**, the backward pass **scatters**.
#
# The scattering has a second form. With stride 1, count what arrives at pixel $`(r, t)`$: the windows over it lie up and left
# of it, and the one that is $`u`$ rows up met it with row $`u`$ of the kernel. So $`dx`$ is itself a convolution of $`dy`$,
# padded by $`k - 1 - p`$, **with the kernel turned by half a turn**, and with in and out exchanged:

# %%
x, w = rng.normal(size=(2, 2, 6, 6)), rng.normal(size=(3, 2, 3, 3))
dy = rng.normal(size=(2, 3, 6, 6))                            # padding 1
dx, _, _ = slow_conv_gradients(x, w, dy, padding=1)
turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)            # (C, O, 3, 3)
np.testing.assert_allclose(dx, slow_conv(dy, turned, np.zeros(2), padding=3 - 1 - 1), rtol=0, atol=1e-12)

# %% [markdown]
# ## 5 · A linear layer in disguise
#
# A convolution multiplies inputs by weights and adds up. So must it not be a linear layer, with some matrix M? We can find M
# by experiment: an image in which one pixel is 1 and all others 0 gives one column of it. Take a 6×6 image and one 3×3
# kernel. The result has 4×4 numbers, so M is $`(16, 36)`$.

# %%
w = rng.normal(size=(1, 1, 3, 3))
M = np.stack([slow_conv(one.reshape(1, 1, 6, 6), w, np.zeros(1)).ravel() for one in np.eye(36)], axis=1)

x, dy = rng.normal(size=(1, 1, 6, 6)), rng.normal(size=(1, 1, 4, 4))
np.testing.assert_allclose(M @ x.ravel(), slow_conv(x, w, np.zeros(1)).ravel(), rtol=0, atol=1e-12)
assert M.shape == (16, 36) and (M != 0).sum() == 16 * 9 and len(np.unique(M[M != 0])) == 9

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="disguise", figsize=(6.4, 3.4))
# alt: A matrix of 16 rows and 36 columns, mostly empty; nine colours, the nine weights, repeat along diagonals.
which = np.full(M.shape, np.nan)
for k, value in enumerate(w.ravel()):
    which[value == M] = k
ax.imshow(which, cmap="tab10", vmin=0, vmax=9)
ax.set(title="The matrix of a convolution: nine colours, nine weights", xlabel="pixel of the image, 36 of them",
       ylabel="pixel of the result", xticks=np.arange(-0.5, 36, 6), yticks=np.arange(-0.5, 16, 4))
ax.set_xticklabels([])
ax.set_yticklabels([])
ax.tick_params(length=0);

# %% [markdown]
# Each row is one place of the window, each colour one of the nine weights. So a convolution is a linear layer with two
# restrictions. Most weights are 0: an output sees only its window. And the others are **shared**: nine numbers stand for 144.
# A free matrix has 576 weights to learn from the same images.
#
# It also explains the gradients. $`dx = M^T dy`$, as in section 2. And each weight stands in 16 places of M, so by the rule
# of lesson 01 its gradient is the *sum* of the 16 gradients that a linear layer would have there.

# %%
dx, dw, _ = slow_conv_gradients(x, w, dy)
dM = np.outer(dy.ravel(), x.ravel())                          # of a linear layer: dyᵀ x
np.testing.assert_allclose(dx.ravel(), M.T @ dy.ravel(), rtol=0, atol=1e-12)
for u, v in np.ndindex(3, 3):
    places = w[0, 0, u, v] == M
    assert places.sum() == 16 and np.isclose(dM[places].sum(), dw[0, 0, u, v], rtol=0, atol=1e-12)

# %% [markdown]
# ## 6 · The same in the library
#
# * `nnlite/functional/linear.py`, class `Linear`: `forward` and `backward`, three matrix products.
# * `nnlite/functional/convolution.py`, class `Conv2d`: checks, layouts, and a call of a kernel each way.
# * `nnlite/kernels/loops/convolution.py` and `convolution_gradients.py`: our loops, compiled, with dilation and groups.
# * `nnlite/kernels/fast/`: the same results, much faster. That is lesson [03_kernels](03_kernels.md).
#
# The library keeps images in another order in memory, (N, H, W, C): the channels of a pixel lie side by side. You see (N, C,
# H, W), as in PyTorch. Sums run in another order too, so the last digit may differ. Two sums of the same K products, each in
# an order of its own, differ by at most about $`K \varepsilon \sum |a||b|`$, where $`\varepsilon = 2.2 \cdot 10^{-16}`$ for
# 64-bit floats.

# %%
def within_bound(got, want, magnitude, K):
    return (np.abs(got - want) <= (K + 1) * np.finfo(float).eps * magnitude).all()

x, w, b = (rng.normal(size=s) for s in ((2, 3, 7, 8), (4, 3, 3, 3), (4,)))
for stride, padding in ((1, 1), (2, 0)):
    leaves = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    y = F.conv2d(*leaves, stride=stride, padding=padding)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    options = {"stride": stride, "padding": padding}
    magnitude = slow_conv(abs(x), abs(w), abs(b), **options)
    assert within_bound(y.data, slow_conv(x, w, b, **options), magnitude, K=3 * 3 * 3 + 1)
    ours = slow_conv_gradients(x, w, dy, **options)
    magnitudes = slow_conv_gradients(abs(x), abs(w), abs(dy), **options)
    for leaf, want, size in zip(leaves, ours, magnitudes, strict=True):
        assert within_bound(leaf.grad, want, size, K=dy.size)

x, w, b, dy = (rng.normal(size=s) for s in ((5, 7), (3, 7), (3,), (5, 3)))
leaves = [Tensor(a, requires_grad=True) for a in (x, w, b)]
F.linear(*leaves).backward(dy)
for leaf, want, size in zip(leaves, slow_linear_gradients(x, w, dy),
                            slow_linear_gradients(abs(x), abs(w), abs(dy)), strict=True):
    assert within_bound(leaf.grad, want, size, K=7)

# %% [markdown]
# And what if something does not fit? Nobody wants to learn from a crash inside a loop. The library looks at the shapes before
# it computes anything, and answers with your numbers:

# %%
for call in (lambda: F.conv2d(np.ones((1, 3, 8, 8)), np.ones((8, 4, 3, 3))),
             lambda: F.conv2d(np.ones((1, 4, 2, 8)), np.ones((8, 4, 3, 3))),
             lambda: F.linear(np.ones((5, 6)), np.ones((3, 7)))):
    try:
        call()
        raise SystemExit("this should have been refused")
    except ValueError as error:
        print(error)

# %% [markdown]
# ## 7 · Three ways to do it wrong
#
# Each of these has the right shapes and raises no error.
#
# **The kernel is not turned.** Somebody computes $`dx`$ as a convolution with the kernel as it is.
#
# **The transposed gradient.** $`dw = x^T dy`$ instead of $`dy^T x`$. For a square weight, both have the same shape.
#
# **The mean instead of the sum.** $`db = \frac1N \sum_n dy_n`$. If the loss is a mean over the batch, its 1/N is in $`dy`$
# already.
#
# An operation of the library can be changed by a subclass. We put the wrong formulas into a small CNN, and train.

# %%
from nnlite import nn, optim, train
from nnlite.functional.convolution import Conv2d
from nnlite.functional.linear import Linear
from nnlite.tensor import record


class NotTurned(Conv2d):
    def backward(self, dy):
        _, dw, db = super().backward(dy)
        w = self.inputs[1].data.transpose(1, 0, 2, 3)         # exchanged, but not turned
        return F.conv2d(dy, w, padding=1).data, dw, db

class Transposed(Linear):
    def backward(self, dy):
        dx, dw, db = super().backward(dy)
        return dx, dw.T.copy() if dw.shape[0] == dw.shape[1] else dw, db

class MeanBias(Linear):
    def backward(self, dy):
        dx, dw, db = super().backward(dy)
        return dx, dw, db / len(dy)

class Network(nn.Module):
    """8×8 pixels -> 6 channels -> 12 channels, 2×2 pixels -> 48 -> 48 -> 10."""

    def __init__(self, seed, conv=Conv2d, linear=Linear):
        rng = np.random.default_rng(seed)
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3, rng=rng), nn.Conv2d(6, 12, 3, rng=rng)
        self.fc1, self.fc2 = nn.Linear(48, 48, rng=rng), nn.Linear(48, 10, rng=rng)
        self.kinds = conv, linear

    def forward(self, x):
        conv, linear = self.kinds

        def convolved(x, layer):
            return F.max_pool2d(F.relu(record(conv(1, 1, 1, 1), x, layer.weight, layer.bias)), 2)

        x = F.flatten(convolved(convolved(x, self.conv1), self.conv2), 1)
        x = F.relu(record(linear(), x, self.fc1.weight, self.fc1.bias))
        return record(linear(), x, self.fc2.weight, self.fc2.bias)

# %% tags=["volatile", "experiment"]
prepare = data.preprocessing("digits")
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)

def wrong_answers(seed, **kinds):
    model = Network(seed, **kinds)
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=seed, transform=prepare)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train.fit(model, loader, optimizer, epochs=5, progress=False)
    return train.evaluate(model, test_loader)["errors"]

ways = {"right": {}, "not turned": {"conv": NotTurned}, "transposed": {"linear": Transposed},
        "mean bias": {"linear": MeanBias}}
wrong = {name: [wrong_answers(seed, **kinds) for seed in range(3)] for name, kinds in ways.items()}
for name, counts in wrong.items():
    print(f"{name:12} wrong of 360: {counts}")
assert max(max(counts) for counts in wrong.values()) < 120

# %% [markdown]
# Guessing gets 324 wrong. All twelve networks learned: each has fewer than 120 wrong. Such a count may look poor or good. It
# does not say that a formula is wrong, and which. The check needs no training and says both:

# %%
def relative_error(operation, *inputs):
    """The largest error of an operation's gradients, as a part of the largest gradient."""
    def value(*arrays):
        return record(operation(), *arrays).data

    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    y = record(operation(), *leaves)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    gradients = [leaf.grad for leaf in leaves]
    return check(value, inputs, gradients, dy) / max(np.abs(g).max() for g in gradients)

images = [rng.normal(size=s) for s in ((2, 2, 5, 5), (3, 2, 3, 3), (3,))]
rows = [rng.normal(size=s) for s in ((4, 3), (3, 3), (3,))]
checks = {"right": max(relative_error(lambda: Conv2d(1, 1, 1, 1), *images), relative_error(Linear, *rows)),
          "not turned": relative_error(lambda: NotTurned(1, 1, 1, 1), *images),
          "transposed": relative_error(Transposed, *rows), "mean bias": relative_error(MeanBias, *rows)}
assert checks["right"] < 1e-8 and min(value for name, value in checks.items() if name != "right") > 0.05

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="marks")
# alt: Wrong answers against the error of the gradient: the right way at 1e-10, three wrong ways near 1, at similar heights.
for (name, value), colour in zip(checks.items(), (BLUE, ORANGE, DARK, GREY), strict=True):
    ax.semilogx([value] * 3, wrong[name], "o", color=colour, alpha=0.8)
places = {"right": (checks["right"] * 4, np.mean(wrong["right"]), "left"), "not turned": (3e-2, 112, "right"),
          "transposed": (3e-2, 90, "right"), "mean bias": (3e-2, 68, "right")}
for (name, (x_, y_, side)), colour in zip(places.items(), (BLUE, ORANGE, DARK, GREY), strict=True):
    ax.text(x_, y_, name, color=colour, ha=side, va="center")
ax.axhline(324, color=GREY, lw=1, ls="--")
ax.text(1e-11, 318, "guessing", color=GREY, va="top")
ax.set(title="They learn alike, and only one gradient is right", xlabel="error of the gradient, by central differences",
       ylabel="wrong of 360", xlim=(5e-12, 20), ylim=(0, 345), xticks=[1e-10, 1e-7, 1e-4, 1e-1]);

# %% [markdown]
# ## 8 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write the gradients of a linear layer without loops. The rows of $`x`$ may stand in any number of leading axes, $`x`$
# (…, I) and $`dy`$ (…, O), as for the words of several sentences. (A hole of assignment `hw02_linear`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_linear_gradients(x, w, dy):
    """x (…, I), w (O, I), dy (…, O) -> dx like x, dw like w, db (O,)"""
    raise NotImplementedError

def test_linear_gradients(f):
    for leading in ((4,), (2, 3), ()):
        x, w, dy = (rng.normal(size=s) for s in ((*leading, 3), (3, 3), (*leading, 3)))
        got = f(x, w, dy)
        want = slow_linear_gradients(x.reshape(-1, 3), w, dy.reshape(-1, 3))
        for g, wanted, like in zip(got, want, (x, w, w[0]), strict=True):
            assert g.shape == like.shape and np.allclose(g, wanted.reshape(like.shape), rtol=0, atol=1e-12)

def library(x, w, dy):
    operation = Linear()
    operation.forward(x, w, np.zeros(len(w)))
    return operation.backward(dy)

test_linear_gradients(library)                                # the library's pass
attempt(test_linear_gradients, my_linear_gradients)

# %% [markdown]
# **2.** Write the convolution as *one* matrix product, as fast programs do: put the window of each place into a row of a
# matrix P. With `np.lib.stride_tricks.sliding_window_view` this takes no loop at all. Your function has to be right, and at
# least five times as fast as ours.

# %%
def conv_by_patches(x, w):
    """x (N, C, H, W), w (O, C, kh, kw) -> y (N, O, H − kh + 1, W − kw + 1), stride 1, no padding"""
    raise NotImplementedError

def test_conv_by_patches(f):
    from time import perf_counter

    x, w = rng.normal(size=(4, 3, 12, 11)), rng.normal(size=(5, 3, 3, 2))
    started = perf_counter()
    want = slow_conv(x, w, np.zeros(5))
    middle = perf_counter()
    got = f(x, w)
    assert got.shape == want.shape and np.allclose(got, want, rtol=0, atol=1e-12)
    assert perf_counter() - middle < (middle - started) / 5

attempt(test_conv_by_patches, conv_by_patches)

# %% [markdown]
# **3.** Max-pooling takes the largest number of each 2×2 window. Who used a pixel? Only the window that it lies in, and only
# if it was the largest. Write the gradient. If two numbers of a window are equally large, the first one (row by row) gets it
# all.

# %%
def max_pool_gradient(x, dy):
    """dx of y = the largest of each 2×2 window.   x (N, C, 2H, 2W), dy (N, C, H, W) -> dx like x"""
    raise NotImplementedError

def test_max_pool_gradient(f):
    x, dy = rng.permutation(96).astype(float).reshape(2, 2, 4, 6), rng.normal(size=(2, 2, 2, 3))
    pooled = lambda x: x.reshape(2, 2, 2, 2, 3, 2).max(axis=(3, 5))                   # noqa: E731
    assert check(pooled, (x,), (f(x, dy),), dy) < 1e-8
    assert f(np.ones((1, 1, 2, 2)), np.full((1, 1, 1, 1), 5.0)).tolist() == [[[[5, 0], [0, 0]]]]

attempt(test_max_pool_gradient, max_pool_gradient)

# %% [markdown]
# ## What to keep
#
# * Ask of each number who used it. Add up what comes back: $`dy`$ times the other factor.
# * The loops of the backward pass are those of the forward pass. What is read there is added to here.
# * A convolution is a linear layer with few and shared weights. The gradient of a shared weight is a sum over its places.
# * Right shapes prove nothing, and neither does learning. Check the gradient.
#
# Sources: LeCun et al. 1998, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), §II; Dumoulin and
# Visin 2016, [arXiv 1603.07285](https://arxiv.org/abs/1603.07285) (the arithmetic of windows, and §4 for the turned kernel).
# Next: [03_kernels](03_kernels.md), how to make these loops fast.
