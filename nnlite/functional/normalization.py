"""Normalization: batch_norm over the examples of a batch, layer_norm over the features of an example."""

import numpy as np

from nnlite import kernels
from nnlite.functional.convolution import as_nchw
from nnlite.functional.linear import check_floats
from nnlite.tensor import Operation, Tensor, record


def as_rows(x):
    """(N, C) or (N, C, H, W) -> (n, C), contiguous: one row for each place of each image, so n is N or N·H·W."""
    if x.ndim == 2:
        return np.ascontiguousarray(x)
    N, C, H, W = x.shape
    return kernels.to_nhwc(x).reshape(N * H * W, C)


def from_rows(rows, shape):
    """(n, C) -> `shape`, (N, C) or (N, C, H, W): the inverse of `as_rows`, as a view."""
    if len(shape) == 2:
        return rows
    N, C, H, W = shape
    return as_nchw(rows.reshape(N, H, W, C))


class BatchNorm(Operation):
    """Each channel with mean 0 and variance 1 over the batch, then scaled and shifted.

        y = γ x̂ + β      with x̂ = (x − μ)/√(σ² + ε)
        dβ = Σ dy      dγ = Σ dy x̂      dx = γ/√(σ² + ε) (dy − (dβ + x̂ dγ)/n)

    In training, μ is the mean of a channel's n numbers in the batch, and σ² the mean of (x − μ)². Both depend on x, therefore
    dx subtracts two terms. The running statistics, if there are any, move towards the batch's:
    running ← (1 − m) running + m batch. As in PyTorch, the variance that they move towards is unbiased: it is divided by n − 1,
    not by n. At inference μ and σ² are the running statistics. They are constants, and dx = γ/√(σ² + ε) dy.

    x (N, C) or (N, C, H, W), with n = N or N·H·W; mean, var, gamma, beta (C,) or None -> y like x. In training forward changes
    `mean` and `var` in place. mean and var None: no running statistics. gamma None is 1, beta None is 0.
    Source: Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.
    """

    makes_new_gradients = True

    def __init__(self, training, momentum, eps):
        self.training, self.momentum, self.eps = training, momentum, eps

    def forward(self, x, mean=None, var=None, gamma=None, beta=None):
        self.check(x, mean, var, gamma, beta)
        self.x, mu, sigma2 = as_rows(x), mean, var
        if self.training:
            n, m = len(self.x), self.momentum
            mu, sigma2 = kernels.moments(self.x)
            if mean is not None:
                mean[...] = (1 - m) * mean + m * mu
                var[...] = (1 - m) * var + m * sigma2 * (n / (n - 1))
        self.mu, self.inverse = mu.copy(), 1 / np.sqrt(sigma2 + self.eps)  # a copy: the running mean may move before backward
        self.scale = self.inverse if gamma is None else gamma * self.inverse
        shift = np.zeros_like(self.mu) if beta is None else beta
        return from_rows(kernels.normalize(self.x, self.mu, self.scale, shift), x.shape)

    def backward(self, dy):
        shape, dy, dx = dy.shape, as_rows(dy), None
        dbeta, dgamma = kernels.gradient_sums(self.x, dy, self.mu)  # Σ dy, Σ dy (x − μ)
        dgamma *= self.inverse
        if self.needs_gradient(0) and self.training:
            n = len(self.x)
            dx = kernels.residual(self.x, dy, self.mu, self.scale, dbeta / n, self.inverse * dgamma / n)
        elif self.needs_gradient(0):
            dx = dy * self.scale.astype(dy.dtype)
        return None if dx is None else from_rows(dx, shape), None, None, dgamma, dbeta

    def check(self, x, mean, var, gamma, beta):
        check_floats("batch_norm", x)
        if x.ndim not in (2, 4):
            raise ValueError(f"batch_norm: expects x (N, C) or (N, C, H, W), got {x.shape}")
        if (mean is None) != (var is None):
            raise ValueError("batch_norm: running_mean and running_var have to be given both or not at all")
        if mean is None and not self.training:
            raise ValueError("batch_norm: inference (training=False) needs running_mean and running_var")
        for array in (mean, var, gamma, beta):
            if array is not None and array.shape != (x.shape[1],):
                raise ValueError(f"batch_norm: x has {x.shape[1]} channels, got an array of shape {array.shape} for them")
        if self.training and x.size // max(x.shape[1], 1) < 2:
            raise ValueError(f"batch_norm: training needs more than one value per channel, got x {x.shape}")


class LayerNorm(Operation):
    """Each example with mean 0 and variance 1 over its last axes, then scaled and shifted.

        y = γ x̂ + β      with x̂ = (x − μ)/√(σ² + ε), μ and σ² over the D features of an example
        dβ = Σ dy      dγ = Σ dy x̂      dx = (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂))/√(σ² + ε)      with dx̂ = γ dy

    The sums are over the examples, the means over the features. σ² is the mean of (x − μ)².

    x (…, *D), gamma, beta (*D) or None for 1 and 0 -> y like x.   Source: Ba, Kiros & Hinton 2016 (arXiv 1607.06450), eq. 4.
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
        centred = x - x.mean(axis=self.axes, keepdims=True)
        self.inverse = 1 / np.sqrt((centred**2).mean(axis=self.axes, keepdims=True) + x.dtype.type(self.eps))
        self.x_hat = centred * self.inverse
        y = self.x_hat if gamma is None else self.x_hat * gamma
        return y if beta is None else y + beta

    def backward(self, dy):
        dx_hat = dy if self.gamma is None else dy * self.gamma
        examples = tuple(range(dy.ndim - len(self.axes)))
        mean, projection = (a.mean(axis=self.axes, keepdims=True) for a in (dx_hat, dx_hat * self.x_hat))
        dx = (dx_hat - mean - self.x_hat * projection) * self.inverse
        return dx, (dy * self.x_hat).sum(axis=examples), dy.sum(axis=examples)


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """x (N, C) or (N, C, H, W) normalized per channel -> y like x; see `BatchNorm` for the formulas.

    running_mean, running_var (C,): Tensors or arrays. With training=False they normalize x. With training=True the batch's own
    statistics normalize x, and the running ones are changed in place, by `momentum` towards the batch's. With training=True
    both may be None; then no running statistics are kept.
    weight γ (C,), or None for 1; bias β (C,), or None for 0.
    Errors: TypeError for anything but float32 and float64; ValueError for shapes that do not fit, training with one value per
    channel, one running statistic without the other, and inference without them.
    """
    # As Tensors, which keep their arrays: `record` would convert a plain array of another dtype, and update the copy.
    x, mean, var = (a if a is None or isinstance(a, Tensor) else Tensor(a) for a in (x, running_mean, running_var))
    y = record(BatchNorm(training, momentum, eps), x, mean, var, weight, bias)
    if training and mean is not None:
        mean.changed("batch_norm")
        var.changed("batch_norm")
    return y


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Each example of x (…, *D) normalized over its last axes D = normalized_shape -> y like x; see `LayerNorm`.

    normalized_shape: a whole number or a tuple.   weight γ, bias β of that shape, or None for 1 and 0.
    Errors: TypeError unless x is float32 or float64; ValueError if x's shape does not end with normalized_shape, or weight or
    bias has another shape.
    """
    shape = tuple(normalized_shape) if np.iterable(normalized_shape) else (normalized_shape,)
    x = x if isinstance(x, Tensor) else Tensor(x)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"layer_norm: x {x.shape} does not end with {shape}")
    return record(LayerNorm(len(shape), eps), x, weight, bias)
