"""AdaRound: each weight is rounded up or down, so that the layer's output changes least.

The nearest integers change each weight least. But the output depends on sums: if two weights have similar inputs, it is better
to round one up and the other down.

Source: Nagel et al. 2020 (arXiv 2004.10568), §3.
"""

import numpy as np

from nncompress.quantization.rounding.nearest import round_nearest
from nnlite import kernels, nn, optim

STRETCH = 1.2  # h = clip(1.2 σ(V) − 0.1, 0, 1) reaches 0 and 1


def adaround(layer, steps=10_000, lr=1e-3, push=None):
    """Integers by learned rounding: gradient descent on one number V for each weight.

        W̃ = S clip(⌊W/S⌋ + h(V), −top, top)        h(V) = clip(1.2 σ(V) − 0.1, 0, 1)
        L = E‖Wx − W̃x‖² + push Σ (1 − |2h − 1|^β)

    At first h is the fractional part of W/S, so that W̃ = W. The second term pushes each h to 0 or 1. It is left out in the
    first fifth of the steps; then β falls from 20 to 2. With a large β only an h near 0 or 1 is pushed, with β = 2 every h is.
    In the end h = 1 where V ≥ 0, else 0. E‖Wx − W̃x‖² is the mean over the calibration's inputs x: Σ_o Δ_o E[x xᵀ] Δ_oᵀ with
    Δ = W − W̃.

    push: 0.01 in the paper, which suits outputs of one size. For large outputs it is too weak, and the result is the nearest
    integers. So the default adapts to the size: 10 E‖Wx − Ŵx‖² / n, with Ŵ the nearest integers and n the number of weights.

    layer: `Layer`; steps, lr: of Adam -> int8 (O, K). The result does not depend on a seed.
    ValueError for less than one step.   Source: Nagel et al. 2020 (arXiv 2004.10568), eq. 21 to 25.
    """
    if steps < 1:
        raise ValueError(f"adaround: steps has to be at least 1, got {steps}")
    S, top = layer.S[:, None], layer.top
    w, products = layer.w, layer.inputs.products.astype(np.float32)
    low = np.floor(w / S)
    r = np.clip(w / S - low, 0, 1)
    push = 10 * nearest_error(layer) / w.size if push is None else push
    V = nn.Parameter(-np.log((1.1 - r) / (r + 0.1)))
    adam = optim.Adam([V], lr=lr)
    for t in range(steps):
        sigma = 1 / (1 + np.exp(-V.data))
        h = STRETCH * sigma - 0.1
        between = (h > 0) & (h < 1)
        h = np.clip(h, 0, 1)
        q = low + h
        inside = (q >= -top) & (q <= top)
        dh = S * output_gradient(S * np.clip(q, -top, top) - w, products) * inside
        if t >= steps / 5:
            dh += push * push_gradient(h, 20 - 18 * (t / steps - 0.2) / 0.8)
        V.grad = dh * between * STRETCH * sigma * (1 - sigma)
        adam.step()
    return np.clip(low + (V.data >= 0), -top, top).astype(np.int8)


def nearest_error(layer):
    """E‖Wx − Ŵx‖², with Ŵ the nearest integers."""
    delta, H = layer.w - layer.S[:, None].astype(np.float64) * round_nearest(layer), layer.inputs.products
    delta = delta.reshape(len(H), -1, H.shape[1])
    return float((delta @ H * delta).sum())


def output_gradient(delta, products):
    """The gradient of Σ_o Δ_o H Δ_oᵀ, 2 Δ H; delta (O, K), products (G, K, K), one H for each group of rows."""
    rows = np.split(delta, len(products))
    return 2 * np.concatenate([kernels.matmul(part, H) for part, H in zip(rows, products, strict=True)])


def push_gradient(h, beta):
    """The gradient of Σ (1 − |2h − 1|^β), −2 β |2h − 1|^(β−1) sign(2h − 1)."""
    u = 2 * h - 1
    return -2 * beta * np.abs(u) ** (beta - 1) * np.sign(u)
