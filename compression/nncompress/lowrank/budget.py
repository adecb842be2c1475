"""Ranks for all layers of a model: by energy, or so that the model fits a budget."""

import numpy as np

from nncompress.lowrank.energy import rank_for_energy
from nncompress.lowrank.spatial import spatial_matrix, spatial_sizes
from nncompress.lowrank.svd import svd_sizes
from nncompress.lowrank.tucker import tucker_sizes, unfold
from nnlite import nn
from nnlite.inference.graph import trace

STEPS = 50  # of the bisection


def ranks_for_energy(model, energy, conv="tucker"):
    """The ranks at which every layer keeps a part of its energy -> {layer's name: rank}, as `factorize` takes them.

    energy   e from 0 to 1: each matrix keeps e of its Σ s² (`rank_for_energy`). For "tucker" both unfoldings of the weight
             keep e, so the layer keeps at least 1 − 2(1 − e)
    conv     "tucker" or "spatial": the form of convolutions

    A layer is left out where the form would have as many numbers as the layer itself, or more.
    Errors: ValueError for an energy outside [0, 1] or another form.
    Source: as `rank_for_energy`.
    """
    layers = _layers(model, conv)
    chosen = {name: layer.ranks(energy) for name, layer in layers.items()}
    return {name: rank for name, rank in chosen.items() if sum(layers[name].sizes(rank)) < layers[name].whole}


def ranks_for_budget(model, example, budget, unit="parameters", conv="tucker"):
    """The ranks of the largest common energy with which the model fits a budget -> {layer's name: rank}.

        Σ_l min(cost_l(r_l(e)), cost_l) ≤ budget,   e as large as possible

    budget   for the weights of all Conv2d and Linear together; biases are not counted
    unit     "parameters" or "macs" (for one image)
    example  array (N, …) as the model takes it

    A layer whose thin form would cost as much as the layer, or more, stays whole and is left out.
    Errors: ValueError for a budget that even rank 1 in every layer exceeds, another unit or another form.
    Source: one energy for all layers, as in `ranks_for_energy`; bisection on it.
    """
    if unit not in ("parameters", "macs"):
        raise ValueError(f"ranks_for_budget: the unit is 'parameters' or 'macs', got {unit!r}")
    layers = _layers(model, conv)
    if unit == "macs":
        _count_positions(model, example, layers)

    def thin(energy):
        chosen = {name: layer.ranks(energy) for name, layer in layers.items()}
        return {name: rank for name, rank in chosen.items() if layers[name].cost(rank) < layers[name].whole_cost}

    def cost(ranks):
        return sum(layer.cost(ranks[name]) if name in ranks else layer.whole_cost for name, layer in layers.items())

    if cost(thin(0.0)) > budget:
        raise ValueError(f"ranks_for_budget: with rank 1 in every layer the model still costs {cost(thin(0.0)):,} {unit}, the "
                         f"budget is {budget:,}")
    low, high = 0.0, 1.0
    if cost(thin(high)) <= budget:
        return thin(high)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(thin(middle)) <= budget else (low, middle)
    return thin(low)


class _Layer:
    """One layer's form: its singular values, the numbers of its thin layers, and how often one image uses each number.

    kind: "svd", "spatial" or "tucker".   positions: of each thin layer.   whole_positions: of the layer itself.
    """

    FORMS = {"svd": (svd_sizes, lambda w: [w]), "spatial": (spatial_sizes, lambda w: [spatial_matrix(w)]),
             "tucker": (tucker_sizes, lambda w: [unfold(w, 0), unfold(w, 1)])}

    def __init__(self, kind, w):
        sizes, matrices = self.FORMS[kind]
        self.kind, self.shape, self.whole, self.sizes = kind, w.shape, w.size, lambda rank: sizes(w.shape, rank)
        self.singular = [np.linalg.svd(np.asarray(M, np.float64), compute_uv=False) for M in matrices(w)]
        self.positions, self.whole_positions = (1, 1, 1), 1

    def ranks(self, energy):
        """The rank, or the pair (r_out, r_in), that holds this part of the energy."""
        if self.kind != "tucker":
            return rank_for_energy(self.singular[0], energy)
        r_out, r_in = (rank_for_energy(s, energy) for s in self.singular)
        pixels = self.shape[2] * self.shape[3]
        return min(r_out, r_in * pixels), min(r_in, r_out * pixels)  # more is never used: the core has no more dimensions

    def cost(self, rank):
        """What the thin layers cost for one image: their numbers, each times its positions."""
        return sum(size * positions for size, positions in zip(self.sizes(rank), self.positions, strict=False))

    @property
    def whole_cost(self):
        """What the layer itself costs."""
        return self.whole * self.whole_positions


def _layers(model, conv):
    """{name: _Layer} of every Linear and of every Conv2d with one group, except a model that is a single layer."""
    if conv not in ("tucker", "spatial"):
        raise ValueError(f"low rank: the form of convolutions is 'tucker' or 'spatial', got {conv!r}")
    found = {}
    for name, module in model.named_modules():
        if name and isinstance(module, nn.Linear):
            found[name] = _Layer("svd", module.weight.data)
        elif name and isinstance(module, nn.Conv2d) and module.groups == 1:
            found[name] = _Layer(conv, module.weight.data)
    return found


def _count_positions(model, example, layers):
    """Set how often one image uses each number: the output positions of each thin layer, over all places of the layer."""
    for layer in layers.values():
        layer.positions, layer.whole_positions = (0, 0, 0), 0
    for node in trace(model, example).nodes:
        layer = layers.get(node.parameters.get("w", "").removesuffix(".weight"))
        if layer is not None:
            here = _positions(layer.kind, node.arguments["x"].shape, node.shape)
            layer.positions = tuple(a + b for a, b in zip(layer.positions, here, strict=True))
            layer.whole_positions += here[-1]


def _positions(kind, x, y):
    """Output positions of the thin layers for one image (the last: of the whole one), from the shapes of input and output."""
    if kind == "svd":
        return (int(np.prod(y[1:-1])),) * 3
    (H, W), (h, w) = x[2:], y[2:]
    return (H * W, h * w, h * w) if kind == "tucker" else (h * W, h * w, h * w)
