"""Dead units leave a plan, and the others are put in an order that is cheap to code: the logits stay the same, bit for bit.

A unit is a filter or a neuron of a layer whose results are read by one other layer only, perhaps through pooling and flatten.

    nobody reads it      all weights that read it are 0                        it goes
    it is constant       it has no weights: its result is c for every image    it goes; what it contributed, Σ (c − Z) w, is
                                                                               added to the biases of the layer that reads it

The units may stand in any order, if the weights that read them stand in the same order: sums of integers do not depend on it.
If half of a layer's weights or more are 0, the units with the most weights come first.
"""

from dataclasses import replace

import numpy as np

from nncompress.int8.plan import Int8Plan
from nncompress.quantization.post_training import BIAS_LIMIT

PASSES_ON = ("max_pool2d", "avg_pool2d", "uneven_max_pool2d", "uneven_avg_pool2d", "relu", "flatten")


def live_plan(plan, fold=True):
    """A plan of the same logits without dead units, and with sorted ones; the given plan stays as it is.

        b[o] ← b[o] + Σ_dead (c − Z) w[o, dead]

    fold: whether units go whose constant result changes the next biases. Without it, only those go that change none.
    Source: this project's.
    """
    plan = Int8Plan([replace(step) for step in plan.steps], plan.law)
    changed = True
    while changed:
        changed = False
        for chain in chains(plan.steps):
            kept, b = _living(plan, chain, fold)
            if len(kept) < len(plan.steps[chain[0]].w):
                plan.steps[chain[-1]].b = b
                plan, changed = Int8Plan(_with_units(plan.steps, chain, kept), plan.law), True
    for chain in chains(plan.steps):
        w = plan.steps[chain[0]].w
        if 2 * np.count_nonzero(w) > w.size:
            continue
        order = np.argsort(-np.count_nonzero(w.reshape(len(w), -1), axis=1), kind="stable")
        plan = Int8Plan(_with_units(plan.steps, chain, order), plan.law)
    return plan


def chains(steps):
    """[[layer, …, the layer that reads it]], as numbers of steps. Each result in a chain is read by the next step only."""
    readers = [[j for j, step in enumerate(steps) if i in step.inputs] for i in range(len(steps))]
    found = []
    for i in range(len(steps)):
        chain = [i]
        while len(readers[chain[-1]]) == 1 and (len(chain) == 1 or steps[chain[-1]].kind in PASSES_ON):
            chain.append(readers[chain[-1]][0])
        ends = steps[i], steps[chain[-1]]
        if len(chain) > 1 and all(end.w is not None and end.options.get("groups", 1) == 1 for end in ends):
            found.append(chain)
    return found


def _living(plan, chain, fold):
    """(the units that stay, at least one; the reader's biases, to which the folded units' part has been added)."""
    layer, reader = plan.steps[chain[0]], plan.steps[chain[-1]]
    w = _by_unit(reader.w, len(layer.w))
    sums = w.sum(axis=2, dtype=np.int64)  # (O, units)
    contributed = _constants(plan, chain) - int(plan.steps[reader.inputs[0]].Z)  # c − Z, or NaN
    dead = ~w.any(axis=(0, 2)) | (contributed == 0)
    b = reader.b.astype(np.int64)
    if fold and not any(reader.options.get("padding", (0, 0))):  # a border would not be constant
        folded = np.flatnonzero(~dead & np.isfinite(contributed))
        moved = b + (sums[:, folded] @ contributed[folded].astype(np.int64))
        if np.abs(moved).max() <= BIAS_LIMIT:
            dead[folded], b = True, moved
    if dead.all():
        return np.arange(len(dead)), reader.b  # a network of constants stays as it is
    return np.flatnonzero(~dead), b.astype(np.int32)


def _constants(plan, chain):
    """The result of each unit that has no weights, at the end of the chain; NaN for the other units.

    The chain's own runners compute it, from inputs that are all Z, the real 0.
    """
    layer = plan.steps[chain[0]]
    constants = np.full(len(layer.w), np.nan)
    empty = ~layer.w.reshape(len(layer.w), -1).any(axis=1)
    if empty.any():
        before = plan.steps[layer.inputs[0]]
        q = np.full((1, *before.shape[1:], before.shape[0]), before.Z, np.uint8)
        for i in chain[:-1]:
            q = plan.runners[i](q)
        by_unit = q.reshape(len(layer.w), -1) if q.ndim == 2 else q.reshape(-1, len(layer.w)).T
        steady = empty & (by_unit == by_unit[:, :1]).all(axis=1)
        constants[steady] = by_unit[steady, 0]
    return constants


def _by_unit(w, units):
    """The weights of a reader as (O, units, weights for each)."""
    return w.reshape(len(w), units, -1)


def _with_units(steps, chain, kept):
    """Copies of the steps, in which the chain's layer has only the units `kept`, in this order."""
    steps = [replace(step) for step in steps]
    layer, reader = steps[chain[0]], steps[chain[-1]]
    units = len(layer.w)
    if len(kept) < units:
        layer.width = layer.width or units
    layer.w, layer.b, layer.w_scale = (np.ascontiguousarray(array[kept]) for array in (layer.w, layer.b, layer.w_scale))
    w = _by_unit(reader.w, units)[:, kept]
    reader.w = np.ascontiguousarray(w).reshape(len(w), reader.w.shape[1] // units * len(kept), *reader.w.shape[2:])
    for i in chain[:-1]:
        shape = steps[i].shape
        steps[i].shape = (shape[0] // units * len(kept), *shape[1:])
    return steps
