"""Cosine similarity: how nearly two vectors have the same direction.

Source: Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, §6.3; the name and ε are PyTorch's.
"""

import numpy as np

from nnlite.functional.elementwise import check_broadcast, unbroadcast
from nnlite.tensor import Operation, record


class CosineSimilarity(Operation):
    """y = Σ_k a_k b_k / (α β) along dim, with α = max(|a|, ε), β = max(|b|, ε) and |a| = √(Σ_k a_k²).

        da = dy (b/(α β) − y a/α²)        where |a| > ε, else da = dy b/(α β); db likewise with a and b exchanged

    a and b broadcast together; y has their common shape without dim. y is in [−1, 1], and 0 for a vector of zeros.
    For a vector shorter than ε the gradient is the formula's. PyTorch differentiates there as if ε were 0.
    """

    def __init__(self, dim, eps):
        self.dim, self.eps = dim, float(eps)  # a NumPy float64 would make y float64

    def forward(self, a, b):
        check_broadcast("cosine_similarity", a.shape, b.shape)
        self.shapes = a.shape, b.shape
        a, b = np.broadcast_arrays(a, b)
        self.a, self.length_a = self.direction(a)
        self.b, self.length_b = self.direction(b)
        self.y = (self.a * self.b).sum(axis=self.dim, keepdims=True)
        return self.y.squeeze(self.dim)

    def direction(self, x):
        """x/max(|x|, ε) and max(|x|, ε)."""
        length = np.maximum(np.sqrt((x * x).sum(axis=self.dim, keepdims=True)), self.eps)
        return x / length, length

    def backward(self, dy):
        dy, a, b, y = np.expand_dims(dy, self.dim), self.a, self.b, self.y  # a and b are the directions a/α and b/β here
        da = dy * (b - np.where(self.length_a > self.eps, y, 0) * a) / self.length_a
        db = dy * (a - np.where(self.length_b > self.eps, y, 0) * b) / self.length_b
        return unbroadcast(da, self.shapes[0]), unbroadcast(db, self.shapes[1])


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between the vectors of x1 and x2 along dim; see `CosineSimilarity`.

    x1, x2: arrays that broadcast together -> their common shape without dim.   eps: ε, the least length that is divided by.
    Errors: ValueError for shapes that do not broadcast, or a dim that they do not have (numpy.exceptions.AxisError).
    """
    return record(CosineSimilarity(dim, eps), x1, x2)
