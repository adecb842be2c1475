"""Evidence: what a criterion has to know about a weight beside its value, gathered once from data.

    evidence = collect(model, loader, what=["gradient"])
    masks = criterion_masks(model, taylor_scores, 0.9, evidence)
"""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from nncompress.pruning.masks import prunable_weights
from nnlite import Tensor, nn
from nnlite import functional as F


class Evidence(NamedTuple):
    """What was gathered about one weight w, each an array of w's shape in float64; None for what was not asked for.

    gradient      g = ∂L/∂w, L the mean loss of all examples
    input_norm    ‖x‖₂ of what each entry of w is multiplied by, over all examples and all positions
    """

    gradient: np.ndarray | None = None
    input_norm: np.ndarray | None = None


def needed(criterion, evidence, what):
    """The part `what` of an Evidence.   ValueError that says how to collect it where it is missing."""
    found = getattr(evidence, what, None)
    if found is None:
        raise ValueError(f"{criterion}: needs the {what} of the weight; collect(model, loader, what=[{what!r}]) gives it")
    return found


def collect(model, loader, loss=F.cross_entropy, what=Evidence._fields):
    """Gather evidence about the weights of every Conv2d and Linear -> {parameter name: Evidence}.

    The model infers meanwhile (no dropout, BatchNorm by its running statistics) and is as before afterwards: its weights,
    modes, gradients, and which parameters are frozen. A frozen weight gets evidence too.

    loader    yields batches (images, labels, …), as for `nnlite.train.fit`
    loss      loss(logits, labels, …) -> a Tensor with one number, the mean over the batch
    what      which fields of Evidence: some of "gradient", "input_norm"

    Errors: ValueError for another `what`, a loader without a batch, and a model that has no Conv2d and no Linear.
    """
    unknown = sorted(set(what) - set(Evidence._fields))
    if unknown:
        raise ValueError(f"collect: there is no evidence {unknown}, only {', '.join(Evidence._fields)}")
    names = list(prunable_weights(model))
    found = {"gradient": _gradients(model, loader, loss, names) if "gradient" in what else {},
             "input_norm": _input_norms(model, loader, names) if "input_norm" in what else {}}
    return {name: Evidence(**{kind: arrays.get(name) for kind, arrays in found.items()}) for name in names}


def _gradients(model, loader, loss, names):
    """{name: Σ_batch n g_batch / Σ_batch n}, n the examples of a batch."""
    parameters = dict(model.named_parameters())
    sums, seen = {name: np.zeros(parameters[name].shape) for name in names}, 0
    with _as_before(model):
        for images, *targets in loader:
            for parameter in parameters.values():
                parameter.grad = None
            loss(model(images), *targets).backward()
            for name in names:
                if parameters[name].grad is not None:  # None where the loss does not depend on it
                    sums[name] += len(images) * parameters[name].grad
            seen += len(images)
    if seen == 0:
        raise ValueError("collect: the loader gives no batch")
    return {name: total / seen for name, total in sums.items()}


@contextmanager
def _as_before(model):
    """Inside, the model infers and every parameter gets a gradient; then modes, gradients and flags are those from before."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    parameters = [(parameter, parameter.grad, parameter.requires_grad) for parameter in model.parameters()]
    model.eval()
    for parameter, _, _ in parameters:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, grad, requires_grad in parameters:
            parameter.grad, parameter.requires_grad = grad, requires_grad


def _input_norms(model, loader, names):
    """{name: √(Σ x²)} by a hook on every layer."""
    weights = dict(model.named_parameters())
    name_of, squares = {id(weights[name]): name for name in names}, {name: np.zeros(weights[name].shape) for name in names}

    def hook(layer, inputs, _):
        squares[name_of[id(layer.weight)]] += _squares(layer, inputs[0])

    with _as_before(model):
        handles = [module.register_forward_hook(hook) for _, module in model.named_modules()
                   if isinstance(module, (nn.Conv2d, nn.Linear))]
        try:
            batches = [model(images).shape for images, *_ in loader]
        finally:
            for handle in handles:
                handle.remove()
    if not batches:
        raise ValueError("collect: the loader gives no batch")
    return {name: np.sqrt(total) for name, total in squares.items()}


def _squares(layer, x):
    """Σ x² of what each entry of the layer's weight meets: the gradient of Σ y with respect to w is Σ x; here it is fed x²."""
    layer.weight.grad = None
    layer.forward(Tensor(np.square(x.data if isinstance(x, Tensor) else x))).sum().backward()
    return layer.weight.grad
