"""Grids that training chooses: the step of LSQ, and the upper end of PACT's activations.

Source: LSQ: Esser et al. 2020 (arXiv 1902.08153), eq. 1 to 3 and §2.2; PACT: Choi et al. 2018 (arXiv 1805.06085), eq. 1 to 3.
"""

import numpy as np

from nncompress.quantization.affine import check_finite, usable_scale
from nnlite import functional as F
from nnlite import nn
from nnlite.tensor import Operation, record


class StepQuantize(Operation):
    """y = s clamp(round(v/s), −Q_N, Q_P) with a step s that gets a gradient, too; for LSQ.

        dv = dy where −Q_N < v/s < Q_P, else 0
        ds = g Σ dy · (round(v/s) − v/s inside, −Q_N below, Q_P above)        g = 1/√(numel · Q_P)

    Inside, ds is the error of the rounding, in steps: for the gradient, round counts as the identity. The factor g makes the
    update of s as large, relative to s, as those of the weights are relative to the weights. s is used as float32, as in files
    and plans.
    """

    def __init__(self, Q_N, Q_P):
        self.Q_N, self.Q_P = Q_N, Q_P

    def forward(self, v, s):
        s = np.float32(s)
        self.q = v / s
        self.rounded = np.clip(np.rint(self.q), -self.Q_N, self.Q_P)
        return (s * self.rounded).astype(v.dtype)

    def backward(self, dy):
        inside = (-self.Q_N < self.q) & (self.q < self.Q_P)
        g = 1 / np.sqrt(self.q.size * self.Q_P)
        ds = g * np.sum(dy * np.where(inside, self.rounded - self.q, self.rounded), dtype=np.float64)
        return dy * inside, np.asarray(ds, dy.dtype)


class LearnedStep(nn.Module):
    """LSQ: numbers on the grid −Q_N s … Q_P s, whose step s is trained with the network.

        y = s clamp(round(v/s), −Q_N, Q_P)        s = e^log_step > 0;  at first s = 2 mean |v| / √Q_P over the example

    example: numbers as they will come, an array: the weight, or some activations.
    Q_N, Q_P: for weights of b bits 2^(b−1) − 1 both (the paper's Q_N is one more, an int8 plan's grid is symmetric); for
    activations after a ReLU 0 and 255, for others 128 and 127.
    It is a transform for `nn.register_parametrization`, and for `weights=` and `activations=` of `prepare_qat`. log s is
    trained in place of s, so that s cannot become negative; its gradient is s·ds.
    Errors: ValueError for Q_N < 0 or Q_P < 1, and an example with NaN or infinity.
    """

    def __init__(self, example, Q_N, Q_P):
        if not (Q_N >= 0 and Q_P >= 1):
            raise ValueError(f"LearnedStep: Q_N has to be at least 0 and Q_P at least 1, got {Q_N} and {Q_P}")
        check_finite("LearnedStep", example)
        self.Q_N, self.Q_P, self.bits = Q_N, Q_P, int(Q_N + Q_P).bit_length()
        s = usable_scale(2 * np.mean(np.abs(example)) / np.sqrt(Q_P))
        self.log_step = nn.Parameter(np.float32(np.log(s)))

    @property
    def step(self):
        """s, float32."""
        return np.float32(F.exp(self.log_step.detach()).data)

    def forward(self, v):
        return record(StepQuantize(self.Q_N, self.Q_P), v, F.exp(self.log_step))

    def scales(self, w):
        """S of a weight, (1,) float32."""
        return self.step.reshape(1)

    def grid(self):
        """(S, Z, 0, qmax) of activations."""
        return self.step, self.Q_N, 0, self.Q_N + self.Q_P


class ClipQuantize(Operation):
    """c = ½(|x| − |x − a| + a), which is x clipped to 0 … a;   y = S round(c/S), S = a/(2^bits − 1);   for PACT.

    dx = dy where 0 < x < a, else 0;   da = Σ dy where x ≥ a.   The rounding is passed straight through.
    """

    def __init__(self, bits):
        self.bits = bits

    def forward(self, x, a):
        S = np.float32(a / (2**self.bits - 1))
        self.inside, self.above = (x > 0) & (x < a), x >= a
        return (S * np.clip(np.rint(x / S), 0, 2**self.bits - 1)).astype(x.dtype)

    def backward(self, dy):
        return dy * self.inside, np.asarray(np.sum(dy * self.above), dy.dtype)


class PACT(nn.Module):
    """A clipping ReLU whose upper end a is trained:  y = ½(|x| − |x − a| + a), then rounded to 2^bits values.

    It stands in the place of a ReLU or after it. To keep a small, the paper adds an L2 penalty on a to the loss; weight decay
    does the same.
    bits: 1 to 8. a: its first value.   Errors: ValueError for other bits, and for an a that is or becomes ≤ 0.
    """

    def __init__(self, bits=8, a=6.0):
        if bits not in range(1, 9):
            raise ValueError(f"PACT: bits is {bits}, must be a whole number from 1 to 8")
        self.bits, self.a = bits, nn.Parameter(np.float32(a))
        self._positive()

    def _positive(self):
        if not self.a.data > 0:
            raise ValueError(f"PACT: the upper end a has to be positive, it is {self.a.data}; train it more slowly")

    def forward(self, x):
        self._positive()
        return record(ClipQuantize(self.bits), x, self.a)

    def grid(self):
        """(S, Z, 0, qmax)"""
        return np.float32(self.a.data / (2**self.bits - 1)), 0, 0, 2**self.bits - 1
