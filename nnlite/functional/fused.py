"""Several operations in one pass over the memory: linear + ReLU, and convolution + ReLU + 2×2 max-pooling.

The results are those of the operations one after the other, bit for bit. The arrays between the operations are never written
to memory. `nn.Sequential` uses these functions for layers that follow each other. A traced model is never fused: its graph has
each operation by itself. Only the fast kernels fuse operations; on `kernels/loops` these functions call them one after the
other.

Source: the formulas are those of `linear`, `convolution`, `activation` and `pooling`, one after the other.
"""

import numpy as np

from nnlite import functional as F
from nnlite import kernels
from nnlite.functional.convolution import Conv2d, as_nchw, resolve_padding
from nnlite.functional.linear import Linear
from nnlite.tensor import record


class LinearReLU(Linear):
    """y = max(z, 0) with z = x wᵀ + b;   dz = dy where y > 0, else 0; then dx, dw, db as in `Linear`.

    x (…, I), w (O, I), b (O,) or None -> y (…, O)
    """

    def forward(self, x, w, b=None):
        self.y = kernels.matmul(self.prepare(x, w, b), w.T, b, relu=True).reshape(*x.shape[:-1], w.shape[0])
        return self.y

    def backward(self, dy):
        return super().backward(kernels.relu_gradient(dy, self.y))


class Conv2dReLUPool(Conv2d):
    """A convolution z, then y = max(z, 0) if `relu`, then the maximum of each 2×2 block if `pool`.

        dz = dy at the place of the block's maximum, 0 elsewhere and where y = 0; then dx, dw, db as in `Conv2d`

    With `pool`, z is four times as large as y, and is not kept: backward needs only the place 0 … 3 of each maximum, one byte
    for each number of y.
    x (N, C, H, W), w (O, C/G, kh, kw), b (O,) or None -> y (N, O, H', W'), with `pool` (N, O, ⌊H'/2⌋, ⌊W'/2⌋)
    """

    def __init__(self, stride, padding, dilation, groups, relu, pool):
        super().__init__(stride, padding, dilation, groups)
        self.relu, self.pool = relu, pool

    def forward(self, x, w, b=None):
        N, H, W, O = self.prepare(x, w, b)
        if self.pool and min(H, W) < 2:
            raise ValueError(f"MaxPool2d: a window of (2, 2) does not fit into an image of {(H, W)}")
        y = kernels.empty((N, H // 2, W // 2, O) if self.pool else (N, H, W, O), x.dtype)
        self.argmax = kernels.empty(y.shape, np.uint8) if self.pool else None
        self.y = y if self.relu else None
        b = None if b is None else np.ascontiguousarray(b)
        kernels.conv2d(self.x, self.w, y, self.walk, b, self.relu, self.argmax)
        return as_nchw(y)

    def backward(self, dy):
        return self.gradients(dy, self.y, self.argmax)

    def macs(self, y):
        return super().macs(y) * (4 if self.pool else 1)


def linear_relu(x, w, b=None):
    """relu(linear(x, w, b)) in one pass: x (…, I), w (O, I), b (O,) or None -> (…, O). Errors: as `linear`."""
    if kernels.SHELF == "loops":
        return F.relu(F.linear(x, w, b))
    return record(LinearReLU(), x, w, b)


def conv2d_relu_pool(x, w, b=None, stride=1, padding=0, dilation=1, groups=1, *, relu=True, pool=False):
    """conv2d(x, w, b, …), then relu if `relu`, then max_pool2d(…, 2) if `pool`, in one pass.

    Shapes, options and errors as for `conv2d`; with `pool` the result is (N, O, ⌊H'/2⌋, ⌊W'/2⌋), and there is a ValueError
    unless H' ≥ 2 and W' ≥ 2.
    """
    if kernels.SHELF == "loops":
        y = F.conv2d(x, w, b, stride, padding, dilation, groups)
        y = F.relu(y) if relu else y
        return F.max_pool2d(y, 2) if pool else y
    x, padding = resolve_padding(x, w, stride, padding, dilation)
    return record(Conv2dReLUPool(stride, padding, dilation, groups, relu, pool), x, w, b)
