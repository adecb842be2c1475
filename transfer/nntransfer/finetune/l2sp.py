"""L2-SP: weight decay towards the pretrained weights, the starting point, in place of 0.

    loss = StartPointLoss(model, alpha=0.1, beta=0.01, new=["fc2"])             # before the first step
    fit(model, loader, SGD(model.parameters(), lr=0.02), epochs=10, loss=loss)   # weight_decay=0: the loss has its own

Source: Li, Grandvalet & Davoine 2018, arXiv 1802.01483.
"""

import numpy as np

from nnlite import functional as F
from nntransfer.finetune.layers import parameters_below


class StartPointLoss:
    """A loss that also keeps the pretrained weights w_S near their start w⁰, and the new ones w_N near 0.

        L = J + α/2 Σ ‖w_S − w⁰‖² + β/2 Σ ‖w_N‖²

    w⁰ is copied when the loss is made. new: names or patterns of the layers that have no pretrained weights (the new head), as
    `freeze` takes them. Frozen parameters are left out. alpha, beta ≥ 0.   loss: J, a function (outputs, *targets) -> Tensor.
    The gradient of a pretrained weight is dJ + α (w − w⁰): without J, gradient descent goes back to w⁰.
    Errors: ValueError for a negative or infinite α or β, and for a name that the model does not have; TypeError for a string in
    the place of the list.
    Source: Li, Grandvalet & Davoine 2018 (arXiv 1802.01483), eq. 3.
    """

    def __init__(self, model, alpha=0.1, beta=0.01, new=(), loss=F.cross_entropy):
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not 0 <= value < np.inf:
                raise ValueError(f"StartPointLoss: {name} has to be a number from 0 up, got {value}")
        if isinstance(new, str):  # its characters would be taken for names
            raise TypeError(f"StartPointLoss: new is a list of names, such as [{new!r}], got the string {new!r}")
        self.alpha, self.beta, self.loss = alpha, beta, loss
        added = parameters_below("StartPointLoss", model, new) if new else []
        known = {id(w) for w in added}
        self.added = added
        self.pretrained = [(w, w.data.copy()) for w in model.parameters() if id(w) not in known]

    def __call__(self, outputs, *targets):
        return self.loss(outputs, *targets) + self.penalty()

    def penalty(self):
        """α/2 Σ ‖w_S − w⁰‖² + β/2 Σ ‖w_N‖²: a Tensor, or 0.0 where everything is frozen."""
        total = 0.0
        for w, start in self.pretrained:
            if w.requires_grad:
                total = total + self.alpha / 2 * ((w - start) ** 2).sum()
        for w in self.added:
            if w.requires_grad:
                total = total + self.beta / 2 * (w**2).sum()
        return total
