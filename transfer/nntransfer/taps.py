"""Taps: the outputs of named layers of a model while it runs, for losses on features."""

import difflib
from contextlib import contextmanager

from nnlite.nn import Module


@contextmanager
def tap(model, names):
    """Inside, each forward pass of the model leaves the outputs of the named layers in a dict: {name: Tensor}.

        with tap(student, ["conv2", "fc1"]) as features:
            logits = student(images)
        loss = F.cross_entropy(logits, labels) + F.mse_loss(features["conv2"], teacher_features)

    A feature is the Tensor itself that the layer passes on. So the gradients of a loss on it run back through the layers
    below; under `no_grad` it is a constant. When a pass of the model ends, the dict holds the features of that pass only.
    After the block it still holds those of the last pass. Reading a layer that did not run in the pass is a KeyError.

    model: a Module, called as a whole.   names: a list of layers' names as `model.named_modules()` has them, such as "conv2" or
    "block1_1.block.conv1". nn.Sequential computes a tapped layer in a pass of its own, not in one pass with the ReLU or pooling
    beside it; the results are the same, bit for bit. After the block the model is as it was before.
    Errors: TypeError for a model that is not a Module (a plan has no layers) and for names that are not a list of strings;
    ValueError for a layer that the model does not have, with the three names that are most like it; RuntimeError for a layer
    that runs twice in one pass, because one name would stand for two features.

    >>> import numpy as np
    >>> from nnlite import models
    >>> model = models.mlp(in_features=4, hidden=3, classes=2)
    >>> with tap(model, ["relu1"]) as features:
    ...     logits = model(np.ones((5, 1, 2, 2), np.float32))
    >>> features["relu1"].shape
    (5, 3)
    """
    layers = _layers(model, names)
    running, features = {}, Features()

    def keep(name):
        def hook(layer, inputs, y):
            if name in running:
                raise RuntimeError(f"tap: layer {name!r} ran a second time before a pass of the {type(model).__name__} ended, "
                                   "so its name would stand for two features; call the whole model, and use each layer once")
            running[name] = y
        return hook

    def end_of_pass(model, inputs, y):
        features.clear()
        features.update(running)
        running.clear()

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    handles.append(model.register_forward_hook(end_of_pass))
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()


class Features(dict):
    """{name of a tapped layer: Tensor} of the last pass. A KeyError says which layers there are."""

    def __missing__(self, name):
        raise KeyError(f"tap: the last pass gave no feature of a layer {name!r}, only of: {', '.join(self) or 'none'}")


def _layers(model, names):
    """{name: Module} of the named layers."""
    if not isinstance(model, Module):
        raise TypeError(f"tap: expects a Module, got {type(model).__name__}; a plan or a function has no layers to tap")
    if isinstance(names, str):
        raise TypeError(f"tap: expects a list of names, such as [{names!r}], got the string {names!r}")
    names = list(names)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise TypeError(f"tap: a layer's name is a string such as 'conv2', got {wrong[0]!r}")
    return {name: _layer(model, name) for name in names}


def _layer(model, name):
    """The Module that the attributes in the name lead to: "block1.conv2" is model.block1.conv2."""
    module = model
    for attribute in name.split("."):
        module = vars(module).get(attribute)
        if not isinstance(module, Module):
            known = [known for known, _ in model.named_modules() if known]
            near = difflib.get_close_matches(name, known, n=3, cutoff=0)
            raise ValueError(f"tap: the {type(model).__name__} has no layer {name!r}; nearest: {', '.join(near) or 'none'}")
    return module
