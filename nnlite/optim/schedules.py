"""Learning-rate schedules: how lr changes from step to step.

Each is a formula for lr at step t (a function), and a class that writes its values into an optimizer's groups. They
count the calls of `schedule.step()` and know of no epochs: call it after each batch's `optimizer.step()`, or after each
epoch.

Source: PyTorch's `torch.optim.lr_scheduler`.
"""

from bisect import bisect_right
from math import cos, pi
from numbers import Real

from nnlite.optim.optimizer import Optimizer
from nnlite.optim.options import below_one, not_negative, positive, whole_positive


def check_optimizer(owner, optimizer):
    """TypeError unless optimizer is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{owner}: optimizer is a {type(optimizer).__name__}, expects an Optimizer")


class Schedule:
    """Set each group's lr to `lr(t, base)`; t counts the calls of `step`, base is the group's lr before any schedule.

    Making a schedule sets lr for t = 0. The base is kept as `group["initial_lr"]`, as in PyTorch: a second schedule on
    the same optimizer starts from it too, and a group that is added later joins with the lr that it has then.
    """

    def __init__(self, optimizer):
        check_optimizer(type(self).__name__, optimizer)
        self.optimizer = optimizer
        self.go_to(0)

    def lr(self, t, base):
        """The learning rate at step t of a group with the learning rate `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    def step(self):
        """Go to the next step."""
        self.go_to(self.t + 1)

    def go_to(self, t):
        """Set the learning rates of step t."""
        groups = self.optimizer.param_groups
        rates = [self.lr(t, group.setdefault("initial_lr", group["lr"])) for group in groups]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self.t = t

    def state_dict(self):
        """{"t": the number of steps}; the base learning rates are in the optimizer's state."""
        return {"t": self.t}

    def load_state_dict(self, state_dict):
        """Go to the saved step. Load the optimizer's state too, before or after."""
        if "t" not in state_dict:
            raise ValueError(f"{type(self).__name__}: the state dict has the keys {list(state_dict)}, expects 't'")
        self.go_to(int(state_dict["t"]))


def exponential_lr(t, base, gamma):
    """lr_t = base · gamma^t

    >>> [exponential_lr(t, 8.0, gamma=0.5) for t in range(4)]
    [8.0, 4.0, 2.0, 1.0]
    """
    return base * gamma**t


class ExponentialLR(Schedule):
    """Multiply lr by gamma at every step: lr_t = base · gamma^t.

    Errors: ValueError for a negative gamma.
    """

    def __init__(self, optimizer, gamma):
        self.gamma = not_negative("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer)

    def lr(self, t, base):
        return exponential_lr(t, base, self.gamma)


def step_lr(t, base, step_size, gamma=0.1):
    """lr_t = base · gamma^⌊t / step_size⌋

    >>> [step_lr(t, 8.0, step_size=2, gamma=0.5) for t in range(5)]
    [8.0, 8.0, 4.0, 4.0, 2.0]
    """
    return base * gamma ** (t // step_size)


class StepLR(Schedule):
    """Multiply lr by gamma every step_size steps: lr_t = base · gamma^⌊t / step_size⌋.

    Errors: ValueError for a step_size that is not a whole number >= 1, or a negative gamma.
    """

    def __init__(self, optimizer, step_size, gamma=0.1):
        self.step_size = whole_positive("StepLR", "step_size", step_size)
        self.gamma = not_negative("StepLR", "gamma", gamma)
        super().__init__(optimizer)

    def lr(self, t, base):
        return step_lr(t, base, self.step_size, self.gamma)


def multi_step_lr(t, base, milestones, gamma=0.1):
    """lr_t = base · gamma^(number of milestones <= t);   milestones in ascending order

    >>> [multi_step_lr(t, 8.0, milestones=[1, 3], gamma=0.5) for t in range(5)]
    [8.0, 4.0, 4.0, 2.0, 2.0]
    """
    return base * gamma ** bisect_right(milestones, t)


class MultiStepLR(Schedule):
    """Multiply lr by gamma at each milestone: lr_t = base · gamma^(number of milestones <= t).

    Errors: ValueError for a negative gamma.
    """

    def __init__(self, optimizer, milestones, gamma=0.1):
        self.milestones = sorted(milestones)
        self.gamma = not_negative("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer)

    def lr(self, t, base):
        return multi_step_lr(t, base, self.milestones, self.gamma)


def linear_warmup_lr(t, base, total_iters, start_factor=1 / 3):
    """lr_t = base · (start_factor + (1 − start_factor) · min(t / total_iters, 1))

    >>> [linear_warmup_lr(t, 8.0, total_iters=3, start_factor=0.25) for t in range(5)]
    [2.0, 4.0, 6.0, 8.0, 8.0]
    """
    return base * (start_factor + (1 - start_factor) * min(t / total_iters, 1))


class LinearWarmup(Schedule):
    """Raise lr linearly from base · start_factor to base in total_iters steps, then follow the schedule `then`.

        lr_t = base · (start_factor + (1 − start_factor) · t / total_iters)     t < total_iters
        lr_t = then.lr(t − total_iters, base)                                   afterwards; base without a `then`

    For example `LinearWarmup(optimizer, 5, then=CosineAnnealingLR(optimizer, T_max=95))`. The schedule `then` only
    lends its formula: step and save the LinearWarmup alone. Equals PyTorch's SequentialLR of a LinearLR and `then`.
    Errors: ValueError for a total_iters that is not a whole number >= 1, a start_factor outside (0, 1], and a `then` of
    another optimizer.
    Source: Goyal et al. 2017 (arXiv 1706.02677), §2.2.
    """

    def __init__(self, optimizer, total_iters, then=None, start_factor=1 / 3):
        self.total_iters = whole_positive("LinearWarmup", "total_iters", total_iters)
        self.start_factor = positive("LinearWarmup", "start_factor", start_factor)
        if self.start_factor > 1:
            raise ValueError(f"LinearWarmup: start_factor is {start_factor}, expects a number <= 1")
        if then is not None and then.optimizer is not optimizer:
            raise ValueError("LinearWarmup: the schedule `then` belongs to another optimizer")
        self.then = then
        super().__init__(optimizer)

    def lr(self, t, base):
        if t < self.total_iters or self.then is None:
            return linear_warmup_lr(t, base, self.total_iters, self.start_factor)
        return self.then.lr(t - self.total_iters, base)


def half_cosine(start, end, p):
    """From start (p = 0) to end (p = 1) along half a cosine wave: end + (start − end)/2 · (1 + cos πp).

    Source: Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5.
    """
    return end + (start - end) / 2 * (1 + cos(pi * p))


def cosine_annealing_lr(t, base, T_max, eta_min=0.0):
    """lr_t = eta_min + (base − eta_min)/2 · (1 + cos(π t / T_max))

    >>> [round(cosine_annealing_lr(t, 8.0, T_max=4), 3) for t in range(5)]
    [8.0, 6.828, 4.0, 1.172, 0.0]
    """
    return half_cosine(base, eta_min, t / T_max)


class CosineAnnealingLR(Schedule):
    """Lower lr from base to eta_min in T_max steps along half a cosine wave.

        lr_t = eta_min + (base − eta_min)/2 · (1 + cos(π t / T_max))

    After T_max steps the wave rises again, as in PyTorch, without a restart.
    Errors: ValueError for a T_max that is not a whole number >= 1, or a negative eta_min.
    Source: Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5.
    """

    def __init__(self, optimizer, T_max, eta_min=0.0):
        self.T_max = whole_positive("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = not_negative("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer)

    def lr(self, t, base):
        return cosine_annealing_lr(t, base, self.T_max, self.eta_min)


def one_cycle_lr(t, max_lr, total_steps, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
    """lr rises from `first` to max_lr and then falls to `last`, each along half a cosine wave.

        peak = pct_start · total_steps − 1          end = total_steps − 1
        first = max_lr / div_factor                 last = first / final_div_factor

        lr_t = max_lr + (first − max_lr)/2 · (1 + cos(π t / peak))                     t < peak
        lr_t = last + (max_lr − last)/2 · (1 + cos(π (t − peak) / (end − peak)))       t ≥ peak

    Source: Smith & Topin 2017 (arXiv 1708.07120).

    >>> [round(one_cycle_lr(t, 1.0, total_steps=10), 3) for t in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
    """
    peak, end = pct_start * total_steps - 1, total_steps - 1
    first = max_lr / div_factor
    last = first / final_div_factor
    if t < peak:
        return half_cosine(first, max_lr, t / peak)
    return half_cosine(max_lr, last, (t - peak) / (end - peak))


class OneCycle(Schedule):
    """One rise of lr to max_lr and one longer fall, to far below the start; `one_cycle_lr` is the formula.

    max_lr is a number, or a list with one for each group; the groups' own lr is not used. It is PyTorch's OneCycleLR
    with its cosine shape, without its cycling of the momentum. The total_steps learning rates are those of
    t = 0 ... total_steps − 1; the call of `step` after the last batch is allowed, one more is an error.
    Errors: ValueError for a step after the end, a list max_lr of another length than the groups, a total_steps that is
    no whole number >= 1, a pct_start outside [0, 1), and a max_lr or factor that is not > 0.
    Source: Smith & Topin 2017 (arXiv 1708.07120).
    """

    def __init__(self, optimizer, max_lr, total_steps, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
        check_optimizer("OneCycle", optimizer)
        self.total_steps = whole_positive("OneCycle", "total_steps", total_steps)
        self.pct_start = below_one("OneCycle", "pct_start", pct_start)
        self.div_factor = positive("OneCycle", "div_factor", div_factor)
        self.final_div_factor = positive("OneCycle", "final_div_factor", final_div_factor)

        groups = optimizer.param_groups
        rates = [max_lr] * len(groups) if isinstance(max_lr, Real) else list(max_lr)
        if len(rates) != len(groups):
            raise ValueError(f"OneCycle: max_lr has {len(rates)} values, the optimizer {len(groups)} groups")
        for group, rate in zip(groups, [positive("OneCycle", "max_lr", rate) for rate in rates], strict=True):
            group["initial_lr"] = rate / self.div_factor
        super().__init__(optimizer)

    def lr(self, t, base):
        if t > self.total_steps:
            raise ValueError(f"OneCycle: step {t} comes after the end, total_steps is {self.total_steps}")
        max_lr = base * self.div_factor
        return one_cycle_lr(t, max_lr, self.total_steps, self.pct_start, self.div_factor, self.final_div_factor)
