"""Masks on a model: {parameter name: booleans of its shape}, True where a weight is kept.

What is pruned are the weights of Conv2d and Linear. Biases are few and stay, unless somebody asks for them too
(`biases=True`); BatchNorm stays.

    masks = magnitude_masks(model, 0.9)                               # every pruning method returns Masks
    masks.apply()
    fit(model, loader, optimizer, epochs=5, after_step=masks.apply)   # the removed weights stay 0
    nnlite.save("pruned.npz", model, masks=masks)
    masks = Masks(model, nnlite.checkpoint.load_state("pruned.npz").masks)
"""

import numpy as np

from nnlite import nn
from nnlite.nn.parametrize import check_plain


def prunable_weights(model, biases=False):
    """{name: array} of the weights of every Conv2d and Linear, in the model's order; a shared one is listed once.

    biases: whether to list the biases of these layers, too, each after its weight.
    Errors: ValueError for a model that has none, and for a weight that a parametrization computes.
    """
    names = {}
    for prefix, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            check_plain("prune", prefix, module)
            for kind in ("weight", "bias") if biases and module.bias is not None else ("weight",):
                array = getattr(module, kind)
                names.setdefault(id(array), (f"{prefix}.{kind}" if prefix else kind, array.data))
    if not names:
        raise ValueError(f"prune: {type(model).__name__} has no Conv2d and no Linear layer, there is nothing to prune")
    return dict(names.values())


class Masks(dict):
    """{parameter name: booleans of its shape} of one model, True where a weight is kept; a dict in every other respect.

    model: the Module whose weights are masked; it is not changed before `apply`.   masks: {name: booleans}.
    Errors: ValueError for a name that the model does not have, or a mask of another shape than its weight; TypeError for a
    mask that is not of booleans.

    >>> model = nn.Linear(2, 2, rng=0)
    >>> masks = Masks(model, {"weight": np.array([[True, False], [True, True]])})
    >>> masks.apply()
    >>> (model.weight.data == 0).tolist(), masks.count, masks.sparsity()
    ([[False, True], [False, False]], 3, 0.25)
    """

    def __init__(self, model, masks):
        super().__init__({name: np.asarray(mask) for name, mask in masks.items()})
        self.model = model
        self._checked()

    def _checked(self):
        """[(weight, mask)], once all of them are known to fit."""
        parameters = dict(self.model.named_parameters())
        for name, mask in self.items():
            if name not in parameters:
                raise ValueError(f"Masks: the model has no parameter {name}")
            if mask.dtype != bool:
                raise TypeError(f"Masks: the mask of {name} holds {mask.dtype}, expects booleans (True: kept)")
            if mask.shape != parameters[name].shape:
                raise ValueError(f"Masks: the mask of {name} has shape {mask.shape}, the weight {parameters[name].shape}; "
                                 "shrink(…, masks=masks) cuts masks along with the model, nonzero_masks(model) makes new ones")
        return [(parameters[name], mask) for name, mask in self.items()]

    def apply(self):
        """Set the removed weights to zero, in place.

            w ← w ⊙ mask

        To keep the masks through retraining, call it after every optimizer step: `fit(…, after_step=masks.apply)`.
        Gradients need no masking. In every forward pass the removed weights are 0, so the kept ones get the gradients of the
        smaller network; and SGD (with momentum too), Adam and RMSprop change each weight by its own gradients alone. What the
        optimizer does to a removed weight is undone before anyone reads it. So the kept weights go the way they would go
        alone, bit for bit. The exception is `clip`: the norm of all gradients counts those of the removed weights too.

        Errors: as for `Masks`, where the model or a mask has changed since; no weight has changed then.
        """
        for w, mask in self._checked():
            np.copyto(w.data, 0, where=~mask)
            w.changed("Masks.apply")

    @property
    def count(self):
        """How many weights are kept."""
        return sum(int(np.count_nonzero(mask)) for mask in self.values())

    def sparsity(self):
        """The removed fraction of the masked weights; 0 where nothing is masked."""
        size = sum(mask.size for mask in self.values())
        return (size - self.count) / size if size else 0.0

    def __and__(self, other):
        """Masks that keep what both keep; a weight that only one of the two names has that one's mask.

        other: Masks, or {name: booleans}, of the same model.   Errors: as for `Masks`.
        """
        other = Masks(self.model, other)
        return Masks(self.model, {**self, **other, **{name: self[name] & other[name] for name in self.keys() & other.keys()}})


def nonzero_masks(model):
    """Masks that keep every weight which is not zero: of a pruned model its masks."""
    return Masks(model, {name: w != 0 for name, w in prunable_weights(model).items()})
