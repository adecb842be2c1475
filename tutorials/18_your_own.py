# %% [markdown]
# # Your own network
#
# You have pictures of your own, and a device with little memory. **How does a folder of images become a file that the device
# can run?** This lesson goes the whole way with the command line: images in a folder → training → a file of at most 1,000 bytes
# → predictions → ONNX → C. Every command is run as you read it. At the end stands what is not possible.
#
# It takes about 15 minutes, and no other lesson is needed.

# %%
import atexit
import contextlib
import importlib
import importlib.util
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import nncompress
import nnlite
from nnlite import data
from nnlite.cli.parser import build_parser
from nnlite.plot import BLUE, GREY, STYLE

plt.rcParams.update(STYLE | {"font.size": 11, "figure.figsize": (6.4, 3.6),
                             "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1 · A folder of images
#
# A camera looks at a conveyor belt, 24×40 pixels, grey. Bolts, nuts and washers come along, and we want their names. We have no
# camera here, so we draw the parts: each pixel is bright where a formula says that it is metal.
#
# * A **washer** is what lies between two circles.
# * A **nut** is a hexagon with a hole: the largest of three distances $`|u \cos\varphi + v \sin\varphi|`$ is below its size.
# * A **bolt** is a shaft with a head: two rectangles.
#
# Place, angle, size and light are drawn at random, and noise is added.

# %% tags=["experiment"]
def draw(name, rng):
    """An image of a part: uint8 (24, 40)."""
    y, x = np.mgrid[0:24, 0:40]
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(6.5, 8.5)
    y, x = y - rng.uniform(9, 14), x - rng.uniform(10, 29)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if name == "bolt":
        metal = (np.abs(u) < 0.3 * size) & (np.abs(v) < 1.3 * size)
        metal |= (np.abs(u) < 0.8 * size) & (np.abs(v + size) < 0.35 * size)
    else:
        sides = [np.abs(u * np.cos(a) + v * np.sin(a)) for a in (0, np.pi / 3, 2 * np.pi / 3)]
        outer = np.hypot(u, v) if name == "washer" else np.max(sides, axis=0)
        metal = (outer < 0.95 * size) & (np.hypot(u, v) > (0.6 if name == "washer" else 0.4) * size)
    light = rng.uniform(60, 100) + rng.uniform(70, 110) * metal + rng.uniform(-1, 1) * x
    return np.clip(light + rng.normal(0, 12, (24, 40)), 0, 255).astype(np.uint8)

FOLDER = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, FOLDER)
NAMES = ("bolt", "nut", "washer")
rng = np.random.default_rng(0)
for name in NAMES:
    (FOLDER / "parts" / name).mkdir(parents=True)
    for i in range(400):
        Image.fromarray(draw(name, rng)).save(FOLDER / "parts" / name / f"{i}.png")

# %% tags=["remove-input"]
fig, axes = plt.subplots(3, 5, num="parts", figsize=(6.4, 2.6))
# alt: Five drawings each of bolts, nuts and washers, in grey with noise, at any place and angle.
for row, name in zip(axes, NAMES, strict=True):
    for i, ax in enumerate(row):
        ax.imshow(Image.open(FOLDER / "parts" / name / f"{i}.png"), cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.suptitle("What the camera sees: 24×40 pixels", fontsize=12)

# %% [markdown]
# This is all that `--data` needs: **a folder with one folder of `.png` or `.jpg` images for each class**. The names of the
# inner folders are the names of the classes. A `.npz` file with the arrays `images` and `labels`, and a `.csv` table with a
# column `label`, are read as well (`nnlite/data`). The same folder in Python:

# %% tags=["experiment"]
train_part, test_part = data.load(FOLDER / "parts")
print(train_part)
print(test_part)
assert train_part.images.shape == (960, 1, 24, 40) and train_part.names == NAMES
assert np.bincount(test_part.labels).tolist() == [80, 80, 80]   # nobody named a test part

# %% [markdown]
# A fifth of each class was held out. No training sees these 240 images.
#
# ## 2 · Train
#
# `shell` runs a line as a shell would, in the lesson's folder, and prints what the command prints:

# %% tags=["volatile", "experiment"]
def shell(line):
    """Run `nnlite COMMAND …`, print its text, and return its result, which --json would print."""
    with contextlib.chdir(FOLDER):
        arguments = build_parser().parse_args(shlex.split(line)[1:])
        result, text = importlib.import_module(f"nnlite.cli.{arguments.command}").run(arguments)
    print(text)
    return result

trained = shell("nnlite train --data parts --model cnn --width 0.3 --epochs 10 --lr 0.05 --out parts.npz")
assert trained["accuracy"] > 0.85 and trained["n"] == 240

# %% [markdown]
# `cnn` is a small network of two convolutions. It was built for one channel, 24×40 pixels and three classes, because the data
# has them. The file keeps more than the weights: what the images have to be like, and what the answers are called.

# %% tags=["experiment"]
kept = nnlite.checkpoint.load_state(FOLDER / "parts.npz").metadata["input"]
assert kept["shape"] == [1, 24, 40] and kept["names"] == list(NAMES) and kept["dtype"] == "uint8"
pixels = train_part.images / 255
assert np.isclose(kept["mean"][0], pixels.mean()) and np.isclose(kept["std"][0], pixels.std())

# %% [markdown]
# Every pixel is divided by 255, the mean is subtracted, and the result is divided by the standard deviation. Both are those of
# the training images. If a later command measured them on other images, the network would see other numbers than in its
# training. So later commands take them from the file.
#
# ## 3 · At most 1,000 bytes
#
# The device has little room. `compress --target-bytes` trains on, removes weights, rounds the others to small integers, and
# codes them, until the file is small enough. The names and the normalization are counted, too.

# %% tags=["volatile", "experiment"]
before = (FOLDER / "parts.npz").stat().st_size
small = shell("nnlite compress parts.npz --data parts --target-bytes 1000 --epochs 20 --out parts.nnz")
assert small["file_bytes"] == (FOLDER / "parts.nnz").stat().st_size <= 1000 < before / 50
assert small["accuracy"] > 0.8 and small["arithmetic"] == "int8"

# %% [markdown]
# The file is more than fifty times smaller. `inspect` shows what its bytes are spent on:

# %% tags=["volatile", "experiment"]
inspection = shell("nnlite inspect parts.nnz")
assert sum(inspection["parts"].values()) == inspection["file_bytes"]
assert inspection["input"]["names"] == NAMES and inspection["parts"]["names"] < 40

# %% [markdown]
# ## 4 · Ask it
#
# Three new images, which neither training nor test has seen. The `.nnz` file is enough: it knows how to normalize them and what
# the classes are called. It computes in integers.

# %% tags=["volatile", "experiment"]
new = {name: draw(name, np.random.default_rng(7 + k)) for k, name in enumerate(NAMES)}
for name, image in new.items():
    Image.fromarray(image).save(FOLDER / f"new_{name}.png")
answers = shell("nnlite predict parts.nnz new_bolt.png new_nut.png new_washer.png")["predictions"]
assert all(set(row["probabilities"]) == set(NAMES) for row in answers)

# %% tags=["remove-input"]
fig, axes = plt.subplots(2, 3, num="answers", figsize=(6.4, 3.2), height_ratios=(1.2, 1))
# alt: Three new drawings, and below each the probabilities that the network gives to bolt, nut and washer.
for k, (row, image) in enumerate(zip(answers, new.values(), strict=True)):
    axes[0, k].imshow(image, cmap="gray", vmin=0, vmax=255)
    axes[0, k].set(xticks=[], yticks=[])
    bars = [row["probabilities"][name] for name in NAMES]
    axes[1, k].barh(NAMES, bars, color=[BLUE if name == row["class"] else GREY for name in NAMES])
    axes[1, k].set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes[1, k].invert_yaxis()
    if k:
        axes[1, k].set_yticklabels([])
fig.suptitle("New images, and the probability of each name", fontsize=12)

# %% [markdown]
# **What if the data is the wrong one?** Suppose a colleague has sorted the same parts into folders with other names. The number
# of classes is right, the images are right, and every score would be nonsense. The command says so, and does nothing:

# %% tags=["experiment"]
shutil.copytree(FOLDER / "parts", FOLDER / "teile")
(FOLDER / "teile" / "nut").rename(FOLDER / "teile" / "gear")
try:
    shell("nnlite evaluate parts.nnz --data teile")
    raise AssertionError("it was accepted")
except ValueError as error:
    print(error)
    assert "class 1 is 'nut' in the file and 'gear' in the data" in str(error)

# %% [markdown]
# ## 5 · To other programs: ONNX
#
# ONNX Runtime and many other programs run ONNX files. An `.npz` gives floats. An `.nnz` gives integers, if it rounds as ONNX
# does (`--law float`). This needs the package onnx: `pip install 'nnlite[onnx]'`. If it is missing, the cell says so.

# %% tags=["volatile", "experiment"]
if importlib.util.find_spec("onnx"):
    exported = shell("nnlite export parts.npz --out parts.onnx")
    assert exported["image_shape"] == (1, 24, 40)                      # the file says it
    back = shell("nnlite import parts.onnx --data parts --out again.npz")
    assert abs(back["errors"] - trained["errors"]) <= 1                 # there and back again
else:
    print("the package onnx is not installed")

# %% [markdown]
# `import` is the other direction. It reads ONNX files of other programs, such as PyTorch's and scikit-learn's exporters, if
# their graph is a chain of layers with residual blocks. An operator that it does not know is refused by its name.
#
# ## 6 · Into the device: C
#
# The last step makes one C99 file of the `.nnz` file: integers only, no heap, no library. With `--flash` the weights stay
# packed as in the file, which takes the least flash.

# %% tags=["volatile", "experiment"]
in_c = shell("nnlite export parts.nnz --out parts.c --flash")
assert in_c["flash_weights_bytes"] < 1000

# %% [markdown]
# A network of integers reads integers. Pixel $`x`$ becomes
#
# ```math
# q = \text{clamp}\Big(\text{round}\Big(\frac{x / 255 - \mu}{\sigma\, S}\Big) + Z,\ 0,\ 255\Big)
# ```
#
# with the mean $`\mu`$ and the deviation $`\sigma`$ of the names part, and the scale $`S`$ and the zero point $`Z`$ of the
# input. There are 256 pixel values, so a device needs no arithmetic for it, only a table of 256 bytes. Here is the table,
# and the check that it gives what the plan computes:

# %% tags=["experiment"]
plan = nncompress.load(FOLDER / "parts.nnz")
mean, std = np.float32(plan.input.mean[0]), np.float32(plan.input.std[0])
first = plan.steps[0]
normalized = (np.arange(256, dtype=np.uint8) / np.float32(255) - mean) / std
table = np.clip(np.rint(normalized / first.S) + first.Z, 0, 255).astype(np.uint8)

images = np.stack([test_part.images[k] for k in range(0, 240, 6)])
x = images
for transform in plan.input.preprocessing:
    x = transform(x)
q = plan.quantize_input(x)                                             # (N, H, W, C)
assert np.array_equal(table[images].transpose(0, 2, 3, 1), q)

# %% [markdown]
# The C file holds this table, because the `.nnz` file says $`\mu`$ and $`\sigma`$. `nnlite_quantize(pixels, image)` looks the
# pixels up, `nnlite_run(image, logits)` runs the network, and `nnlite_names[nnlite_class(logits)]` is the name of the class.
#
# If there is a C compiler on this machine, we can check the file. Compiled with `-DNNLITE_MAIN`, it reads pixels from its
# standard input and prints the logits of each image. They have to be those of the plan, on all 40 images, bit for bit.

# %% tags=["volatile", "experiment"]
if shutil.which("cc"):
    subprocess.run(["cc", "-std=c99", "-O2", "-DNNLITE_MAIN", "parts.c", "-o", "run"], cwd=FOLDER, check=True)
    printed = subprocess.run([FOLDER / "run"], input=images.tobytes(), capture_output=True, check=True).stdout
    sums = np.array(printed.split(), np.int64).reshape(40, 3)
    last = plan.steps[-1]
    units = plan.steps[last.inputs[0]].S * last.w_scale               # what one unit of each sum is worth
    assert np.array_equal(sums.astype(np.float32) * units, plan(x))
    print(f"40 images in C and in Python: the same {sums.size} numbers")

# %% [markdown]
# A camera's image takes the same way.
#
# ## 7 · A network of your own
#
# `--model` takes a class from a Python file as well. It may do what it likes in `forward`. It gets those of `in_channels`,
# `image_size`, `in_features`, `classes`, `width` and `seed` that its parameters name.

# %% tags=["volatile", "experiment"]
(FOLDER / "my_net.py").write_text('''
from nnlite import functional as F
from nnlite import nn

class Net(nn.Module):
    def __init__(self, in_channels, classes, seed):
        self.first = nn.Conv2d(in_channels, 8, 5, stride=2, padding=2, rng=seed)
        self.second = nn.Conv2d(8, 8, 3, padding=1, rng=seed + 1)
        self.head = nn.Linear(8 * 6 * 10, classes, rng=seed + 2)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.max_pool2d(F.relu(self.second(x)) + x, 2)              # a shortcut
        return self.head(F.flatten(x, 1))
''')
own = shell("nnlite train --data parts --model my_net.py:Net --epochs 4 --lr 0.05 --out own.npz")
shell("nnlite quantize own.npz --model my_net.py:Net --data parts --out own.nnz")
assert own["accuracy"] > 0.5
assert nncompress.load(FOLDER / "own.nnz").input.names == NAMES       # the .nnz needs no my_net.py

# %% [markdown]
# The `.npz` file names the class, but its code is not in it, and loading it never runs code that a file names. So each command
# that reads `own.npz` asks for the same `--model`. The `.nnz` file holds the plan itself and asks for nothing.
#
# **Weights that another program has trained** come in as `.safetensors` or `.npz`, by their names. Here NumPy stands for the
# other program:

# %% tags=["volatile", "experiment"]
state = nnlite.checkpoint.load_state(FOLDER / "own.npz").model
np.savez(FOLDER / "weights.npz", **state)
imported = shell("nnlite import weights.npz --model my_net.py:Net --data parts --out imported.npz")
assert imported["errors"] == own["errors"] and imported["missing"] == imported["unexpected"] == []

# %% [markdown]
# In PyTorch, `safetensors.torch.save_file(model.state_dict(), "weights.safetensors")` writes such a file. PyTorch is not
# needed to read it. Its own `.pt` files are pickles, which can run any program when they are read, so they are not read.
#
# ## 8 · What is not possible
#
# * **Images of different sizes.** All have one size; a camera's have, others you cut first. Transparent pixels and 16 bits per
#   pixel are refused. So are sounds and texts: give their numbers as a table or as `images` in a `.npz` file.
# * **More than one answer.** A network here tells classes apart. Boxes, masks and numbers (regression) can be trained from
#   Python, but the commands do not measure them.
# * **Recurrent networks and attention in integers.** The integer plan knows convolutions, linear layers, poolings, sums, ReLU
#   and flatten. Any other operation is refused by its name; in floats it runs.
# * **Any ONNX graph.** Chains of layers and residual blocks are read. Others are refused by the name of the operator.
# * **C with the law `float`.** It needs floats; the law `fixed`, which is the default, does not.
# * **Training on the device.** What leaves Python only infers.
#
# ## 9 · Try it yourself
#
# Each exercise has a test. `attempt` says whether your function passes.

# %%
def attempt(test, solution):
    """Run a test of your solution: "right", or what is wrong."""
    try:
        test(solution)
        return "right"
    except NotImplementedError:
        return "not yet written"
    except AssertionError as error:
        return f"not right yet: {error}"

# %% [markdown]
# **1 · Normalize.** What `predict` does with the pixels of an image (C, H, W) before the network sees them.

# %%
def normalize(pixels, mean, std):
    """uint8 (C, H, W), and C means and deviations of pixels ÷ 255 -> float32 (C, H, W)."""
    raise NotImplementedError

def test_normalize(function):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    taken = data.Input((3, 4, 5), "uint8", (0.5, 0.4, 0.3), (0.2, 0.25, 0.5), ("a", "b"))
    expected = pixels[None]
    for transform in taken.preprocessing:
        expected = transform(expected)
    found = function(pixels, taken.mean, taken.std)
    assert found.shape == (3, 4, 5), f"the shape is {found.shape}"
    assert np.allclose(found, expected[0], atol=1e-6), "the values differ"

print(attempt(test_normalize, normalize))

# %% [markdown]
# **2 · The first difference.** Section 4's sentence names the first class that is called otherwise. Find it. Two lists of
# different length differ where the shorter one ends.

# %%
def first_difference(file_names, data_names):
    """The number of the first class with two names, or None where all are the same."""
    raise NotImplementedError

def test_first_difference(function):
    for ours, theirs, expected in ((["a", "b"], ["a", "b"], None), (["a", "b"], ["b", "a"], 0),
                                   (["a", "b", "c"], ["a", "b", "d"], 2), (["a"], ["a", "b"], 1)):
        found = function(ours, theirs)
        assert found == expected and (found is None) == (expected is None), f"{ours}, {theirs}: {found}"

print(attempt(test_first_difference, first_difference))

# %% [markdown]
# **3 · How many bytes of RAM?** A plan that runs step by step holds what a step reads and what it writes, one byte for each
# number. Which step needs the most? For each step of a chain: the numbers of its input and of its result.

# %%
def most_ram(shapes):
    """Shapes of the results of a chain of steps, the input first -> the largest sum of two neighbours' sizes."""
    raise NotImplementedError

def test_most_ram(function):
    for shapes, expected in (([(1, 24, 40), (8, 24, 40), (8, 12, 20), (3,)], 7680 + 1920), ([(4,), (5,), (100,)], 105)):
        found = function(shapes)
        assert found == expected, f"{shapes}: {found}, expected {expected}"

print(attempt(test_most_ram, most_ram))

# %% [markdown]
# ## What to keep
#
# * A folder with a folder of images for each class is a data set. Names, size and normalization travel in the model's file.
# * `train`, `compress --target-bytes`, `predict`, `export`: four commands from images to C.
# * Later commands normalize as the file says, and refuse data of other classes.
# * Weights come in by their names; code never comes in from a data file.
#
# ## Sources
#
# The ONNX operators' specification, opset 13: https://onnx.ai/onnx/operators. The format of safetensors:
# https://huggingface.co/docs/safetensors. The normalization: LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", §4.3.
