import numpy as np
import pytest

import nnlite
from nnlite import functional as F
from nnlite import models, nn, optim
from nnlite.train import evaluate, fit
from nntransfer.distill import WithTeacher, distillation
from nntransfer.fusion import Ensemble


def members():
    return [models.mlp(in_features=4, hidden=3, classes=3, seed=0), models.lenet_300_100(4, classes=3, width=0.02, seed=1)]


IMAGES = np.random.default_rng(0).standard_normal((6, 1, 2, 2)).astype(np.float32)
LABELS = np.arange(6) % 3


def test_the_answers_are_the_means_of_the_members_answers():
    one, two = members()
    p = (F.softmax(one(IMAGES)).data + F.softmax(two(IMAGES)).data) / 2
    z = (one(IMAGES).data + two(IMAGES).data) / 2
    np.testing.assert_allclose(np.exp(Ensemble([one, two])(IMAGES).data), p, rtol=1e-6)
    np.testing.assert_allclose(Ensemble([one, two], of="logits")(IMAGES).data, z, rtol=1e-6, atol=1e-7)


def test_a_member_that_is_sure_of_the_right_class_outvotes_two_that_are_unsure_only_as_logits():
    sure, unsure = [nn.Linear(1, 2, rng=0) for _ in range(2)]
    sure.bias.data, unsure.bias.data = np.float32([30, 0]), np.float32([0, 2])
    x = np.zeros((1, 1), np.float32)
    assert Ensemble([sure, unsure, unsure], of="logits")(x).data.argmax() == 0    # 10 against 4/3
    assert Ensemble([sure, unsure, unsure])(x).data.argmax() == 1                 # (1 + 2·0.119)/3 against 2·0.881/3


def test_logits_far_from_0_give_finite_answers():
    layer = nn.Linear(1, 2, rng=0)
    layer.bias.data = np.float32([-400, 400])
    np.testing.assert_allclose(Ensemble([layer, layer])(np.zeros((1, 1), np.float32)).data, [[-800, 0]])


def test_it_is_evaluated_compiled_and_saved_like_a_model(tmp_path):
    ensemble = Ensemble(members())
    expected = -np.log(np.exp(ensemble(IMAGES).data)[np.arange(6), LABELS]).mean()
    scores = evaluate(ensemble, [(IMAGES, LABELS)])
    np.testing.assert_allclose(scores["loss"], expected, rtol=1e-6)
    plan = nnlite.compile(ensemble.eval(), IMAGES)
    np.testing.assert_allclose(plan(IMAGES), ensemble(IMAGES).data, rtol=1e-5, atol=1e-6)
    nnlite.save(tmp_path / "e.npz", ensemble)
    again = Ensemble([models.mlp(in_features=4, hidden=3, classes=3, seed=7),
                      models.lenet_300_100(4, classes=3, width=0.02, seed=8)])
    nnlite.load(tmp_path / "e.npz", again)
    np.testing.assert_array_equal(again(IMAGES).data, ensemble(IMAGES).data)


@pytest.mark.parametrize("of", ["probabilities", "logits"])
def test_a_student_of_an_ensemble_comes_to_answer_like_it(of):
    ensemble, student = Ensemble(members(), of), models.mlp(in_features=4, hidden=16, classes=3, seed=3)
    batches = WithTeacher([(IMAGES, LABELS)], ensemble)

    def distance():
        return np.abs(F.softmax(student(IMAGES)).data - F.softmax(ensemble(IMAGES)).data).max()

    before = distance()
    fit(student, batches, optim.Adam(student.parameters(), lr=0.05), 100, distillation(2, 1), progress=False)
    assert distance() < 0.1 * before


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r'Ensemble: takes the mean of "probabilities" or of "logits", got of=\'votes\''):
        Ensemble(members(), of="votes")
    with pytest.raises(ValueError, match="Ensemble: expects one model or more, got none"):
        Ensemble([])
    with pytest.raises(ValueError, match=r"Ensemble: model 0 gives logits \(6, 3\), model 1 \(6, 2\)"):
        Ensemble([members()[0], models.mlp(in_features=4, hidden=3, classes=2)])(IMAGES)
    with pytest.raises(TypeError, match="Ensemble: expects a list of models, got one Sequential"):
        Ensemble(members()[0])
