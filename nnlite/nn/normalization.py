"""Normalization layers."""

import numpy as np

from nnlite import functional as F
from nnlite.nn.init import check_sizes
from nnlite.nn.module import Buffer, Module, Parameter


class BatchNorm(Module):
    """y = γ (x − μ)/√(σ² + ε) + β per channel (`F.batch_norm`), with γ = weight and β = bias, both trained.

    num_features: the number C of channels. weight starts with ones, bias with zeros, and the buffers running_mean with zeros
    and running_var with ones, all (C,).   eps: ε.
    In training the layer normalizes by the batch's statistics, and the running ones move towards them by `momentum`, whether
    or not γ and β require a gradient. In inference it normalizes by the running ones.
    momentum: None for the plain average of all batches since the last reset, momentum = 1/k at the k-th, as in PyTorch; the
    number of batches is then a third buffer, num_batches_tracked.
    frozen: True lets the layer infer while the model trains, so that its statistics stay as they are. `reset_running_stats`
    ends that. (`nntransfer.finetune.freeze` sets it; PyTorch's users call `eval()` on the layer after each `train()`.)
    """

    ndim, frozen = None, False

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        check_sizes(type(self).__name__, num_features=num_features)
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))
        if momentum is None:
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))
        self.eps, self.momentum = eps, momentum

    def reset_running_stats(self):
        """Forget the running statistics: mean 0, variance 1, no batch counted. A frozen layer estimates them anew, too."""
        self.running_mean.data = np.zeros_like(self.running_mean.data)
        self.running_var.data = np.ones_like(self.running_var.data)
        if self.momentum is None:
            self.num_batches_tracked.data = np.zeros((), np.int64)
        self.frozen = False

    @property
    def num_features(self):
        return self.weight.shape[0]

    def forward(self, x):
        if x.ndim != self.ndim:
            raise ValueError(f"{type(self).__name__}: expects {self.ndim} axes, got an input of shape {x.shape}")
        training, momentum = self.training and not self.frozen, self.momentum
        if momentum is None:
            momentum = 1 / (self.num_batches_tracked.item() + 1)
        y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training, momentum, self.eps)
        if training and self.momentum is None:
            self.num_batches_tracked.data = self.num_batches_tracked.data + np.int64(1)
        return y

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(BatchNorm):
    """BatchNorm of features: x (N, C) -> y (N, C), the statistics over N.

    Errors: ValueError for an x of other axes or channels, and for a batch of one example in training.
    """

    ndim = 2


class BatchNorm2d(BatchNorm):
    """BatchNorm of images: x (N, C, H, W) -> y of the same shape, the statistics over N, H and W.

    Errors: ValueError for an x of other axes or channels, and for a batch with one number in a channel in training.
    """

    ndim = 4


class LayerNorm(Module):
    """y = γ (x − μ)/√(σ² + ε) + β, μ and σ² of each example's last axes (`F.layer_norm`); γ = weight and β = bias are trained.

    normalized_shape D: the sizes of the last axes, a number or a tuple; x (…, *D) -> y of the same shape. weight starts with
    ones, bias with zeros, both (*D).   eps: ε.   It does the same in training and inference.
    Errors: ValueError for sizes that are not whole numbers from 1 up, and for an x that does not end with D.
    """

    def __init__(self, normalized_shape, eps=1e-5):
        for size in normalized_shape if np.iterable(normalized_shape) else [normalized_shape]:
            check_sizes("LayerNorm", normalized_shape=size)
        self.weight = Parameter(np.ones(normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(normalized_shape, np.float32))
        self.eps = eps

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.weight.shape}, eps={self.eps}"
