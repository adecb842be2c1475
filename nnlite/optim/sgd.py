"""Stochastic gradient descent with momentum."""

from nnlite.optim.optimizer import Optimizer, running_average


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient, w ← w − lr·g.

        g ← g + weight_decay·w              the gradient of weight_decay/2·‖w‖² is added (L2)
        b ← momentum·b + g                  b = 0 before the first step
        w ← w − lr·b                        heavy ball; without momentum b = g
        w ← w − lr·(g + momentum·b)         nesterov=True: a look ahead to where b leads

    w any shape, float32 or float64; g and b like w.
    Errors: ValueError for a negative lr, momentum or weight_decay, and for nesterov without momentum.
    Source: the plain rule is the articles' W_new = W_old − α ∇J(W_old) (B4) with α = lr; heavy ball: Polyak 1964;
    Nesterov: Sutskever et al. 2013, §2. The form is PyTorch's (without `dampening`): lr multiplies b and is not stored
    in it, so that a changed lr acts at once on the whole step.
    """

    def __init__(self, params, lr=1e-3, momentum=0.0, *, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, w, g, state, options):
        lr, momentum, weight_decay = options["lr"], options["momentum"], options["weight_decay"]
        if momentum == 0:
            return "sgd", [], (lr, weight_decay)
        b = running_average(state, "momentum_buffer", w)
        return "nesterov" if options["nesterov"] else "heavy_ball", [b], (lr, momentum, weight_decay)
