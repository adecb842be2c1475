"""Pooling: the maximum or the mean of each window of an image."""

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import as_nchw, pair
from nnlite.functional.linear import check_floats
from nnlite.tensor import Operation, record


class Pool2d(Operation):
    """What both poolings share: the window, its stride and padding, and the size of the result."""

    def __init__(self, kernel_size, stride, padding):
        name = type(self).__name__
        self.kernel = pair(f"{name}: kernel_size", kernel_size, 1)
        self.stride = self.kernel if stride is None else pair(f"{name}: stride", stride, 1)
        self.padding = pair(f"{name}: padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"{name}: padding {self.padding} is more than half of the window {self.kernel}")

    def result(self, x):
        """x (N, C, H, W) -> an empty y (N, H', W', C)."""
        name = type(self).__name__
        check_floats(name, x)
        if x.ndim != 4:
            raise ValueError(f"{name}: expects x (N, C, H, W), got {x.shape}")
        out = [kernels.output_size(size + 2 * p, k, s) for size, p, k, s in
               zip(x.shape[2:], self.padding, self.kernel, self.stride, strict=True)]
        if min(out) < 1:
            raise ValueError(f"{name}: a window of {self.kernel} does not fit into an image of {x.shape[2:]}")
        return kernels.empty((x.shape[0], *out, x.shape[1]), x.dtype)


class MaxPool2d(Pool2d):
    """y[n, c, i, j] = max over u < kh, v < kw of x[n, c, i·s + u − p, j·s + v − p];   dx = dy at the place of the maximum.

    Of equal maxima the first wins, as in PyTorch. Windows up to 16×16 (places are kept in a byte).
    """

    def forward(self, x):
        if self.kernel[0] * self.kernel[1] > 256:
            raise ValueError(f"MaxPool2d: a window of {self.kernel} has more than 256 places")
        y = self.result(x)
        x = kernels.to_nhwc(x)
        self.x_shape, self.argmax = x.shape, kernels.empty(y.shape, np.uint8)
        kernels.max_pool2d(x, y, self.argmax, *self.kernel, *self.stride, *self.padding)
        return as_nchw(y)

    def backward(self, dy):
        dx = kernels.empty(self.x_shape, dy.dtype)
        kernels.max_pool2d_gradient(kernels.to_nhwc(dy), self.argmax, dx, *self.kernel, *self.stride, *self.padding)
        return (as_nchw(dx),)


class AvgPool2d(Pool2d):
    """y[n, c, i, j] = 1/(kh·kw) Σ_u Σ_v x[n, c, i·s + u − p, j·s + v − p];   dx = Σ over the windows of dy / (kh·kw).

    The zeros of the padding count, as in PyTorch's default.
    """

    def forward(self, x):
        y = self.result(x)
        self.x_shape = (x.shape[0], *x.shape[2:], x.shape[1])
        kernels.avg_pool2d(kernels.to_nhwc(x), y, *self.kernel, *self.stride, *self.padding)
        return as_nchw(y)

    def backward(self, dy):
        dx = kernels.empty(self.x_shape, dy.dtype)
        kernels.avg_pool2d_gradient(kernels.to_nhwc(dy), dx, *self.kernel, *self.stride, *self.padding)
        return (as_nchw(dx),)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest number of each window: x (N, C, H, W) -> (N, C, H', W'); stride defaults to the window."""
    return record(MaxPool2d(kernel_size, stride, padding), x)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window: x (N, C, H, W) -> (N, C, H', W'); stride defaults to the window."""
    return record(AvgPool2d(kernel_size, stride, padding), x)


def adaptive_avg_pool2d(x, output_size=1):
    """The mean over each whole image: (N, C, H, W) -> (N, C, 1, 1). Only output size 1 is there."""
    if output_size not in (1, (1, 1)):
        raise ValueError(f"adaptive_avg_pool2d: only output size 1 is there, got {output_size}")
    if len(x.shape) != 4:
        raise ValueError(f"adaptive_avg_pool2d: expects x (N, C, H, W), got {x.shape}")
    return record(AvgPool2d(x.shape[2:], None, 0), x)
