"""Which function of `nnlite.models` builds a model: what a checkpoint says, and whether it is still true."""

from nnlite import models

BUILDERS = {build.__name__: build for build in (models.mlp, models.lenet_300_100, models.lenet_5, models.cnn, models.resnet)}


def architecture_of(model):
    """{"name", "arguments"} of the function of nnlite.models that builds the model; None where none does.

    A model remembers the call that built it. A layer that was exchanged, added or taken out since (`factorize`, `add_lora`,
    `model.relu1 = nn.Tanh()`) makes that call wrong: it builds other layers. So they are compared, by place and kind. Numbers
    of filters and neurons are not compared: they stand in the file's arrays.
    """
    architecture = getattr(model, "architecture", None)
    if not isinstance(architecture, dict) or architecture.get("name") not in BUILDERS:  # a class of one's own may have one, too
        return None
    built = BUILDERS[architecture["name"]](**architecture["arguments"] | {"width": 5e-324, "seed": 0})  # 1 neuron a layer
    return architecture if _layers(model) == _layers(built) else None


def _layers(model):
    return {name: type(layer) for name, layer in model.named_modules() if name}
