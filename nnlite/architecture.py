"""How a checkpoint says which model it holds, and how the model is built again.

    {"name": "cnn", "arguments": {"in_channels": 1, …}}            a function of nnlite.models and its arguments
    {"name": "layers", "arguments": {"layers": [["fc1", "Linear", {}], …]}}     a Sequential of layers of nnlite.nn (`listed`)
    {"name": "own", "arguments": {"model": "my_net.py:Net", "given": {"classes": 3}}}     a class in a file of the user's

The first two are built from the checkpoint alone. Code that a checkpoint names is never run.
"""

import math

from nnlite import models
from nnlite.errors import DAMAGE, FormatError, shortened
from nnlite.listed import build_listed, list_of_layers

BUILDERS = {build.__name__: build for build in (models.mlp, models.lenet_300_100, models.lenet_5, models.cnn, models.resnet)}


def architecture_of(model):
    """{"name", "arguments"} that say how to build the model again; None where nothing says it.

    A model remembers the call that built it. A layer that was exchanged, added or taken out since (`factorize`, `add_lora`,
    `model.relu1 = nn.Tanh()`) makes that call wrong: it builds other layers. So they are compared, by place and kind. Numbers
    of filters and neurons are not compared: they stand in the file's arrays.
    """
    architecture = getattr(model, "architecture", None)
    name = architecture.get("name") if isinstance(architecture, dict) else None  # a class of one's own may have one, too
    if name in BUILDERS:
        built = BUILDERS[name](**architecture["arguments"] | {"width": 5e-324, "seed": 0})  # 1 neuron a layer
        if _layers(model) == _layers(built):
            return architecture
    layers = list_of_layers(model)
    if layers is not None:
        return {"name": "layers", "arguments": {"layers": layers}}
    return architecture if name == "own" else None


def _layers(model):
    return {name: type(layer) for name, layer in model.named_modules() if name}


def build_model(path, architecture, arrays):
    """The model of an architecture, with one filter or neuron in each layer, or as many as the arrays of the file have.

    The arrays will replace its own. Errors: FormatError for an architecture that makes no sense; ValueError for a model that
    cannot be built from the file alone.
    """
    if architecture is None:
        raise ValueError(f"load: {path} does not say how to build its model, because no function of nnlite.models builds it; "
                         "build it yourself and call load(path, model)")
    name, arguments = architecture.get("name"), architecture.get("arguments")
    if name == "own":
        source = str(arguments.get("model") if isinstance(arguments, dict) else arguments)[:200]
        raise ValueError(f"load: {path} holds a model of the class {source!r}: give --model {source}, or in Python build it "
                         "yourself and call load(path, model)")
    if name not in [*BUILDERS, "layers"]:
        raise FormatError(f"{path}: manifest.json: unknown architecture {name!r}, expected one of "
                          f"{', '.join([*BUILDERS, 'layers'])}")
    try:
        if name == "layers":
            model = build_listed(arguments["layers"], arrays)
        else:
            _check_arguments(arguments, arrays)
            model = BUILDERS[name](**arguments | {"width": 5e-324, "seed": 0})
            model.architecture["arguments"] |= arguments
    except DAMAGE as error:
        given = str(arguments)[:400]
        raise FormatError(f"{path}: manifest.json: {name} cannot be built from {given}: {shortened(error)}") from error
    return model


def _check_arguments(arguments, arrays):
    """ValueError for sizes beyond those of the file, before anything of these sizes is made."""
    numbers = sum(array.size for array in arrays.values())
    limits = {"in_features": numbers, "in_channels": numbers, "classes": numbers, "depth": len(arrays)}
    for key, limit in limits.items():
        if arguments.get(key, 0) > limit:
            raise ValueError(f"{key} is {arguments[key]}, a file of {numbers} numbers in {len(arrays)} arrays allows {limit}")
    size = arguments.get("image_size", 16)
    H, W = size if isinstance(size, list) else (size, size)
    if max(1, H - 15) * max(1, W - 15) > 16 * numbers:  # two poolings leave (H − 15)/4 · (W − 15)/4 features or more
        raise ValueError(f"image_size is {size}, too large for a file of {numbers} numbers")
    if not 0 < arguments.get("width", 1) < math.inf:
        raise ValueError(f"width is {arguments['width']}, it has to be above 0 and finite")
