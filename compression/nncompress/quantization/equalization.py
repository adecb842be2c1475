"""Cross-layer equalisation: a channel between two layers gets the same range of weights in both; the model's output stays.

A ReLU passes a positive factor through, ReLU(a x) = a ReLU(x), and so do pooling and flatten. So one layer can make a channel
smaller, and the next layer can make it larger again. If one scale serves all channels of a layer (`quantize(…, per="layer")`),
a channel with small weights is rounded coarsely because another channel has large weights. Equal ranges avoid that.

Source: Nagel et al. 2019 (arXiv 1906.04721), §4.1.
"""

from dataclasses import replace

import numpy as np

from nnlite.inference.plan import Plan, compile

PASSES = ("max_pool2d", "avg_pool2d", "relu", "flatten")  # f(a x) = a f(x) for a > 0, channel by channel
SWEEPS, SMALL = 100, 1e-6


def equalize(model, example):
    """A float32 plan with the same output as the model, in which a channel between two layers has the same range in both.

        W1[i] ← W1[i] / s_i        b1[i] ← b1[i] / s_i        W2[:, i] ← W2[:, i] · s_i        s_i = √(r1_i / r2_i)

    r1_i = max |W1[i]| and r2_i = max |W2[:, i]|; afterwards both are √(r1_i r2_i). A channel without weights in one of the
    layers stays as it is. In a chain of layers the pairs take turns until no s_i differs from 1 by more than 10^−6, at most 100
    times.

    W1 and W2: any two convolutions or linear layers (BatchNorm is folded into them), between which are only ReLU, pooling and
    flatten, and whose channels nothing else reads. Depthwise and grouped convolutions are equalised, too.
    example: array (N, …), any N, for one trace.   -> Plan, which `quantize` takes in place of the model.   Errors: those of
    `nnlite.compile`.   Source: Nagel et al. 2019 (arXiv 1906.04721), §4.1, eq. 6 to 11.
    """
    steps = [replace(step, arrays={letter: np.array(array, np.float64, order="C") for letter, array in step.arrays.items()})
             for step in compile(model, example).steps]
    for _ in range(SWEEPS):
        factors = [_equalize_pair(steps[i], steps[j]) for i, j in equal_pairs(steps)]
        if all(np.abs(s - 1).max() <= SMALL for s in factors):
            break
    for step in steps:
        step.arrays = {letter: array.astype(np.float32) for letter, array in step.arrays.items()}
    return Plan(steps)


def equal_pairs(steps):
    """The numbers (i, j) of the layers between which channels can be equalised."""
    readers = np.bincount([i for step in steps for i in step.inputs], minlength=len(steps))
    pairs = []
    for j, step in enumerate(steps):
        if step.arrays:
            i = step.inputs[0]
            while steps[i].kind in PASSES and readers[i] == 1:
                i = steps[i].inputs[0]
            if steps[i].arrays and readers[i] == 1:
                pairs.append((i, j))
    return pairs


def _equalize_pair(first, second):
    """Equalise the arrays of two layers, in place; returns the s_i."""
    w1, w2 = first.arrays["w"].reshape(len(first.arrays["b"]), -1), _by_input_channel(second, len(first.arrays["b"]))
    r1, r2 = np.abs(w1).max(axis=1), np.abs(w2).max(axis=(1, 3)).ravel()
    some = (r1 > 0) & (r2 > 0)
    s = np.sqrt(np.divide(r1, r2, where=some, out=np.ones_like(r1)))
    w1 /= s[:, None]
    first.arrays["b"] /= s
    w2 *= s.reshape(len(w2), 1, -1, 1)
    return s


def _by_input_channel(step, channels):
    """A view of a layer's weights as (G, O/G, C/G, rest); a linear layer after a flatten has C · H · W columns."""
    G = step.options.get("groups", 1)
    return step.arrays["w"].reshape(G, len(step.arrays["w"]) // G, channels // G, -1)
