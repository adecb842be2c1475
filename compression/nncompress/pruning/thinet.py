"""ThiNet: remove the channels that the next layer misses least, and fit its weights to those that are left.

Other criteria look at the weights that make a channel. ThiNet looks at the layer that reads it: y = Σ_c z_c, where z_c is what
channel c adds to the outputs of the next layer. It needs only H = mean x xᵀ of that layer's inputs x.
"""

import numpy as np

from nncompress.pruning.evidence import needed
from nncompress.pruning.groups import dependency_groups
from nncompress.pruning.scores import check_fraction, per_name
from nncompress.pruning.structured import shrink_to
from nncompress.pruning.surgeon import damped, least_squares


def contributions(w, H, channels):
    """G[c, d] = Σ_o mean z_c z_d,   z_c = Σ_i w[o, i] x_i over the inputs i of channel c

    Without the channels in T the outputs change by Σ_{c ∈ T} z_c, whose mean square is Σ_{c, d ∈ T} G[c, d].

    w (O, …), K numbers in a row, channel c owns K/channels neighbours of them; H (K or more, …) -> (channels, channels).
    Source: Luo et al. 2017 (arXiv 1707.06342), eq. 3 and 6.
    """
    rows = np.reshape(w, (len(w), -1)).astype(np.float64)
    K = rows.shape[1]
    return ((rows.T @ rows) * H[:K, :K]).reshape(channels, K // channels, channels, K // channels).sum(axis=(1, 3))


def cheapest_channels(G, count):
    """`count` channels to remove, chosen one by one: each time the channel without which the outputs change least.

        T ← T ∪ {c},   c = argmin Σ_{a, b ∈ T ∪ {c}} G[a, b]

    G (channels, channels) from `contributions` -> T, a list of indices in this order.
    Source: Luo et al. 2017 (arXiv 1707.06342), algorithm 1.
    """
    removed, growth = [], np.diag(G).copy()  # by how much the sum grows with channel c
    for _ in range(count):
        growth[removed] = np.inf
        c = int(np.argmin(growth))
        removed.append(c)
        growth = growth + 2 * G[c]
    return removed


def shrink_by_reconstruction(model, example, fraction, evidence, damping=1e-6, optimizer=None):
    """Remove channels so that the outputs of the layer that reads them change least, and fit that layer to the rest.

        v = argmin Σ_o mean (v_o·x − w_o·x)²   over the weights of the kept channels, and the bias

    example, fraction   as in `shrink`; a fraction for each group, or one for all that have one reader
    evidence            {parameter name: Evidence with input_moments} of the layers that read
    damping             see `nncompress.pruning.surgeon.damped`
    optimizer           as in `shrink_to`

    -> {group name: indices of the channels that were kept}. Every layer is fitted to the inputs of the whole network; to
    fit a deep one to what the smaller layers before it give, call it for one group at a time, with new evidence.
    Errors: ValueError for a group that several layers read, or one in groups of its own, and as `shrink`; nothing has changed
    then.
    Source: Luo et al. 2017 (arXiv 1707.06342), §3.2, with a weight for each input in place of one for each channel.
    """
    groups = {group.name: group for group in dependency_groups(model, example)}
    readers = {name: [member.name for member in group.members if member.axis == 1] for name, group in groups.items()}
    if not isinstance(fraction, dict):
        fraction = {name: fraction for name, names in readers.items() if len(names) == 1}
    if not fraction:
        raise ValueError(f"shrink_by_reconstruction: {type(model).__name__} has no channels that one layer alone reads")
    parameters = dict(model.named_parameters())
    keep, changed = {}, []
    for name, part in per_name("shrink_by_reconstruction", fraction, groups).items():
        check_fraction(f"shrink_by_reconstruction: the fraction of {name}", part)
        if len(readers[name]) != 1:
            several = ", ".join(readers[name]) or "no layer"
            raise ValueError(f"shrink_by_reconstruction: the channels of {name} are read by {several}, expects one layer: "
                             "name the groups to shrink")
        keep[name], changes = _fitted(parameters, readers[name][0], groups[name].size, part, evidence, damping)
        changed += changes
    for parameter, array in changed:
        parameter.data[...] = array
        parameter.changed("shrink_by_reconstruction")
    shrink_to(model, groups.values(), keep, optimizer=optimizer)
    return keep


def _fitted(parameters, reader, channels, fraction, evidence, damping):
    """The channels to keep, and [(parameter, new array)] of the layer that reads them; the removed inputs are 0 in it."""
    w, bias = parameters[reader].data, parameters.get(reader.removesuffix("weight") + "bias")
    K = w[0].size
    H = needed("shrink_by_reconstruction", evidence.get(reader), "input_moments")
    if H.shape != (1, K + (bias is not None), K + (bias is not None)):
        raise ValueError(f"shrink_by_reconstruction: moments {H.shape} do not fit {reader} {w.shape}")
    H = damped(H[0], damping)
    gone = cheapest_channels(contributions(w, H, channels), min(round(fraction * channels), channels - 1))
    keep = np.setdiff1d(np.arange(channels), gone)
    inputs = np.repeat(np.isin(np.arange(channels), keep), K // channels)
    rows = w.reshape(len(w), -1).astype(np.float64)
    if bias is None:
        return keep, [(parameters[reader], least_squares(rows, H, inputs).reshape(w.shape))]
    new = least_squares(np.column_stack([rows, bias.data]), H, np.append(inputs, True))
    return keep, [(parameters[reader], new[:, :K].reshape(w.shape)), (bias, new[:, K])]
