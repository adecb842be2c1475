"""Quantization-aware training: train a network that rounds as the int8 plan will, then convert it.

    network = prepare_qat(model, images)                     # the plan's steps, in floats, with fake quantization
    train.fit(network, loader, optimizer, epochs=2)
    plan = convert(network)                              # the same integers, computed in integers

The network is made of the same list of steps as the plan (`nnlite.inference.lowering`): BatchNorm is folded, a ReLU belongs to
the layer before it, dropout is left out. So the two differ in arithmetic only:

    network:  q3 = clamp(round(y / S3) + Z3)      y = Σ ŵ x̂ + b̂ with x̂ = S1 (q1 − Z1), ŵ = S_w w_q, b̂ = S1 S_w b_q
    plan:     q3 = clamp(round(M acc) + Z3)       y = S1 S_w acc exactly, M = S1 S_w / S3 rounded to float32 (law "float")

Where all scales are powers of two, every product above is exact and the codes are equal in float32. With other scales M has a
relative error of at most 2^−23 (two roundings), the product M·acc one more of 2^−24: a network that computes in float64 has
the plan's codes except where |y/S3| lies within 2^−22 |y/S3| of a half, and a float32 network also errs by the rounding of its
sums. There a code may be one step away. The laws "fixed" and "once" round halves another way.

Source: Jacob et al. 2018 (arXiv 1712.05877), §3 and algorithm 1; folded and frozen BatchNorm: Krishnamoorthi 2018 (arXiv
1806.08342), §3.2.2.
"""

import numpy as np

from nncompress.int8.plan import Int8Plan
from nncompress.int8.steps import RUNNERS, Int8Step
from nncompress.quantization.fake import ActivationGrid, WeightGrid, fake_quantize
from nncompress.quantization.weights import BIAS_LIMIT
from nnlite import functional as F
from nnlite import nn
from nnlite.inference.kinds import KINDS
from nnlite.inference.lowering import Step, lower
from nnlite.tensor import Tensor


def prepare_qat(model, images, bits=8, weights=None, activations=None):
    """A network with the function of the model, in which weights, biases and activations have the values of integers.

    images: some hundred inputs, float32 (N, C, H, W) or (N, F): they set the first ranges of the activations.
    bits: of the weights, for the default grid.
    weights: a function from a layer's weight (O, …), an array, to the transform that puts it on its grid, which has the method
    `scales`; None for WeightGrid(bits).
    activations: a function from numbers, an array, to the Module that puts such numbers on their grid, which has the method
    `grid`. It is called for the input and for the result of each step that computes new numbers. None for ActivationGrid.
    -> FakeQuantNetwork, in training mode. The model stays as it was.
    Errors: ValueError for operations that have no integer form, by name, and for grids of weights that no int8 plan has.
    """
    steps = lower(model, images[:2])
    for step in steps[1:]:
        if step.kind not in RUNNERS:
            raise ValueError(f"prepare_qat: {step.name} has no integer form here: "
                             f"{step.options.get('reason', 'this kind of step has none')}")
    network = FakeQuantNetwork(steps, weights or (lambda w: WeightGrid(bits)))
    network.results(images, activations or (lambda x: ActivationGrid()))
    return network


class GridLayer(nn.Module):
    """The weight and the bias of one step, both rounded to their grids. The trained parameters are the floats before rounding.

        ŵ = transform(weight)        b̂ = S clamp(round(b/S), ±2^30),  S = S1 S_w
    """

    def __init__(self, w, b, transform):
        self.weight, self.bias = nn.Parameter(w.copy()), nn.Parameter(b.copy())
        nn.register_parametrization(self, "weight", transform)

    def before_grid(self):
        """(the last transform, which is the grid; the array that it gets)"""
        computed = self.parametrizations["weight"]
        *first, grid = computed
        w = computed.original
        for transform in first:
            w = transform(w)
        return grid, w.data

    def scales(self, S1):
        """S_w (O,) or (1,) of the weight, float32, and S1 S_w, float64, with which the bias fits into int32."""
        grid, w = self.before_grid()
        if isinstance(grid, WeightGrid):
            grid.least = np.abs(self.bias.data) / (np.float64(S1) * BIAS_LIMIT)
        S_w = grid.scales(w)
        return S_w, np.float64(S1) * S_w

    def forward(self, S1):
        """(ŵ, b̂), for an input with the scale S1."""
        _, S = self.scales(S1)
        return self.weight, fake_quantize(self.bias, S, 0, -BIAS_LIMIT, BIAS_LIMIT)

    def integers(self, S1):
        """w_q int8, b_q int32 and S_w (O,) float32."""
        S_w, S = self.scales(S1)
        q = np.rint(self.weight.data / S_w.reshape(-1, *[1] * (self.weight.ndim - 1)))
        b = np.clip(np.rint(self.bias.data / S), -BIAS_LIMIT, BIAS_LIMIT)
        return q.astype(np.int8), b.astype(np.int32), np.array(np.broadcast_to(S_w, len(q)), np.float32)


class FakeQuantNetwork(nn.Module):
    """The steps of an int8 plan in floats, as `prepare_qat` makes them.

    steps: list of `nnlite.inference.lowering.Step`. layers["3"] is the GridLayer of step 3, grids["3"] the Module that rounds
    its result. A step that only moves numbers has no grid. A last layer without ReLU has none either: its sums are the logits.
    """

    def __init__(self, steps, weights):
        self.steps = [Step(s.kind, s.name, s.inputs, s.shape, {}, s.options, s.relu) for s in steps]
        self.layers, self.grids = nn.ModuleDict(), nn.ModuleDict()
        for i, step in enumerate(steps):
            if step.arrays:
                self.layers[str(i)] = GridLayer(step.arrays["w"], step.arrays["b"], weights(step.arrays["w"]))

    def forward(self, x):
        return self.results(x)[-1]

    def results(self, x, activations=None):
        """The results of all steps, one by one, as Tensors.   activations: makes the grids; None if they have been made."""
        results, scales = [], []
        for i, step in enumerate(self.steps):
            y = self._compute(i, step, [results[j] for j in step.inputs] or [x], scales)
            y = F.relu(y) if step.relu else y
            logits = step is self.steps[-1] and str(i) in self.layers and not step.relu
            if activations is not None and not KINDS[step.kind].moves and not logits:
                self.grids[str(i)] = activations(y.data if isinstance(y, Tensor) else y)
            results.append(self.grids[str(i)](y) if str(i) in self.grids else y)
            scales.append(self._scale(i, scales))
        return results

    def _compute(self, i, step, inputs, scales):
        x, options = inputs[0], step.options
        if str(i) in self.layers:
            w, b = self.layers[str(i)](scales[step.inputs[0]])
            if step.kind == "linear":
                return F.linear(x, w, b)
            return F.conv2d(x, w, b, options["stride"], options["padding"], options["dilation"], options["groups"])
        window, ceil = [options.get(option) for option in ("kernel", "stride", "padding")], bool(options.get("ceil_mode", 0))
        if step.kind in ("max_pool2d", "uneven_max_pool2d"):
            return F.max_pool2d(x, *window, ceil_mode=ceil)
        if step.kind in ("avg_pool2d", "uneven_avg_pool2d"):
            return F.avg_pool2d(x, *window, ceil, bool(options.get("count_include_pad", 1)))
        if step.kind == "add":
            return x + inputs[1]
        return {"input": lambda x: x, "relu": F.relu, "flatten": lambda x: F.flatten(x, 1)}[step.kind](x)

    def _scale(self, i, scales):
        """S of the result of step i: that of its grid, or that of the step before. For logits it is 1, and is not used."""
        if str(i) in self.grids:
            return self.grids[str(i)].grid()[0]
        return scales[self.steps[i].inputs[0]] if KINDS[self.steps[i].kind].moves else np.float32(1)


def convert(network, law="fixed"):
    """The Int8Plan of a FakeQuantNetwork: its integers, without any calibration.

    law: "fixed", "once" or "float", see `int8.requantize`; the network rounds as "float".
    Activations of n bits, as ActivationGrid(n) gives them, are bytes from 0 to 2^n − 1 in the plan.
    Errors: ValueError for a grid of activations that has other integers than 0 to at most 255.
    """
    steps = []
    for i, step in enumerate(network.steps):
        S, Z, low, high = np.float32(1), 0, 0, 255
        if str(i) in network.grids:
            S, Z, low, high = network.grids[str(i)].grid()
            if low != 0 or not 0 < high <= 255:
                raise ValueError(f"convert: {step.name} has activations from {low} to {high}, a plan has 0 to 255 or less")
        elif KINDS[step.kind].moves:
            S, Z = steps[step.inputs[0]].S, steps[step.inputs[0]].Z
        result = Int8Step(step.kind, step.name, step.inputs, step.shape, S, Z, step.options, step.relu, high=high)
        if str(i) in network.layers:
            layer = network.layers[str(i)]
            result.w, result.b, result.w_scale = layer.integers(steps[step.inputs[0]].S)
            result.bits = layer.before_grid()[0].bits
        steps.append(result)
    return Int8Plan(steps, law)
