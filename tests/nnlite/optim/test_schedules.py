from dataclasses import dataclass
from math import cos, pi

import numpy as np
import pytest

from nnlite.optim import (
    SGD,
    CosineAnnealingLR,
    ExponentialLR,
    LinearWarmup,
    MultiStepLR,
    OneCycle,
    StepLR,
)


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


SCHEDULES = {
    "StepLR": lambda optimizer: StepLR(optimizer, step_size=3, gamma=0.3),
    "MultiStepLR": lambda optimizer: MultiStepLR(optimizer, milestones=[9, 2, 5, 5], gamma=0.3),
    "ExponentialLR": lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
    "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, T_max=12, eta_min=0.01),
    "LinearWarmup": lambda optimizer: LinearWarmup(optimizer, 5),
    "LinearWarmup, then cosine": lambda optimizer: LinearWarmup(optimizer, 5, then=CosineAnnealingLR(optimizer, 15)),
    "OneCycle": lambda optimizer: OneCycle(optimizer, max_lr=0.5, total_steps=20),
}
each_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)


def sgd(*rates):
    """An optimizer with one group for each learning rate."""
    return SGD([{"params": [Parameter(np.ones(2))], "lr": rate} for rate in rates])


def rates_of(optimizer, schedule, steps):
    """For each group its learning rates at t = 0 ... steps."""
    rates = [[group["lr"] for group in optimizer.param_groups]]
    for _ in range(steps):
        schedule.step()
        rates.append([group["lr"] for group in optimizer.param_groups])
    return [list(column) for column in zip(*rates, strict=True)]


def test_step_lr_multiplies_by_gamma_every_step_size_steps_in_every_group():
    optimizer = sgd(8.0, 32.0)
    rates = rates_of(optimizer, StepLR(optimizer, step_size=2, gamma=0.5), 5)
    assert rates == [[8, 8, 4, 4, 2, 2], [32, 32, 16, 16, 8, 8]]


def test_multi_step_lr_multiplies_by_gamma_at_each_milestone_and_twice_at_a_double_one():
    optimizer = sgd(64.0)
    rates = rates_of(optimizer, MultiStepLR(optimizer, milestones=[4, 1, 4], gamma=0.5), 5)
    assert rates == [[64, 32, 32, 32, 8, 8]]


def test_exponential_lr_multiplies_by_gamma_every_step():
    optimizer = sgd(8.0)
    assert rates_of(optimizer, ExponentialLR(optimizer, gamma=0.5), 3) == [[8, 4, 2, 1]]


def test_cosine_annealing_falls_to_eta_min_and_rises_again():
    optimizer = sgd(5.0)
    # half a wave between 5 and 1 in 3 steps: 3 + 2 cos(0°, 60°, 120°, 180°, 240°, ...)
    rates = rates_of(optimizer, CosineAnnealingLR(optimizer, T_max=3, eta_min=1.0), 6)
    np.testing.assert_allclose(rates, [[5, 4, 2, 1, 2, 4, 5]], rtol=1e-14)


def test_linear_warmup_rises_to_the_base_and_stays():
    optimizer = sgd(8.0, 16.0)
    rates = rates_of(optimizer, LinearWarmup(optimizer, 3, start_factor=0.25), 5)
    assert rates == [[2, 4, 6, 8, 8, 8], [4, 8, 12, 16, 16, 16]]


def test_linear_warmup_is_followed_by_the_other_schedule_from_its_beginning():
    optimizer = sgd(8.0)
    schedule = LinearWarmup(optimizer, 2, then=StepLR(optimizer, step_size=2, gamma=0.5), start_factor=0.5)
    assert rates_of(optimizer, schedule, 6) == [[4, 6, 8, 8, 4, 4, 2]]


def test_one_cycle_rises_to_max_lr_and_falls_far_below_the_start():
    optimizer = sgd(7.0)  # not used
    schedule = OneCycle(optimizer, max_lr=8.0, total_steps=12, pct_start=0.25, div_factor=4.0, final_div_factor=2.0)
    (rates,) = rates_of(optimizer, schedule, 11)
    # peak at 0.25·12 − 1 = 2: from 2 to 8; then from 8 to 1 in the 9 steps to 11
    expected = [2, 5, 8] + [4.5 + 3.5 * cos(pi * k / 9) for k in range(1, 10)]
    np.testing.assert_allclose(rates, expected, rtol=1e-14)


def test_one_cycle_takes_a_max_lr_for_each_group():
    optimizer = sgd(7.0, 7.0)
    OneCycle(optimizer, max_lr=[25.0, 50.0], total_steps=10)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 2.0]
    with pytest.raises(ValueError, match="OneCycle: max_lr has 3 values, the optimizer 2 groups"):
        OneCycle(optimizer, max_lr=[1.0, 2.0, 3.0], total_steps=10)


def test_one_cycle_ends_with_the_step_after_the_last_learning_rate():
    optimizer = sgd(1.0)
    schedule = OneCycle(optimizer, max_lr=1.0, total_steps=4)
    rates_of(optimizer, schedule, 4)
    before = optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="OneCycle: step 5 comes after the end, total_steps is 4"):
        schedule.step()
    assert schedule.t == 4
    assert optimizer.param_groups[0]["lr"] == before


@pytest.mark.parametrize("total_steps", range(1, 8))
@pytest.mark.parametrize("pct_start", [0.0, 0.25, 0.5])
def test_one_cycle_stays_between_its_extremes_however_short_it_is(total_steps, pct_start):
    optimizer = sgd(1.0)
    schedule = OneCycle(optimizer, max_lr=1.0, total_steps=total_steps, pct_start=pct_start)
    (rates,) = rates_of(optimizer, schedule, total_steps - 1)
    assert 0 < min(rates) <= max(rates) <= 1.0


@each_schedule
def test_a_schedule_resumed_from_its_state_gives_the_same_learning_rates_bit_for_bit(make):
    optimizer = sgd(0.7, 0.07)
    schedule = make(optimizer)
    rates_of(optimizer, schedule, 6)
    saved = optimizer.state_dict(), schedule.state_dict()
    expected = rates_of(optimizer, schedule, 10)

    for optimizer_first in (True, False):
        resumed_optimizer = sgd(3.0, 3.0)
        resumed = make(resumed_optimizer)
        if optimizer_first:
            resumed_optimizer.load_state_dict(saved[0])
        resumed.load_state_dict(saved[1])
        if not optimizer_first:
            resumed_optimizer.load_state_dict(saved[0])
        continued = rates_of(resumed_optimizer, resumed, 10)
        assert [rates[1:] for rates in continued] == [rates[1:] for rates in expected]


@each_schedule
def test_the_state_holds_the_learning_rate_of_the_saved_step_before_the_next_step_is_made(make):
    optimizer = sgd(0.7)
    schedule = make(optimizer)
    rates_of(optimizer, schedule, 6)
    resumed_optimizer = sgd(0.7)
    make(resumed_optimizer).load_state_dict({"t": np.array(6)})  # out of an .npz a number comes as an array
    assert resumed_optimizer.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_a_group_added_later_follows_the_schedule_from_its_own_lr():
    optimizer = sgd(8.0)
    schedule = ExponentialLR(optimizer, gamma=0.5)
    schedule.step()
    optimizer.add_param_group({"params": [Parameter(np.ones(2))], "lr": 16.0})
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [2.0, 4.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, step_size=0), "StepLR: step_size is 0, expects a whole number >= 1"),
        (lambda o: StepLR(o, step_size=2.5), "StepLR: step_size is 2.5, expects a whole number >= 1"),
        (lambda o: StepLR(o, 3, gamma=-0.1), "StepLR: gamma is -0.1, expects a finite number >= 0"),
        (lambda o: MultiStepLR(o, [1], gamma=-0.1), "MultiStepLR: gamma is -0.1, expects a finite number >= 0"),
        (lambda o: ExponentialLR(o, gamma=float("nan")), "ExponentialLR: gamma is nan, expects a finite number >= 0"),
        (lambda o: CosineAnnealingLR(o, T_max=0), "CosineAnnealingLR: T_max is 0, expects a whole number >= 1"),
        (
            lambda o: CosineAnnealingLR(o, 5, eta_min=-1),
            "CosineAnnealingLR: eta_min is -1, expects a finite number >= 0",
        ),
        (lambda o: LinearWarmup(o, 0), "LinearWarmup: total_iters is 0, expects a whole number >= 1"),
        (lambda o: LinearWarmup(o, 5, start_factor=0), "LinearWarmup: start_factor is 0, expects a number > 0"),
        (lambda o: LinearWarmup(o, 5, start_factor=2), "LinearWarmup: start_factor is 2, expects a number <= 1"),
        (lambda o: LinearWarmup(o, 5, then=StepLR(sgd(1.0), 3)), "the schedule `then` belongs to another optimizer"),
        (lambda o: OneCycle(o, 1.0, total_steps=0), "OneCycle: total_steps is 0, expects a whole number >= 1"),
        (lambda o: OneCycle(o, 0.0, 10), "OneCycle: max_lr is 0.0, expects a number > 0"),
        (lambda o: OneCycle(o, 1.0, 10, pct_start=1), "OneCycle: pct_start is 1, expects 0 <= pct_start < 1"),
        (lambda o: OneCycle(o, 1.0, 10, div_factor=0), "OneCycle: div_factor is 0, expects a number > 0"),
        (
            lambda o: StepLR(o, 3).load_state_dict({"epoch": 3}),
            r"StepLR: the state dict has the keys \['epoch'\], expects",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_value_error(make, message):
    with pytest.raises(ValueError, match=message):
        make(sgd(1.0))


def test_a_schedule_of_something_else_than_an_optimizer_is_a_type_error():
    for make in (lambda o: StepLR(o, 3), lambda o: OneCycle(o, 1.0, 10)):
        with pytest.raises(TypeError, match="optimizer is a float, expects an Optimizer"):
            make(0.1)


@each_schedule
def test_thirty_steps_equal_pytorchs(make, request):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.lr_scheduler
    their_schedules = {
        "StepLR": lambda o: theirs.StepLR(o, 3, 0.3),
        "MultiStepLR": lambda o: theirs.MultiStepLR(o, [2, 5, 5, 9], 0.3),
        "ExponentialLR": lambda o: theirs.ExponentialLR(o, 0.9),
        "CosineAnnealingLR": lambda o: theirs.CosineAnnealingLR(o, 12, 0.01),
        "LinearWarmup": lambda o: theirs.LinearLR(o, total_iters=5),
        "LinearWarmup, then cosine": lambda o: theirs.SequentialLR(
            o, [theirs.LinearLR(o, total_iters=5), theirs.CosineAnnealingLR(o, 15)], milestones=[5]
        ),
        "OneCycle": lambda o: theirs.OneCycleLR(o, 0.5, 20, cycle_momentum=False),
    }
    name = request.node.callspec.id
    steps = 20 if name == "OneCycle" else 30
    optimizer = sgd(0.7, 0.07)
    rates = rates_of(optimizer, make(optimizer), steps)

    their_optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in (0.7, 0.07)])
    their_schedule = their_schedules[name](their_optimizer)
    their_optimizer.step()  # else PyTorch warns about the order
    their_rates = rates_of(their_optimizer, their_schedule, steps)
    np.testing.assert_allclose(rates, their_rates, rtol=1e-12, atol=1e-15)
