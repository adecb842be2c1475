# %% [markdown]
# # Which way for every weight?
#
# A network computes one number that says how wrong it is: the loss. Training asks a question of each weight: **if this weight
# grows a little, does the loss grow or fall, and how fast?** The answer is a derivative, and a network needs as many of them
# as it has weights. In this lesson you will compute one by hand, then build a program that computes all of them in one sweep.
# It has about sixty lines. With it you will train a network, find the same things in the library, and run three mistakes that
# raise no error.
#
# It takes about 25 minutes. You need NumPy, and the derivative of $`x^2`$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from nnlite import data
from nnlite.plot import BLUE, DARK, GREY, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Asking each weight is too slow
#
# Here is a small network: 64 pixels, 32 hidden values, 10 outputs, written in plain NumPy. Its loss is the mean squared
# distance between its outputs and the targets: 1 for the right digit, 0 for the nine others. The simplest way to a derivative
# is to try it: add a small $`h`$ to one weight, subtract it, and compare the losses.
#
# ```math
# \frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2h}
# ```
#
# This is the **central difference**.

# %%
rng = np.random.default_rng(0)
X, T = rng.normal(size=(16, 64)), np.eye(10)[rng.integers(0, 10, 16)]     # 16 images, 16 targets
weights = {"w1": rng.normal(size=(64, 32)) / 8, "b1": np.zeros(32),
           "w2": rng.normal(size=(32, 10)) / 6, "b2": np.zeros(10)}
passes = 0

def plain_loss(w1, b1, w2, b2):
    global passes
    passes += 1
    hidden = np.tanh(X @ w1 + b1)
    return np.mean((hidden @ w2 + b2 - T) ** 2)

def central_differences(loss, weights, h=1e-5):
    """∂loss/∂w for every number of every array in weights."""
    gradients = {}
    for name, w in weights.items():
        gradients[name] = np.empty_like(w)
        for i in np.ndindex(w.shape):
            moved = []
            for step in (h, -h):
                other = w.copy()
                other[i] += step
                moved.append(loss(**weights | {name: other}))
            gradients[name][i] = (moved[0] - moved[1]) / (2 * h)
    return gradients

numeric = central_differences(plain_loss, weights)
count = sum(w.size for w in weights.values())
print(f"{count:,} weights, {passes:,} passes through the network")
assert count == 64 * 32 + 32 + 32 * 10 + 10 == 2410 and passes == 2 * count

# %% [markdown]
# Two passes for each weight: 4,820 passes for one step of training. A network with a million weights would need two million.
# We keep these numbers as the truth to compare with, and look for a faster way.
#
# ## 2 · The chain rule on five numbers
#
# Take $`L = (w x - t)^2 + w^2`$ with $`w = 3`$, $`x = 2`$, $`t = 4`$. A computer does it in small steps:
#
# $`p = w x = 6`$, then $`e = p - t = 2`$, then $`s = e^2 = 4`$, then $`r = w^2 = 9`$, then $`L = s + r = 13`$.
#
# Now go back from the end. Write $`dp`$ for $`\partial L / \partial p`$: how fast L grows with $`p`$. Each step knows its own
# small derivative, and passes on what it got, multiplied by that:
#
# * $`dL = 1`$. The sum hands it to both terms: $`ds = 1`$ and $`dr = 1`$.
# * $`s = e^2`$, so $`de = ds \cdot 2e = 4`$. The subtraction hands it on: $`dp = 4`$ and $`dt = -4`$.
# * $`p = w x`$, so $`dx = dp \cdot w = 12`$, and from here $`w`$ gets $`dp \cdot x = 8`$.
# * $`r = w^2`$, so from here $`w`$ gets $`dr \cdot 2w = 6`$.
# * $`w`$ was used **twice**. Both ways count: $`dw = 8 + 6 = 14`$.

# %%
def L(w, x=2.0, t=4.0):
    return (w * x - t) ** 2 + w**2

h = 1e-5
assert L(3.0) == 13 and np.isclose((L(3 + h) - L(3 - h)) / (2 * h), 14)
assert np.isclose((L(3.0, 2 + h) - L(3.0, 2 - h)) / (2 * h), 12)
assert np.isclose((L(3.0, 2.0, 4 + h) - L(3.0, 2.0, 4 - h)) / (2 * h), -4)

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="by_hand", figsize=(6.4, 3.5))
# alt: The steps as boxes joined by arrows. Values run from left to right, gradients from right to left; w has two arrows.
places = {"w = 3": (0, 1.0, "8 + 6 = 14"), "x = 2": (0, 2.1, "12"), "t = 4": (2, 3.0, "−4"), "p = w x = 6": (2, 1.7, "4"),
          "e = p − t = 2": (4, 2.3, "4"), "s = e² = 4": (6, 2.3, "1"), "r = w² = 9": (4, 0.6, "1"),
          "L = s + r = 13": (7.3, 1.35, "1")}
arrows = [("w = 3", "p = w x = 6"), ("x = 2", "p = w x = 6"), ("w = 3", "r = w² = 9"), ("p = w x = 6", "e = p − t = 2"),
          ("t = 4", "e = p − t = 2"), ("e = p − t = 2", "s = e² = 4"), ("s = e² = 4", "L = s + r = 13"),
          ("r = w² = 9", "L = s + r = 13")]
boxes = {}
for text, (x, y, gradient) in places.items():
    boxes[text] = ax.text(x, y, text, ha="center", va="center", color=BLUE, size=10, zorder=3,
                          bbox={"boxstyle": "round,pad=0.4", "fc": "white", "ec": BLUE})
    ax.text(x, y - 0.42, gradient, ha="center", va="center", color=ORANGE, size=10, weight="bold", zorder=3,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"})
for a, b in arrows:
    ax.annotate("", places[b][:2], places[a][:2], zorder=1,
                arrowprops={"arrowstyle": "->", "color": GREY, "lw": 1.5, "patchA": boxes[a], "patchB": boxes[b]})
ax.text(3, 3.62, "values go this way →", color=BLUE, ha="left")
ax.text(3, -0.25, "← gradients come this way", color=ORANGE, ha="left")
ax.set(title="Both arrows that leave w bring back a part", xlim=(-0.9, 8.3), ylim=(-0.45, 3.9), xticks=[], yticks=[])
ax.grid(False)
ax.spines[:].set_visible(False);

# %% [markdown]
# In general, a number $`x`$ is used by some steps $`y_1, y_2, \dots`$, and
#
# ```math
# dx = \sum_k \frac{\partial y_k}{\partial x}\, dy_k
# ```
#
# Two rules follow. **Add** over all uses. And a step may pass on its gradient only when it is complete, so **every use of a
# value comes before the value itself** on the way back.
#
# ## 3 · The tape
#
# All of this can be left to a program, if each result remembers how it was made. We call it a `Node`: an array, the nodes
# that it was made from, and a function that turns the gradient of the result into the gradients of these inputs. Nodes that
# point at their inputs are the **tape**: a recording of the computation, which can be played backwards.

# %%
class Node:
    """An array, the nodes it was made from, and how its gradient becomes theirs."""

    def __init__(self, data, inputs=(), to_inputs=None):
        self.data, self.inputs, self.to_inputs = np.asarray(data, float), inputs, to_inputs
        self.grad = np.zeros_like(self.data)

    def __add__(self, y):
        return add(self, y)

    def __mul__(self, y):
        return multiply(self, y)

    def __matmul__(self, y):
        return matmul(self, y)

def add(x, y):                                                # z = x + y
    return Node(x.data + y.data, (x, y), lambda dz: (dz, dz))

def multiply(x, y):                                           # z = x y, number by number
    return Node(x.data * y.data, (x, y), lambda dz: (dz * y.data, dz * x.data))

def matmul(x, y):                                             # z = x y, rows by columns
    return Node(x.data @ y.data, (x, y), lambda dz: (dz @ y.data.T, x.data.T @ dz))

def add_row(x, b):                                            # y[n] = x[n] + b: all rows use b
    return Node(x.data + b.data, (x, b), lambda dy: (dy, dy.sum(axis=0)))

def tanh(x):                                                  # y = tanh x, y' = 1 − y²
    y = np.tanh(x.data)
    return Node(y, (x,), lambda dy: (dy * (1 - y * y),))

def mean(x):                                                  # y = Σ x / n
    return Node(np.mean(x.data), (x,), lambda dy: (np.full(x.data.shape, dy / x.data.size),))

def in_order(root):
    """Every node that root was made from, each after its inputs, and once."""
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for x in node.inputs:
                visit(x)
            order.append(node)

    visit(root)
    return order

def backward(root):
    root.grad = np.ones_like(root.data)                       # dL/dL = 1
    for node in reversed(in_order(root)):
        if node.inputs:
            for x, dx in zip(node.inputs, node.to_inputs(node.grad), strict=True):
                x.grad = x.grad + dx                          # add: x may be used elsewhere too

# %% [markdown]
# That is all. `in_order` visits the inputs of a node before it writes the node down, so every node comes after its inputs.
# Read in reverse, every node comes after all of its uses, which is the second rule. `x.grad + dx` is the first. The example
# from section 2, where $`-t`$ is added instead of subtracting $`t`$:

# %%
w, x, minus_t = Node(3.0), Node(2.0), Node(-4.0)
e = w * x + minus_t
loss = e * e + w * w
backward(loss)
print(f"L = {loss.data:g}, dw = {w.grad:g}, dx = {x.grad:g}, d(-t) = {minus_t.grad:g}")
assert (loss.data, w.grad, x.grad, minus_t.grad) == (13, 14, 12, 4)

# %% [markdown]
# Where does the gradient of a matrix product come from? $`z_{no} = \sum_i x_{ni}\, y_{io}`$. The number $`x_{ni}`$ is used in
# row $`n`$ of z, once in each column $`o`$, and there it is multiplied by $`y_{io}`$. Add over all uses:
#
# ```math
# dx_{ni} = \sum_o dz_{no}\, y_{io} \quad\text{that is}\quad dx = dz\, y^T, \qquad
# dy_{io} = \sum_n x_{ni}\, dz_{no} \quad\text{that is}\quad dy = x^T dz
# ```
#
# Now the network, and all 2,410 derivatives in one sweep.

# %%
def network(X, w1, b1, w2, b2):
    return add_row(tanh(add_row(X @ w1, b1)) @ w2, b2)

def squared_error(z, T):
    distance = z + Node(-T)
    return mean(distance * distance)

def taped_gradients(weights):
    nodes = {name: Node(w) for name, w in weights.items()}
    loss = squared_error(network(Node(X), **nodes), T)
    backward(loss)
    return {name: node.grad for name, node in nodes.items()}

exact = taped_gradients(weights)
largest = max(np.abs(g).max() for g in exact.values())
for name, g in exact.items():
    assert np.abs(g - numeric[name]).max() < 1e-8 * largest

# %% [markdown]
# All agree with section 1, to eight digits of the largest one. And the price? Nearly all the work is in the multiplications
# of `matmul`. The product of a $`(N, I)`$ and an $`(I, O)`$ matrix takes $`N I O`$ of them. On the way back there are two
# such products for each one, $`dz\, y^T`$ and $`x^T dz`$, with as many multiplications each. So the gradient of all weights
# costs two more passes, however many weights there are.

# %%
def multiplications(x, y):
    return x.shape[0] * x.shape[1] * y.shape[1]

H = np.tanh(X @ weights["w1"])
dz, dh = np.ones((16, 10)), np.ones((16, 32))
forward = multiplications(X, weights["w1"]) + multiplications(H, weights["w2"])
back = (multiplications(dz, weights["w2"].T) + multiplications(H.T, dz)
        + multiplications(dh, weights["w1"].T) + multiplications(X.T, dh))
assert forward == 16 * (64 * 32 + 32 * 10) and back == 2 * forward
print(f"forward {forward:,} multiplications, backward {back:,}, by differences {2 * count * forward:,}")

# %% [markdown]
# ## 4 · How good is the check?
#
# We trusted differences to eight digits. Why not take a smaller $`h`$ and trust them more? Two errors pull in opposite
# directions. The curve of the loss is not straight: by Taylor's formula the central difference is off by about $`h^2 L''' /
# 6`$. And the computer keeps about 16 digits: each loss is off by about $`10^{-16} L`$, and that gets divided by $`2h`$. Here
# are both, for one weight. The **one-sided** difference $`(L(w+h) - L(w))/h`$ is drawn too.

# %%
steps = np.logspace(-14, -0.5, 55)
w1 = weights["w1"]

def moved(h):
    other = w1.copy()
    other[3, 4] += h
    return plain_loss(**weights | {"w1": other})

true = exact["w1"][3, 4]
central = np.array([abs((moved(h) - moved(-h)) / (2 * h) - true) for h in steps]) / abs(true)
one_sided = np.array([abs((moved(h) - moved(0)) / h - true) for h in steps]) / abs(true)

# %%
best = steps[np.argmin(central)]
assert 1e-7 < best < 1e-4 and central.min() < 1e-8
assert central[np.isclose(steps, 1e-5)] < one_sided.min()
large = (1e-3 < steps) & (steps < 1e-1)                       # slopes: 2 and 1 where h is large
for curve, power in ((central, 2), (one_sided, 1)):
    slope = np.polyfit(np.log(steps[large]), np.log(curve[large]), 1)[0]
    assert abs(slope - power) < 0.1

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="step")
# alt: Error of the difference against its step h, both logarithmic: two V shapes; the central one is lowest near 1e-5.
ax.loglog(steps, one_sided, color=ORANGE, lw=2)
ax.loglog(steps, central, color=BLUE, lw=2)
ax.text(0.3e-3, 0.8e-2, "one-sided", color=ORANGE, ha="right")
ax.text(0.9e-2, 1.2e-5, "central: h²", color=BLUE)
ax.text(3e-14, 1e-6, "rounding: 1/h", color=GREY)
ax.axvline(1e-5, color=GREY, lw=1, ls="--", zorder=0)
ax.text(1.3e-5, 0.35, "h = 0.00001", color=GREY)
ax.set(title="A smaller step is better, until it is worse", xlabel="step  h", ylabel="relative error", ylim=(1e-11, 3),
       xticks=[1e-13, 1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 1e-1], yticks=[1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1]);

# %% [markdown]
# Below $`10^{-7}`$ rounding wins, above $`10^{-4}`$ the bend of the curve. In between, at $`h = 10^{-5}`$, the central
# difference is better than the one-sided one ever gets. On the right, a tenth of the step means a hundredth of the error for
# the central one, and a tenth for the other. So a **gradient check** takes central differences, $`h`$ near $`10^{-5}`$, and
# 64-bit floats. The library's tests check every operation in this way.
#
# ## 5 · It learns
#
# A gradient says which way is up. Training takes a step down, again and again: $`w \leftarrow w - \eta\, dw`$, with 64 images
# at a time. We give the network one more layer, and a **skip**: the hidden values of the first layer go into the second
# layer, and also past it. So they are used twice.

# %%
digits, test_digits = data.load("digits")

def pixels_and_labels(images):
    loader = data.DataLoader(images, batch_size=len(images), transform=data.preprocessing("digits"))
    x, labels = next(iter(loader))
    return np.float64(x).reshape(len(x), 64), labels

images, labels = pixels_and_labels(digits)
test_images, test_labels = pixels_and_labels(test_digits)
targets = np.eye(10)[labels]

def new_weights(seed):
    rng = np.random.default_rng(seed)
    return {"w1": rng.normal(size=(64, 32)) / 8, "b1": np.zeros(32),
            "w2": rng.normal(size=(32, 32)) / 6, "b2": np.zeros(32),
            "w3": rng.normal(size=(32, 10)) / 6, "b3": np.zeros(10)}

def with_skip(X, w1, b1, w2, b2, w3, b3):
    first = tanh(add_row(X @ w1, b1))
    second = tanh(add_row(first @ w2, b2))
    return add_row((second + first) @ w3, b3)                 # first is used twice

def gradients(backward, weights, X, T):
    nodes = {name: Node(w) for name, w in weights.items()}
    backward(squared_error(with_skip(Node(X), **nodes), T))
    return {name: node.grad for name, node in nodes.items()}

def trained(backward, seed, epochs=12, rate=0.3):
    rng, weights = np.random.default_rng(seed), new_weights(seed)
    for _ in range(epochs):
        shuffled = rng.permutation(len(images))
        for i in range(0, len(images), 64):
            at = shuffled[i : i + 64]
            for name, g in gradients(backward, weights, images[at], targets[at]).items():
                weights[name] = weights[name] - rate * g
    return weights

def errors(weights):
    outputs = with_skip(Node(test_images), **{name: Node(w) for name, w in weights.items()}).data
    return int((outputs.argmax(axis=1) != test_labels).sum())

# %% tags=["volatile"]
right = [errors(trained(backward, seed)) for seed in range(3)]
print("wrong of 360, three networks:", right, " before training:", errors(new_weights(0)))
assert max(right) < 36 and errors(new_weights(0)) > 180

# %% [markdown]
# Fewer than one image in ten is wrong, with nothing but NumPy and our sixty lines. [04_training](04_training.md) does better.
#
# ## 6 · The same in the library
#
# nnlite has the same tape, under names that PyTorch's users know:
#
# | here | in nnlite | file |
# |---|---|---|
# | `Node` | `Tensor`; it points at the operation that made it | `nnlite/tensor.py` |
# | `to_inputs` | `backward` of a class such as `Multiply`, beside its `forward` | `nnlite/functional/elementwise.py` |
# | `node.inputs` | `tensor.operation.inputs`, noted down by `record` | `nnlite/tensor.py` |
# | `in_order` | `topological_order`; it needs no recursion | `nnlite/backward.py` |
# | `backward` | `Tensor.backward`, which calls `run_backward` | `nnlite/backward.py` |
# | `add_row` | `+`; `unbroadcast` adds up what was repeated | `nnlite/functional/elementwise.py` |
#
# First, walk along a tape of the library's:

# %%
from nnlite import Tensor
from nnlite import functional as F
from nnlite.backward import topological_order

w, x, t = (Tensor(np.array(v), requires_grad=True) for v in (3.0, 2.0, 4.0))
e = w * x - t
loss = e * e + w * w
names = {id(w): "w", id(x): "x", id(t): "t"}
for tensor in topological_order(loss):
    if tensor.operation is not None:
        names[id(tensor)] = f"step {len(names) - 2}"
        inputs = ", ".join(names[id(y)] for y in tensor.operation.inputs)
        print(f"{names[id(tensor)]}: {type(tensor.operation).__name__}({inputs}) = {tensor.data}")
loss.backward()
assert (w.grad, x.grad, t.grad) == (14, 12, -4)

# %% [markdown]
# Then the network with the skip. The library sums in another order, so the last digits may differ: by less than $`10^{-13}`$
# of the largest gradient.

# %%
W = new_weights(0)
ours = gradients(backward, W, images[:64], targets[:64])

leaves = {name: Tensor(w, requires_grad=True) for name, w in W.items()}
first = F.tanh(images[:64] @ leaves["w1"] + leaves["b1"])
second = F.tanh(first @ leaves["w2"] + leaves["b2"])
distance = (second + first) @ leaves["w3"] + leaves["b3"] - targets[:64]
(distance * distance).mean().backward()
for name, leaf in leaves.items():
    assert np.abs(leaf.grad - ours[name]).max() < 1e-13 * np.abs(ours[name]).max()

# %% [markdown]
# An operation of your own is a class with two methods. `forward` keeps on `self` what `backward` will need. `record` runs it
# and puts it on the tape. Here is $`y = x^3`$, with its gradient check:

# %%
from nnlite.tensor import Operation, record


class Cube(Operation):
    """y = x³;   dx = 3 x² dy."""

    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, dy):
        return (3 * self.x**2 * dy,)

x = Tensor(np.array([-1.5, 0.5, 2.0]), requires_grad=True)
record(Cube(), x).sum().backward()
differences = central_differences(lambda x: (x**3).sum(), {"x": x.data})["x"]
print("dx:", x.grad, " by differences:", differences)
assert x.grad.tolist() == [6.75, 0.75, 12.0] and np.allclose(differences, x.grad, rtol=1e-8)

# %% [markdown]
# What does the library have that our sixty lines lack? It leaves out gradients that nobody asked for (`requires_grad`). It
# frees the tape when it was used, and says so if you use it again. And it does not run out of stack: our `visit` calls itself
# once for each step of a chain, and Python allows about a thousand such calls.

# %%
def chain(x, length):
    for _ in range(length):
        x = x + x * Tensor(0.0) if isinstance(x, Tensor) else x + x * Node(0.0)
    return x

try:
    backward(chain(Node(1.0), 5000))
    raise SystemExit("this should have failed")
except RecursionError as error:
    print("ours:", str(error)[:32])

start = Tensor(1.0, requires_grad=True)
chain(start, 5000).backward()
print("nnlite: dx =", start.grad)
assert start.grad == 1

constant, x = Tensor(2.0), Tensor(3.0, requires_grad=True)
y = constant * x
y.backward()
assert constant.grad is None and x.grad == 2
try:
    y.backward()
    raise SystemExit("this should have been refused")
except RuntimeError as error:
    print("again:", str(error).replace("; ", ";\n       "))

# %% [markdown]
# ## 7 · Three ways to do it wrong
#
# **Overwrite instead of add.** `x.grad = dx` looks harmless. But whatever is used twice then keeps only its last part.
#
# **The wrong order.** It seems natural to go back level by level from the loss: first its inputs, then theirs. But with a
# skip, the first layer is on two levels. Reached by the short way, it passes on its gradient before the other part has
# arrived.

# %%
def backward_overwriting(root):
    root.grad = np.ones_like(root.data)
    for node in reversed(in_order(root)):
        if node.inputs:
            for x, dx in zip(node.inputs, node.to_inputs(node.grad), strict=True):
                x.grad = dx                                   # wrong: forgets the other uses

def backward_by_levels(root):
    root.grad = np.ones_like(root.data)
    queue, seen = [root], {id(root)}
    for node in queue:                                        # wrong: a node's uses may come later
        if node.inputs:
            for x, dx in zip(node.inputs, node.to_inputs(node.grad), strict=True):
                x.grad = x.grad + dx
                if id(x) not in seen:
                    seen.add(id(x))
                    queue.append(x)

w, x, minus_t = Node(3.0), Node(2.0), Node(-4.0)
e = w * x + minus_t
backward_overwriting(e * e + w * w)
print(f"overwritten: dw = {w.grad:g}, and section 2 says 14")
assert w.grad == 4

# %% [markdown]
# Nothing complains. And now the bad news: **the network learns all the same.**

# %% tags=["volatile"]
ways = {"right": backward, "overwriting": backward_overwriting, "by levels": backward_by_levels}
wrong = {name: [errors(trained(way, seed)) for seed in range(3)] for name, way in ways.items()}
for name, counts in wrong.items():
    print(f"{name:12} wrong of 360: {counts}")
assert max(max(counts) for counts in wrong.values()) < 72

# %% [markdown]
# Fewer than one in five is wrong in every run; guessing gets nine in ten wrong. A wrong gradient often still points roughly
# downhill. So *a network that learns proves nothing about its gradients*. The check does:

# %%
def loss_of_skip(**weights):
    distance = with_skip(Node(images[:8]), **{n: Node(w) for n, w in weights.items()}).data - targets[:8]
    return np.mean(distance**2)

truth = central_differences(loss_of_skip, W)

def relative_error(way, name):
    found = gradients(way, W, images[:8], targets[:8])[name]
    return np.linalg.norm(found - truth[name]) / np.linalg.norm(truth[name])

def cosine(a, b):
    return (a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b))

for way in (backward_overwriting, backward_by_levels):        # roughly downhill
    wrong_way = gradients(way, W, images[:8], targets[:8])
    assert all(cosine(wrong_way[name], truth[name]) > 0.3 for name in ("w1", "w2", "w3"))

found = {name: {w: relative_error(way, w) for w in ("w1", "w2", "w3")} for name, way in ways.items()}
assert max(found["right"].values()) < 1e-7
assert min(found["overwriting"].values()) > 0.4
assert found["by levels"]["w1"] > 0.1 and max(found["by levels"]["w2"], found["by levels"]["w3"]) < 1e-7

# %% tags=["remove-input"]
fig, (left, right_) = plt.subplots(1, 2, num="only_the_check", figsize=(6.4, 3.6), width_ratios=(2, 3))
# alt: Left, errors of the trained networks, all low. Right, the gradient check: right 1e-10, the wrong ways near 1.
colours = {"right": BLUE, "overwriting": ORANGE, "by levels": DARK}
for i, (name, counts) in enumerate(wrong.items()):
    left.plot([i] * 3, counts, "o", color=colours[name], alpha=0.7)
    right_.semilogy(range(3), list(found[name].values()), "o-", color=colours[name], lw=2)
left.axhline(324, color=GREY, lw=1, ls="--")
left.text(1, 310, "guessing", color=GREY, ha="center", va="top")
left.set(title="All three learn", ylabel="wrong of 360", xlim=(-0.6, 2.6), ylim=(0, 360), xticks=range(3))
left.set_xticklabels(["right", "over-\nwriting", "by\nlevels"])
right_.text(0.3, 5e-10, "right", color=BLUE, ha="center")
right_.text(1.0, 2.0, "overwriting", color=ORANGE, ha="center")
right_.text(0.62, 1e-4, "by levels", color=DARK, ha="left")
right_.set(title="Only the check can tell", ylabel="error of the gradient", xticks=range(3), xlim=(-0.3, 2.3), ylim=(1e-11, 20),
           yticks=[1e-10, 1e-7, 1e-4, 1e-1], xticklabels=["w1", "w2", "w3"]);

# %% [markdown]
# Overwriting spoils every layer: $`distance \cdot distance`$ uses one value twice, so each gradient loses at least half.
# Going by levels spoils only what lies below the skip, `w1`. A check of `w3` alone would have found nothing. So check every
# weight.
#
# **Changing an array in place.** The formula of $`x \cdot x`$ reads $`x`$ on the way back. If somebody has written other
# numbers into the array by then, the gradient belongs to something that was never computed. Ours does not notice:

# %%
x = Node(np.array([1.0, 2.0]))
loss = mean(x * x)
x.data *= 10                                                  # between forward and backward
backward(loss)
print("ours: dx =", x.grad, " and right is", np.array([1.0, 2.0]))
assert x.grad.tolist() == [10.0, 20.0]

x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
loss = (x * x).mean()
x.data *= 10
try:
    loss.backward()
    raise SystemExit("this should have been refused")
except RuntimeError as error:
    print("nnlite:", str(error).replace(", ", ",\n        "))
assert x.grad is None

# %% [markdown]
# The library counts the changes of every array that an operation keeps, and looks at two of its numbers. It refuses before it
# has computed anything. `nnlite/changes.py` says how, and what it cannot see.
#
# ## 8 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** Write `topological_order` for the library's tensors, without recursion: a chain of 5,000 steps has to work. A
# tensor's inputs are `tensor.operation.inputs`; a leaf has the operation `None`. Inputs can be `None` too (a layer without a
# bias): leave them out. (A hole of assignment `hw01_tape`.)

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def my_order(root):
    raise NotImplementedError

def test_order(f):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    w = Tensor(np.ones((3, 3)), requires_grad=True)
    a = F.linear(x, w)                                        # its third input, the bias, is None
    root = (a + x * a).sum()
    order = [id(t) for t in f(root)]
    assert len(order) == len(set(order)) == 6 and order[-1] == id(root)
    for t in f(root):
        inputs = t.operation.inputs if t.operation is not None else ()
        assert all(order.index(id(y)) < order.index(id(t)) for y in inputs if y is not None)
    assert len(f(chain(Tensor(1.0, requires_grad=True), 5000))) == 15_001

test_order(topological_order)                                 # the library's passes
attempt(test_order, my_order)

# %% [markdown]
# **2.** Add an operation to *our* tape: the softmax of each row, $`p_c = e^{z_c} / \sum_k e^{z_k}`$. Each output depends on
# all numbers of its row. Work out by hand that $`dz_c = p_c \left( dp_c - \sum_k dp_k\, p_k \right)`$. Large numbers must not
# overflow.

# %%
def softmax(z):
    """p = softmax of each row of z, as a Node.   z (N, C) -> p (N, C)"""
    raise NotImplementedError

def test_softmax(f):
    z, dp = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    node = Node(z)
    backward(mean(f(node) * Node(dp)))
    differences = central_differences(lambda z: np.mean(f(Node(z)).data * dp), {"z": z})["z"]
    assert np.allclose(node.grad, differences, rtol=0, atol=1e-9)
    assert f(Node(np.array([[1000.0, 1000.0]]))).data.tolist() == [[0.5, 0.5]]

attempt(test_softmax, softmax)

# %% [markdown]
# **3.** A check of every coordinate takes two passes for each. A **random direction** checks all of them at once: with random
# $`v`$, the number $`\left(L(w + h v) - L(w - h v)\right) / 2h`$ has to equal $`\sum_i dw_i v_i`$. Write such a check. It may
# call the loss six times at most, has to accept the right gradient, and has to refuse one in which a single number of 2,048
# is off by a hundredth.

# %%
def agrees(loss, w, dw, rng):
    """Whether dw is the gradient of loss at w, by three random directions.   w, dw arrays of one shape"""
    raise NotImplementedError

def test_agrees(f):
    calls = []

    def loss(w1):
        calls.append(1)
        return plain_loss(**weights | {"w1": w1})

    for seed in range(5):
        dw = exact["w1"].copy()
        assert f(loss, weights["w1"], dw, np.random.default_rng(seed)) and len(calls) <= 6 * (seed + 1)
    dw[10, 20] += 0.01
    assert not f(loss, weights["w1"], dw, np.random.default_rng(9))

attempt(test_agrees, agrees)

# %% [markdown]
# ## What to keep
#
# * Backpropagation is the chain rule, played backwards along a tape. Its price is two passes, for any number of weights.
# * Add the gradients of all uses. Pass a gradient on only when all uses have given their part.
# * A network that learns proves nothing. Central differences do: 64-bit floats, $`h`$ near $`10^{-5}`$, every weight.
# * Between the forward and the backward pass, leave the arrays alone.
#
# Sources: Linnainmaa 1976, "Taylor expansion of the accumulated rounding error", BIT 16 (the algorithm); Rumelhart, Hinton
# and Williams 1986, "Learning representations by back-propagating errors", Nature 323; Baydin et al. 2018, [arXiv
# 1502.05767](https://arxiv.org/abs/1502.05767), §3 (a survey, with the forward mode). Next: [02_layers](02_layers.md), linear
# and convolution by hand.
