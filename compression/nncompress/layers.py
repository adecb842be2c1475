"""Exchange layers of a model for others, wherever they stand."""

from nnlite import nn


def exchange_layers(model, replacements):
    """Replace layers of a model by others; the model changes in place, and is returned.

    replacements: {layer's name, as in `named_modules`: the Module that takes its place}. A layer that stands in two places is
    exchanged in both. The model itself, named "", cannot be exchanged.
    Errors: ValueError for a name that the model does not have; nothing has changed then.

    >>> model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, rng=0))
    >>> exchange_layers(model, {"0": nn.Tanh()})
    Sequential(
      (0): Tanh()
      (1): Linear(in_features=2, out_features=2, bias=True)
    )
    """
    layers = dict(model.named_modules())
    unknown = sorted(name for name in replacements if not name or name not in layers)
    if unknown:
        raise ValueError(f"exchange_layers: the model has no layer {unknown} below it")
    new = {id(layers[name]): layer for name, layer in replacements.items()}
    for module in list(layers.values()):
        for name, value in list(vars(module).items()):
            if isinstance(value, nn.Module) and id(value) in new:
                setattr(module, name, new[id(value)])
    return model


def weighted_layers(model):
    """{name: layer} of every Conv2d and Linear below the model, in its order."""
    return {name: layer for name, layer in model.named_modules() if name and isinstance(layer, (nn.Conv2d, nn.Linear))}
