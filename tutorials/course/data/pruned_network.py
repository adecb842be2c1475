"""Writes pruned_network.npz: a small pruned network of digits, its weights as integers from −7 to 7, and the test images."""

from pathlib import Path

import numpy as np

from nncompress import pruning
from nncompress.quantization.affine import quantize_affine, symmetric_scale
from nnlite import data, models, optim, train

digits, test = data.load("digits")
prepare = data.preprocessing("digits")
model = models.mlp(in_features=64, hidden=48)


def fit(epochs, after_step=None):
    loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
    train.fit(model, loader, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), epochs=epochs, after_step=after_step,
              progress=False)


fit(20)
masks = pruning.magnitude_masks(model, 0.8)
masks.apply()
fit(10, masks.apply)
arrays = {"images": np.uint8(test.images.reshape(-1, 64)), "labels": test.labels.astype(np.uint8)}
for i, layer in enumerate((model.fc1, model.fc2), 1):
    S = symmetric_scale(layer.weight.data, 4, axis=0)
    arrays |= {f"q{i}": quantize_affine(layer.weight.data, S, 0, -7, 7, np.int8), f"S{i}": S, f"b{i}": layer.bias.data}
np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)
print(train.evaluate(model, data.DataLoader(test, batch_size=360, transform=prepare)))
