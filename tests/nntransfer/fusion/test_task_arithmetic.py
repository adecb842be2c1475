import numpy as np
import pytest

from nnlite import models, nn
from nntransfer.fusion import add_task_vectors, task_vector


def number(w):
    layer = nn.Linear(1, 1)
    layer.weight.data, layer.bias.data = np.float32([[w]]), np.float32([10 * w])
    return layer


def test_two_tasks_are_learned_and_one_is_forgotten_by_hand():
    start = number(1)
    one, two = task_vector(start, number(3)), task_vector(start, number(0.5))
    assert (one["weight"], one["bias"]) == (2, 20)
    both = add_task_vectors(start, [one, two])
    assert (both.weight.data, both.bias.data) == (2.5, 25)          # 1 + 2 − 0.5
    assert add_task_vectors(start, [one], scale=-0.5).weight.data == 0
    assert start.weight.data == 1 and both.weight.dtype == np.float32


def test_one_vector_at_scale_1_gives_the_fine_tuned_model_back():
    start, tuned = (models.cnn(1, 8, width=0.25, seed=seed) for seed in (0, 1))
    model = add_task_vectors(start, [task_vector(start, tuned)])
    for name, array in tuned.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_what_a_vector_leaves_out_stays():
    start = number(1)
    vector = task_vector(start, number(3))
    del vector["bias"]
    assert add_task_vectors(start, [vector]).bias.data == 10


def test_statistics_are_estimated_for_the_new_weights():
    start = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    vector = {"0.bias": np.array([5.0])}
    start[0].weight.data, start[0].bias.data = np.float32([[1]]), np.float32([0])
    model = add_task_vectors(start, [vector], loader=[(np.float32([[0], [2]]),)])
    assert model[1].running_mean.data == 6
    with pytest.raises(ValueError, match="the running statistics of 1 do not belong to the new weights"):
        add_task_vectors(start, [vector])


def test_vectors_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"a vector has weight \(2, 1\), which in the model is \(1, 1\)"):
        add_task_vectors(number(1), [{"weight": np.zeros((2, 1))}])
    with pytest.raises(ValueError, match=r"a vector has w \(1,\), which in the model is not there"):
        add_task_vectors(number(1), [{"w": np.zeros(1)}])
    with pytest.raises(ValueError, match="task_vector: models 0 and 1 are not alike"):
        task_vector(nn.Linear(1, 1), nn.Linear(1, 2))
