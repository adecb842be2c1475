"""Layers without parameters: activations, pooling, flatten, dropout."""

import numpy as np

from nnlite import functional as F
from nnlite.functional.convolution import pair
from nnlite.nn.module import Module


class ReLU(Module):
    def forward(self, x):
        return F.relu(x)


class LeakyReLU(Module):
    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, self.negative_slope)


class Sigmoid(Module):
    def forward(self, x):
        return F.sigmoid(x)


class Tanh(Module):
    def forward(self, x):
        return F.tanh(x)


class GELU(Module):
    def forward(self, x):
        return F.gelu(x)


class Softmax(Module):
    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return F.softmax(x, self.dim)


class LogSoftmax(Module):
    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return F.log_softmax(x, self.dim)


class Flatten(Module):
    """(N, …) -> (N, all the rest)."""

    def forward(self, x):
        return F.flatten(x, 1)


class MaxPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0, *, ceil_mode=False):
        self.kernel_size, self.stride, self.padding, self.ceil_mode = kernel_size, stride, padding, ceil_mode

    def forward(self, x):
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def is_2x2(self):
        """Whether the windows are 2×2, side by side, the kind that a convolution can take along."""
        kernel, padding = pair("kernel_size", self.kernel_size, 1), pair("padding", self.padding, 0)
        stride = kernel if self.stride is None else pair("stride", self.stride, 1)
        return kernel == stride == (2, 2) and padding == (0, 0) and not self.ceil_mode


class AvgPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x):
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AdaptiveAvgPool2d(Module):
    """(N, C, H, W) -> (N, C, H', W'): the mean of each of H'×W' windows that cover the image; 1 for that of the whole image."""

    def __init__(self, output_size=1):
        self.output_size = output_size

    def forward(self, x):
        return F.adaptive_avg_pool2d(x, self.output_size)


class Dropout(Module):
    """Zeros with probability p while training; its generator is part of a checkpoint, so a resumed run draws the same."""

    def __init__(self, p=0.5, rng=None):
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x):
        return F.dropout(x, self.p, self.training, self.rng)
