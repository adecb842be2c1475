"""Evidence out of a layer's inputs: their norms, and their second moments.

A hook on every Conv2d and Linear sees x, the layer's input. A convolution is a linear layer of its patches: at each position
its weights meet the K = C/G·kh·kw numbers below the kernel, G the layer's groups.
Both functions take (model, loader, names) and give {name: array, float64}.
"""

import numpy as np

from nncompress.pruning.gradients import as_before
from nnlite import Tensor, nn


def input_norms(model, loader, names):
    """‖x‖₂ = √(Σ x²) of what each entry of the parameter is multiplied by; a bias by 1.

    Source: Sun et al. 2023 (arXiv 2306.11695), §3.
    """
    parameters = dict(model.named_parameters())
    name_of, sums = {id(parameters[name]): name for name in names}, {name: np.zeros(parameters[name].shape) for name in names}

    def hook(layer, inputs, _):
        _square_sums(layer, inputs[0])
        for parameter in (layer.weight, layer.bias):
            if id(parameter) in name_of:
                sums[name_of[id(parameter)]] += parameter.grad

    _run(model, loader, hook)
    return {name: np.sqrt(total) for name, total in sums.items()}


def _square_sums(layer, x):
    """Put Σ x², over all numbers that an entry of w or b is multiplied by, into the gradients of w and b.

    The gradient of Σ y with respect to w is Σ x. Here the layer gets x² in the place of x.
    """
    layer.weight.grad = None
    if layer.bias is not None:
        layer.bias.grad = None
    layer.forward(Tensor(np.square(_array(x)))).sum().backward()


def input_moments(model, loader, names):
    """H = 1/M Σ_m x_m x_mᵀ over the M inputs x_m of a layer: examples, and for a convolution all positions in each.

    x_m has the K numbers that one row of the weight is multiplied by, and then, if the layer has a bias, a 1.
    -> {weight's name: H (G, K + 1, K + 1), or (G, K, K) without a bias}, G the layer's groups (1 for a Linear).
    Source: Dong, Chen, Pan 2017 (arXiv 1705.07565), eq. 6: the Hessian of ½ ‖Δy‖², the same for each row of the weight.
    """
    parameters = dict(model.named_parameters())
    name_of, sums, counts = {id(parameters[name]): name for name in names}, {}, {}

    def hook(layer, inputs, _):
        name, rows = name_of.get(id(layer.weight)), input_rows(layer, _array(inputs[0]))
        if name is not None:
            sums[name] = sums.get(name, 0) + rows.transpose(0, 2, 1) @ rows
            counts[name] = counts.get(name, 0) + rows.shape[1]

    _run(model, loader, hook)
    return {name: sums[name] / counts[name] for name in sums}


def input_rows(layer, x):
    """The inputs of a layer as rows, one for each example and position -> (G, M, K + 1), float64.

    layer: Linear or Conv2d.   x: its input.   The last column is 1; it is not there if the layer has no bias.
    """
    x = x.astype(np.float64)
    rows = x.reshape(1, -1, x.shape[-1]) if isinstance(layer, nn.Linear) else _patches(layer, x)
    return rows if layer.bias is None else np.concatenate([rows, np.ones((*rows.shape[:2], 1))], axis=2)


def _patches(layer, x):
    """The numbers below the kernel at each position, in the order of the weight's row -> (G, N·H'·W', C/G·kh·kw)."""
    (N, C, _, _), G = x.shape, layer.groups
    (kh, kw), (sh, sw), (dh, dw) = layer.kernel_size, layer.stride, layer.dilation
    x = np.pad(x, ((0, 0), (0, 0), *_margins(layer)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (dh * (kh - 1) + 1, dw * (kw - 1) + 1), axis=(2, 3))
    windows = windows[:, :, ::sh, ::sw, ::dh, ::dw]  # (N, C, H', W', kh, kw)
    windows = windows.reshape(N, G, C // G, *windows.shape[2:]).transpose(1, 0, 3, 4, 2, 5, 6)
    return windows.reshape(G, -1, C // G * kh * kw)


def _margins(layer):
    """Zeros before and after, vertically and horizontally."""
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    if layer.padding == "same":  # an odd sum leaves the larger half at the end
        totals = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((p, p) for p in layer.padding)


def _array(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def _run(model, loader, hook):
    """Show all images to the model, with the hook on every Conv2d and Linear."""
    with as_before(model):
        handles = [module.register_forward_hook(hook) for _, module in model.named_modules()
                   if isinstance(module, (nn.Conv2d, nn.Linear))]
        try:
            batches = [model(images).shape for images, *_ in loader]
        finally:
            for handle in handles:
                handle.remove()
    if not batches:
        raise ValueError("collect: the loader gives no batch")
