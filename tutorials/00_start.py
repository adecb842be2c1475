# %% [markdown]
# # From 90,000 bytes to 6,000 in ten minutes
#
# `nnlite demo` trains a network that reads digits, and makes its file more than twelve times smaller.
# **Where do the bytes go, and which step takes away what?** In this lesson you take the demo apart. Each step is a few lines.
# You need not understand the methods yet: each has a lesson of its own, and the map at the end says which.
#
# It takes ten minutes. You need Python and nothing else; the digits come with the package. Read this page, or run its source,
# `python tutorials/00_start.py`, in a clone of the repository. For a notebook: `pip install '.[tutorials]'`, then
# `python tutorials/build.py --ipynb DIR`.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nncompress
import nnlite
from nncompress import pruning
from nnlite import data, models, optim, train
from nnlite.plot import BLUE, DARK, GREY, LIGHT, ORANGE, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · Train
#
# There are 1,437 small images to learn from and 360 to test with, 8×8 pixels each. The network is the first article's: two
# convolutions, then two linear layers. It is made of **parameters**: weights and biases, the numbers that training finds.

# %%
digits, test_digits = data.load("digits")
x_test = data.prepare(test_digits, "digits")                  # (360, 1, 8, 8), float32
assert len(digits) == 1437 and x_test.shape == (360, 1, 8, 8)

def fit(model, epochs=10, after_step=None):
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0,
                             transform=data.preprocessing("digits"))
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    train.fit(model, loader, optimizer, epochs, after_step=after_step, progress=False)

def right(logits):
    """Which part of the 360 test images gets the largest output at the right digit."""
    return float((logits.argmax(axis=1) == test_digits.labels).mean())

def outputs(model):
    with nnlite.no_grad():
        return model(x_test).data

model = models.cnn(in_channels=1, image_size=8, seed=0)
fit(model)
print(nnlite.summary(model, x_test[:1]))

# %% tags=["volatile"]
steps = [("trained", 4 * 22_602, right(outputs(model)))]
print(f"{steps[-1][2]:.1%} of the test images are right")
assert steps[-1][2] > 0.95

# %% [markdown]
# The network has 22,602 parameters. Each is a `float32`, four bytes, so the network is 90,408 bytes. Most of them belong to
# *one* layer: `fc1` joins 128 numbers to 128 others. A **MAC** is one multiplication and one addition, and there the
# convolutions lead, because they use each weight at many places.

# %%
summary = nnlite.summary(model, x_test[:1])
sizes = {row.name: row.parameters for row in summary.rows}
macs = {row.name: row.macs for row in summary.rows}
assert sizes == {"conv1": 16 * 9 + 16, "conv2": 32 * 16 * 9 + 32, "fc1": 128 * 128 + 128, "fc2": 10 * 128 + 10}
assert summary.parameters == 22_602 and 4 * 22_602 == 90_408 and sizes["fc1"] > 22_602 / 2
assert macs["conv1"] + macs["conv2"] > 4 * (macs["fc1"] + macs["fc2"])

# %% [markdown]
# ## 2 · Prune: the smallest half becomes 0
#
# A weight near 0 does little. So we set the smaller half of all weights to exactly 0. A **mask** remembers which.

# %%
folder = Path(tempfile.mkdtemp())
nnlite.save(folder / "trained.npz", model)
before = right(outputs(model))
masks = pruning.magnitude_masks(model, 0.5, "global")
masks.apply()
nnlite.save(folder / "pruned.npz", model)

bytes_of = {path.stem: path.stat().st_size for path in folder.glob("*.npz")}
assert bytes_of["pruned"] == bytes_of["trained"]
assert nnlite.summary(model, x_test[:1]).macs == summary.macs
assert right(outputs(model)) > before - 0.05
steps.append(("half of it 0", 4 * 22_602, right(outputs(model))))

# %% [markdown]
# The network still reads nearly as well. But the file did not become a byte smaller, and there is not one multiplication
# less: a 0 takes four bytes like any other number. Zeros pay only when something makes use of them. Two things do: removing
# whole filters (now), and coding (section 4).
#
# ## 3 · Shrink: half of the filters leave
#
# A filter of a convolution, or a neuron of a linear layer, can be taken out of the arrays altogether. The next layer then
# loses the inputs that came from there. So both sides of a layer shrink, and half of the filters leave only about a quarter
# of the parameters. The network suffers, and a few epochs of training repair it.

# %%
pruning.shrink(model, x_test[:1], 0.5, masks=masks)
smaller = nnlite.summary(model, x_test[:1])
steps.append(("half of the filters gone", 4 * smaller.parameters, right(outputs(model))))
fit(model, after_step=masks.apply)                            # what is pruned stays pruned
steps.append(("trained again", 4 * smaller.parameters, right(outputs(model))))

assert model.conv2.weight.shape == (16, 8, 3, 3) and model.fc1.weight.shape == (64, 64)
assert smaller.parameters == (8 * 9 + 8) + (16 * 8 * 9 + 16) + (64 * 64 + 64) + (10 * 64 + 10) == 6_058
assert 6_058 / 22_602 < 0.27 and smaller.macs < summary.macs / 3
assert steps[-1][2] > 0.95 and steps[-1][2] > steps[-2][2]

# %% [markdown]
# ## 4 · Quantize and code
#
# Does a weight need four bytes? **Quantized**, it is one integer between −127 and 127, and a scale says what one step is
# worth. The network then computes in integers, from the image to the last layer. `quantize` needs some training images, to
# see how large the numbers between the layers become. At last the integers are **coded**: what is likely takes less space than
# what is rare. That is the `.nnz` file.

# %%
calibration = data.prepare(digits[:500], "digits")
plan = nncompress.quantize(model, calibration)
coded = nncompress.save(folder / "small.nnz", plan)
steps.append(("as integers", sum(step.w.nbytes + step.b.nbytes + step.w_scale.nbytes
                                 for step in plan.steps if step.w is not None), right(plan(x_test))))
steps.append(("coded in a file", coded, right(plan(x_test))))

assert {step.w.dtype for step in plan.steps if step.w is not None} == {np.dtype(np.int8)}
assert abs(steps[-1][2] - steps[3][2]) < 0.02                 # integers lose next to nothing
assert coded == (folder / "small.nnz").stat().st_size < 90_408 / 12
again = nncompress.load(folder / "small.nnz")
np.testing.assert_array_equal(again(x_test), plan(x_test))    # the file is the network, bit for bit

# %% tags=["volatile"]
print("step                        bytes   right")
for name, size, part in steps:
    print(f"{name:24} {size:8,} {part:7.1%}")

# %% tags=["remove-input"]
fig, ax = plt.subplots(num="steps", figsize=(6.4, 3.8))
# alt: A bar of bytes for each step, from 90,408 down to about 6,000, with the part of the test images that is right.
for y, (_, size, part) in enumerate(steps):
    ax.barh(y, size, color=BLUE if y < 4 else ORANGE, height=0.62)
    inside = size > 60_000
    ax.text(size + (-1200 if inside else 1200), y, f"{size:,} bytes, {part:.1%} right", va="center", size=10,
            ha="right" if inside else "left", color="white" if inside else DARK)
ax.set(title="Masks take no bytes away, the others do", xlabel="bytes of the network", xlim=(0, 95_000),
       yticks=range(len(steps)), yticklabels=[name for name, _, _ in steps], xticks=[0, 30_000, 60_000, 90_000])
ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
ax.grid(axis="y", visible=False)
ax.invert_yaxis();

# %% [markdown]
# The file is less than a twelfth of the 90,408 bytes. Now the zeros of section 2 pay. To see how much, code the *trained*
# network twice, with its weights as they are, and with the smaller half 0:

# %%
def coded_size(pruned):
    full = nnlite.load(folder / "trained.npz")
    if pruned:
        pruning.magnitude_masks(full, 0.5, "global").apply()
    return nncompress.save(folder / "full.nnz", nncompress.quantize(full, calibration))

with_all, with_half = coded_size(pruned=False), coded_size(pruned=True)
assert with_half < 0.8 * with_all < 0.8 * 90_408 / 4 * 1.1

# %% [markdown]
# ## 5 · Where the bytes are
#
# `nncompress.inspect` (or `nnlite inspect FILE` in a terminal) says what each byte of a file is spent on. The parts add up to
# the file's size, to the bit.

# %%
inspection = nncompress.inspect(folder / "small.nnz")
assert sum(inspection.parts.values()) == inspection.file_bytes == coded
weights = sum(inspection.parts[part] for part in ("positions", "signs", "sizes", "values"))
assert weights > coded / 2 and inspection.parts["header"] < coded / 10

# %% tags=["remove-input"]
fig, (top, low) = plt.subplots(2, 1, num="bytes", figsize=(6.4, 3.7))
# alt: Two bars split into parts. Before: fc1 takes most of 90,408 bytes. After: the values of the weights take most.
def split(ax, parts, title, colours):
    start, total = 0, sum(parts.values())
    for (name, size), colour in zip(parts.items(), colours, strict=False):
        ax.barh(0, size, left=start, color=colour, edgecolor="white", height=0.5)
        if size > total / 14:
            ax.text(start + size / 2, 0, f"{name}\n{size:,.0f}", ha="center", va="center", size=10,
                    color="white" if colour in (BLUE, ORANGE) else DARK)
        else:
            ax.text(start + size / 2, 0.3, name, ha="left" if start == 0 else "right" if start + size == total else "center",
                    size=10, color=DARK)
        start += size
    ax.set(title=title, xlim=(0, total), ylim=(-0.3, 0.5), yticks=[], xticks=[])
    ax.spines[:].set_visible(False)
split(top, {name: 4 * size for name, size in sizes.items()}, "Before: 90,408 bytes, and one layer has most of them",
      [LIGHT, ORANGE, BLUE, GREY])
parts = dict(inspection.parts)
shown = {"sizes": parts.pop("sizes") + parts.pop("values"), "positions": parts.pop("positions"), "signs": parts.pop("signs"),
         "scales,\nbiases": parts.pop("scales") + parts.pop("biases"), "the rest": sum(parts.values())}
split(low, shown, f"After: {coded:,} bytes; what and where the weights are", [BLUE, ORANGE, GREY, LIGHT, GREY]);

# %% [markdown]
# *Positions* say where the weights are that are not 0, *signs* and *sizes* say what they are. A *scale* and a *bias* belong to
# each filter and neuron. The rest are the kinds of the layers, their sizes, and a checksum.
#
# ## 6 · Distil: a student learns from a teacher
#
# There is another way to a small network: build one, and let it learn from the large one's outputs beside the labels. A
# teacher that says "a 3, but a little like an 8" says more than the label "3".

# %% tags=["volatile"]
from nntransfer import WithTeacher, distillation

teacher = nnlite.compile(nnlite.load(folder / "trained.npz"), x_test[:1])
student = models.cnn(in_channels=1, image_size=8, width=0.25, seed=0)
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=data.preprocessing("digits"))
train.fit(student, WithTeacher(loader, teacher), optim.SGD(student.parameters(), lr=0.02, momentum=0.9),
          epochs=15, loss=distillation(temperature=4, alpha=0.9), progress=False)
size = nnlite.summary(student, x_test[:1]).parameters
print(f"teacher {right(teacher(x_test)):.1%}, student {right(outputs(student)):.1%}, with {size:,} parameters")
assert size < 22_602 / 10 and right(outputs(student)) > 0.85

# %% [markdown]
# The student has less than a tenth of the parameters. Whether the teacher helped is another question: for that you have to
# train the same student alone, several times, and compare. Lesson 09 does.
#
# ## 7 · A map
#
# | you ask | lesson |
# |---|---|
# | How does a network know which way to change each weight? | [01_tape](01_tape.md) |
# | What do a linear layer and a convolution compute, and how do gradients come back? | [02_layers](02_layers.md) |
# | How are loops made as fast as the machine? | [03_kernels](03_kernels.md) |
# | Which learning rate, which start, how many epochs? | [04_training](04_training.md) |
# | Which weights can go, and what does it save? | [05_pruning](05_pruning.md) |
# | How do real numbers become small integers? | [06_quantization](06_quantization.md) |
# | How does a network compute with integers only? | [07_int8_inference](07_int8_inference.md) |
# | How do integers become few bits? | [08_coding](08_coding.md) |
# | What does a student learn from a teacher? | [09_distillation](09_distillation.md) |
# | How does a network learn a new task from few labels? | [10_finetuning](10_finetuning.md) |
# | What do the two articles say, and what is wrong there? | [11_errata](11_errata.md), [articles](articles.md) |
# | What does a teacher know inside, and must there be one? | [12_distillation_more](12_distillation_more.md) |
# | How few numbers have to move for a new task? | [13_finetuning_more](13_finetuning_more.md) |
# | Can two networks become one? | [14_fusion](14_fusion.md) |
# | Can a network adapt to images that nobody has labelled? | [15_domains](15_domains.md) |
# | Should a teacher speak before, during or after the compression? | [16_compress_and_transfer](16_compress_and_transfer.md) |
# | How few bytes are enough to be right as often? | [17_smallest_network](17_smallest_network.md) |
# | How does a folder of images become a file for a device? | [18_your_own](18_your_own.md) |
#
# To *learn*, read 01 to 06 in order. To *use* integers, 06, 07 and 08 will do. To *teach*, look at `tutorials/course`: nearly
# every lesson has an assignment, with its grader.
#
# ## 8 · Your turn
#
# Each exercise is a function to write and a test that passes when it is right. Replace the `raise` and run the cell again.
#
# **1.** How many parameters has the articles' CNN, if each layer has `width` times as many filters? With `width` 1 it has 16
# and 32 filters and 128 neurons. After each convolution, pooling halves the image's height and width, rounded down.

# %%
def attempt(test, solution):
    try:
        test(solution)
        print(f"{solution.__name__}: passed")
    except NotImplementedError:
        print(f"{solution.__name__}: not written yet")

def parameters(width, image_size=8, classes=10):
    raise NotImplementedError

def test_parameters(f):
    for width in (1, 0.5, 0.25, 2):
        for image_size in (8, 12, 28):
            model = models.cnn(in_channels=1, image_size=image_size, width=width)
            example = np.zeros((1, 1, image_size, image_size), np.float32)
            assert f(width, image_size) == nnlite.summary(model, example).parameters

attempt(test_parameters, parameters)

# %% [markdown]
# **2.** Write the mask of section 2 for one array: True where a weight is kept. Of n weights exactly $`\text{round}(s \cdot
# n)`$ have to go, the smallest in magnitude; of equal ones the first.

# %%
def mask_of(w, s):
    """w any shape, s from 0 to 1 -> booleans of w's shape"""
    raise NotImplementedError

def test_mask_of(f):
    w = nnlite.load(folder / "trained.npz").fc1.weight.data
    for s in (0.0, 0.3, 0.5, 1.0):
        mask = f(w, s)
        assert mask.shape == w.shape and (~mask).sum() == round(s * w.size)
        assert not mask.any() or mask.all() or np.abs(w[mask]).min() >= np.abs(w[~mask]).max()
    assert f(np.array([2.0, 1.0, -1.0, 1.0]), 0.5).tolist() == [True, False, False, True]

attempt(test_mask_of, mask_of)

# %% [markdown]
# **3.** `quantize(model, calibration, bits=…)` takes 2 to 8 bits for each weight. Find the fewest with which the file of
# section 4 still has at least 95 % right, and return the number of bits and the size of the file.

# %%
def smallest_file(model, calibration):
    """(bits, bytes)"""
    raise NotImplementedError

def test_smallest_file(f):
    bits, size = f(model, calibration)
    assert right(nncompress.quantize(model, calibration, bits=bits)(x_test)) >= 0.95 and size < coded
    assert bits == 2 or right(nncompress.quantize(model, calibration, bits=bits - 1)(x_test)) < 0.95

attempt(test_smallest_file, smallest_file)

# %% [markdown]
# ## What to keep
#
# * A parameter is four bytes. Where the parameters are and where the work is are two questions.
# * Zeros alone save nothing. Take filters out, or code the zeros away.
# * A byte for a weight is enough here, and a coded file needs less.
# * Every number above was measured: by the file system, or on images that no training has seen.
#
# Sources: Han et al. 2016, "Deep Compression", [arXiv 1510.00149](https://arxiv.org/abs/1510.00149) (prune, quantize, code);
# Li et al. 2017, [arXiv 1608.08710](https://arxiv.org/abs/1608.08710) (filters); Jacob et al. 2018, [arXiv
# 1712.05877](https://arxiv.org/abs/1712.05877) (integers); Hinton et al. 2015, [arXiv
# 1503.02531](https://arxiv.org/abs/1503.02531) (distillation). Next: [01_tape](01_tape.md), which way for every weight.
