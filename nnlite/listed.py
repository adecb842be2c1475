"""A model as a list of its layers, so that a checkpoint can say how to build a Sequential that no function of models builds.

    [["conv1", "Conv2d", {"stride": [1, 1], …}], ["relu1", "ReLU", {}], ["block", "Residual", {"block": …, "shortcut": …}]]

The list has no sizes: how many filters and neurons a layer has, and whether it has a bias, stands in the file's arrays.
"""

from nnlite import nn
from nnlite.nn.module import Buffer, Module, Parameter

OPTIONS = {  # kind of layer -> its options, besides those that its arrays have
    "Conv2d": ("stride", "padding", "dilation", "groups"), "Linear": (), "Embedding": (), "BatchNorm1d": ("eps", "momentum"),
    "BatchNorm2d": ("eps", "momentum"), "LayerNorm": ("eps",), "ReLU": (), "LeakyReLU": ("negative_slope",), "Sigmoid": (),
    "Tanh": (), "GELU": ("approximate",), "Softplus": ("beta",), "Softmax": ("dim",), "LogSoftmax": ("dim",), "Identity": (),
    "Flatten": ("start_dim", "end_dim"), "Dropout": ("p",), "AdaptiveAvgPool2d": ("output_size",),
    "MaxPool2d": ("kernel_size", "stride", "padding", "ceil_mode"),
    "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
}


def list_of_layers(model):
    """The list of a Sequential, or None for a model that is not made of layers of nnlite.nn alone.

    None, too, for a layer that stands in two places, because its arrays stand in the file under one name.
    """
    modules = [module for _, module in model.named_modules()]
    places = sum(isinstance(value, Module) for module in modules for value in vars(module).values())
    return _layers(model) if type(model) is nn.Sequential and places == len(modules) - 1 else None


def _layers(sequential):
    """The list of a Sequential's layers; None where one is of another kind."""
    entries = [_entry(name, layer) for name, layer in vars(sequential).items() if isinstance(layer, Module)]
    plain = not any(isinstance(value, (Parameter, Buffer)) for value in vars(sequential).values())
    return entries if plain and None not in entries else None


def _entry(name, layer):
    """[name, kind, options] of one layer, or None."""
    kind = type(layer).__name__
    if type(layer) is not getattr(nn, kind, None) or "parametrizations" in vars(layer):
        return None
    if kind == "Sequential":
        inner = _layers(layer)
        return None if inner is None else [name, kind, {"layers": inner}]
    if kind == "Residual":
        parts = {part: _entry(part, inner) for part, inner in vars(layer).items() if isinstance(inner, Module)}
        return None if None in parts.values() else [name, kind, {"block": None, "shortcut": None, **parts}]
    if kind not in OPTIONS:
        return None
    return [name, kind, {option: _plain(getattr(layer, option)) for option in OPTIONS[kind]}]


def _plain(value):
    """A tuple as a list, as it comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value


def build_listed(layers, arrays):
    """The Sequential of a list.   arrays: {name: array}, whose shapes say how large the layers are.

    Errors: ValueError, LookupError, TypeError or AttributeError for a list that makes no sense.
    """
    model = nn.Sequential()
    for name, kind, options in layers:
        setattr(model, name, _build(name, kind, options, arrays))
    return model


def _build(place, kind, options, arrays):
    """One layer.   place: its name in the arrays."""
    if kind == "Sequential":
        inside = {name.removeprefix(f"{place}."): array for name, array in arrays.items() if name.startswith(f"{place}.")}
        return build_listed(options["layers"], inside)
    if kind == "Residual":
        return nn.Residual(*(options[part] and _build(f"{place}.{part}", *options[part][1:], arrays)
                             for part in ("block", "shortcut")))
    if set(options) != set(OPTIONS[kind]):
        raise ValueError(f"{place} ({kind}) has the options {sorted(options)}, expected {sorted(OPTIONS[kind])}")
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return getattr(nn, kind)(*_sizes(place, kind, options, arrays), **options)


def _sizes(place, kind, options, arrays):
    """The positional arguments of a layer, from the shapes of its arrays; adds the option `bias` of a Conv2d or Linear."""
    if kind == "Dropout":
        options["rng"] = 0
    weight = arrays.get(f"{place}.weight")
    if weight is None:
        return ()
    if kind in ("Conv2d", "Linear"):
        options |= {"bias": f"{place}.bias" in arrays, "rng": 0}
    if kind == "Conv2d":
        O, c, *kernel = weight.shape
        return c * options["groups"], O, tuple(kernel)
    if kind == "LayerNorm":
        return (weight.shape,)
    return weight.shape[::-1] if kind == "Linear" else weight.shape
