"""Layers without parameters: activations, pooling, flatten, dropout.

Each computes the function of nnlite.functional that its docstring names; gradients and sources stand there.
"""

import numpy as np

from nnlite import functional as F
from nnlite.functional import pooling
from nnlite.functional.convolution import pair
from nnlite.nn.module import Module


class Identity(Module):
    """y = x, of any shape: a place that another layer may take later, such as a head that was removed."""

    def forward(self, x):
        return x


class ReLU(Module):
    """y = max(x, 0), number by number (`F.relu`): x of any shape -> y of the same."""

    def forward(self, x):
        return F.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope · x, number by number (`F.leaky_relu`): x of any shape -> y of the same."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class Sigmoid(Module):
    """y = 1/(1 + e⁻ˣ), number by number (`F.sigmoid`): x of any shape -> y of the same, from 0 to 1, without overflow."""

    def forward(self, x):
        return F.sigmoid(x)


class Tanh(Module):
    """y = tanh x = (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), number by number (`F.tanh`): x of any shape -> y of the same, from −1 to 1."""

    def forward(self, x):
        return F.tanh(x)


class GELU(Module):
    """y = x Φ(x), Φ the distribution function of N(0, 1), number by number (`F.gelu`): x of any shape -> y of the same.

    approximate: "none", or "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).   Errors: ValueError for anything else.
    """

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f'GELU: approximate has to be "none" or "tanh", got {approximate!r}')
        self.approximate = approximate

    def forward(self, x):
        return F.gelu(x, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = ln(1 + e^(βx))/β, a smooth ReLU, number by number (`F.softplus`): x of any shape -> y of the same, without overflow.

    beta: β > 0.   Errors: ValueError for another beta.   PyTorch's option `threshold` is not needed here.
    """

    def __init__(self, beta=1.0):
        if not beta > 0:
            raise ValueError(f"Softplus: beta has to be above 0, got {beta}")
        self.beta = beta

    def forward(self, x):
        return F.softplus(x, self.beta)

    def extra_repr(self):
        return f"beta={self.beta}"


class Softmax(Module):
    """y_c = e^(x_c) / Σ_k e^(x_k), the sum along the axis dim (`F.softmax`): x of any shape with that axis -> y of the same.

    dim: −1, the last axis, by default. Before `CrossEntropyLoss`, which has a softmax of its own, this layer would be one too
    many.
    """

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return F.softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y_c = x_c − ln Σ_k e^(x_k), the sum along the axis dim (`F.log_softmax`): x of any shape with that axis -> y of the same.

    dim: −1, the last axis, by default. `NLLLoss` takes the result.
    """

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return F.log_softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Flatten(Module):
    """The axes from start_dim to end_dim joined into one, the last index running fastest (`F.flatten`).

    Without options x (N, …) -> y (N, all the rest). Both axes are included and may count from the end.
    Errors: ValueError at the call for an axis that x does not have, or an end before the start.
    """

    def __init__(self, start_dim=1, end_dim=-1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class MaxPool2d(Module):
    """The largest number of each kh×kw window (`F.max_pool2d`): x (N, C, H, W) -> y (N, C, H', W').

        y[n, c, i, j] = max over u < kh, v < kw of x[n, c, i·s + u − p, j·s + v − p]
        H' = ⌊(H + 2p − kh)/s⌋ + 1        with ceil_mode rounded up, but no window begins at H + p or further; W' likewise

    kernel_size (kh, kw), stride s, padding p: a number or (vertical, horizontal). Without a stride the windows lie side by
    side. padding: at most half of the window; what lies outside the image never wins.
    Errors: ValueError for options that do not fit, a window of more than 256 places, and an image too small for a window.
    """

    def __init__(self, kernel_size, stride=None, padding=0, *, ceil_mode=False):
        pooling.MaxPool2d(kernel_size, stride, padding, ceil_mode)  # refuses wrong options now, not at the first call
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, x):
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def is_2x2(self):
        """Whether the windows are 2×2, side by side, without padding: the kind that is fused with a convolution."""
        kernel, stride = pair("kernel_size", self.kernel_size, 1), pair("stride", self.stride, 1)
        return kernel == stride == (2, 2) and pair("padding", self.padding, 0) == (0, 0) and not self.ceil_mode

    def extra_repr(self):
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"ceil_mode={self.ceil_mode}")


class AvgPool2d(Module):
    """The mean of each kh×kw window (`F.avg_pool2d`): x (N, C, H, W) -> y (N, C, H', W'), H' and W' as for `MaxPool2d`.

        y[n, c, i, j] = 1/count Σ_u Σ_v x[n, c, i·s + u − p, j·s + v − p]

    count: how many places of the window lie in the image or its padding, whose zeros count; with count_include_pad=False how
    many lie in the image. Options and errors are those of `MaxPool2d`, but windows may be of any size.
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        pooling.AvgPool2d(kernel_size, stride, padding, ceil_mode)  # refuses wrong options now, not at the first call
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def forward(self, x):
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}")


class AdaptiveAvgPool2d(Module):
    """The mean of each of H'×W' windows that cover the image (`F.adaptive_avg_pool2d`): x (N, C, H, W) -> y (N, C, H', W').

        window i has the rows from ⌊i H/H'⌋ up to, but without, ⌈(i + 1) H/H'⌉; columns likewise

    output_size: H' = W' as one number, or (H', W'); 1 gives the mean of the whole image, None keeps the image's size.
    Errors: ValueError at the call for sizes below 1 and for an x of other than four axes.
    """

    def __init__(self, output_size=1):
        self.output_size = output_size

    def forward(self, x):
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class Dropout(Module):
    """While training y = x m/(1 − p), each m 0 with probability p, else 1; at inference y = x (`F.dropout`).

    x of any shape, float32 or float64 -> y of the same. p: 0 ≤ p < 1.
    rng: Generator or seed of the masks. The generator is part of a checkpoint, so a resumed run draws the same masks; a deep
    copy of the layer draws others.   Errors: ValueError for another p.
    """

    def __init__(self, p=0.5, rng=None):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: the probability has to be in [0, 1), got {p}")
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x):
        return F.dropout(x, self.p, self.training, self.rng)

    def extra_repr(self):
        return f"p={self.p}"
