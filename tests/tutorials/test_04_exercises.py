"""Each exercise of lesson 04 can be solved, and its test notices a wrong solution."""

import numpy as np
import pytest
from lessons import cells_run

from nnlite import functional as F


@pytest.fixture(scope="module")
def training():
    return cells_run("04_training")


def nesterov(w, g, b, lr, momentum, weight_decay, ahead=True):
    d = g + weight_decay * w
    b = momentum * b + d
    return w - lr * (d + momentum * b if ahead else b), b


def in_place(w, g, b, lr, momentum, weight_decay):
    new, b[...] = nesterov(w, g, b, lr, momentum, weight_decay)
    return new, b


def in_pieces(model, images, labels, size, weighted=True):
    total = [np.zeros_like(p.data) for p in model.parameters()]
    starts = range(0, len(images), size)
    for start in starts:
        for p in model.parameters():
            p.grad = None
        piece = slice(start, start + size)
        F.cross_entropy(model(images[piece]), labels[piece]).backward()
        share = len(labels[piece]) / len(labels) if weighted else 1 / len(starts)
        total = [t + share * p.grad for t, p in zip(total, model.parameters(), strict=True)]
    return total


def fooled(a, b, k, rng, draws=4000, ties=True):
    better, worse = sorted((a, b), key=np.mean)
    x, y = (rng.choice(runs, (draws, k)).mean(axis=1) for runs in (better, worse))
    return np.mean(x >= y if ties else x > y)


@pytest.mark.parametrize(("test", "right", "wrong"), [
    ("test_nesterov", nesterov, lambda *a: nesterov(*a, ahead=False)),
    ("test_nesterov", nesterov, in_place),
    ("test_pieces", in_pieces, lambda *a: in_pieces(*a, weighted=False)),
    ("test_fooled", fooled, lambda *a: fooled(*a, ties=False)),
])
def test_the_exercises_of_04_can_be_solved(training, test, right, wrong):
    training[test](right)
    with pytest.raises(AssertionError):
        training[test](wrong)
