"""Writes network.npz: a small network trained on the digits, and the test images."""

from pathlib import Path

import numpy as np

from nnlite import data, models, optim, train

digits, test = data.load("digits")
prepare = data.preprocessing("digits")
model = models.mlp(in_features=64, hidden=48)
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), epochs=20, progress=False)
state = model.state_dict()
np.savez_compressed(
    Path(__file__).with_suffix(".npz"), images=np.uint8(test.images.reshape(-1, 64)), labels=test.labels.astype(np.uint8),
    w1=state["fc1.weight"], b1=state["fc1.bias"], w2=state["fc2.weight"], b2=state["fc2.bias"])
print(train.evaluate(model, data.DataLoader(test, batch_size=360, transform=prepare)), prepare, test.images.dtype)
