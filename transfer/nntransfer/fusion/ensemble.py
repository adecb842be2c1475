"""Ensembles: several models compute their answers, and the mean of the answers counts."""

import math

from nnlite import functional as F
from nnlite import nn
from nnlite.nn.lists import list_of_models


class Ensemble(nn.Module):
    """A model that gives the mean of several models' logits, or the logarithm of their mean probability.

        z = 1/M Σ_m z_m                                   of = "logits"
        z = ln(1/M Σ_m softmax(z_m))                      of = "probabilities"

    In both cases softmax(z) are the ensemble's probabilities, so it can be evaluated, trained and taken as a teacher
    (`nntransfer.distill.WithTeacher`) like one model. It is as large and as slow as all of them together, also
    as a plan (`nnlite.compile`).

    models: Modules, images (N, C, H, W) -> logits (N, classes). Architectures may differ, the classes may not.
    of: "probabilities" or "logits".   A checkpoint of it is loaded into an Ensemble of the same members: `load(path, model)`.
    Errors: ValueError for no model, another `of`, and, in the first call, logits of different shapes; TypeError for what is
    not a list of Modules.
    Source: Hansen & Salamon 1990, "Neural network ensembles", IEEE PAMI 12(10); Bishop 2006, §14.2.

    >>> import numpy as np
    >>> sure, unsure = nn.Linear(1, 2, rng=0), nn.Linear(1, 2, rng=0)
    >>> sure.bias.data, unsure.bias.data = np.float32([4, 0]), np.float32([0, 1])
    >>> x = np.zeros((1, 1), np.float32)
    >>> np.exp(Ensemble([sure, unsure])(x).data).round(3)              # the means of (0.982, 0.018) and (0.269, 0.731)
    array([[0.625, 0.375]], dtype=float32)
    >>> Ensemble([sure, unsure], of="logits")(x).data
    array([[2. , 0.5]], dtype=float32)
    """

    def __init__(self, models, of="probabilities"):
        if of not in ("probabilities", "logits"):
            raise ValueError(f'Ensemble: takes the mean of "probabilities" or of "logits", got of={of!r}')
        self.models, self.of = nn.ModuleList(list_of_models("Ensemble", models)), of
        if not len(self.models):
            raise ValueError("Ensemble: expects one model or more, got none")

    def forward(self, x):
        logits = [model(x) for model in self.models]
        for m, z in enumerate(logits):
            if z.shape != logits[0].shape:
                raise ValueError(f"Ensemble: model 0 gives logits {logits[0].shape}, model {m} {z.shape}; all need the same "
                                 "classes")
        if self.of == "logits":
            return sum(logits[1:], logits[0]) / len(logits)
        return F.logsumexp(F.stack([F.log_softmax(z) for z in logits]), dim=0) - math.log(len(logits))
