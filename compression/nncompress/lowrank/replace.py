"""Put thin layers into a model in the place of the whole ones."""

from nncompress.layers import exchange_layers, weighted_layers
from nncompress.lowrank.spatial import spatial_conv
from nncompress.lowrank.svd import svd_linear
from nncompress.lowrank.tucker import tucker_conv
from nnlite import nn


def factorize(model, ranks):
    """Replace layers of a model by their thin forms, in place.

    ranks: {layer's name, as in `named_modules`: rank}. A Linear takes a number (`svd_linear`). A Conv2d takes a number
    (`spatial_conv`) or a pair (r_out, r_in) (`tucker_conv`). `ranks_for_energy` and `ranks_for_budget` choose them.

    Returns the model. Its layers are other ones now: make a new optimizer and new masks. A layer that stands in two places
    is replaced in both. `model.architecture` is removed, because no function of nnlite.models builds it any more; its
    checkpoint has a list of its layers instead.
    Errors: ValueError for a name that the model has for no Conv2d or Linear, and those of the forms; nothing has changed then.

    >>> from nnlite import models
    >>> factorize(models.lenet_300_100(), {"fc1": 30}).fc1
    Sequential(
      (reduce): Linear(in_features=784, out_features=30, bias=False)
      (expand): Linear(in_features=30, out_features=300, bias=True)
    )
    """
    layers = weighted_layers(model)
    thin = {name: _thin(name, layers.get(name), rank) for name, rank in ranks.items()}
    if thin:
        vars(model).pop("architecture", None)
    return exchange_layers(model, thin)


def _thin(name, layer, rank):
    if isinstance(layer, nn.Linear):
        return svd_linear(layer, rank)
    if isinstance(layer, nn.Conv2d):
        return tucker_conv(layer, rank) if isinstance(rank, (tuple, list)) else spatial_conv(layer, rank)
    raise ValueError(f"factorize: the model has no Conv2d and no Linear below it called {name!r}")
