"""Pooling: the maximum or the mean of each window of an image.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, §9.3; sizes: Dumoulin & Visin 2016 (arXiv 1603.07285), chapter 3;
names and options are PyTorch's.
"""

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import as_nchw, pair
from nnlite.functional.linear import check_floats
from nnlite.tensor import Operation, Tensor, record


class Pool2d(Operation):
    """What both poolings share: the window k, its stride s and padding p, and the size of the result.

        H' = ⌊(H + 2p − k)/s⌋ + 1        with ceil_mode ⌈(H + 2p − k)/s⌉ + 1, but no window begins at H + p or further

    W' likewise from W. Each option is a whole number or a pair (vertical, horizontal); stride None is the window's size. H' is
    one less with ceil_mode if the last window would begin at H + p or further, counted from the start of the padding.
    x (N, C, H, W) -> y (N, C, H', W').
    Errors: ValueError for options of another form, a padding of more than half of the window, x of other than four axes, and
    H' or W' below 1; TypeError unless x is float32 or float64.
    """

    def __init__(self, kernel_size, stride, padding, ceil_mode=False):
        name = type(self).__name__
        self.kernel = pair(f"{name}: kernel_size", kernel_size, 1)
        self.stride = self.kernel if stride is None else pair(f"{name}: stride", stride, 1)
        self.padding, self.ceil_mode = pair(f"{name}: padding", padding, 0), ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"{name}: padding {self.padding} is more than half of the window {self.kernel}")

    @property
    def window(self):
        return kernels.Window(*self.kernel, *self.stride, *self.padding)

    def result(self, x):
        """x (N, C, H, W) -> an empty y (N, H', W', C)."""
        name = type(self).__name__
        check_floats(name, x)
        if x.ndim != 4:
            raise ValueError(f"{name}: expects x (N, C, H, W), got {x.shape}")
        out = [pooled_size(size, k, s, p, self.ceil_mode) for size, k, s, p in
               zip(x.shape[2:], self.kernel, self.stride, self.padding, strict=True)]
        if min(out) < 1:
            raise ValueError(f"{name}: a window of {self.kernel} does not fit into an image of {x.shape[2:]}")
        return kernels.empty((x.shape[0], *out, x.shape[1]), x.dtype)


def pooled_size(size, k, s, p, ceil_mode):
    """H' of `Pool2d`, for one axis; 0 or less if no window fits."""
    room = size + 2 * p - k
    out = (-(-room // s) if ceil_mode else room // s) + 1
    return out - 1 if ceil_mode and (out - 1) * s >= size + p else out


class MaxPool2d(Pool2d):
    """y[n, c, i, j] = max over u < kh, v < kw of x[n, c, i·s + u − p, j·s + v − p];   dx = dy at the place of the maximum.

    Padding is never the maximum. Of equal numbers the first is the maximum, as in PyTorch. Where windows overlap, dx is the sum
    over the windows. A window has at most 256 places, because argmax keeps the place in one byte.
    x (N, C, H, W) -> y (N, C, H', W'), H' and W' as in `Pool2d`.
    """

    def forward(self, x):
        if self.kernel[0] * self.kernel[1] > 256:
            raise ValueError(f"MaxPool2d: a window of {self.kernel} has more than 256 places")
        y = self.result(x)
        x = kernels.to_nhwc(x)
        self.x_shape, self.argmax = x.shape, kernels.empty(y.shape, np.uint8)
        kernels.max_pool2d(x, y, self.argmax, self.window)
        return as_nchw(y)

    def backward(self, dy):
        dx = kernels.empty(self.x_shape, dy.dtype)
        kernels.max_pool2d_gradient(kernels.to_nhwc(dy), self.argmax, dx, self.window)
        return (as_nchw(dx),)


class AvgPool2d(Pool2d):
    """y[n, c, i, j] = 1/count Σ_u Σ_v x[n, c, i·s + u − p, j·s + v − p];   dx = Σ over the windows of dy / count.

    x is 0 in the padding. count: how many places of the window lie in the image or its padding, which is kh·kw unless ceil_mode
    lets the window reach beyond the padding; with count_include_pad = False, how many lie in the image.
    x (N, C, H, W) -> y (N, C, H', W'), H' and W' as in `Pool2d`.
    """

    def __init__(self, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True):
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x):
        y = self.result(x)
        self.x_shape = (x.shape[0], *x.shape[2:], x.shape[1])
        kernels.avg_pool2d(kernels.to_nhwc(x), y, self.window, self.count_include_pad)
        return as_nchw(y)

    def backward(self, dy):
        dx = kernels.empty(self.x_shape, dy.dtype)
        kernels.avg_pool2d_gradient(kernels.to_nhwc(dy), dx, self.window, self.count_include_pad)
        return (as_nchw(dx),)


class AdaptiveAvgPool2d(Operation):
    """The mean of each of H'×W' windows that cover the image, of sizes as equal as whole numbers allow.

        y = A x Bᵀ        dx = Aᵀ dy B        of each image and channel
        A[i, r] = 1/(e_i − b_i) for b_i ≤ r < e_i, else 0, with b_i = ⌊i H/H'⌋ and e_i = ⌈(i + 1) H/H'⌉; B likewise from W, W'

    x (N, C, H, W) -> y (N, C, H', W').   Source: the windows are those of PyTorch's `adaptive_avg_pool2d`.
    """

    def __init__(self, output_size):
        self.output_size = output_size

    def forward(self, x):
        self.A, self.B = (shares(size, out).astype(x.dtype) for size, out in zip(x.shape[2:], self.output_size, strict=True))
        return product(self.A, x, self.B.T)

    def backward(self, dy):
        return (product(self.A.T, dy, self.B),)


@np.errstate(invalid="ignore")  # BLAS may also compute with what lies beside a small matrix, and a NaN there would be a warning
def product(A, x, B):
    """A x B of each image and channel."""
    return A @ x @ B


def shares(size, out):
    """A (H', H) of `AdaptiveAvgPool2d`.

    >>> shares(3, 2)
    array([[0.5, 0.5, 0. ],
           [0. , 0.5, 0.5]])
    """
    A = np.zeros((out, size))
    for i in range(out):
        begin, end = i * size // out, -(-(i + 1) * size // out)
        A[i, begin:end] = 1 / (end - begin)
    return A


def max_pool2d(x, kernel_size, stride=None, padding=0, *, ceil_mode=False):
    """The largest number of each window: x (N, C, H, W) -> (N, C, H', W').

    H' = ⌊(H + 2p − k)/s⌋ + 1 with the window k, stride s and padding p; W' likewise from W. `MaxPool2d` has the formula.
    kernel_size, stride, padding: a whole number or a pair (vertical, horizontal). stride None is the window's size. padding is
    at most half of the window and never the maximum.   ceil_mode: rounds the division up, so that no pixel is left out; windows
    may then reach beyond the padding, but none begins there (see `Pool2d`).
    Errors: TypeError unless x is float32 or float64; ValueError for options of another form, a window of more than 256 places,
    a padding of more than half of the window, x of other than four axes, and a window larger than the padded image.
    """
    return record(MaxPool2d(kernel_size, stride, padding, ceil_mode), x)


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window: x (N, C, H, W) -> (N, C, H', W'), H' and W' as in `max_pool2d`.

    kernel_size, stride, padding, ceil_mode and errors as for `max_pool2d`, but a window may have any number of places.
    count_include_pad: whether the mean counts the zeros of the padding. Places beyond the padding never count.
    """
    return record(AvgPool2d(kernel_size, stride, padding, ceil_mode, count_include_pad), x)


def adaptive_avg_pool2d(x, output_size=1):
    """The mean of each of H'×W' windows that cover the image: x (N, C, H, W) -> (N, C, H', W'); see `AdaptiveAvgPool2d`.

    output_size: one whole number for H' and W', or (H', W'); None in place of a number keeps the image's size. If H' divides H
    and W' divides W, the result is `avg_pool2d` with windows of (H/H', W/W').
    Errors: TypeError unless x is float32 or float64; ValueError for x of other than four axes, an image without pixels, and an
    output_size of another form or below 1.
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    check_floats("adaptive_avg_pool2d", x)
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: expects x (N, C, H, W) with pixels, got {x.shape}")
    sizes = output_size if np.iterable(output_size) else (output_size, output_size)
    if len(sizes) == 2:
        sizes = [n if out is None else out for n, out in zip(x.shape[2:], sizes, strict=True)]
    out = pair("adaptive_avg_pool2d: output_size", sizes, 1)
    if all(n % o == 0 for n, o in zip(x.shape[2:], out, strict=True)):
        return record(AvgPool2d([n // o for n, o in zip(x.shape[2:], out, strict=True)], None, 0), x)
    return record(AdaptiveAvgPool2d(out), x)
