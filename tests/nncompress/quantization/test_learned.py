import numpy as np
import pytest
from support import check_dtypes_and_layouts

from nncompress.quantization.fake import ActivationGrid, WeightGrid
from nncompress.quantization.learned import PACT, ClipQuantize, LearnedStep, StepQuantize
from nncompress.quantization.qat import convert, prepare_qat
from nnlite import Tensor, nn, optim
from nnlite import functional as F
from nnlite.tensor import record


def learned_step(v, s, Q_N=2, Q_P=3):
    return record(StepQuantize(Q_N, Q_P), v, s)


def test_the_value_is_the_nearest_of_the_grid():
    v = np.array([-2.0, -0.8, -0.3, 0.0, 0.2, 0.3, 1.2, 1.4, 9.0])
    expected = [0.5 * min(max(round(t / 0.5), -2), 3) for t in v.tolist()]
    assert learned_step(v, 0.5).data.tolist() == expected


def test_the_gradients_are_those_of_the_paper():
    # v/s = −3, −1.25, 0.75, 2.5, 4 with s = ½, Q_N = 2, Q_P = 3: below, inside three times, above
    v, s = Tensor(np.array([-1.5, -0.625, 0.375, 1.25, 2.0]), requires_grad=True), Tensor(np.float64(0.5), requires_grad=True)
    learned_step(v, s).backward(np.array([1.0, 10, 100, 1000, 10000]))
    assert v.grad.tolist() == [0, 10, 100, 1000, 0]
    ds = -2 * 1 + (-1 + 1.25) * 10 + (1 - 0.75) * 100 + (2 - 2.5) * 1000 + 3 * 10000  # 2.5 rounds to the even 2
    assert np.isclose(s.grad, ds / np.sqrt(5 * 3), rtol=1e-12)
    check_dtypes_and_layouts(lambda v: learned_step(v, np.float32(0.37)), (3, 4))


def test_outside_the_grid_the_gradient_of_the_step_is_the_derivative_itself():
    v, dy, s = np.array([-5.0, 7.0, 9.0]), np.array([2.0, -3.0, 7.0]), Tensor(np.float64(0.5), requires_grad=True)
    learned_step(v, s).backward(dy)
    steepness = np.sum(dy * (learned_step(v, 0.75).data - learned_step(v, 0.5).data)) / 0.25  # linear in s: a secant is exact
    assert np.isclose(s.grad, steepness / np.sqrt(3 * 3), rtol=1e-12)


def test_the_first_step_and_the_bits():
    step = LearnedStep(np.float32([1, -2, 3, -6]), 3, 3)
    assert np.isclose(step.step, 2 * 3 / np.sqrt(3)) and step.bits == 3
    assert LearnedStep(np.zeros(3, np.float32), 7, 7).step == 1
    assert [LearnedStep(np.ones(1), *Q).bits for Q in ((0, 255), (128, 127), (1, 1), (0, 1))] == [8, 8, 2, 1]


def test_the_trained_step_comes_near_the_one_with_the_smallest_error():
    w = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    grid = LearnedStep(w, 1, 1)
    optimizer, errors = optim.Adam(grid.parameters(), lr=0.02), []
    for _ in range(80):
        loss = F.mse_loss(grid(Tensor(w)), w)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    S = np.linspace(0.3, 3, 271)[:, None]
    best = np.mean((w - S * np.clip(np.rint(w / S), -1, 1)) ** 2, axis=1).min()
    assert errors[-1] < 1.02 * best < 0.9 * errors[0]  # not quite: inside the grid ds is no derivative of this error


def test_pact_clips_as_its_formula_and_rounds():
    x, a = np.array([-1.0, 0.0, 0.4, 1.9, 2.0, 5.0]), 2.0
    clipped = (np.abs(x) - np.abs(x - a) + a) / 2
    S = a / 3
    np.testing.assert_allclose(record(ClipQuantize(2), x, a).data, S * np.rint(clipped / S), rtol=1e-7)
    assert PACT(2, a).grid() == (np.float32(S), 0, 0, 3)


def test_pact_passes_the_gradient_inside_and_gives_that_above_to_its_end():
    x, a = Tensor(np.array([-1.0, 0.4, 1.9, 2.0, 5.0]), requires_grad=True), Tensor(np.float64(2), requires_grad=True)
    record(ClipQuantize(2), x, a).backward(np.array([1.0, 10, 100, 1000, 10000]))
    assert x.grad.tolist() == [0, 10, 100, 0, 0] and a.grad == 11000
    check_dtypes_and_layouts(lambda x, a: record(ClipQuantize(3), x, a), (3, 4), np.array(0.9))


def test_wrong_options_are_named():
    with pytest.raises(ValueError, match="Q_P at least 1, got 0 and 0"):
        LearnedStep(np.ones(3), 0, 0)
    with pytest.raises(ValueError, match="LearnedStep: 1 of 2 values are NaN"):
        LearnedStep(np.array([1, np.inf]), 1, 1)
    with pytest.raises(ValueError, match="PACT: bits is 9"):
        PACT(9)
    with pytest.raises(ValueError, match="the upper end a has to be positive, it is -1.0"):
        PACT(a=-1)


@pytest.mark.parametrize("name, weights, activations, wrong", [
    ("a learned step, 2 bits", lambda w: LearnedStep(w, 1, 1), None, 30),
    ("learned steps everywhere", lambda w: LearnedStep(w, 3, 3),
     lambda x: LearnedStep(x, *((128, 127) if (x < 0).any() else (0, 255))), 30),
    ("powers of two, 3 bits", lambda w: WeightGrid(3, power_of_two=True), lambda x: ActivationGrid(power_of_two=True), 30),
])
def test_it_trains_and_the_plan_answers_as_the_network(digits, name, weights, activations, wrong):
    network = prepare_qat(digits.model(), digits.calibration, weights=weights, activations=activations)
    before = digits.errors(network.eval())
    digits.fit(network)
    after, plan = digits.errors(network), digits.errors(convert(network))
    assert after <= before and after < wrong and abs(after - plan) <= 2


def test_a_network_with_pact_of_3_bits_trains(digits):
    model = digits.model()
    network = nn.Sequential(*(PACT(3, 3.0) if isinstance(layer, nn.ReLU) else layer for layer in model.children()))
    (pact,) = (layer for layer in network if isinstance(layer, PACT))
    digits.fit(network)
    assert pact.a.data != 3 and digits.errors(network) < 30
