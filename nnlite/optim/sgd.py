"""Stochastic gradient descent with momentum.

The rules take w, g and b as arrays of one shape, or as single numbers. They return new ones and change none.

Source: heavy ball: Polyak 1964; Nesterov: Sutskever et al. 2013, §2; both in PyTorch's form.
"""

from nnlite.optim.optimizer import Optimizer, running_average


def sgd(w, g, lr, weight_decay):
    """w ← w − lr·(g + weight_decay·w)  -> the new w"""
    return w - lr * (g + weight_decay * w)


def heavy_ball(w, g, b, lr, momentum, rest, weight_decay):
    """b ← momentum·b + rest·(g + weight_decay·w),   w ← w − lr·b  -> the new w and b

    rest: 1 − dampening, and 1 in a parameter's first step, where b is 0.
    """
    b = momentum * b + rest * (g + weight_decay * w)
    return w - lr * b, b


def nesterov(w, g, b, lr, momentum, weight_decay):
    """b ← momentum·b + d,   w ← w − lr·(d + momentum·b)   with d = g + weight_decay·w  -> the new w and b"""
    d = g + weight_decay * w
    b = momentum * b + d
    return w - lr * (d + momentum * b), b


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient, w ← w − lr·g.

        g ← g + weight_decay·w              the gradient of weight_decay/2·‖w‖² is added (L2)
        b ← momentum·b + (1 − dampening)·g  in the first step b = g
        w ← w − lr·b                        heavy ball; without momentum b = g
        w ← w − lr·(g + momentum·b)         nesterov=True: a look ahead to where b leads

    w any shape, float32 or float64; g and b like w. Denormals count as 0.
    Errors: ValueError for a negative lr, momentum or weight_decay, for a dampening outside [0, 1], and for nesterov without
    momentum or with dampening.
    Source: the plain rule is the articles' W_new = W_old − α ∇J(W_old) (B4) with α = lr; heavy ball: Polyak 1964;
    Nesterov: Sutskever et al. 2013, §2. The form is PyTorch's: lr multiplies b and is not stored in it, so that a changed
    lr acts at once on the whole step.
    """

    added_options = {"dampening": 0.0}

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, w, g, state, options):
        """(rule, averages, numbers), see `Optimizer.update`.

        The rule is `sgd` without momentum, else `heavy_ball` or, with the option nesterov, `nesterov`. The numbers are in the
        order of the rule's arguments. The one average is b: `running_average` finds it in the state as "momentum_buffer", or
        puts zeros there in the parameter's first step.
        """
        lr, momentum, weight_decay = options["lr"], options["momentum"], options["weight_decay"]
        if momentum == 0:
            return sgd, [], (lr, weight_decay)
        rest = 1 - options["dampening"] if "momentum_buffer" in state else 1.0
        b = running_average(state, "momentum_buffer", w)
        if options["nesterov"]:
            return nesterov, [b], (lr, momentum, weight_decay)
        return heavy_ball, [b], (lr, momentum, rest, weight_decay)
