"""The exercises of 10_finetuning can be solved, and their tests notice a wrong solution."""

import pytest
from lessons import cells_run

from nnlite import functional as F


@pytest.fixture(scope="module")
def lesson():
    return cells_run("10_finetuning")


def rates(layers, lr, decay, first=1):
    return {layer: lr * decay ** (len(layers) - first - i) for i, layer in enumerate(layers)}


def features(model, images, last=1):
    x = images
    for layer in list(model.eval())[:-last]:
        x = layer(x)
    return F.flatten(x, 1).data


@pytest.mark.parametrize("test, right, wrong", [
    ("test_rates", rates, lambda *arguments: rates(*arguments, first=0)),
    ("test_features", features, lambda model, images: features(model, images, last=2)),
    ("test_pulled", lambda g, w, old, s: g + s * (w - old), lambda g, w, old, s: g + s * w),
])
def test_the_exercises_of_10_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
