"""A small training run as a program of its own, so that a test can kill it.

    training_run.py DIRECTORY whole      four epochs, with the checkpoint DIRECTORY/run.npz
    training_run.py DIRECTORY stuck      the same, but it says so and waits when it is in the middle of epoch 2
    training_run.py DIRECTORY resumed    goes on from DIRECTORY/run.npz
"""

import sys
import time
from pathlib import Path

import numpy as np

from nnlite import checkpoint, data, nn, optim, train

EPOCHS = 4


def make_run(optimizer_class=optim.Adam, seed=0):
    """(model, optimizer, schedule, loader) with all that a checkpoint has to keep: statistics, generators, groups."""
    model = make_model(seed)
    head = [p for layer in list(model.children())[1:] for p in layer.parameters()]
    groups = [{"params": model[0].parameters(), "lr": 0.02}, {"params": head}]
    optimizer = optimizer_class(groups, lr=0.01, weight_decay=1e-4)
    augment = [data.RandomShift(1), *data.preprocessing("digits")]
    loader = data.DataLoader(digits()[:150], 32, shuffle=True, seed=seed, transform=augment)
    schedule = optim.LinearWarmup(optimizer, 3, then=optim.CosineAnnealingLR(optimizer, EPOCHS * len(loader)))
    return model, optimizer, schedule, loader


def make_model(seed):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False, rng=rng),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3, rng=seed + 1),
        nn.Linear(64, 16, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=seed + 2),
        nn.Linear(16, 10, rng=rng),
    )


def digits():
    return data.load("digits")[0]


def validation():
    return data.DataLoader(digits()[150:250], 50, transform=data.preprocessing("digits"))


def main(directory, mode):
    path = Path(directory) / "run.npz"
    model, optimizer, schedule, loader = make_run(seed=100 if mode == "resumed" else 0)
    history = checkpoint.resume(path, model, optimizer, schedule, loader) if mode == "resumed" else []
    middle, steps = len(loader) + 3, 0

    def after_step():
        nonlocal steps
        steps += 1
        if mode == "stuck" and steps == middle:
            print("in the middle of epoch 2", flush=True)
            time.sleep(600)

    train.fit(model, loader, optimizer, EPOCHS, schedule=schedule, clip=1.0, after_step=after_step,
              validation=validation(), checkpoint=path, history=history)
    print(steps, "steps")


if __name__ == "__main__":
    main(*sys.argv[1:])
