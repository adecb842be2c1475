"""Weights of two or three values, trained straight through: signs and one size.

Both are transforms for `nn.register_parametrization(layer, "weight", Binary())` and for
`prepare_qat(…, weights=lambda w: Binary())`.

Source: binary: XNOR-Net, Rastegari et al. 2016 (arXiv 1603.05279), eq. 6 and algorithm 1.
Ternary: TWN, Li, Zhang & Liu 2016 (arXiv 1605.04711), eq. 5 and 6.
"""

import numpy as np

from nncompress.quantization.affine import usable_scale
from nnlite import functional as F
from nnlite import nn
from nnlite.tensor import Tensor, no_grad


class Binary(nn.Module):
    """ŵ = α sign(w), with α the mean of |w| in each output channel; sign(0) = 1.

        dw_i = sign(w_i)/n Σ_j dŵ_j sign(w_j) + α dŵ_i [|w_i| ≤ 1]

    α sign(w) is, of all α b with b = ±1, the one nearest to w. The first term is the gradient through α, exactly; in the second
    the sign is passed straight through where |w| ≤ 1.   w (O, …) -> Tensor of its shape; n numbers in a channel.
    """

    bits = 2  # −1, 1 as signed integers

    def forward(self, w):
        sign = F.straight_through(F.clamp(w, -1, 1), np.where(w.data < 0, -1, 1).astype(w.dtype))
        return F.mean(F.absolute(w), tuple(range(1, w.ndim)), keepdim=True) * sign

    def scales(self, w):
        """α (O,) float32 of an array w; 1 for a channel of zeros."""
        with no_grad():
            return usable_scale(np.abs(self(Tensor(w)).data).reshape(len(w), -1).max(axis=1))


class Ternary(nn.Module):
    """ŵ = α t with t = sign(w) where |w| > Δ, else 0;   Δ = 0.7 mean |w|, α the mean of |w| over |w| > Δ.   dw = dŵ.

    Both are for the whole layer. 0.7 makes the squared error near its smallest, whether weights are uniform or normal.
    w (O, …) -> Tensor of its shape.
    """

    bits = 2  # −1, 0, 1

    def split(self, w):
        """(α, t) of an array w; α = 0 for zeros."""
        size = np.abs(w)
        kept = size > 0.7 * size.mean(dtype=np.float64)
        alpha = size[kept].mean(dtype=np.float64) if kept.any() else 0.0
        return np.float32(alpha), np.sign(w) * kept

    def forward(self, w):
        alpha, t = self.split(w.data)
        return F.straight_through(w, (alpha * t).astype(w.dtype))

    def scales(self, w):
        """α as (1,) float32 of an array w; 1 for zeros."""
        return usable_scale(self.split(w)[0]).reshape(1)
