# %% [markdown]
# # The two articles, line by line
#
# Two short articles in Chinese describe the methods that this project implements. Each has formulas and a program. **What are
# their programs in nnlite?** Here every line of both stands beside the line that does it, and all of nnlite's is executed.
#
# * Article **A**, 领域表示的模型压缩与迁移: compressing and transferring models that represent a domain.
# * Article **B**, 模型压缩与迁移学习: compression and transfer learning for devices with little memory and power.
#
# The formulas are another story: the lesson [11_errata](11_errata.md) runs each as it is printed.
#
# ## The key
#
# Docstrings of the library name the articles' parts by these letters and numbers.
#
# | | what the article has | to the letter | accepted |
# |---|---|---|---|
# | A1 | a domain's data and features as knowledge | – | `domains.Domain` |
# | A2 | pruning weights: choose, measure, decide | `articles.prune_by_statistics` | `pruning.magnitude_masks` |
# | A3 | quantizing weights with a scale Q | `affine.round_scaled` | `affine.quantize_affine` |
# | A4 | the formula for distillation | `articles.log_loss` | `distillation_loss` |
# | A5 | code: a CNN, half of its weights pruned | `articles.count_weights` | `models.cnn`, `pruning.magnitude_masks` |
# | A6 | code: quantization with Q = 8 | – | `nncompress.quantize` |
# | A7 | code: training on CIFAR-10 | – | `data.load`, `train.fit` |
# | A8 | code: the teacher's log-probabilities as target | `articles.cross_entropy_with_log_probabilities` | `distillation` |
# | A9 | removing neurons; combining models | – | `pruning.shrink`; `fusion.average_weights` |
# | A10 | references: Deep Compression, Mean Teacher, FitNets | – | `share_weights`, `MeanTeacher`, `Hints` |
# | A11 | open questions: balance, budgets, fast adaptation | – | `pareto`, `compress`, `fine_tune`, `fuse_features` |
# | B1 | pruning by a threshold | `articles.shrink_by_threshold` | `articles.threshold_mask` |
# | B2 | quantizing by a factor | as A3 | as A3 |
# | B3 | removing layers | `articles.layers_left` | `pruning.drop_blocks` |
# | B4 | fine-tuning by gradient descent | `optim.SGD` | the same |
# | B5 | code: an MLP pruned, quantized, trained on | – | `models.mlp`, `nncompress.quantize`, `replace_head` |
# | B6 | all of it together on a small device | – | the commands `nnlite compress` and `nnlite export … --out model.c` |
#
# `articles` is `nncompress.articles` or `nntransfer.articles`, `affine` is `nncompress.quantization.affine`; `pruning` is a
# room of `nncompress`, `fusion` and `domains` are rooms of `nntransfer`. A dash: the article has no formula for it.

# %%
import tempfile
from pathlib import Path

import numpy as np

import nncompress
import nnlite
from nncompress import pruning
from nnlite import data, models, nn, optim, train
from nnlite import functional as F
from nntransfer import WithTeacher, distillation

# %% [markdown]
# ## A5 · A small CNN, and half of its weights
#
# ```python
# class CNN(torch.nn.Module):                                             # article A
#     def __init__(self):
#         super(CNN, self).__init__()
#         self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1)
#         self.conv2 = torch.nn.Conv2d(16, 32, 3, padding=1)
#         self.fc1 = torch.nn.Linear(32 * 8 * 8, 128)
#         self.fc2 = torch.nn.Linear(128, 10)
#
#     def forward(self, x):
#         x = torch.nn.functional.relu(self.conv1(x))
#         x = torch.nn.functional.max_pool2d(x, 2, 2)
#         x = torch.nn.functional.relu(self.conv2(x))
#         x = torch.nn.functional.max_pool2d(x, 2, 2)
#         x = x.view(x.size(0), -1)
#         x = torch.nn.functional.relu(self.fc1(x))
#         x = self.fc2(x)
#         return x
#
# model = CNN()
# ```
#
# In nnlite the class is the same, letter for letter, with `nn` and `F`:

# %%
class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, rng=0)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, rng=1)
        self.fc1 = nn.Linear(32 * 8 * 8, 128, rng=2)
        self.fc2 = nn.Linear(128, 10, rng=3)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(x, 2, 2)
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2, 2)
        x = F.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return x

model = CNN()
assert model(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 10)

# %% [markdown]
# The library has it ready, as `models.cnn()`, with as many parameters:

# %%
assert sum(p.size for p in models.cnn().parameters()) == sum(p.size for p in model.parameters()) == 268_650

# %% [markdown]
# Then half of the weights go, by their magnitude:
#
# ```python
# pruning_ratio = 0.5                                                     # article A
# mask = prune.create_pruning_mask(model, pruning_ratio, pruning_method='l1')
# prune.apply_pruning(model, mask)
# print("Number of pruned weights:", sum(p.numel() for p in model.parameters() if p.requires_grad))
# ```
#
# `torch.nn.utils.prune` has no `create_pruning_mask` and no `apply_pruning`. And `numel` counts entries, zeros included, so
# the number that is printed is the one from before. What the lines mean:

# %%
pruning_ratio = 0.5
mask = pruning.magnitude_masks(model, pruning_ratio)
for name, parameter in model.named_parameters():
    if name in mask:
        parameter.data = parameter.data * mask[name]
entries = sum(p.size for p in model.parameters() if p.requires_grad)
left = sum(np.count_nonzero(p.data) for p in model.parameters())
print(f"weights: {entries:,} entries, {left:,} of them not 0")
assert entries == 268_650 and abs(left / entries - 0.5) < 0.01

# %% [markdown]
# ## A6 · Quantization
#
# ```python
# import torch.nn.utils.quantize_weight as quantize                       # article A
# quantized_model = quantize.quantize_weights(model, Q=8)
# ```
#
# PyTorch has no such module. In nnlite `quantize` needs the model and some images, to see how large the numbers between the
# layers get. What it returns computes with 8-bit integers:

# %%
some_images = np.random.default_rng(0).normal(size=(16, 3, 32, 32)).astype(np.float32)
quantized_model = nncompress.quantize(model, some_images)
assert quantized_model(some_images).shape == (16, 10)
assert all(step.w.dtype == np.int8 for step in quantized_model.steps if step.kind in ("conv2d", "linear"))

# %% [markdown]
# ## A7 · CIFAR-10
#
# ```python
# transform = transforms.Compose([                                        # article A
#     transforms.RandomHorizontalFlip(),
#     transforms.RandomCrop(32, padding=4),
#     transforms.ToTensor(),
#     transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# ])
#
# train_dataset = torchvision.datasets.CIFAR10(root='./data', train=True, download=True, transform=transform)
# train_loader = torch.utils.data.DataLoader(train_dataset, batch_size=64, shuffle=True)
# test_dataset = torchvision.datasets.CIFAR10(root='./data', train=False, download=True, transform=transform)
# test_loader = torch.utils.data.DataLoader(test_dataset, batch_size=64, shuffle=False)
# ```
#
# In nnlite `train_dataset, test_dataset = data.load("cifar10")`. This page has to run without a download, so 640 of the
# bundled digits stand in, enlarged to 32 × 32 and in three colours. (Digits are not symmetric, so a mirrored one may be no
# digit: for them one would leave the flip out.)

# %%
digits, _ = data.load("digits")
enlarged = np.repeat(np.repeat(np.repeat(digits.images, 4, axis=2), 4, axis=3), 3, axis=1)
train_dataset = data.Dataset(enlarged[:640], digits.labels[:640], classes=10)

transform = [
    data.RandomHorizontalFlip(),
    data.RandomCrop(32, padding=4),
    data.ToFloat(),
    data.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
]
train_loader = data.DataLoader(train_dataset, batch_size=64, shuffle=True, seed=0, transform=transform)
images, labels = next(iter(train_loader))
assert images.shape == (64, 3, 32, 32) and images.min() == -1.0 and images.max() <= 1.0

# %% [markdown]
# ```python
# model = CNN()                                                           # article A
# optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
# criterion = torch.nn.CrossEntropyLoss()
#
# for epoch in range(10):
#     for inputs, labels in train_loader:
#         optimizer.zero_grad()
#         outputs = model(inputs)
#         loss = criterion(outputs, labels)
#         loss.backward()
#         optimizer.step()
# ```
#
# The same loop, two epochs of it:

# %%
model = CNN()
optimizer = optim.SGD(model.parameters(), lr=0.01)
criterion = F.cross_entropy

losses = []
for _ in range(2):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
assert len(losses) == 20 and np.mean(losses[10:]) < np.mean(losses[:10])

# %% [markdown]
# `train.fit` is this loop with a progress bar, validation and checkpoints. It makes the same steps, to the last bit:

# %%
again = CNN()
loader = data.DataLoader(train_dataset, batch_size=64, shuffle=True, seed=0, transform=transform)
next(iter(loader))                                         # the page took a batch above, too
train.fit(again, loader, optim.SGD(again.parameters(), lr=0.01), epochs=2, progress=False)
for one, other in zip(model.parameters(), again.parameters(), strict=True):
    np.testing.assert_array_equal(one.data, other.data)

# %% [markdown]
# ## A8 · Distillation
#
# ```python
# student = Student()                                                     # article A; Student is the same network
# optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
# criterion = torch.nn.CrossEntropyLoss()
#
# for epoch in range(10):
#     for inputs, labels in train_loader:
#         outputs = model(inputs)
#         target = outputs.data.clone()
#         target = torch.nn.functional.log_softmax(target, dim=1)
#         student.zero_grad()
#         outputs = student(inputs)
#         loss = criterion(outputs, target)
#         loss.backward()
#         optimizer.step()
# ```
#
# The target has to be a probability. With its logarithm the loss has no minimum ([11_errata](11_errata.md) runs it). One word
# mends it, and the student, which is as large as the teacher in the article, may become a small one:

# %%
student = models.cnn(width=0.25, seed=1)
optimizer = optim.SGD(student.parameters(), lr=0.01)
for inputs, _ in train_loader:
    with nnlite.no_grad():
        target = F.softmax(model(inputs), 1).data          # the article has log_softmax
    student.zero_grad()
    outputs = student(inputs)
    loss = F.cross_entropy(outputs, target)
    loss.backward()
    optimizer.step()
assert sum(p.size for p in student.parameters()) < 268_650 / 10

# %% [markdown]
# The library's loss has the labels and a temperature as well:

# %%
loader = WithTeacher(train_loader, model)
train.fit(student, loader, optimizer, epochs=1, loss=distillation(temperature=4, alpha=0.9), progress=False)

# %% [markdown]
# ## B5 · An MLP, pruned, quantized, cut and trained on
#
# ```python
# model = tf.keras.Sequential([                                           # article B
#     tf.keras.layers.Dense(128, activation='relu', input_shape=(784,)),
#     tf.keras.layers.Dense(10, activation='softmax')
# ])
# model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
# model.fit(x_train, y_train, epochs=10)
# ```
#
# `models.mlp()` is this network. It gives logits, and the softmax is part of the loss, which is more exact. We train it on
# the 8 × 8 digits, so 64 numbers come in, not 784.

# %%
digits, test_digits = data.load("digits")
prepare = data.preprocessing("digits")
train_loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
test_loader = data.DataLoader(test_digits, batch_size=360, transform=prepare)
model = models.mlp(in_features=64, hidden=128)
train.fit(model, train_loader, optim.Adam(model.parameters()), epochs=10, progress=False)
assert train.evaluate(model, test_loader)["accuracy"] > 0.9

# %% [markdown]
# ```python
# threshold = 0.5                                                         # article B
# model.set_weights(model.get_weights()[:-1] - model.get_weights()[:-1] * threshold)
# ```
#
# `get_weights()` returns a list, and Python cannot subtract lists. `[:-1]` leaves out the last *array*, which is the bias of
# the last layer, so that `set_weights` would complain of a missing one. And the formula prunes nothing. What the text
# describes:

# %%
from nncompress.articles import threshold_mask

threshold = 0.1                                            # half of the largest weight would leave too few
mask = {"fc1.weight": threshold_mask(model.fc1.weight.data, threshold)}
model.fc1.weight.data = model.fc1.weight.data * mask["fc1.weight"]
assert 0.2 < 1 - mask["fc1.weight"].mean() < 0.8

# %% [markdown]
# ```python
# quantization_factor = 2                                                 # article B
# model.set_weights([int(w * quantization_factor) for w in model.get_weights()[:-1]])
# ```
#
# `int()` of an array of many numbers is an error. What is meant is rounding, with a scale for each layer that suits its
# weights. `quantize` does it, and the file is what one would put on a device:

# %% tags=["volatile"]
plan = nncompress.quantize(model, train_loader)
with tempfile.TemporaryDirectory() as folder:
    nnlite.save(Path(folder) / "mlp.npz", model)
    nncompress.save(Path(folder) / "mlp.nnz", plan)
    sizes = [(Path(folder) / name).stat().st_size for name in ("mlp.npz", "mlp.nnz")]
print(f"bytes in float32 {sizes[0]:,}, in int8 and coded {sizes[1]:,}")
assert sizes[0] > 4 * sizes[1]
assert train.evaluate(plan, test_loader)["accuracy"] > train.evaluate(model, test_loader)["accuracy"] - 0.02

# %% [markdown]
# ```python
# model.remove(model.layers[-1])                                          # article B
# ```
#
# Keras has no `remove`. The last layer, the *head*, gets replaced when the new task has other classes:

# %%
from nntransfer import replace_head

replace_head(model, classes=5, rng=0)
assert model(np.zeros((1, 1, 8, 8), np.float32)).shape == (1, 5)

# %% [markdown]
# ```python
# model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])    # article B
# model.fit(x_test, y_test, epochs=10)
# ```
#
# Fitted on the test set, a network can no longer be tested. The new task here is to tell 5, 6, 7, 8 and 9 apart, learned on
# training images and tested on test images:

# %%
def five_to_nine(dataset):
    chosen = dataset.labels >= 5
    return data.Dataset(dataset.images[chosen], dataset.labels[chosen] - 5, classes=5)

new_loader = data.DataLoader(five_to_nine(digits), batch_size=64, shuffle=True, seed=0, transform=prepare)
new_test = data.DataLoader(five_to_nine(test_digits), batch_size=200, transform=prepare)
train.fit(model, new_loader, optim.Adam(model.parameters()), epochs=10, progress=False)
assert train.evaluate(model, new_test)["accuracy"] > 0.9

# %% [markdown]
# ## What to keep
#
# * The names are PyTorch's, so the first article's program runs almost as it is, once its three missing functions are there.
# * A program that nobody has run is a claim. Three of the calls above never existed, and two lines could not run in any
#   version.
# * Test images are for testing.
