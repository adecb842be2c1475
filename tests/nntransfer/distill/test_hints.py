import numpy as np
import pytest
from support import check_gradients, sample

from nnlite import data, models, nn, optim
from nntransfer.distill import Hints, Labels, View, distill, hint_loss


def images(N=2):
    return sample((N, 1, 8, 8)).astype(np.float32)


def test_the_loss_is_half_the_squared_distance_of_an_example_averaged_over_the_batch():
    r, u = sample((3, 2, 2)), sample((3, 2, 2), 1)
    expected = sum(0.5 * float(a - b) ** 2 for a, b in zip(r.ravel(), u.ravel(), strict=True)) / 3
    assert hint_loss(r, u).item() == pytest.approx(expected, rel=1e-13)
    check_gradients(lambda r: hint_loss(r, u), (3, 2, 2))
    with pytest.raises(ValueError, match=r"\(3, 2\) and target \(3, 4\) differ"):
        hint_loss(np.ones((3, 2)), np.ones((3, 4)))


def test_a_regressor_leads_from_the_students_features_to_the_shape_and_the_relu_of_the_teachers():
    student, teacher = models.mlp(64, [5, 6], seed=1), models.mlp(64, 9, seed=2)
    hints = Hints({"relu1": "relu1", "fc2": "fc1"}, student, teacher, images(), rng=0)
    (first, second) = hints.regressors
    assert [type(layer) for layer in first.children()] == [nn.Linear, nn.ReLU]
    assert [type(layer) for layer in second.children()] == [nn.Linear]  # fc1 of the teacher has no ReLU yet
    assert [p.shape for p in hints.parameters()] == [(9, 5), (9,), (9, 6), (9,)]
    view, taught = View(None, {"relu1": sample((4, 5)).astype(np.float32), "fc2": sample((4, 6)).astype(np.float32)}), {}
    taught = View(None, {"relu1": np.ones((4, 9), np.float32), "fc1": np.zeros((4, 9), np.float32)})
    r1 = np.maximum(view.features["relu1"] @ first[0].weight.data.T + first[0].bias.data, 0)
    r2 = view.features["fc2"] @ second[0].weight.data.T + second[0].bias.data
    expected = 0.5 * ((r1 - 1) ** 2).sum() / 4 + 0.5 * (r2**2).sum() / 4
    assert hints(view, taught, None).item() == pytest.approx(expected, rel=1e-5)


def test_a_convolution_shrinks_the_students_larger_map_to_the_teachers():
    student, teacher = models.cnn(1, 8, width=0.25), models.cnn(1, 8)
    hints = Hints({"pool1": "conv2", "relu1": "pool1"}, student, teacher, images(), rng=0)
    assert [p.shape for p in hints.parameters()] == [(32, 4, 1, 1), (32,), (16, 4, 5, 5), (16,)]
    with pytest.raises(ValueError, match="'pool1' of the student gives maps of 4×4, 'relu1' of the teacher of 8×8; a conv"):
        Hints({"pool1": "relu1"}, student, teacher, images(), rng=0)
    with pytest.raises(ValueError, match=r"'fc1' of the student gives \(32,\) .*, 'relu1' of the teacher \(16, 8, 8\)"):
        Hints({"fc1": "relu1"}, student, teacher, images(), rng=0)
    with pytest.raises(ValueError, match="no layer 'relu8'; nearest: relu"):
        Hints({"relu8": "relu1"}, student, teacher, images(), rng=0)
    with pytest.raises(ValueError, match="Hints: expects pairs of layers"):
        Hints({}, student, teacher, images(), rng=0)


def test_the_first_stage_trains_the_guided_layers_and_the_regressor_only_and_the_second_all():
    training, _ = data.load("digits")
    loader = data.DataLoader(training[:128], 32, shuffle=True, transform=data.preprocessing("digits"))
    student, teacher = models.mlp(64, [8, 16], seed=3), models.mlp(64, 16, seed=2)
    hints = Hints({"relu1": "relu1"}, student, teacher, images(), rng=0)
    before, regressor = student.state_dict(), hints.regressors.state_dict()
    optimizer = optim.Adam([*student.parameters(), *hints.parameters()], lr=1e-2)
    history = distill(student, teacher, loader, optimizer, 8, [(1, hints)], progress=False)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    after = student.state_dict()
    assert {name for name in before if (before[name] != after[name]).any()} == {"fc1.weight", "fc1.bias"}
    assert all((array != regressor[name]).any() for name, array in hints.regressors.state_dict().items())
    distill(student, teacher, loader, optim.Adam(student.parameters()), 1, [(1, Labels())], progress=False)
    assert all((array != after[name]).any() for name, array in student.state_dict().items())


def test_an_optimizer_without_the_regressors_is_refused():
    student, teacher = models.mlp(64, 8, seed=1), models.mlp(64, 8, seed=2)
    hints = Hints({"relu1": "relu1"}, student, teacher, images(), rng=0)
    loader = data.DataLoader(data.load("digits")[0][:8], 8, transform=data.preprocessing("digits"))
    only = optim.Adam([*student.parameters(), hints.parameters()[0]])
    with pytest.raises(ValueError, match=r"the optimizer lacks 1 of the 2 parameters of Hints; make it from both, optim\.Adam"):
        distill(student, teacher, loader, only, 1, [(1, hints)], progress=False)
    hints.parameters()[1].requires_grad = False
    distill(student, teacher, loader, only, 1, [(1, hints)], progress=False)  # a frozen one may be missing


def test_regressors_have_the_dtype_of_the_students_features():
    student, teacher = models.mlp(64, 8, seed=1), models.mlp(64, 6, seed=2)
    for parameter in [*student.parameters(), *teacher.parameters()]:
        parameter.data = parameter.data.astype(np.float64)
    hints = Hints({"relu1": "relu1"}, student, teacher, images().astype(np.float64), rng=0)
    assert [parameter.dtype for parameter in hints.parameters()] == [np.float64, np.float64]
