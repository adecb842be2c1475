"""2-D convolution, grouped, strided and dilated; groups = C makes it depthwise."""

from numbers import Integral, Real

import numpy as np

from nnlite import kernels
from nnlite.functional.linear import check_floats
from nnlite.functional.shape import pad
from nnlite.tensor import Operation, record


def pair(name, value, least):
    """An option that is one number or a pair (vertical, horizontal) -> the pair, as ints.

    Errors, which begin with `name`: ValueError unless each is a whole number ≥ `least`.
    """
    values = tuple(value) if np.iterable(value) and not isinstance(value, str) else (value, value)
    if len(values) != 2 or not all(isinstance(v, Real) and v % 1 == 0 and v >= least for v in values):
        raise ValueError(f"{name} has to be a whole number ≥ {least} or a pair of such, got {value}")
    return tuple(int(v) for v in values)


def as_nchw(x):
    """(N, H, W, C) -> (N, C, H, W), as a view: no number is moved."""
    return x.transpose(0, 3, 1, 2)


class Conv2d(Operation):
    """Cross-correlation of each image with O kernels (what every framework calls convolution).

        y[n, o, i, j] = b[o] + Σ_c Σ_u Σ_v  x[n, c, i·s + u·d − p, j·s + v·d − p] · w[o, c, u, v]
        dw[o, c, u, v] = Σ_n Σ_i Σ_j  dy[n, o, i, j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
        dx[n, c, r, t] = Σ of dy[n, o, i, j] · w[o, c, u, v] over every o, i, u, j, v with i·s + u·d − p = r, j·s + v·d − p = t
        db[o] = Σ_n Σ_i Σ_j  dy[n, o, i, j]

    Outside the image, x is 0. Stride s, padding p and dilation d are pairs of numbers: with i, u and r the formulas use the
    vertical one, with j, v and t the horizontal one. With G groups, kernel o reads only the C/G channels of its own group, and
    Σ_c runs over these.
    x (N, C, H, W), w (O, C/G, kh, kw), b (O,) or None  ->  y (N, O, H', W')
    H' = ⌊(H + 2p − d(kh − 1) − 1)/s⌋ + 1, W' likewise from W and kw.
    The loops: `kernels/loops/convolution.py` computes y, `kernels/loops/convolution_gradients.py` the three gradients. By
    default the kernels of the same names in `kernels/fast` run.
    Errors: as `conv2d`.
    Source: Goodfellow, Bengio & Courville 2016, Deep Learning, eq. 9.6, 9.11 and 9.13; sizes: Dumoulin & Visin 2016
    (arXiv 1603.07285), chapter 2 and §5.1. The names are PyTorch's `torch.nn.functional.conv2d`.
    """

    makes_new_gradients = True  # nobody else holds the arrays that backward returns

    def __init__(self, stride, padding, dilation, groups):
        self.stride, self.padding = pair("conv2d: stride", stride, 1), pair("conv2d: padding", padding, 0)
        self.dilation, self.groups = pair("conv2d: dilation", dilation, 1), groups

    @property
    def walk(self):
        return kernels.Walk(self.stride, self.dilation, self.padding)

    def forward(self, x, w, b=None):
        y = kernels.empty(self.prepare(x, w, b), x.dtype)
        kernels.conv2d(self.x, self.w, y, self.walk, None if b is None else np.ascontiguousarray(b))
        return as_nchw(y)

    def prepare(self, x, w, b):
        """Check the arrays, keep them in the kernels' layout, and return the shape (N, H', W', O) of the result."""
        self.check(x, w, b)
        G, (O, c, kh, kw) = self.groups, w.shape
        self.x = kernels.to_nhwc(x, self.padding)  # (N, C, H, W) -> (N, H + 2p, W + 2p, C)
        # (O, C/G, kh, kw) -> (G, kh, kw, C/G, O/G)
        self.w = kernels.aligned(w.reshape(G, O // G, c, kh, kw).transpose(0, 3, 4, 2, 1))
        self.has_bias = b is not None
        size = [kernels.output_size(size, k, s, d) for size, k, s, d in
                zip(self.x.shape[1:3], (kh, kw), self.stride, self.dilation, strict=True)]
        return x.shape[0], *size, O

    def backward(self, dy):
        return self.gradients(dy)

    def gradients(self, dy, *fused):
        """(dx, dw, db). fused: y and argmax of a ReLU and a pooling in the same pass (see `Conv2dReLUPool`), or nothing."""
        dy, (N, H, W, C), (top, left) = kernels.to_nhwc(dy), self.x.shape, self.padding
        dx = kernels.empty((N, H - 2 * top, W - 2 * left, C), dy.dtype) if self.needs_gradient(0) else None
        dw, db = np.empty_like(self.w), np.empty(dy.shape[3], dy.dtype)
        kernels.conv2d_gradients(self.x, self.w, dy, dx, dw, db, self.walk, *fused)
        G, kh, kw, c, o = dw.shape
        dw = dw.transpose(0, 4, 3, 1, 2).reshape(G * o, c, kh, kw)  # (G, kh, kw, C/G, O/G) -> (O, C/G, kh, kw)
        return None if dx is None else as_nchw(dx), dw, db if self.has_bias else None

    def macs(self, y):
        G, kh, kw, c, o = self.w.shape
        return y.size * kh * kw * c

    def check(self, x, w, b):
        check_floats("conv2d", x, w, b)
        if x.ndim != 4 or w.ndim != 4:
            raise ValueError(f"conv2d: expects x (N, C, H, W) and w (O, C/groups, kh, kw), got x {x.shape} and w {w.shape}")
        if 0 in w.shape[2:]:
            raise ValueError(f"conv2d: the kernels of weight {w.shape} have no pixels")
        if not isinstance(self.groups, Integral) or self.groups < 1:
            raise ValueError(f"conv2d: groups has to be a whole number ≥ 1, got {self.groups}")
        if w.shape[0] % self.groups:
            raise ValueError(f"conv2d: {w.shape[0]} kernels cannot be split into {self.groups} groups")
        if x.shape[1] != w.shape[1] * self.groups:
            raise ValueError(f"conv2d: input has {x.shape[1]} channels, weight {w.shape} expects {w.shape[1] * self.groups}")
        if b is not None and b.shape != w.shape[:1]:
            raise ValueError(f"conv2d: b has shape {b.shape}, weight {w.shape} expects {w.shape[:1]}")
        reach = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], self.dilation, strict=True)]
        size = [n + 2 * p for n, p in zip(x.shape[2:], self.padding, strict=True)]
        if size[0] < reach[0] or size[1] < reach[1]:
            raise ValueError(f"conv2d: the kernel reaches over {reach[0]}×{reach[1]} pixels, "
                             f"the padded image has {size[0]}×{size[1]}")


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of images with kernels: x (N, C, H, W), w (O, C/groups, kh, kw), b (O,) or None -> (N, O, H', W').

    `Conv2d` has the formula, the gradients and H', W'.
    stride s ≥ 1, padding p ≥ 0, dilation d ≥ 1: a whole number or a pair (vertical, horizontal).
    padding "valid" is 0. padding "same" needs stride 1 and gives H' = H, W' = W: it adds d(k − 1) zeros to each axis, half of
    them at each end. If the number is odd, the end gets one more, as in PyTorch.
    groups: the number of groups into which the C channels and the O kernels are divided. Kernels of a group see the channels of
    that group only; groups = C is a depthwise convolution.
    Errors: TypeError for arrays that are not of one float dtype. ValueError for an option of another form, for shapes that do
    not fit, kernels without pixels, O or C that groups does not divide, and a kernel larger than the padded image.
    """
    x, padding = resolve_padding(x, w, stride, padding, dilation)
    return record(Conv2d(stride, padding, dilation, groups), x, w, b)


def resolve_padding(x, w, stride, padding, dilation):
    """(x, padding) as `Conv2d` takes them, with padding in numbers.

    For "same" and an odd number of zeros, x comes back with one more row below or column on the right.
    """
    if not isinstance(padding, str):
        return x, padding
    if padding == "valid":
        return x, 0
    if padding != "same":
        raise ValueError(f'conv2d: padding has to be "same", "valid", a whole number ≥ 0 or a pair of such, got {padding!r}')
    if pair("conv2d: stride", stride, 1) != (1, 1):
        raise ValueError(f'conv2d: padding "same" needs stride 1, got {stride}')
    if len(w.shape) != 4:
        return x, 0  # which `Conv2d.check` refuses
    zeros = [d * (k - 1) for k, d in zip(w.shape[2:], pair("conv2d: dilation", dilation, 1), strict=True)]
    if any(z % 2 for z in zeros):
        x = pad(x, (0, zeros[1] % 2, 0, zeros[0] % 2))
    return x, tuple(z // 2 for z in zeros)
