"""The convolution layer."""

import numpy as np

from nnlite import functional as F
from nnlite.functional.convolution import pair
from nnlite.nn.init import check_sizes, uniform_fan_in
from nnlite.nn.module import Module, Parameter


class Conv2d(Module):
    """A convolution with `weight` (out_channels, in_channels / groups, kh, kw) and `bias` (out_channels,) or None."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, rng=None):
        check_sizes("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv2d: {in_channels} and {out_channels} channels cannot be split into {groups} groups")
        rng = np.random.default_rng(rng)
        kh, kw = pair("Conv2d: kernel_size", kernel_size, 1)
        fan_in = in_channels // groups * kh * kw
        self.weight = Parameter(uniform_fan_in((out_channels, in_channels // groups, kh, kw), fan_in, rng))
        self.bias = Parameter(uniform_fan_in((out_channels,), fan_in, rng)) if bias else None
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @property
    def in_channels(self):
        return self.weight.shape[1] * self.groups

    @property
    def out_channels(self):
        return self.weight.shape[0]

    @property
    def kernel_size(self):
        return self.weight.shape[2:]

    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
