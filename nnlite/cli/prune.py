"""nnlite prune: remove weights, or whole filters and neurons, and retrain."""

import nnlite
from nncompress.pruning import magnitude_masks, shrink
from nnlite.cli.common import describe, load_task, load_trained, measure, retrain
from nnlite.files import check_writable


def run(arguments):
    check_writable(arguments.out)
    if arguments.filters is not None and arguments.scope is not None:
        raise ValueError("--scope ranks single weights; --filters takes its share of each layer")
    task = load_task(arguments)
    model, masks = load_trained(arguments.file, task, arguments.dense)
    if arguments.filters is not None:
        shrink(model, task.example(), arguments.filters, masks=masks)
    else:
        masks = magnitude_masks(model, arguments.sparsity, arguments.scope or "layer") & masks
    history = retrain(model, masks, task, arguments)
    nnlite.save(arguments.out, model, masks=masks, history=history, metadata={"data": arguments.data})
    result = measure(arguments.out, task)
    return result, describe(result)
