"""Writes byte_network.npz: a small network trained on the digits, and 360 test images as bytes."""

from pathlib import Path

import numpy as np

from nnlite import data, models, optim, train

digits, test = data.load("digits")
prepare = data.preprocessing("digits")
model = models.mlp(in_features=64, hidden=16)
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), epochs=20, progress=False)
images, labels = next(iter(data.DataLoader(test, batch_size=len(test), transform=prepare)))
images, state = images.reshape(-1, 64), model.state_dict()
S = float(images.max() - images.min()) / 255
Z = int(np.rint(-images.min() / S))
hidden = np.maximum(images @ state["fc1.weight"].T + state["fc1.bias"], 0)
wrong = (np.argmax(hidden @ state["fc2.weight"].T + state["fc2.bias"], axis=1) != labels).sum()
print("wrong of 360:", wrong)
np.savez_compressed(
    Path(__file__).with_suffix(".npz"), q=np.clip(np.rint(images / S) + Z, 0, 255).astype(np.uint8), S=S, Z=Z,
    S2=hidden.max() / 255, w1=state["fc1.weight"].T, b1=state["fc1.bias"], w2=state["fc2.weight"].T, b2=state["fc2.bias"],
    labels=labels.astype(np.uint8), wrong=wrong)
