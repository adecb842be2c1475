"""The tests that students have. rules: scenarios.py, or the grader's link to it."""

from math import sqrt

import numpy as np
from checking import same, stored


def adam_path(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    """w after each step, one number at a time, as Kingma & Ba's algorithm 1 has it."""
    path = np.zeros(gradients.shape)
    for i in np.ndindex(w.shape):
        x, m, v = w[i], 0.0, 0.0
        for t, g in enumerate(gradients[(slice(None), *i)], 1):
            g, x = (g, x - lr * weight_decay * x) if decoupled else (g + weight_decay * x, x)
            m = betas[0] * m + (1 - betas[0]) * g
            v = betas[1] * v + (1 - betas[1]) * g * g
            x -= lr * (m / (1 - betas[0] ** t)) / (sqrt(v / (1 - betas[1] ** t)) + eps)
            path[(t - 1, *i)] = x
    return path


def rmsprop_path(w, gradients, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    """w after each step, one number at a time."""
    path = np.zeros(gradients.shape)
    for i in np.ndindex(w.shape):
        x, v, b = w[i], 0.0, 0.0
        for t, g in enumerate(gradients[(slice(None), *i)]):
            g = g + weight_decay * x
            v = alpha * v + (1 - alpha) * g * g
            b = momentum * b + g / (sqrt(v) + eps)
            x -= lr * b
            path[(t, *i)] = x
    return path


def sgd_by_hand(rules, rng):
    same(rules.rule("sgd", np.array([1.0, -2.0]), np.array([0.5, 4.0]), 0.25, 0.0)[0][0], [0.875, -3.0])
    same(rules.rule("sgd", np.array([1.0, -2.0]), np.array([0.5, 4.0]), 0.25, 0.5)[0][0], [0.75, -2.75])
    same(rules.run("SGD", np.array([1.0]), np.array([[2.0], [4.0]]), lr=0.5), [[0.0], [-2.0]])


def momentum_by_hand(rules, rng):
    g = np.ones((3, 1))
    same(rules.run("SGD", np.zeros(1), g, lr=1.0, momentum=0.5), [[-1], [-2.5], [-4.25]])            # b: 1, 1.5, 1.75
    same(rules.run("SGD", np.zeros(1), g, lr=1.0, momentum=0.5, nesterov=True), [[-1.5], [-3.25], [-5.125]])
    same(rules.run("SGD", np.zeros(1), g, lr=1.0, momentum=0.5, dampening=0.75), [[-1], [-1.75], [-2.375]])   # 1, .75, .625
    for name, numbers in (("heavy_ball", (0.5, 0.5, 0.25, 2.0)), ("nesterov", (0.5, 0.5, 2.0))):
        w, b = rules.rule(name, np.array([1.0]), np.array([2.0]), np.array([8.0]), *numbers)[0]
        same(b, [5.0] if name == "heavy_ball" else [8.0])                                             # d = 4
        same(w, [-1.5] if name == "heavy_ball" else [-3.0])


def adam_by_formula(rules, rng):
    w, gradients = rng.normal(size=(2, 3)), rng.normal(size=(10, 2, 3))
    for options in ({}, {"lr": 0.1, "betas": (0.5, 0.9)}, {"lr": 0.1, "eps": 0.5}):
        same(rules.run("Adam", w, gradients, **options), adam_path(w, gradients, **options), within=1e-12)
    first = rules.run("Adam", np.zeros(3), np.array([[1000.0, -1e-3, 2.0]]), lr=0.1)
    same(first, [[-0.1, 0.1, -0.1]], within=2e-6)                     # the first step is lr long, whatever the gradient


def adam_alone(rules, rng):
    """The rule itself, with its own numbers."""
    w, m, v = np.array([1.0]), np.array([0.5]), np.array([0.25])
    got = rules.rule("adam", w, np.array([2.0]), m, v, 0.5, 0.5, 0.25, 0.75, 0.125, 0.25, 0.0, 1.0)[0]
    same(got[1], [0.75])                                              # 0.5·0.5 + 0.25·2
    same(got[2], [0.6875])                                            # 0.75·0.25 + 0.125·4
    same(got[0], [1 - 0.5 * 0.75 / (sqrt(0.6875) + 0.25)], within=1e-12)


def rmsprop_by_formula(rules, rng):
    w, gradients = rng.normal(size=(2, 3)), rng.normal(size=(10, 2, 3))
    for options in ({}, {"alpha": 0.5, "eps": 0.5}, {"momentum": 0.9}, {"momentum": 0.5, "alpha": 0.9, "eps": 0.1}):
        same(rules.run("RMSprop", w, gradients, lr=0.1, **options), rmsprop_path(w, gradients, 0.1, **options), within=1e-12)


def length_of_the_gradient(rules, rng):
    norm, clipped, _ = rules.clip((np.array([3.0, 0.0]), np.array([[0.0], [4.0]])), 1.0)
    same(norm, 5.0)
    same(clipped[0], [0.6, 0.0], within=1e-6)
    same(clipped[1], [[0.0], [0.8]], within=1e-6)
    norm, clipped, _ = rules.clip((np.array([3.0, 0.0]), np.array([[0.0], [4.0]])), 6.0)
    same(norm, 5.0)
    same(clipped[0], [3.0, 0.0])
    same(clipped[1], [[0.0], [4.0]])


def digits(rules, rng):
    """64 → 24 → 10, 500 images, 15 epochs, each with another optimizer: nine of ten test images have to be right."""
    data = stored("digits")
    images, test = data["images"] / 8 - 1.0, data["test_images"] / 8 - 1.0
    weights = (rng.normal(size=(24, 64)) / 8, np.zeros(24), rng.normal(size=(10, 24)) / 5, np.zeros(10))
    batches = np.concatenate([rng.permutation(500).reshape(20, 25) for _ in range(15)])
    for name, options in (("SGD", {"lr": 0.2}), ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
                          ("Adam", {"lr": 0.01}), ("AdamW", {"lr": 0.01}), ("RMSprop", {"lr": 0.003})):
        w1, b1, w2, b2 = rules.train(name, images, data["labels"].astype(int), weights, batches, **options)
        right = int((np.argmax(np.tanh(test @ w1.T + b1) @ w2.T + b2, axis=1) == data["test_labels"]).sum())
        assert right > 324, f"{name}: {right} of 360 right, expected more than 324"
