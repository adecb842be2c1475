import math

import numpy as np
import pytest

from nnlite import Tensor, nn

A, B = np.array([[1.0, 4.0], [0.0, -2.0]]), np.array([[0.0, 1.0], [0.5, -2.0]])  # A − B = 1, 3, −0.5, 0
P, Y = np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]])
LOGITS, CLASSES = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])), np.array([0, 2])
ln = math.log

CASES = {
    "MSELoss": (nn.MSELoss(), A, B, (1 + 9 + 0.25) / 4),
    "MSELoss, sum": (nn.MSELoss(reduction="sum"), A, B, 10.25),
    "MSELoss, none": (nn.MSELoss(reduction="none"), A, B, [[1, 9], [0.25, 0]]),
    "L1Loss": (nn.L1Loss(), A, B, 4.5 / 4),
    "HuberLoss": (nn.HuberLoss(), A, B, (0.5 + 2.5 + 0.125) / 4),
    "HuberLoss, delta": (nn.HuberLoss(delta=2.0, reduction="sum"), A, B, 0.5 + 2 * (3 - 1) + 0.125),
    "BCELoss": (nn.BCELoss(), P, Y, -(ln(0.5) + ln(0.75)) / 2),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), np.log(P / (1 - P)), Y, -(ln(0.5) + ln(0.75)) / 2),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), np.log([[0.5, 0.5]]), np.array([[0.25, 0.75]]),
                  0.25 * ln(0.5) + 0.75 * ln(1.5)),
    "KLDivLoss, log": (nn.KLDivLoss(reduction="sum", log_target=True), np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]]),
                       0.25 * ln(0.5) + 0.75 * ln(1.5)),
    "NLLLoss": (nn.NLLLoss(), LOGITS, CLASSES, -(ln(0.5) + ln(0.7)) / 2),
    "NLLLoss, weight": (nn.NLLLoss([1.0, 0.0, 3.0]), LOGITS, CLASSES, -(ln(0.5) + 3 * ln(0.7)) / 4),
    "BCEWithLogitsLoss, pos_weight": (nn.BCEWithLogitsLoss(pos_weight=3.0), np.log(P / (1 - P)), Y,
                                      -(3 * ln(0.5) + ln(0.75)) / 2),
    "NLLLoss, ignore_index": (nn.NLLLoss(ignore_index=2), LOGITS, CLASSES, -ln(0.5)),
    "CrossEntropyLoss, ignore_index": (nn.CrossEntropyLoss(ignore_index=0), LOGITS, CLASSES, -ln(0.7)),
    "CrossEntropyLoss": (nn.CrossEntropyLoss(), LOGITS + 7, CLASSES, -(ln(0.5) + ln(0.7)) / 2),
    "CrossEntropyLoss, weight": (nn.CrossEntropyLoss([1.0, 0.0, 3.0]), LOGITS, CLASSES, -(ln(0.5) + 3 * ln(0.7)) / 4),
    "CrossEntropyLoss, smoothed": (nn.CrossEntropyLoss(label_smoothing=0.3, reduction="sum"), LOGITS[:1], CLASSES[:1],
                                   -(0.8 * ln(0.5) + 0.2 * ln(0.25))),
}


@pytest.mark.parametrize(("loss", "x", "y", "expected"), CASES.values(), ids=CASES.keys())
def test_the_loss_computes_its_formula_with_its_options(loss, x, y, expected):
    result = loss(Tensor(x, requires_grad=True), y)
    assert result.requires_grad
    np.testing.assert_allclose(result.data, expected, rtol=1e-14)


@pytest.mark.parametrize("kind", [nn.NLLLoss, nn.CrossEntropyLoss])
def test_class_weights_belong_to_the_state_and_are_not_trained(kind):
    loss = kind([1.0, 2.0])
    assert loss.parameters() == []
    assert loss.state_dict()["weight"].tolist() == [1, 2]
    assert kind().state_dict() == {}


def test_a_targets_options_are_given_by_name():
    with pytest.raises(TypeError):
        nn.MSELoss("sum")
