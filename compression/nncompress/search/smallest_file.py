"""Compression as one search: train, cut structures, prune, round to a grid, code, and verify, until the file meets its budget.

    found = compress(model, (training_loader, held_out_loader), Budget(bytes=3000))
    print(found.report)
    nncompress.save("small.nnz", found.plan)

Everything happens in one training, in this order (`Settings` says when):

    1  the network trains dense, with Adam on latent weights (`latent.OnGrid`)
    2  filters and neurons that are worth little leave the arrays (`structures`)
    3  every 40 steps only the K weights and biases of the largest loss per bit stay (`ranking`); K falls cubically
    4  the weights that stay are rounded to one grid for each layer; the rest of the training makes up for the rounding
    5  the model becomes integers (`quantize`) and bytes (`nnz`), which are decoded and tested on the held-out images

A limit in bytes is met by bisection. From the middle of step 3 on, about once an epoch, files of the present model with
different K are written in memory, and K becomes the largest number whose file is small enough. When removed weights may no
longer come back, K only falls. If the file is too large at the very end, its least valuable weights go without more training.

A drop in accuracy is met by several whole runs with limits in bytes, from 1/1000 to 1/4 of the float32 size. Each limit lies in
the middle, on a logarithmic scale, between the smallest file that was good enough and the largest limit that was not.
"""

import copy
from pathlib import Path

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
                have to be those of the run that wrote it. A budget in accuracy takes several runs, which write a file each:
                run.npz becomes run-1200.npz for a limit of 1200 bytes (`run_file`)
    input       the `nnlite.data.Input` that the file holds, too; its bytes count in the budget

    -> `Compressed`. The same arguments, and the same seeds of model and loaders, give the same bytes.
    Errors: BudgetTooSmall, a ValueError, for a budget that no file meets, with the figures of the nearest file; those of
    `quantize` and `train.fit`.
    """
    settings = settings or Settings()
    if budget.drop is not None:
        return _within_drop(model, data, budget, loss, settings, law, checkpoint, input, progress)
    run = Run(copy.deepcopy(model), data, budget, loss, settings, law, checkpoint, input)
    return run.finish(progress)


def run_file(checkpoint, limit):
    """Where the run with this limit in bytes is kept, of a search for a budget in accuracy -> Path.

    >>> run_file("small.run.npz", 1200).name
    'small.run-1200.npz'
    """
    checkpoint = Path(checkpoint)
    return checkpoint.with_name(f"{checkpoint.stem}-{limit}{checkpoint.suffix}")


def _within_drop(model, data, budget, loss, settings, law, checkpoint, input, progress):
    """The smallest file whose held-out accuracy is at most `drop` below the model's, of some runs with limits in bytes."""
    parameters, best, nearest = sum(p.size for p in model.parameters()), None, None
    low, high = np.log(4 * parameters / 1000), np.log(parameters)
    for _ in range(TRIES):
        limit = int(np.exp((low + high) / 2))
        try:
            found = compress(model, data, Budget(bytes=limit), loss=loss, settings=settings, law=law, input=input,
                             checkpoint=None if checkpoint is None else run_file(checkpoint, limit), progress=progress)
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
