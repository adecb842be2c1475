"""nnlite prune: remove weights, or whole filters and neurons, and retrain."""

import nnlite
from nncompress.pruning import apply_masks, magnitude_masks, nonzero_masks, shrink
from nnlite.cli.common import describe, load_task, load_trained, measure, retrain
from nnlite.files import check_writable


def run(arguments):
    check_writable(arguments.out)
    task = load_task(arguments)
    model = load_trained(arguments.file, task)
    if arguments.filters is not None:
        shrink(model, task.example(), arguments.filters)
    else:
        apply_masks(model, magnitude_masks(model, arguments.sparsity, arguments.scope))
    masks = nonzero_masks(model)  # what was 0 before stays 0, too
    history = retrain(model, masks, task, arguments)
    nnlite.save(arguments.out, model, masks=masks, history=history, metadata={"data": arguments.data})
    result = measure(arguments.out, task)
    return result, describe(result)
