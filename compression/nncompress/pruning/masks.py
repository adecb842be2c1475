"""Masks on a model: {parameter name: booleans of its shape}, True where a weight is kept.

What is pruned are the weights of Conv2d and Linear; biases and BatchNorm are few and cheap, and stay.
"""

import numpy as np

from nnlite import nn


def prunable_weights(model):
    """{name: array} of the weights of every Conv2d and Linear, in the model's order; a shared one is listed once.

    Errors: ValueError for a model that has none.
    """
    names = {}
    for prefix, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            names.setdefault(id(module.weight), (f"{prefix}.weight" if prefix else "weight", module.weight.data))
    if not names:
        raise ValueError(f"prune: {type(model).__name__} has no Conv2d and no Linear layer, there is nothing to prune")
    return dict(names.values())


def count_nonzero(model):
    """How many of the model's numbers are not zero, all parameters counted: the number that pruning makes smaller (A5)."""
    return sum(int(np.count_nonzero(parameter.data)) for parameter in model.parameters())


def sparsity(model_or_masks):
    """The removed fraction: of the prunable weights, those that are zero; of masks, those that are False.

    >>> sparsity({"fc.weight": np.array([[True, False], [True, True]])})
    0.25
    """
    arrays = model_or_masks if isinstance(model_or_masks, dict) else prunable_weights(model_or_masks)
    size = sum(array.size for array in arrays.values())
    return (size - sum(int(np.count_nonzero(array)) for array in arrays.values())) / size


def nonzero_masks(model):
    """The masks that keep what is not zero: of a pruned model its masks, also after its arrays were shrunk."""
    return {name: w != 0 for name, w in prunable_weights(model).items()}


def apply_masks(model, masks):
    """Set the removed weights to zero, in place.

        w ← w ⊙ mask

    To keep the masks through retraining, call it after every step: `fit(…, after_step=lambda: apply_masks(model, masks))`.
    Gradients need no masking. In every forward pass the removed weights are 0, so the kept ones get the gradients of the
    smaller network; and SGD (with momentum too), Adam and RMSprop change each weight by its own gradients alone. What the
    optimizer does to a removed weight is undone before anyone reads it. So the kept weights go the way they would go
    alone, bit for bit. The exception is `clip`: the norm of all gradients counts those of the removed weights too.

    Errors: ValueError for an unknown name or a mask of another shape than its weight, as after `shrink` (make new ones with
    `nonzero_masks`); TypeError for a mask that is not of booleans. Nothing has changed then.
    """
    parameters = dict(model.named_parameters())
    for name, mask in masks.items():
        if name not in parameters:
            raise ValueError(f"apply_masks: the model has no parameter {name}")
        if mask.dtype != bool:
            raise TypeError(f"apply_masks: the mask of {name} holds {mask.dtype}, expects booleans (True: kept)")
        if mask.shape != parameters[name].shape:
            raise ValueError(f"apply_masks: the mask of {name} has shape {mask.shape}, the weight {parameters[name].shape}; "
                             "after shrinking a model, make its masks again with nonzero_masks")
    for name, mask in masks.items():
        np.copyto(parameters[name].data, 0, where=~mask)
        parameters[name].changed("apply_masks")
