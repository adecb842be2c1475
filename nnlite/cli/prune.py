"""nnlite prune: remove weights, or whole filters and neurons, and retrain."""

import nnlite
from nncompress.pruning import magnitude_masks, shrink
from nnlite.cli.common import check_out, describe, load_task, load_trained, measure, note, retrain


def run(arguments):
    check_out(arguments.out, ".npz")
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
    result = measure(arguments.out, task) | note(arguments.epochs, "the pruned model was not retrained")
    return result, describe(result)
