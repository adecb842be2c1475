"""Feature extraction: images pass through the frozen part of a model once, and the other layers train on its outputs.

A frozen layer gives the same numbers in each epoch. So these numbers are computed once and kept:

    below, above = split_model(model, "fc2")                    # "fc2" and what follows it will train
    features, labels = features_once(below, loader)
    fit(above, FeatureLoader(features, labels, 64, shuffle=True), SGD(above.parameters(), lr=0.1), epochs=50)

The model's own layers train: afterwards `model` is the fine-tuned model. Each image has one view only, because random
transforms such as shifts are drawn once. So take a loader without random transforms.
"""

import numpy as np
from tqdm import tqdm

from nnlite import nn
from nnlite.nn.module import inference_mode
from nntransfer.finetune.layers import name_of_head


def split_model(model, layer):
    """(below, above): the layers of a Sequential before `layer`, and `layer` with those after it.

        above(below(x)) = model(x)

    Both are Sequentials of the model's own layers. layer: a name directly below the model, as "fc2", not its first layer.
    Errors: TypeError for a model that is not a Sequential; ValueError for a name that is not there, and for the first layer.
    Source: B4's first step as it is usually done; see `tutorials/articles.md`.
    """
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"split_model: expects a Sequential, whose layers run one after the other, got {type(model).__name__}")
    names = [name for name, value in vars(model).items() if isinstance(value, nn.Module)]
    if layer not in names:
        raise ValueError(f"split_model: the model has no layer {layer!r} directly below it, only {', '.join(names)}")
    i = names.index(layer)
    if i == 0:
        raise ValueError(f"split_model: {layer!r} is the first layer, so no layer is left below it")
    return model[:i], model[i:]


def features_once(below, loader):
    """The outputs of a model, or of a part of it, for every image of a loader -> features (N, …), labels (N,).

    Both are arrays in the loader's order. below infers: BatchNorm uses its running statistics, dropout leaves nothing out.
    Errors: ValueError for a loader without a batch.
    """
    features, labels = [], []
    with inference_mode(below):
        for images, targets, *_ in tqdm(loader, "features", leave=False, disable=None):
            features.append(below(images).data)
            labels.append(targets)
    if not features:
        raise ValueError("features_once: the loader gives no batch")
    return np.concatenate(features), np.concatenate(labels)


def head_inputs(model, loader):
    """The inputs and outputs of the last Linear layer -> features (N, D), logits (N, C), labels (N,), in the loader's order.

    The scores that choose a source (`domains.leep`, `domains.logme`, `domains.hscore`) need these.
    Errors: ValueError for a model without a Linear layer in it, and for a loader without a batch.
    """
    head, features = dict(model.named_modules())[name_of_head("head_inputs", model)], []
    handle = head.register_forward_hook(lambda layer, inputs, y: features.append(inputs[0].data))
    try:
        logits, labels = features_once(model, loader)
    finally:
        handle.remove()
    return np.concatenate(features), logits, labels


class FeatureLoader:
    """The batches of arrays: (features (n, …), labels (n,)), in a new order in each pass where `shuffle` is True.

    features (N, …) and labels (N,): arrays.   batch_size: n; the last batch may be smaller.   seed: an integer or a Generator.
    The order is that of a `DataLoader` with the same seed. `loader.rng` is the generator, whose state a checkpoint keeps.
    Errors: ValueError if features and labels differ in number, or if there are none, and for a batch_size below 1.
    """

    def __init__(self, features, labels, batch_size=64, shuffle=False, seed=0):
        if len(features) != len(labels) or len(labels) == 0:
            raise ValueError(f"FeatureLoader: {len(features)} features, {len(labels)} labels, expected as many, and at least 1")
        if batch_size < 1:
            raise ValueError(f"FeatureLoader: batch_size {batch_size}, expected at least 1")
        self.features, self.labels = np.asarray(features), np.asarray(labels)
        self.batch_size, self.shuffle, self.rng = batch_size, shuffle, np.random.default_rng(seed)

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self):
        N = len(self.labels)
        order = self.rng.permutation(N) if self.shuffle else np.arange(N)
        for start in range(0, N, self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield self.features[chosen], self.labels[chosen]
