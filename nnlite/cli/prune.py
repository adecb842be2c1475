"""nnlite prune: remove weights, or whole filters and neurons, and retrain."""

import numpy as np

import nnlite
from nncompress import pruning
from nnlite.cli.common import check_out, describe, load_task, load_trained, measure, note, retrain

EXAMPLES = 512  # training images, drawn at random, from which evidence is gathered
CRITERIA = {  # --criterion -> (the criterion, the evidence that it needs); those that need a training of their own are not here
    "magnitude": (pruning.magnitude_scores, []),
    "squared": (pruning.squared_scores, []),
    "geometric-median": (pruning.geometric_median_scores, []),
    "taylor": (pruning.taylor_scores, ["gradient"]),
    "fisher": (pruning.fisher_scores, ["fisher"]),
    "obd": (pruning.obd_scores, ["curvature"]),
    "wanda": (pruning.wanda_scores, ["input_norm"]),
    "obs": (pruning.obs_scores, ["input_moments"]),
    "random": (None, []),  # its seed is --seed
}


def run(arguments):
    check_out(arguments.out, ".npz", [arguments.file])
    if arguments.scope is not None and (arguments.filters is not None or arguments.pattern is not None):
        raise ValueError("--scope ranks single weights; --filters takes its share of each layer, --pattern of each M weights")
    if arguments.criterion == "geometric-median" and arguments.filters is None:
        raise ValueError("--criterion geometric-median scores whole filters and not single weights: use it with --filters")
    task = load_task(arguments, arguments.file)
    model, masks = load_trained(arguments.file, task, arguments.dense)
    masks, remark = remove(model, masks, task, arguments)
    history = retrain(model, masks, task, arguments)
    nnlite.save(arguments.out, model, masks=masks, history=history,
                metadata={"data": arguments.data, "input": task.input.as_dict()})
    result = measure(arguments.out, task)
    remarks = [*note(arguments.epochs, "the pruned model was not retrained").values(), *remark]
    result |= {"note": "; ".join(remarks)} if remarks else {}
    return result, describe(result)


def remove(model, masks, task, arguments):
    """Prune as the options say -> the Masks to retrain with, and a list of what has to be said about it."""
    criterion, evidence = chosen_criterion(model, task, arguments)
    if arguments.filters is not None:
        pruning.shrink(model, task.example(), arguments.filters, criterion, evidence, masks)
        return masks, []
    if arguments.pattern is None:
        new = pruning.criterion_masks(model, criterion, arguments.sparsity, evidence, arguments.scope or "layer")
        return new & masks, []
    n, m = arguments.pattern
    new = pruning.pattern_masks(model, n, m, criterion, evidence)
    whole = [f"{name} ({w.shape[1]})" for name, w in pruning.prunable_weights(model).items() if name not in new]
    remark = [f"{', '.join(whole)}: the inputs are not a multiple of {m}, so nothing was removed there"] if whole else []
    return new & masks, remark


def chosen_criterion(model, task, arguments):
    """The function that --criterion names, and the evidence that it needs."""
    criterion, what = CRITERIA[arguments.criterion]
    if arguments.criterion == "random":
        return pruning.random_scores(arguments.seed), None
    chosen = np.random.default_rng(arguments.seed).permutation(len(task.train))[:EXAMPLES]
    loader = [(task.prepared(task.train.images[chosen]), task.train.labels[chosen])]
    return criterion, pruning.collect(model, loader, what=what) if what else None
