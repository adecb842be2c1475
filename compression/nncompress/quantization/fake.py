"""Fake quantization: floats take only the values that integers will stand for, so that training sees the rounding.

    y = S (clamp(round(x/S) + Z, qmin, qmax) − Z)

y is the real number that the integer stands for. Its gradient is passed straight through inside the range. It is 0 outside,
where the clamp holds y. Two modules use it: `WeightGrid` computes a layer's weight (`nn.register_parametrization`),
`ActivationGrid` stands between layers. `quantization.qat` puts both into a network.

Source: Jacob et al. 2018 (arXiv 1712.05877), §3 and eq. 12; straight through: Bengio et al. 2013 (arXiv 1308.3432), §4.
"""

import numpy as np

from nncompress.quantization.affine import affine_parameters, check_finite, usable_scale
from nncompress.quantization.weights import largest_integer
from nnlite import nn
from nnlite.tensor import Operation, Tensor, record


class FakeQuantize(Operation):
    """q = round(x/S) + Z;   y = S (clamp(q, qmin, qmax) − Z);   dx = dy where qmin ≤ q ≤ qmax, else 0."""

    def __init__(self, S, Z, qmin, qmax):
        self.S, self.Z, self.qmin, self.qmax = np.asarray(S), Z, qmin, qmax

    def forward(self, x):
        q = np.rint(x / self.S) + self.Z
        inside = np.clip(q, self.qmin, self.qmax)
        self.inside = inside == q
        return (self.S * (inside - self.Z)).astype(x.dtype)

    def backward(self, dy):
        return (dy * self.inside,)


def fake_quantize(x, S, Z, qmin, qmax):
    """x rounded to the grid of the integers qmin … qmax: a Tensor of x's shape and dtype, with the gradient of `FakeQuantize`.

    S > 0 and Z: numbers or arrays that broadcast along x, constants to the tape. x/S is computed in the wider dtype of the two
    and rounded, halves to the even neighbour: in float32 as `quantize_affine` does it.
    Errors: ValueError for a scale that is not positive.

    >>> fake_quantize([-9.0, -0.3, 0.2, 0.3, 9.0], 0.5, 2, 0, 7)
    Tensor([-1. , -0.5,  0. ,  0.5,  2.5])
    """
    if not (np.asarray(S) > 0).all():
        raise ValueError(f"fake_quantize: every scale must be positive, got {np.min(S)}")
    return record(FakeQuantize(S, Z, qmin, qmax), x)


def power_of_two(S):
    """The smallest power of two that is not below S, so that nothing is clamped that was not: 2^⌈log2 S⌉, in S's dtype.

    >>> power_of_two(np.float32([0.3, 0.5, 3.0]))
    array([0.5, 0.5, 4. ], dtype=float32)
    """
    m, n = np.frexp(S)  # S = m 2^n, ½ ≤ m < 1
    return np.ldexp(np.ones_like(m), np.where(m == 0.5, n - 1, n))


class WeightGrid(nn.Module):
    """The transform of a weight onto a grid whose range follows the weight:   ŵ = S (clamp(round(w/S) + Z, qmin, qmax) − Z).

        symmetric: S = max |w| / qmax, Z = 0, qmin = −qmax, qmax = 2^(bits−1) − 1
        affine:    S = (max − min) / (2^bits − 1), Z = round(−min / S), 0 … 2^bits − 1;  0 is in the range

    bits: 1 to 8, symmetric 2 to 8 (with one bit and both signs a weight is binary: `binary.Binary`).
    per: "channel" (axis 0), "layer", or a number g: each g neighbours of a channel share S, and g divides the channel's size.
    power_of_two: S is rounded up to a power of two.
    least: an attribute, a number or (O,), 0 at first: S does not fall below it. `qat` sets it so that the bias fits into int32.
    w (O, …) -> Tensor of its shape.   Errors: ValueError for other options, and for a g that does not divide a channel's size.
    Source: Jacob et al. 2018 (arXiv 1712.05877), §3; per channel: Krishnamoorthi 2018 (arXiv 1806.08342), §2.6.

    >>> layer = nn.register_parametrization(nn.Linear(3, 1), "weight", WeightGrid(bits=3))
    >>> layer.parametrizations["weight"].original.data = np.float32([[-3.0, 0.9, 1.6]])
    >>> layer.weight.data.tolist()
    [[-3.0, 1.0, 2.0]]
    """

    def __init__(self, bits=8, per="channel", symmetric=True, power_of_two=False):
        if bits not in range(2 if symmetric else 1, 9):
            raise ValueError(f"WeightGrid: bits is {bits}, must be a whole number from {2 if symmetric else 1} to 8")
        if per not in ("channel", "layer") and not (isinstance(per, int) and per > 0):
            raise ValueError(f'WeightGrid: per has to be "channel", "layer" or a number of weights, got {per!r}')
        self.bits, self.per, self.symmetric, self.power_of_two, self.least = bits, per, symmetric, power_of_two, 0.0

    def rows(self, w):
        """w as a matrix with one row for each S."""
        if isinstance(self.per, int) and w[0].size % self.per:
            raise ValueError(f"WeightGrid: groups of {self.per} do not divide the {w[0].size} weights of a channel")
        return w.reshape({"channel": (len(w), -1), "layer": (1, -1)}.get(self.per, (-1, self.per)))

    def grid(self, w):
        """(S (rows, 1) float32, Z, qmin, qmax) for an array w."""
        check_finite("WeightGrid", w)
        rows = self.rows(w)
        low, high = rows.min(axis=1, initial=0, keepdims=True), rows.max(axis=1, initial=0, keepdims=True)
        top = largest_integer(self.bits)
        S = np.maximum(high, -low) / top if self.symmetric else (high - low) / (2**self.bits - 1)
        least = np.max(self.least) if self.per == "layer" else np.resize(self.least, (len(w), 1))
        S = usable_scale(np.maximum(S, np.repeat(least, len(rows) // len(w), axis=0) if np.ndim(least) else least))
        S = power_of_two(S) if self.power_of_two else S
        return (S, 0, -top, top) if self.symmetric else (S, np.rint(-low / S), 0, 2**self.bits - 1)

    def forward(self, w):
        grid = self.grid(w.data)
        return fake_quantize(w.reshape(*self.rows(w.data).shape), *grid).reshape(*w.shape)

    def scales(self, w):
        """S of each output channel of an array w: (O,) or (1,) float32.   ValueError for a grid that no int8 plan has."""
        if not self.symmetric or isinstance(self.per, int):
            raise ValueError("an int8 plan has zero point 0 and one scale for each output channel; this WeightGrid is "
                             + ("affine" if not self.symmetric else f"one of groups of {self.per}"))
        return self.grid(w)[0][:, 0]


class ActivationGrid(nn.Module):
    """A module between two layers that rounds the activations to the values of unsigned integers, 0 … 2^bits − 1.

        low ← low + rate (min(0, min x) − low)        high ← high + rate (max(0, max x) − high)        while training

    S and Z are those of `affine_parameters(low, high)`; 0 is always in the range. The first batch sets the range. In training
    the first `delay` batches move the range, and pass without rounding, because ranges change fast at first.
    bits: 1 to 8. rate: 0 < rate ≤ 1. power_of_two: S is rounded up to a power of two.
    The range is a buffer, saved with the model.   Errors: ValueError for other options, and before any batch was seen.
    Source: Jacob et al. 2018 (arXiv 1712.05877), §3.1.
    """

    def __init__(self, bits=8, rate=0.01, delay=0, power_of_two=False):
        if bits not in range(1, 9):
            raise ValueError(f"ActivationGrid: bits is {bits}, must be a whole number from 1 to 8")
        if not 0 < rate <= 1:
            raise ValueError(f"ActivationGrid: rate has to be above 0 and at most 1, got {rate}")
        self.bits, self.rate, self.delay, self.power_of_two = bits, rate, delay, power_of_two
        self.range, self.batches = nn.Buffer(np.zeros(2, np.float32)), nn.Buffer(np.zeros((), np.int64))

    def observe(self, x):
        """Move the range towards that of a batch, an array.   ValueError for NaN and infinity."""
        check_finite("ActivationGrid", x)
        seen = np.array([x.min(initial=0), x.max(initial=0)], np.float32)
        rate = np.float32(self.rate if self.batches.data else 1)
        self.range.data = self.range.data + rate * (seen - self.range.data)
        self.batches.data = self.batches.data + 1

    def grid(self):
        """(S float32, Z, 0, 2^bits − 1)"""
        if not self.batches.data:
            raise ValueError("ActivationGrid: has seen no numbers; run a batch through it in training mode")
        qmax = 2**self.bits - 1
        S, Z = affine_parameters(*self.range.data, 0, qmax)
        if self.power_of_two:
            S = power_of_two(S)
            Z = int(np.rint(-min(self.range.data[0], 0) / S))
        return S, Z, 0, qmax

    def forward(self, x):
        x = x if isinstance(x, Tensor) else Tensor(x)
        if self.training:
            self.observe(x.data)
            if self.batches.data <= self.delay:
                return x
        return fake_quantize(x, *self.grid())
