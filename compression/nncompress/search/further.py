"""More training for a compressed network, with any loss: its masks and its grid stay, and its file stays within the budget."""

import copy

from nncompress.search.folding import folded_batch_norms, freeze
from nncompress.search.run import Run
from nncompress.search.settings import Settings
from nnlite import functional as F

DECIDED = {"share": 1.0, "start": 0.0, "end": 1e-9, "freeze": 1e-9, "quantize": 0.0, "settle": 1e-9}  # before the first step


def train_further(found, data, budget, *, epochs, lr, decay=0.0, loss=F.cross_entropy, progress=True):
    """Train the result of `compress` for some more epochs: its masks and its grid stay, its values learn.

        w = kept · s · round(t / s)        kept and s as found, t = w at first;   t ← Adam(t, ∂L/∂w)

    found       a `Compressed`; it stays as it is
    data        (training, held_out): two loaders, as for `compress`
    budget      a `Budget`, usually that of `found`, but not one in accuracy. The new values may take more bits. Then
                the least valuable weights go, until the file is within the budget. No removed weight comes back
    epochs      from 1 up.   lr: Adam's largest rate: 200 steps of warm-up, then a cosine down to 0.   decay: AdamW's
    loss        loss(logits, *targets) as for `train.fit`, for example of a teacher's logits that the loader gives

    -> `Compressed`.   Errors: ValueError for a budget in accuracy, and as `compress`.
    Source: algorithm 1 of BinaryConnect, Courbariaux et al. 2015 (arXiv 1511.00363), for t and w.
    """
    if budget.drop is not None:
        raise ValueError(f"train_further: the budget is {budget}, expected one in bytes or in weights")
    settings = Settings(epochs=epochs, lr=lr, decay=decay, **DECIDED)
    run = Run(copy.deepcopy(found.model), data, budget, loss, settings, found.plan.law)
    run.folded = folded_batch_norms(run.model, run.example)
    freeze(run.model, run.folded)
    parameters = dict(run.model.named_parameters())
    run.grid.set_masks({name: parameters[name].data != 0 for name in run.grid.latents})
    run.grid.set_steps({step.name: float(step.w_scale[0]) for step in found.plan.steps if step.name in run.grid.layers})
    return run.finish(progress)
