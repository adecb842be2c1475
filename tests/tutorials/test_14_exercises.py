"""Each exercise of lesson 14 can be solved, and its test notices a wrong solution."""

import copy

import numpy as np
import pytest
from lessons import cells_run


@pytest.fixture(scope="module")
def lesson():
    return cells_run("14_fusion")


def permuted_filters(model, p, axis=1):
    model = copy.deepcopy(model)
    model.conv1.weight.data, model.conv1.bias.data = model.conv1.weight.data[p], model.conv1.bias.data[p]
    model.conv2.weight.data = np.take(model.conv2.weight.data, np.arange(8) if axis is None else p, 1)
    return model


def rescaled(model, s, back=True):
    model = copy.deepcopy(model)
    model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data * s[:, None], model.fc1.bias.data * s
    if back:
        model.fc2.weight.data = model.fc2.weight.data / s
    return model


def with_tasks(pretrained, tuned, scale, mean=False):
    model, start = copy.deepcopy(pretrained), pretrained.state_dict()
    states = [each.state_dict() for each in tuned]
    share = scale / len(tuned) if mean else scale
    model.load_state_dict({name: w + share * sum(state[name] - w for state in states) for name, w in start.items()})
    return model


@pytest.mark.parametrize("test, right, wrong", [
    ("test_permuted_filters", permuted_filters, lambda model, p: permuted_filters(model, p, axis=None)),
    ("test_rescaled", rescaled, lambda model, s: rescaled(model, s, back=False)),
    ("test_with_tasks", with_tasks, lambda start, tuned, scale: with_tasks(start, tuned, scale, mean=True)),
])
def test_the_exercises_of_14_can_be_solved(lesson, test, right, wrong):
    lesson[test](right)
    with pytest.raises(AssertionError):
        lesson[test](wrong)
