"""The convolution layer."""

import numpy as np

from nnlite import functional as F
from nnlite.functional.convolution import pair
from nnlite.nn.init import check_sizes, uniform_fan_in
from nnlite.nn.module import Module, Parameter


class Conv2d(Module):
    """A convolution with a weight w (O, C/G, kh, kw) and a bias b (O,) or None:  y = F.conv2d(x, w, b, …).

        y[n, o, i, j] = b[o] + Σ_c Σ_u Σ_v  x[n, c, i·s + u·d − p, j·s + v·d − p] · w[o, c, u, v]

    x (N, C, H, W) -> y (N, O, H', W'),  H' = ⌊(H + 2p − d(kh − 1) − 1)/s⌋ + 1.
    in_channels C, out_channels O; groups G: the o-th kernel sees the C/G channels of its group only (G = C is depthwise).
    kernel_size (kh, kw), stride s, padding p, dilation d: a number or (vertical, horizontal). padding may be "valid" (0) or,
    with stride 1, "same" (H' = H and W' = W).   bias: whether there is one.
    rng: Generator or seed of the first numbers, which are those of PyTorch: U(−1/√fan_in, 1/√fan_in), fan_in = C/G·kh·kw.
    in_channels, out_channels, kernel_size and groups are read off the weight, which pruning may have made smaller.
    Errors: ValueError for sizes and options that are not whole numbers in their range, and for channels that G does not divide.
    """

    optional = ("bias",)

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, rng=None):
        check_sizes("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv2d: {in_channels} and {out_channels} channels cannot be split into {groups} groups")
        rng = np.random.default_rng(rng)
        kh, kw = pair("Conv2d: kernel_size", kernel_size, 1)
        fan_in = in_channels // groups * kh * kw
        self.weight = Parameter(uniform_fan_in((out_channels, in_channels // groups, kh, kw), fan_in, rng))
        self.bias = Parameter(uniform_fan_in((out_channels,), fan_in, rng)) if bias else None
        self.stride, self.dilation = pair("Conv2d: stride", stride, 1), pair("Conv2d: dilation", dilation, 1)
        named = isinstance(padding, str) and padding in ("same", "valid")
        self.padding = padding if named else pair("Conv2d: padding", padding, 0)
        if self.padding == "same" and self.stride != (1, 1):
            raise ValueError(f'Conv2d: padding "same" needs stride 1, got {stride}')
        self.kernels_per_group = None if groups == 1 else out_channels // groups  # which stays, where groups are removed

    @property
    def groups(self):
        return 1 if self.kernels_per_group is None else self.out_channels // self.kernels_per_group

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

    def extra_repr(self):
        options = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        options += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        options += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        options += [f"groups={self.groups}"] if self.groups != 1 else []
        return ", ".join(options + (["bias=False"] if self.bias is None else []))
