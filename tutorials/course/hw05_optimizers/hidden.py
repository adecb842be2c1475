"""The tests that only the grader has."""

from math import inf, nan
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
adam_path, rmsprop_path = visible["adam_path"], visible["rmsprop_path"]


def momentum_path(w, gradients, rates, momentum, dampening=0.0, weight_decay=0.0, nesterov=False):
    """w after each step, one number at a time; rates: the lr of each."""
    path = np.zeros(gradients.shape)
    for i in np.ndindex(w.shape):
        x, b = w[i], None
        for t, g in enumerate(gradients[(slice(None), *i)]):
            g = g + weight_decay * x
            b = g if b is None else momentum * b + (1 - dampening) * g
            x -= rates[t] * (g + momentum * b if nesterov else b)
            path[(t, *i)] = x
    return path


def changing_rates(rules, rng):
    """A new lr acts at once on the whole step."""
    w, gradients, rates = rng.normal(size=(2, 2)), rng.normal(size=(6, 2, 2)), [0.1, 0.1, 1.0, 0.01, 0.0, 0.5]
    for options in ({"momentum": 0.9}, {"momentum": 0.7, "dampening": 0.4}, {"momentum": 0.9, "nesterov": True}):
        same(rules.run("SGD", w, gradients, rates, **options), momentum_path(w, gradients, rates, **options), within=1e-12)


def weight_decay(rules, rng):
    w, gradients = rng.normal(size=4), rng.normal(size=(6, 4))
    same(rules.run("SGD", w, gradients, lr=0.1, weight_decay=0.3), momentum_path(w, gradients, [0.1] * 6, 0.0, 0.0, 0.3),
         within=1e-12)
    for options in ({"momentum": 0.9, "dampening": 0.2}, {"momentum": 0.8, "nesterov": True}):
        same(rules.run("SGD", w, gradients, lr=0.1, weight_decay=0.3, **options),
             momentum_path(w, gradients, [0.1] * 6, weight_decay=0.3, **options), within=1e-12)
    for name, decoupled in (("Adam", False), ("AdamW", True)):
        same(rules.run(name, w, gradients, lr=0.1, weight_decay=0.3),
             adam_path(w, gradients, lr=0.1, weight_decay=0.3, decoupled=decoupled), within=1e-12)
    for momentum in (0.0, 0.9):
        same(rules.run("RMSprop", w, gradients, lr=0.1, weight_decay=0.3, momentum=momentum),
             rmsprop_path(w, gradients, 0.1, weight_decay=0.3, momentum=momentum), within=1e-12)


def missed_steps(rules, rng):
    """A parameter without a gradient keeps its state, and its count of steps."""
    w, gradients = rng.normal(size=3), rng.normal(size=(5, 3))
    seen = gradients[[0, 3, 4]]
    a, b = rules.run_two("Adam", w, gradients, (1, 2), lr=0.1)
    same(a, adam_path(w, gradients, lr=0.1)[-1], within=1e-12)
    same(b, adam_path(w, seen, lr=0.1)[-1], within=1e-12)
    a, b = rules.run_two("SGD", w, gradients, (0, 1), lr=0.1, momentum=0.9, dampening=0.5)
    same(a, momentum_path(w, gradients, [0.1] * 5, 0.9, 0.5)[-1], within=1e-12)
    same(b, momentum_path(w, gradients[2:], [0.1] * 3, 0.9, 0.5)[-1], within=1e-12)


def float32_and_shapes(rules, rng):
    for name, options in (("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {}), ("RMSprop", {})):
        got = rules.run(name, np.ones((2, 1, 3), np.float32), np.ones((2, 2, 1, 3), np.float32), **options)
        dtype(got, np.float32)
        same(got.shape, (2, 2, 1, 3))
        same(rules.run(name, np.zeros((0, 2)), np.zeros((1, 0, 2)), **options), np.zeros((1, 0, 2)))
        same(rules.run(name, np.array(1.0), np.array([0.0]), **options), [1.0])


def nothing_given_is_changed(rules, rng):
    w, g, a, b = rng.normal(size=(4, 3))
    for name, arrays, numbers in (("sgd", (w, g), (0.1, 0.2)), ("heavy_ball", (w, g, a), (0.1, 0.9, 1.0, 0.2)),
                                  ("nesterov", (w, g, a), (0.1, 0.9, 0.2)),
                                  ("adam", (w, g, a, b**2), (0.3, 0.9, 0.1, 0.99, 0.01, 1e-8, 0.2, 0.5)),
                                  ("rmsprop", (w, g, b**2), (0.1, 0.9, 0.1, 1e-8, 0.2)),
                                  ("rmsprop_momentum", (w, g, b**2, a), (0.1, 0.9, 0.1, 1e-8, 0.2, 0.5))):
        new, after = rules.rule(name, *arrays, *numbers)
        same(len(new), len(arrays) - 1)
        for left, given in zip(after, arrays, strict=True):
            same(left, given)
        one = rules.rule(name, *(float(x[1]) for x in arrays), *numbers)[0]                       # a rule takes single numbers
        for number, array in zip(one, new, strict=True):
            same(number, array[1], within=1e-15)


def clipping(rules, rng):
    norm, clipped, given = rules.clip((np.float32([3e19, 0.0]), None, np.float32([-4e19])), 1.0)
    same(norm / 5e19, 1.0, within=1e-6)
    same(clipped[0], [0.6, 0.0], within=1e-6)
    same(clipped[2], [-0.8], within=1e-6)
    dtype(clipped[0], np.float32)
    assert clipped[1] is None, "a parameter without a gradient got one"
    same(given[0], np.float32([3e19, 0.0]))
    for got in rules.clip_shared(np.array([3.0, 4.0]), 1.0):
        same(got, np.array([0.6, 0.8]) / np.sqrt(2), within=1e-6)
    for bad in (nan, inf):
        norm, clipped, _ = rules.clip((np.array([1.0, bad]), np.array([7.0])), 1.0)
        assert not np.isfinite(norm), f"the length of (1, {bad}, 7) is {norm}"
        same(clipped[1], [7.0])
    norm, clipped, _ = rules.clip((np.array([2.0]),), 0.0)
    same(norm, 2.0)
    same(clipped[0], [0.0])
    norm, clipped, _ = rules.clip((np.zeros(2),), 1.0)
    same(norm, 0.0)
    same(clipped[0], [0.0, 0.0])
    refuses(rules.clip, (np.array([2.0]),), -1.0)
