import numpy as np
import pytest

from nnlite import Tensor
from nnlite import functional as F
from nntransfer import distillation_loss
from nntransfer.distill import Labels, OnFeatures, OnLogits, SoftTargets, View


def views(seed=0, N=6, C=4):
    rng = np.random.default_rng(seed)
    z_s, z_t = 3 * rng.standard_normal((2, N, C))
    return View(Tensor(z_s, requires_grad=True), {}), View(z_t, {}), rng.integers(0, C, N)


def test_the_loss_of_the_labels_is_the_mean_over_those_that_are_there():
    student, teacher, y = views()
    z = student.logits.data
    y[[1, 4]] = -1
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    expected = -np.mean([log_p[n, y[n]] for n in (0, 2, 3, 5)])
    loss = Labels()(student, teacher, y)
    assert loss.item() == pytest.approx(expected, rel=1e-13)
    loss.backward()
    assert (student.logits.grad[[1, 4]] == 0).all() and (student.logits.grad[[0, 2, 3, 5]] != 0).all()


def test_a_batch_without_any_label_costs_nothing_and_has_a_gradient_of_0():
    student, teacher, y = views()
    loss = Labels()(student, teacher, np.full_like(y, -1))
    loss.backward()
    assert loss.item() == 0 and (student.logits.grad == 0).all()


def test_labels_may_be_probabilities():
    student, teacher, y = views()
    assert Labels()(student, teacher, np.eye(4)[y]).item() == pytest.approx(Labels()(student, teacher, y).item(), rel=1e-13)


@pytest.mark.parametrize("T", [1.0, 4.0])
def test_labels_and_soft_targets_in_their_shares_are_the_loss_of_hinton(T):
    student, teacher, y = views(1)
    together = 0.3 * Labels()(student, teacher, y) + 0.7 * SoftTargets(T)(student, teacher, y)
    expected = distillation_loss(student.logits.data, teacher.logits, y, temperature=T, alpha=0.7).item()
    assert together.item() == pytest.approx(expected, rel=1e-13)


def test_soft_targets_are_the_divergence_times_t_squared_also_for_examples_without_label():
    student, teacher = View(np.zeros((2, 2)), {}), View(np.array([[2.0, 0.0], [0.0, 0.0]]), {})
    p = 1 / (1 + np.exp(-1.0))  # softmax((2, 0)/2)
    kl = p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))
    assert SoftTargets(2.0)(student, teacher, np.array([-1, -1])).item() == pytest.approx(4 * kl / 2, rel=1e-12)


def test_a_teacher_of_other_classes_is_named_with_both_shapes():
    with pytest.raises(ValueError, match=r"student's logits have shape \(2, 2\), the teacher's \(2, 3\)"):
        SoftTargets(2)(View(np.zeros((2, 2)), {}), View(np.zeros((2, 3)), {}), np.zeros(2, int))


def test_a_function_of_features_is_added_up_over_pairs_of_layers():
    student = View(None, {"a": np.full(3, 2.0), "b": np.full(3, 5.0)})
    teacher = View(None, {"x": np.full(3, 1.0), "y": np.full(3, 7.0)})
    loss = OnFeatures(F.mse_loss, {"a": "x", "b": "y"})
    assert loss.layers == {"a": "x", "b": "y"}
    assert loss(student, teacher, None).item() == (2 - 1) ** 2 + (5 - 7) ** 2
    assert OnLogits(F.mse_loss)(View(np.full(3, 2.0), {}), View(np.full(3, 5.0), {}), None).item() == 9


def test_no_pair_of_layers_and_a_wrong_temperature_are_errors():
    with pytest.raises(ValueError, match="OnFeatures: expects pairs of layers"):
        OnFeatures(F.mse_loss, {})
    with pytest.raises(ValueError, match="SoftTargets: the temperature has to be above 0 .* got 0"):
        SoftTargets(0)
