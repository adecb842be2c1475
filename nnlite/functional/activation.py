"""Activations: relu, leaky_relu, sigmoid, tanh, softplus, gelu.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, §6.3.2; the names are PyTorch's.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.tensor import FLOATS, Operation, record


def check_numbers(name, x):
    """TypeError, with the dtype of x, unless it is float32, float64, whole numbers or booleans: the kernels take no other."""
    if x.dtype not in FLOATS and x.dtype.kind not in "iub":
        raise TypeError(f"{name}: expects float32, float64 or whole numbers, got {x.dtype}")


class ReLU(Operation):
    """y = max(x, 0);   dx = dy where x > 0, else 0.   Source: Nair & Hinton 2010 (ICML)."""

    def forward(self, x):
        check_numbers("relu", x)
        self.y = kernels.relu(x)
        return self.y

    def backward(self, dy):
        return (kernels.relu_gradient(dy, self.y),)


class LeakyReLU(Operation):
    """y = x where x > 0, else slope·x;   dx = dy where x > 0, else slope·dy.

    Source: Maas, Hannun & Ng 2013 (ICML workshop).
    """

    def __init__(self, slope):
        self.slope = float(slope)  # a NumPy float64 would make y float64

    def forward(self, x):
        self.positive = x > 0
        return np.where(self.positive, x, self.slope * x)

    def backward(self, dy):
        return (np.where(self.positive, dy, self.slope * dy),)


class Sigmoid(Operation):
    """y = 1 / (1 + e⁻ˣ);   dx = dy y (1 − y).   Where x < 0, computed as eˣ / (1 + eˣ), so that nothing overflows."""

    def forward(self, x):
        e = np.exp(-np.abs(x))
        self.y = np.where(x < 0, e, 1) / (1 + e)
        return self.y

    def backward(self, dy):
        return (dy * self.y * (1 - self.y),)


class Tanh(Operation):
    """y = tanh x;   dx = dy (1 − y²)."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return (dy * (1 - self.y**2),)


class Softplus(Operation):
    """y = ln(1 + e^βx)/β;   dx = dy σ(βx).   Computed as max(z, 0) + ln(1 + e^−|z|) with z = βx, so that nothing overflows.

    Source: Dugas et al. 2001 (NIPS 13).
    """

    def __init__(self, beta):
        self.beta = float(beta)  # a NumPy float64 would make y float64

    def forward(self, x):
        self.z = self.beta * x
        return (np.maximum(self.z, 0) + np.log1p(np.exp(-np.abs(self.z)))) / self.beta

    def backward(self, dy):
        return (dy * (0.5 * (1 + np.tanh(0.5 * self.z))),)  # σ(z) = ½ (1 + tanh(z/2))


class GELU(Operation):
    """y = x Φ(x) with Φ(x) = ½ (1 + erf(x/√2));   dx = dy (Φ(x) + x φ(x)) with φ(x) = e^(−x²/2)/√(2π).

    Source: Hendrycks & Gimpel 2016 (arXiv 1606.08415), the exact form.
    """

    def forward(self, x):
        check_numbers("gelu", x)
        self.x, self.phi = x, 0.5 * (1 + kernels.erf(x / math.sqrt(2)))
        return x * self.phi

    def backward(self, dy):
        density = np.exp(-0.5 * self.x**2) / math.sqrt(2 * math.pi)
        return (dy * (self.phi + self.x * density),)


class GELUTanh(Operation):
    """y = ½ x (1 + t) with t = tanh(u), u = √(2/π) (x + 0.044715 x³);   dx = dy (½ (1 + t) + ½ x (1 − t²) u′).

        u′ = √(2/π) (1 + 3 · 0.044715 x²)

    Source: Hendrycks & Gimpel 2016 (arXiv 1606.08415), §2, the approximation.
    """

    slope, cubic = math.sqrt(2 / math.pi), 0.044715

    def forward(self, x):
        self.x, self.t = x, np.tanh(self.slope * (x + self.cubic * x * x * x))
        return 0.5 * x * (1 + self.t)

    def backward(self, dy):
        du = self.slope * (1 + 3 * self.cubic * self.x * self.x)
        return (dy * (0.5 * (1 + self.t) + 0.5 * self.x * (1 - self.t * self.t) * du),)


def relu(x):
    """max(x, 0), number by number: x of any shape -> that shape and dtype. At x = 0 the gradient is 0.

    Errors: TypeError unless x is float32, float64, whole numbers or booleans.
    """
    return record(ReLU(), x)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, negative_slope·x elsewhere: x of any shape -> that shape. At x = 0 the gradient is negative_slope."""
    return record(LeakyReLU(negative_slope), x)


def sigmoid(x):
    """1 / (1 + e⁻ˣ), number by number: x of any shape -> that shape. No x overflows: −∞ gives 0, ∞ gives 1."""
    return record(Sigmoid(), x)


def tanh(x):
    """The hyperbolic tangent (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), number by number: x of any shape -> that shape."""
    return record(Tanh(), x)


def softplus(x, beta=1.0):
    """ln(1 + e^βx)/β, a smooth relu: x of any shape -> that shape.

    Nothing overflows, so PyTorch's option `threshold`, above which it returns x itself, is not needed.
    Errors: ValueError for a beta that is not above 0.
    """
    if not beta > 0:
        raise ValueError(f"softplus: beta has to be above 0, got {beta}")
    return record(Softplus(beta), x)


def gelu(x, approximate="none"):
    """x Φ(x), number by number, with the normal distribution function Φ: x of any shape -> that shape.

    approximate: "none" for the exact formula; "tanh" for the formula of `GELUTanh`, which differs by less than 0.0005.
    Errors: ValueError for another `approximate`; TypeError, for the exact formula, unless x is float32, float64, whole numbers
    or booleans.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu: approximate has to be "none" or "tanh", got {approximate!r}')
    return record(GELU() if approximate == "none" else GELUTanh(), x)
