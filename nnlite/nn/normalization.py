"""Normalization layers."""

import numpy as np

from nnlite import functional as F
from nnlite.nn.init import check_sizes
from nnlite.nn.module import Buffer, Module, Parameter


class BatchNorm(Module):
    """`batch_norm` with parameters weight γ and bias β, and buffers running_mean and running_var, all (num_features,).

    Where γ is frozen (requires_grad = False) the layer infers even while the model trains; in PyTorch that takes `eval()`.
    """

    ndim = None

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        check_sizes(type(self).__name__, num_features=num_features)
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))
        self.eps, self.momentum = eps, momentum

    @property
    def num_features(self):
        return self.weight.shape[0]

    def forward(self, x):
        if x.ndim != self.ndim:
            raise ValueError(f"{type(self).__name__}: expects {self.ndim} axes, got an input of shape {x.shape}")
        training = self.training and self.weight.requires_grad  # a frozen layer keeps its statistics, as in Keras
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training, self.momentum, self.eps)


class BatchNorm1d(BatchNorm):
    """BatchNorm of features x (N, C)."""

    ndim = 2


class BatchNorm2d(BatchNorm):
    """BatchNorm of images x (N, C, H, W), per channel."""

    ndim = 4


class LayerNorm(Module):
    """`layer_norm` over the last axes, of normalized_shape, with parameters weight γ and bias β of that shape."""

    def __init__(self, normalized_shape, eps=1e-5):
        self.weight = Parameter(np.ones(normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(normalized_shape, np.float32))
        self.eps = eps

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
