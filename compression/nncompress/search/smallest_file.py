"""Compression as one search: train, cut structures, prune, round to a grid, code, and verify, until the file meets its budget.

    found = compress(model, (training_loader, held_out_loader), Budget(bytes=3000))
    print(found.report)
    nncompress.save("small.nnz", found.plan)

All happens in one training, in this order (`Settings` says when):

    1  the network trains dense, with Adam on latent weights (`latent.OnGrid`)
    2  filters and neurons that are worth little leave the arrays (`structures`)
    3  every 40 steps only the K weights and biases of the largest loss per bit stay (`ranking`); K falls cubically
    4  what stays is rounded to one grid for each layer; the rest of the training repairs that
    5  the model becomes integers (`quantize`) and bytes (`nnz`), which are decoded and tested on the held-out images

How K meets a limit in bytes: by bisection. From the middle of step 3 on, about once an epoch, the files that the model would
give now with different K are written in memory, and K becomes the largest whose file is small enough. Once removed weights are
frozen, K only falls. What is too large at the very end loses its least valuable weights without more training.

How a drop in accuracy is met: by whole runs, with limits between 1/1000 and 1/4 of the float32 size, each in the middle (of the
logarithms) of what is still open.
"""

import copy

import numpy as np

from nncompress.search.budget import Budget, BudgetTooSmall
from nncompress.search.run import Run
from nncompress.search.settings import Settings
from nnlite import functional as F

TRIES = 5  # runs for a budget in accuracy


def compress(model, data, budget, *, loss=F.cross_entropy, settings=None, law="fixed", checkpoint=None,
             input=None, progress=True):
    """The smallest int8 plan of a model that meets a budget.

    model       a Module of Conv2d, Linear, BatchNorm and what `quantize` knows, trained or new; it stays as it is
    data        (training, held_out): two loaders, as for `train.fit`; the held-out images are only measured on
    budget      a `Budget`
    loss        loss(logits, *targets) as for `train.fit`, for example of a teacher's logits that the loader gives
    settings    `Settings`.   law: of requantization, as for `quantize`
    checkpoint  path of an .npz that is written after every epoch. If the file exists, the run goes on from it; the arguments
                have to be those of the run that wrote it. Not for a budget in accuracy, which takes several runs
    input       the `nnlite.data.Input` that the file shall hold; its bytes are within the budget

    -> `Compressed`. Same arguments, same seeds of model and loaders: same bytes of the file.
    Errors: ValueError for a budget that no file meets, with the nearest one's figures; and as `quantize`, `train.fit`.
    """
    settings = settings or Settings()
    if budget.drop is not None:
        if checkpoint is not None:
            raise ValueError("compress: a budget in accuracy takes several runs, a checkpoint holds one")
        return _within_drop(model, data, budget, loss, settings, law, input, progress)
    run = Run(copy.deepcopy(model), data, budget, loss, settings, law, checkpoint, input)
    return run.finish(progress)


def _within_drop(model, data, budget, loss, settings, law, input, progress):
    """The smallest file whose held-out accuracy is at most `drop` below the model's, of some runs with limits in bytes."""
    parameters, best, nearest = sum(p.size for p in model.parameters()), None, None
    low, high = np.log(4 * parameters / 1000), np.log(parameters)
    for _ in range(TRIES):
        limit = int(np.exp((low + high) / 2))
        try:
            found = compress(model, data, Budget(bytes=limit), loss=loss, settings=settings, law=law, input=input,
                             progress=progress)
        except BudgetTooSmall as error:
            nearest, low = error, np.log(limit)
            continue
        start, end = found.report.stages[0], found.report.stages[-1]
        if start.accuracy - end.accuracy <= budget.drop + 1e-12:
            best, high = found, np.log(len(found.data))
        else:
            nearest, low = found.report, np.log(limit)
    if best is None:
        raise BudgetTooSmall(f"compress: no file of {TRIES} had {budget}; the last one: {nearest}")
    best.report.budget = str(budget)
    best.report.stopped = f"smallest of {TRIES} runs within {budget}; {best.report.stopped}"
    return best
