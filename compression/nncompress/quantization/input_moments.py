"""The inputs that the weights of a layer are multiplied by: their means and products, over examples and positions.

    y[r, o] = Σ_k w[o, k] x[r, k] + b[o]        r: an image, and for a convolution a position in it

x[r] is the layer's input vector, or the patch under the kernel, zeros of the padding included.
"""

import numpy as np

from nnlite import kernels

AT_ONCE = 2**22  # numbers of patches that are laid out at a time


class InputMoments:
    """The first two moments of a layer's inputs, added up batch by batch.

        mean[g, k] = E[x_k]        products[g, k, l] = E[x_k x_l]        for each group g of a convolution

    A change Δ of the weights of an output in group g changes that output by E[(Δx)²] = Δ products[g] Δᵀ in the mean.
    step: the layer, of a float32 plan.
    Source: Nagel et al. 2019 (arXiv 1906.04721), §4.2, for E[x]; Nagel et al. 2020 (arXiv 2004.10568), §3, for E[x xᵀ].
    """

    def __init__(self, step):
        self.step, self.rows, self.sums, self.squares = step, 0, 0.0, 0.0

    def observe(self, x):
        """Add the inputs x, (N, H, W, C) or (N, F) float32."""
        place = int(np.prod(self.step.shape[1:])) * self.step.arrays["w"][0].size * self.step.options.get("groups", 1)
        chunk = max(1, AT_ONCE // place)
        for i in range(0, len(x), chunk):
            patches = layer_patches(self.step, x[i : i + chunk])
            self.rows += patches.shape[1]
            self.sums = self.sums + patches.sum(axis=1, dtype=np.float64)
            self.squares = self.squares + np.array([kernels.matmul(p.T, p) for p in patches], np.float64)

    @property
    def mean(self):
        """(G, K) float64"""
        return self.sums / self.rows

    @property
    def products(self):
        """(G, K, K) float64"""
        return self.squares / self.rows


def layer_patches(step, x):
    """x (N, H, W, C) or (N, F) -> (G, rows, K): what the weights w.reshape(O, K) of each group are multiplied by."""
    if step.kind == "linear":
        return x[None]
    o, (_, c, *kernel) = step.options, step.arrays["w"].shape
    top, left = o["padding"]
    x = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, o["dilation"], strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))  # (N, H', W', C, reach, reach)
    (down, right), (every_row, every_column) = o["stride"], o["dilation"]
    windows = windows[:, ::down, ::right, :, ::every_row, ::every_column]
    N, H, W, C, kh, kw = windows.shape
    return windows.reshape(N * H * W, C // c, c * kh * kw).transpose(1, 0, 2)
