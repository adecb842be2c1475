"""Normalization: batch_norm over the examples of a batch, layer_norm over the features of an example."""

import numpy as np

from nnlite.functional.convolution import as_nchw
from nnlite.functional.linear import check_floats
from nnlite.kernels import to_nhwc
from nnlite.tensor import Operation, Tensor, record


def normalize(x, axis, eps):
    """x̂ = (x − μ)/√(σ² + ε) along axis, σ² the mean of (x − μ)² -> x̂, μ, σ², 1/√(σ² + ε)."""
    mean = x.mean(axis=axis, keepdims=True)
    centred = x - mean
    var = (centred**2).mean(axis=axis, keepdims=True)
    inverse = 1 / np.sqrt(var + x.dtype.type(eps))
    centred *= inverse
    return centred, mean, var, inverse


def normalize_gradient(dx_hat, x_hat, inverse, axis):
    """dx = (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂)) / √(σ² + ε): μ and σ depend on x too, hence the two means."""
    mean = dx_hat.mean(axis=axis, keepdims=True)
    projection = (dx_hat * x_hat).mean(axis=axis, keepdims=True)
    return (dx_hat - mean - x_hat * projection) * inverse


class BatchNorm(Operation):
    """Each channel with mean 0 and variance 1 over the batch, then scaled and shifted.

        y = γ (x − μ)/√(σ² + ε) + β
        dβ = Σ dy      dγ = Σ dy x̂      dx = (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂))/√(σ² + ε)  with dx̂ = γ dy

    While training, μ and σ² are the batch's, and the running ones move towards them:
    running ← (1 − m) running + m batch, with the unbiased variance (divided by n − 1) as PyTorch keeps it. At inference μ
    and σ² are the running ones, constants, and dx = γ dy/√(σ² + ε).

    x (N, C) or (N, C, H, W); mean, var, gamma, beta (C,) -> y like x. `mean` and `var` are updated in place.
    Source: Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.
    """

    def __init__(self, training, momentum, eps):
        self.training, self.momentum, self.eps = training, momentum, eps

    def forward(self, x, mean, var, gamma=None, beta=None):
        self.check(x, mean, var, gamma, beta)
        self.gamma, self.image_shape = gamma, None
        if x.ndim == 4:
            x = to_nhwc(x)
            self.image_shape = x.shape
        x = x.reshape(-1, x.shape[-1])  # (N, C, H, W) -> (N·H·W, C)
        if self.training:
            self.x_hat, batch_mean, batch_var, self.inverse = normalize(x, 0, self.eps)
            n, m = len(x), self.momentum
            mean[...] = (1 - m) * mean + m * batch_mean[0]
            var[...] = (1 - m) * var + m * batch_var[0] * (n / (n - 1))
        else:
            self.inverse = 1 / np.sqrt(var + x.dtype.type(self.eps))
            self.x_hat = (x - mean) * self.inverse
        y = self.x_hat if gamma is None else self.x_hat * gamma
        return self.back_to_image(y if beta is None else y + beta)

    def backward(self, dy):
        dy = to_nhwc(dy) if self.image_shape else dy
        dy = dy.reshape(self.x_hat.shape)
        dx_hat = dy if self.gamma is None else dy * self.gamma  # y = γ x̂ + β
        if self.training:
            dx = normalize_gradient(dx_hat, self.x_hat, self.inverse, 0)
        else:
            dx = dx_hat * self.inverse
        return self.back_to_image(dx), None, None, (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)

    def back_to_image(self, y):
        return as_nchw(y.reshape(self.image_shape)) if self.image_shape else y

    def check(self, x, *channel_arrays):
        check_floats("batch_norm", x)
        if x.ndim not in (2, 4):
            raise ValueError(f"batch_norm: expects x (N, C) or (N, C, H, W), got {x.shape}")
        for array in channel_arrays:
            if array is not None and array.shape != (x.shape[1],):
                raise ValueError(f"batch_norm: x has {x.shape[1]} channels, got an array of shape {array.shape} for them")
        if self.training and x.size // max(x.shape[1], 1) < 2:
            raise ValueError(f"batch_norm: training needs more than one value per channel, got x {x.shape}")


class LayerNorm(Operation):
    """Each example with mean 0 and variance 1 over its last axes, then scaled and shifted.

        y = γ (x − μ)/√(σ² + ε) + β;   gradients as in BatchNorm, the means taken over the features

    x (…, *D), gamma, beta (*D) -> y like x.   Source: Ba, Kiros & Hinton 2016 (arXiv 1607.06450), eq. 4.
    """

    def __init__(self, ndim, eps):
        self.axes, self.eps = tuple(range(-ndim, 0)), eps

    def forward(self, x, gamma=None, beta=None):
        check_floats("layer_norm", x)
        features = x.shape[-len(self.axes) :]
        for array in (gamma, beta):
            if array is not None and array.shape != features:
                raise ValueError(f"layer_norm: x has features {features}, got an array of shape {array.shape} for them")
        self.gamma = gamma
        self.x_hat, _, _, self.inverse = normalize(x, self.axes, self.eps)
        y = self.x_hat if gamma is None else self.x_hat * gamma
        return y if beta is None else y + beta

    def backward(self, dy):
        dx_hat = dy if self.gamma is None else dy * self.gamma
        examples = tuple(range(dy.ndim - len(self.axes)))
        return (normalize_gradient(dx_hat, self.x_hat, self.inverse, self.axes),
                (dy * self.x_hat).sum(axis=examples), dy.sum(axis=examples))


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """x (N, C) or (N, C, H, W) normalized per channel; the running statistics (Tensors or arrays) move while training."""
    return record(BatchNorm(training, momentum, eps), x, running_mean, running_var, weight, bias)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """x normalized over its last axes, which have to be of normalized_shape."""
    shape = tuple(normalized_shape) if np.iterable(normalized_shape) else (normalized_shape,)
    x = x if isinstance(x, Tensor) else Tensor(x)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"layer_norm: x {x.shape} does not end with {shape}")
    return record(LayerNorm(len(shape), eps), x, weight, bias)
