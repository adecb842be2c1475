"""Masks on a model: {parameter name: booleans of its shape}, True where a weight is kept.

Only weights of Conv2d and Linear are pruned, with `biases=True` their biases too. BatchNorm has few parameters, which stay.

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
    """A dict {parameter name: booleans of its shape}, True where a weight is kept, that knows its model.

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
        """[(weight, mask)], after a check that all masks fit."""
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
        Gradients need no mask. In every forward pass the removed weights are 0, so the kept weights get the gradients of the
        smaller network. SGD, Adam and RMSprop change each weight by its own gradients alone, and `apply` sets a removed weight
        back to 0 before the next forward pass. So the kept weights become, bit for bit, those of a training of the smaller
        network. The exception is `clip`: its norm includes the gradients of the removed weights.

        Errors: those of `Masks`, if the model or a mask has changed since; then no weight is changed.
        """
        for w, mask in self._checked():
            _zero_where_removed(w.data, mask)
            w.changed("Masks.apply")

    @property
    def count(self):
        """How many weights are kept."""
        return sum(int(np.count_nonzero(mask)) for mask in self.values())

    def sparsity(self):
        """The fraction of the masked weights that is removed; 0 for Masks without a name."""
        size = sum(mask.size for mask in self.values())
        return (size - self.count) / size if size else 0.0

    def __and__(self, other):
        """Masks that keep the weights which both keep. For a name that only one of the two has, its mask is taken.

        other: Masks, or {name: booleans}, of the same model.   Errors: those of `Masks`.
        """
        other = Masks(self.model, other)
        return Masks(self.model, {**self, **other, **{name: self[name] & other[name] for name in self.keys() & other.keys()}})


def _zero_where_removed(w, mask):
    """w ← 0 where mask is False, in place.

    The bits of w AND 0 are 0, the bits of w AND −1, all ones, are w. It takes a fifth of the time of
    np.copyto(w, 0, where=~mask), because nothing branches.
    """
    bits = w.view(f"i{w.itemsize}")
    np.bitwise_and(bits, np.negative(mask.view(np.int8), dtype=bits.dtype), out=bits)


def nonzero_masks(model):
    """Masks that keep every weight which is not 0: those of a pruned model are the masks that pruned it.

    Errors: those of `prunable_weights`.
    """
    return Masks(model, {name: w != 0 for name, w in prunable_weights(model).items()})
