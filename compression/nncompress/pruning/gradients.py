"""Evidence out of backward passes: the mean gradient, the Fisher diagonal, and the Hessian's diagonal after Gauss and Newton.

The letters: ℓ_n the loss of example n, L = 1/N Σ_n ℓ_n, z_n the model's output, J_n = ∂z_n/∂w, a matrix with a column for
each weight. Every function takes (model, loader, loss, names) and gives {name: array of that parameter's shape, float64}.
"""

from contextlib import contextmanager

import numpy as np

from nnlite import Tensor


@contextmanager
def as_before(model):
    """Inside, the model infers and every parameter gets a gradient. Afterwards modes, gradients and flags are as before."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    parameters = [(parameter, parameter.grad, parameter.requires_grad) for parameter in model.parameters()]
    model.eval()
    for parameter, _, _ in parameters:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, grad, requires_grad in parameters:
            parameter.grad, parameter.requires_grad = grad, requires_grad


def mean_gradients(model, loader, loss, names):
    """The gradient of the mean loss, whatever the sizes of the batches: Σ_batch n g_batch / Σ_batch n, n a batch's examples."""
    sums, seen = _zeros(model, names), 0
    with as_before(model):
        for images, *targets in loader:
            _add(sums, model, loss(model(images), *targets), scale=len(images))
            seen += len(images)
    return _means(sums, seen)


def mean_squared_gradients(model, loader, loss, names):
    """F = 1/N Σ_n (∂ℓ_n/∂w)², the diagonal of the empirical Fisher matrix. One backward pass for each example.

    The gradient of each single example is squared. The square of a batch's mean gradient would be another, smaller number.
    Source: Theis et al. 2018 (arXiv 1801.05787), eq. 7.
    """
    sums, seen = _zeros(model, names), 0
    with as_before(model):
        for images, *targets in loader:
            for n in range(len(images)):
                one = [None if part is None else part[n : n + 1] for part in targets]
                _add(sums, model, loss(model(images[n : n + 1]), *one), power=2)
            seen += len(images)
    return _means(sums, seen)


def gauss_newton_diagonal(model, loader, loss, names):
    """h = 1/N Σ_n diag(J_nᵀ C_n J_n),   C_n = ∂²ℓ_n/∂z_n²

    With C_n = Σ_k λ_k u_k u_kᵀ this is 1/N Σ_n Σ_k λ_k (J_nᵀ u_k)²: one backward pass for each example and each λ_k ≠ 0, from
    the gradient u_k at the output. In a network of Linear, Conv2d, ReLU and max-pooling, z is linear in each single weight
    (all others fixed), so h is the diagonal of the Hessian itself. BatchNorm in inference and average pooling keep that;
    a weight that is used twice, or a smooth activation, makes it an approximation: OBD's, which leaves out ∂²z/∂w².

    Source: LeCun, Denker, Solla 1990, Optimal Brain Damage, eq. 7; for C_n of any loss, Martens 2014 (arXiv 1412.1193), §8.
    """
    sums, seen = _zeros(model, names), 0
    with as_before(model):
        for images, *targets in loader:
            z = model(images).data
            for n, curvature in enumerate(_output_curvature(z, loss, targets)):
                sizes, directions = np.linalg.eigh(curvature)
                for size, direction in zip(sizes, directions.T, strict=True):
                    if abs(size) > 1e-10 * np.abs(sizes).max():
                        _add(sums, model, model(images[n : n + 1]), direction.reshape(z[:1].shape), power=2, scale=size)
            seen += len(images)
    return _means(sums, seen)


def _output_curvature(z, loss, targets, step=1e-4):
    """C_n = ∂²ℓ_n/∂z_n² by central differences of ∂ℓ_n/∂z_n; of a quadratic loss exactly, up to rounding.

    z (N, …), d numbers for each example -> (N, d, d), float64.
    """
    def gradient(z):
        z = Tensor(z, requires_grad=True)
        loss(z, *targets).backward()
        return len(z) * z.grad.reshape(len(z), -1)

    z = z.astype(np.float64)
    columns = []
    for c in range(z[0].size):
        there, back = z.copy(), z.copy()
        there.reshape(len(z), -1)[:, c] += step
        back.reshape(len(z), -1)[:, c] -= step
        columns.append((gradient(there) - gradient(back)) / (2 * step))
    curvature = np.stack(columns, axis=2)
    return (curvature + curvature.transpose(0, 2, 1)) / 2


def _zeros(model, names):
    parameters = dict(model.named_parameters())
    return {name: np.zeros(parameters[name].shape) for name in names}


def _add(sums, model, y, dy=None, power=1, scale=1):
    """sums ← sums + scale · (∂(Σ y dy)/∂w)^power"""
    parameters = dict(model.named_parameters())
    for parameter in parameters.values():
        parameter.grad = None
    y.backward(dy)
    for name in sums:
        if parameters[name].grad is not None:  # None where y does not depend on it
            sums[name] += scale * parameters[name].grad.astype(np.float64) ** power


def _means(sums, seen):
    if seen == 0:
        raise ValueError("collect: the loader gives no batch")
    return {name: total / seen for name, total in sums.items()}
