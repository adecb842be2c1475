"""A check that models have one architecture, so that they can be fused weight by weight."""

from nnlite import nn
from nnlite.nn import Module
from nnlite.nn.lists import list_of_models
from nnlite.nn.parametrize import check_plain


def check_alike(name, models):
    """The models as a list; an error with the first difference unless all are Modules of one architecture.

    Architectures are equal where the layers have the same names, classes, options and shapes, in the same order. The rate of
    a Dropout may differ. `name` begins the sentence.
    Errors: TypeError for what is not a list of Modules; ValueError for no model, for a difference, and for a computed parameter
    (`nnlite.nn.parametrize`), whose mean would not be computed from the mean of its originals.
    """
    models = list_of_models(name, models)
    if not models:
        raise ValueError(f"{name}: expects one model or more, got none")
    for model in models:
        if not isinstance(model, Module):
            raise TypeError(f"{name}: expects Modules, got a {type(model).__name__}")
        for prefix, module in model.named_modules():
            check_plain(name, prefix, module)
    first = _lines(models[0])
    for i, model in enumerate(models[1:], 1):
        for known, own in zip(first, _lines(model), strict=False):
            if known != own:
                raise ValueError(f"{name}: models 0 and {i} are not alike: {known} in the first, {own} in the other")
    return models


def _lines(model):
    """A line for each layer, and for each parameter and buffer: what has to be equal."""
    layers = [f"{name or 'the model'}: {type(module).__name__}({_options(module)})" for name, module in model.named_modules()]
    arrays = [f"{name} {tensor.shape}" for name, tensor in (*model.named_parameters(), *model.named_buffers())]
    return [*layers, "no further layer", *arrays, "no further array"]


def _options(module):
    return "" if isinstance(module, nn.Dropout) else module.extra_repr()
