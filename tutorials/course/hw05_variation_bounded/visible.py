"""The tests that students have. rules: the module variation, or the grader's link to it."""

from math import sqrt

import numpy as np
from checking import same, stored

FIFTH, SIXTH = 0.15611076, 0.25517681  # r of the steps 5 and 6 with beta2 = 0.9


def run(rule, w, gradients, averages, counted=True, **options):
    """The last w of a rule, and its w after each step."""
    state, path = [np.zeros_like(w) for _ in range(averages)], []
    for t, g in enumerate(gradients, 1):
        w, *state = rule(w, g, *state, *([t] if counted else []), **options)
        path.append(w)
    return w, np.array(path)


def lion_by_hand(rules, rng):
    w, m = rules.lion(np.array([1.0, 1.0, 1.0]), np.array([4.0, -4.0, 0.0]), np.array([-8.0, 1.0, 0.0]), 0.5, 0.25, 0.75, 0.0)
    same(w, [0.5, 1.5, 1.0])                                  # c = −2 + 3, 0.25 − 3, 0
    same(m, [-5.0, -0.25, 0.0])
    w, _ = rules.lion(np.array([1.0, -2.0]), np.array([4.0, 4.0]), np.zeros(2), 0.5, 0.25, 0.75, 0.5)
    same(w, [0.25, -2.0])                                     # sign 1, and half of the old w


def lion_walks(rules, rng):
    """However large the gradients are, w is lr·steps away at most; an average of another beta gives another path."""
    gradients = np.array([[1e6, 1e-6], [1e6, 1e-6], [-1e6, 1e-6], [-1e6, 0.0]])
    w, path = run(rules.lion, np.zeros(2), gradients, 1, counted=False, lr=0.125, beta1=0.5, beta2=0.5)
    same(path, [[-0.125, -0.125], [-0.25, -0.25], [-0.125, -0.375], [0.0, -0.5]])
    w, path = run(rules.lion, np.zeros(2), gradients, 1, counted=False, lr=0.125, beta1=0.75, beta2=0.5)
    same(path[:, 0], [-0.125, -0.25, -0.375, -0.25])          # c: 0.25, 0.625, 0.3125, −0.34375 million


def amsgrad_by_hand(rules, rng):
    """Gradients 2, 0, 4, all betas 1/2: v is 2, 1, 8.5 and its largest 2, 2, 8.5."""
    w, path = run(rules.amsgrad, np.array([1.0]), np.array([[2.0], [0.0], [4.0]]), 3, lr=0.5, beta1=0.5, beta2=0.5, eps=0.0)
    first = 1 - 0.5 * 2 / sqrt(4)                             # m̂ = 1/0.5, v̂ = 2/0.5
    second = first - 0.5 * (0.5 / 0.75) / sqrt(2 / 0.75)      # the largest is still that of step 1
    third = second - 0.5 * (2.25 / 0.875) / sqrt(8.5 / 0.875)
    same(path[:, 0], [first, second, third], within=1e-12)
    w, m, v, v_max = rules.amsgrad(np.array([1.0]), np.array([2.0]), np.array([0.0]), np.array([8.0]), np.array([9.0]), 2,
                                   lr=1.0, beta1=0.5, beta2=0.5, eps=0.5)
    same(np.concatenate([m, v, v_max]), [1, 6, 9])
    same(w, [1 - (1 / 0.75) / (sqrt(9 / 0.75) + 0.5)], within=1e-12)


def where_adam_goes_wrong(rules, rng):
    """Reddi's example: the loss is 3w, −w, −w, 3w, …, so w has to fall. Adam forgets the 3, and climbs."""
    gradients = np.tile([3.0, -1.0, -1.0], 40)
    w, _ = run(rules.amsgrad, np.zeros(1), gradients[:, None], 3, lr=0.01, beta1=0.0, beta2=0.1)
    assert w[0] < -0.1, f"w = {w[0]}, expected less than −0.1: the divisor has to remember the 3"


def radam_by_hand(rules, rng):
    """A gradient that is always 2: m̂ = 2, v̂ = 4. With beta2 = 0.9, ρ_∞ = 19, and ρ is 1, 1.95, 2.86, 3.74, 4.58, 5.39."""
    w, path = run(rules.radam, np.zeros(1), np.full((6, 1), 2.0), 2, lr=0.5, beta1=0.75, beta2=0.9, eps=0.0)
    same(path[:4, 0], [-1, -2, -3, -4], within=1e-12)         # lr·m̂
    same(path[4:, 0], [-4 - 0.5 * FIFTH, -4 - 0.5 * FIFTH - 0.5 * SIXTH], within=1e-7)
    w, path = run(rules.radam, np.zeros(1), np.full((5, 1), 2.0), 2, lr=0.5, beta1=0.75, beta2=0.9, eps=2.0)
    same(path[4], [-4 - 0.5 * FIFTH / 2], within=1e-7)        # m̂ / (√v̂ + eps) = 2/4


def digits(rules, rng):
    """64 → 10, 500 images, 8 epochs, with each rule: nine of ten test images have to be right."""
    data = stored("digits")
    x, y = data["images"][:500] / 8 - 1.0, data["labels"][:500].astype(int)
    batches = np.concatenate([rng.permutation(500).reshape(10, 50) for _ in range(8)])
    for name, averages, lr in (("lion", 1, 0.005), ("amsgrad", 3, 0.02), ("radam", 2, 0.02)):
        w, state = np.zeros((10, 65)), [np.zeros((10, 65))] * averages
        for t, at in enumerate(batches, 1):
            images = np.concatenate([x[at], np.ones((len(at), 1))], axis=1)
            e = np.exp(images @ w.T)
            dz = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[y[at]]) / len(at)
            w, *state = getattr(rules, name)(w, dz.T @ images, *state, *([] if name == "lion" else [t]), lr=lr)
        z = (data["test_images"] / 8 - 1.0) @ w[:, :-1].T + w[:, -1]
        right = int((np.argmax(z, axis=1) == data["test_labels"]).sum())
        assert right > 306, f"{name}: {right} of 360 right, expected more than 306"
