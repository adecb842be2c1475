"""Whole blocks go, so the network loses depth. A block goes if it changes little what passes through it.

    influence = block_influence(model, loader)              # {"block1_1": 0.08, …}
    drop_blocks(model, lowest_blocks(influence, 0.3), example)
    fit(model, loader, optim.Adam(model.parameters(), lr=1e-4), epochs=5)       # fine-tune; the optimizer is a new one
"""

import numpy as np

from nncompress.articles import layers_left
from nncompress.pruning.scores import check_fraction
from nnlite import functional as F
from nnlite import nn
from nnlite.nn.module import inference_mode
from nnlite.tensor import Tensor


def find_blocks(model, example):
    """The blocks that can go -> {name: names of all layers of this block}.

    A block is a child of the model with a Conv2d or Linear in it, together with the children after it that have none and keep
    the shape: [fc2, relu2]. It can go if its result has the shape of its input, or if it is a `Residual`, whose shortcut stays.
    The last block with weights, which gives the logits, always stays.

    model: a Sequential.   example: array (N, …) as the model takes it.
    Errors: TypeError for a Module that is not a Sequential, because its order of layers is unknown.
    """
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"find_blocks: the model is a {type(model).__name__}, expects a Sequential")
    children = {name: layer for name, layer in vars(model).items() if isinstance(layer, nn.Module)}
    blocks, shapes, x, current = {}, {}, Tensor(example), None
    with inference_mode(model):
        for name, layer in children.items():
            before, x = x.shape, layer(x)
            if any(isinstance(part, (nn.Conv2d, nn.Linear)) for part in layer.modules()):
                current, blocks[name], shapes[name] = name, [name], (before, x.shape)
            elif current is not None and before == x.shape:
                blocks[current].append(name)
            else:
                current = None
    return {name: layers for name, layers in list(blocks.items())[:-1]
            if shapes[name][0] == shapes[name][1] or isinstance(children[name], nn.Residual)}


def block_influence(model, loader):
    """How much each block changes what passes through it -> {name: influence}, in the model's order.

        influence = 1 − E[cos(X_in, X_out)]

    X_out is the block's result. X_in is what the next layer would get without the block: the block's input, or
    relu(shortcut(input)) for a Residual whose shortcut is a layer. Each is one long vector for each image; the mean E is over
    all images. Influence 0 means that the block only scales its input. The cosine with a zero vector counts as 0.

    model: a Sequential, run in inference mode.   loader: yields batches (images, …).
    Errors: as `find_blocks`; ValueError for a loader without a batch, and a model without a block that can go.
    Source: Men et al. 2024 (ShortGPT, arXiv 2403.03853), eq. 1, there for each token.
    """
    totals, seen, blocks = {}, 0, None
    for images, *_ in loader:
        blocks = find_blocks(model, images[:1]) if blocks is None else blocks
        for name, value in _cosines(model, blocks, images).items():
            totals[name] = totals.get(name, 0.0) + value
        seen += len(images)
    if not seen:
        raise ValueError("block_influence: the loader gives no batch")
    if not totals:
        raise ValueError("block_influence: no block of the model keeps the shape of its input, or is a Residual")
    return {name: 1 - total / seen for name, total in totals.items()}


def _cosines(model, blocks, images):
    """{name: Σ over the images of cos(X_in, X_out)}."""
    first, last = {name: name for name in blocks}, {layers[-1]: name for name, layers in blocks.items()}
    without, sums, x = {}, {}, Tensor(images)
    with inference_mode(model):
        for name, layer in vars(model).items():
            if isinstance(layer, nn.Module):
                if name in first:
                    shortcut = layer.shortcut if isinstance(layer, nn.Residual) else None
                    without[name] = x if shortcut is None else F.relu(shortcut(x))
                x = layer(x)
                if name in last:
                    sums[last[name]] = _cosine_sum(without.pop(last[name]).data, x.data)
    return sums


def _cosine_sum(a, b):
    a, b = (np.reshape(v, (len(v), -1)).astype(np.float64) for v in (a, b))
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.sum((a * b).sum(axis=1) / np.where(length > 0, length, 1.0)))


def lowest_blocks(influence, threshold):
    """The names of the blocks with the lowest influence, as many as the article deletes; of equal ones the first.

        N_new = round(N_old − N_old × threshold) blocks stay

    influence: {name: influence}.   threshold from 0 to 1 -> list of names, in the model's order.
    Errors: ValueError for a threshold outside [0, 1].   Source: article B, §3.3 (B3); the article does not say which go.

    >>> lowest_blocks({"a": 0.5, "b": 0.1, "c": 0.3}, 0.67)
    ['b', 'c']
    """
    check_fraction("lowest_blocks: the threshold", threshold)
    count = len(influence) - round(layers_left(len(influence), threshold))
    lowest = sorted(influence, key=influence.get)[:count]
    return [name for name in influence if name in lowest]


def drop_blocks(model, names, example):
    """Remove blocks of a model, in place, so that the layers around them still fit; returns the model.

    A block whose result has the shape of its input leaves nothing. A Residual with a layer as its shortcut leaves
    relu(shortcut(x)), which has the shape that the next layer expects.

    names: some of `find_blocks`.   example: array (N, …) as the model takes it.
    Afterwards make a new optimizer, and masks by `nonzero_masks`. `model.architecture` is removed, because no function of
    nnlite.models builds the model any more; its checkpoint has a list of its layers instead.
    Errors: as `find_blocks`; ValueError for a name that is not of a block that can go; nothing has changed then.

    >>> from nnlite import models
    >>> model = models.mlp(16, (8, 8, 8))
    >>> [name for name, _ in drop_blocks(model, ["fc2"], np.zeros((1, 16), np.float32)).named_children()]
    ['flatten', 'fc1', 'relu1', 'fc3', 'relu3', 'fc4']
    """
    blocks = find_blocks(model, example)
    unknown = sorted(set(names) - set(blocks))
    if unknown:
        raise ValueError(f"drop_blocks: {unknown} cannot go, only {list(blocks)} can")
    for name in names:
        block = getattr(model, name)
        if isinstance(block, nn.Residual) and block.shortcut is not None:
            setattr(model, name, nn.Sequential(block.shortcut, nn.ReLU()))
        else:
            for layer in blocks[name]:
                delattr(model, layer)
    if names:
        vars(model).pop("architecture", None)
    return model
