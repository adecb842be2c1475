"""Fine-tuning: train a pretrained model further, on another task.

    W_new = W_old − α ∇J(W_old)                         (the second article's formula B4; J is the new task's loss)

One step of `nnlite.optim.SGD` with lr = α is this formula, bit for bit. This file has the rest: a new output layer, which
layers train, and how fast each layer trains.

    model = nnlite.load("digits-0-to-4.npz")
    replace_head(model, classes=5, rng=0)
    optimizer = nnlite.optim.SGD(discriminative_groups(model, lr=0.1))
    history = []
    for epoch in range(10):
        thaw(model, epoch)                              # the head first, then one more layer in each epoch
        fit(model, loader, optimizer, epochs=epoch + 1, history=history)        # one more epoch, on the training part

The article's own code (B5) fits the new task on its *test* set, so the accuracy that it prints is that of memorised examples.
Choices such as lr need other images than the test set, too: split a validation part off the training part (`Dataset.split`).

A frozen parameter has requires_grad = False: backward does not reach it, its gradient stays None, and an optimizer leaves
it alone, weight decay and momentum included. A BatchNorm whose γ is frozen has frozen = True: it normalizes by its running
statistics and keeps them, also while the model trains.
"""

from fnmatch import fnmatchcase

from nnlite import nn
from nnlite.nn.normalization import BatchNorm


def layer_groups(model):
    """The model's Parameters by layer, from the input to the head: {name of the layer: [Parameter, …]}.

    A layer is what the model has directly below it, in the order of assignment; a residual block counts as one. A layer
    with vectors only (a normalization) joins the group of the layer before it, whose output it scales.

    >>> from nnlite import models
    >>> {name: len(parameters) for name, parameters in layer_groups(models.resnet(depth=8)).items()}
    {'conv1': 3, 'block1_1': 6, 'block2_1': 9, 'block3_1': 9, 'fc': 2}
    """
    layers = {}
    for name, parameter in model.named_parameters():
        layers.setdefault(name.partition(".")[0], []).append(parameter)
    groups = {}
    for name, parameters in layers.items():
        if groups and all(parameter.ndim == 1 for parameter in parameters):
            groups[next(reversed(groups))] += parameters
        else:
            groups[name] = parameters
    return groups


def freeze(model, *names):
    """Stop the training of the layers or parameters with these names and of all layers inside them; without a name, of all.

    A name may be a pattern: "conv*", "block?_1", "*.bias", with * for any characters (dots too) and ? for one.
    The flags are not part of a checkpoint: freeze again after loading one.
    Errors: ValueError for a name or pattern that nothing in the model has; TypeError for what is not a string.

    >>> from nnlite import models
    >>> model = models.cnn()
    >>> freeze(model, "conv1", "fc1.weight")
    >>> [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    ['conv1.weight', 'conv1.bias', 'fc1.weight']
    """
    _set_trainable(model, parameters_below("freeze", model, names), False)


def unfreeze(model, *names):
    """Train the layers or parameters with these names or patterns, and all layers inside them, again; without a name, all.

    Errors: ValueError for a name or pattern that nothing in the model has.
    """
    _set_trainable(model, parameters_below("unfreeze", model, names), True)


def _set_trainable(model, parameters, trainable):
    for parameter in parameters:
        parameter.requires_grad = trainable
        if not trainable:
            parameter.grad = None  # one left from before would still move the parameter in the next step
    chosen = {id(parameter) for parameter in parameters}
    for _, module in model.named_modules():
        if isinstance(module, BatchNorm) and id(module.weight) in chosen:
            module.frozen = not trainable


def parameters_below(function, model, names):
    """The Parameters with these names or patterns, and all below them; without a name, all.   Errors: as `freeze` says."""
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise TypeError(f"{function}: a name is a string, such as 'conv1' or 'conv*', got {wrong[0]!r}")
    named = dict(model.named_parameters())
    if not names:
        return list(named.values())
    chosen = []
    for name in names:
        below = [parameter for full, parameter in named.items() if any(fnmatchcase(part, name) for part in _beginnings(full))]
        if not below:
            raise ValueError(f"{function}: the model has no parameter in {name!r}, only in {', '.join(layer_groups(model))}")
        chosen += below
    return chosen


def _beginnings(name):
    """"block1.conv1.weight" -> ["block1", "block1.conv1", "block1.conv1.weight"]"""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def discriminative_groups(model, lr, decay=1 / 2.6):
    """Parameter groups for an optimizer, each layer slower than the one above it.

        η_depth = lr · decay^depth        depth = 0 for the head, 1 for the layer below it, …

    The lower a layer, the more general what it has learned, and the less it should change. decay = 1/2.6 is the paper's
    η^(l−1) = η^l / 2.6; decay = 1 gives all layers the same rate. Groups are those of `layer_groups`, from the input to
    the head, as {"params": [...], "lr": η}; frozen parameters are in them, so that they can be thawed later.
    Errors: ValueError for a decay outside (0, 1].
    Source: Howard & Ruder 2018 (arXiv 1801.06146), §3.2.

    >>> from nnlite import models
    >>> [group["lr"] for group in discriminative_groups(models.cnn(), lr=0.8, decay=0.5)]
    [0.1, 0.2, 0.4, 0.8]
    """
    if not 0 < decay <= 1:
        raise ValueError(f"discriminative_groups: decay has to be above 0 and at most 1, got {decay}")
    groups = list(layer_groups(model).values())
    return [{"params": parameters, "lr": lr * decay ** (len(groups) - 1 - i)} for i, parameters in enumerate(groups)]


def thaw(model, epoch):
    """Gradual unfreezing: let the head and the `epoch` layers below it train, freeze the others.

    Call it at the start of each epoch 0, 1, 2, …. The head trains alone first; in each epoch one more group of `layer_groups`
    trains, until all do. So the large, random gradients of a fresh head do not change the pretrained layers.
    Errors: ValueError for an epoch below 0.
    Source: Howard & Ruder 2018 (arXiv 1801.06146), §3.3.
    """
    if epoch < 0:
        raise ValueError(f"thaw: epochs are counted from 0, got {epoch}")
    for depth, parameters in enumerate(reversed(layer_groups(model).values())):
        _set_trainable(model, parameters, trainable=depth <= epoch)


def replace_head(model, classes, rng):
    """Put a fresh Linear layer with `classes` outputs in the place of the last one, and return its name.

    The last one is the last Linear in the order of assignment, which in nnlite.models is the output layer. Its number of
    inputs and its dtype are kept, so this works on a shrunk model too. rng: a Generator or a seed. `model.architecture` is kept
    up to date, so that a checkpoint can build the model again. An optimizer made before holds the old head: make it after.
    Errors: ValueError for classes < 1, and for a model without a Linear layer in it.

    >>> from nnlite import models
    >>> model = models.cnn(classes=10)
    >>> replace_head(model, classes=5, rng=0)
    'fc2'
    >>> model.fc2.out_features, model.architecture["arguments"]["classes"]
    (5, 5)
    """
    if classes < 1:
        raise ValueError(f"replace_head: a head needs at least 1 class, got {classes}")
    name, modules = name_of_head("replace_head", model), dict(model.named_modules())
    old = modules[name]
    parent, _, attribute = name.rpartition(".")
    head = nn.Linear(old.in_features, classes, bias=old.bias is not None, rng=rng)
    for parameter in head.parameters():
        parameter.data = parameter.data.astype(old.weight.dtype)
    setattr(modules[parent], attribute, head)
    arguments = getattr(model, "architecture", {}).get("arguments", {})
    if "classes" in arguments:
        arguments["classes"] = classes
    return name


def name_of_head(function, model):
    """The name of the last Linear layer.   ValueError in the name of `function` for a model without one in it."""
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name]
    if not linears:
        raise ValueError(f"{function}: there is no Linear layer in this {type(model).__name__}")
    return linears[-1]
