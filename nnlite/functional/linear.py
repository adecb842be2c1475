"""Matrix products: matmul, linear, and embedding (a product with a one-hot matrix, done by look-up).

Source: Giles 2008, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, on the
product; the names are PyTorch's.
"""

import math

import numpy as np

from nnlite import kernels
from nnlite.functional.elementwise import check_broadcast, unbroadcast
from nnlite.tensor import FLOATS, Operation, option_array, record


def check_floats(name, *arrays):
    """TypeError, with all dtypes, unless the arrays (None is skipped) have one dtype, float32 or float64: kernels need that."""
    dtypes = [a.dtype for a in arrays if a is not None]
    if len(set(dtypes)) > 1 or dtypes[0] not in FLOATS:
        raise TypeError(f"{name}: expects arrays of one dtype, float32 or float64, got {', '.join(map(str, dtypes))}")


class Matmul(Operation):
    """z = x y, of the last two axes; the axes before them broadcast.

        dx = dz yᵀ        dy = xᵀ dz

    x (…, M, K), y (…, K, N) -> z (…, M, N).   A vector x (K,) counts as one row, a vector y (K,) as one column; the axis of
    size 1 that z gets from a vector is removed: (K,) (K, N) -> (N,), (M, K) (K,) -> (M,), (K,) (K,) -> (). Each gradient has
    the shape of its input: `unbroadcast` sums it along the axes that were broadcast.
    Errors: as `matmul`.
    """

    def forward(self, x, y):
        check_floats("matmul", x, y)
        if x.ndim < 1 or y.ndim < 1 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else -1]:
            raise ValueError(f"matmul: x {x.shape} and y {y.shape} are not (…, M, K) and (…, K, N), or vectors (K,)")
        self.added = (*([-2] if x.ndim == 1 else []), *([-1] if y.ndim == 1 else []))  # axes of z that vectors do not have
        self.shapes = x.shape, y.shape
        x, y = x if x.ndim > 1 else x[None, :], y if y.ndim > 1 else y[:, None]
        check_broadcast("matmul, axes before the last two", x.shape[:-2], y.shape[:-2])
        self.x, self.y = x, y
        return _batched(x, y).squeeze(self.added)

    def backward(self, dz):
        x, y, dz = self.x, self.y, np.expand_dims(dz, self.added)
        dx = unbroadcast(_batched(dz, np.swapaxes(y, -1, -2)), x.shape)
        dy = unbroadcast(_batched(np.swapaxes(x, -1, -2), dz), y.shape)
        return dx.reshape(self.shapes[0]), dy.reshape(self.shapes[1])

    def macs(self, z):
        return z.size * self.x.shape[-1]


def _batched(x, y):
    """x (…, M, K), y (…, K, N), the axes before the last two broadcast -> z = x y (…, M, N)"""
    if x.ndim == y.ndim == 2:
        return kernels.matmul(x, y)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = np.broadcast_to(x, batch + x.shape[-2:]), np.broadcast_to(y, batch + y.shape[-2:])
    z = np.empty(batch + (x.shape[-2], y.shape[-1]), x.dtype)
    for i in np.ndindex(batch):
        z[i] = kernels.matmul(x[i], y[i])
    return z


def as_rows(x):
    """(…, I) -> (n, I), also where I is 0."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class Linear(Operation):
    """Affine map of each row.

        y = x wᵀ + b
        dx = dy w        dw = dyᵀ x        db = Σ_n dy_n

    x (…, I), w (O, I), b (O,) or None  ->  y (…, O); all of one float dtype. The indices of all axes before the last one count
    the examples n. dw and db are sums over all examples, dx has x's shape. There may be 0 examples. If b is None, so is db.
    Errors: as `linear`, from `prepare`.
    Source: Bishop 2006, Pattern Recognition and Machine Learning, §5.3; the names are PyTorch's `torch.nn.functional.linear`.
    """

    makes_new_gradients = True

    def forward(self, x, w, b=None):
        return kernels.matmul(self.prepare(x, w, b), w.T, b).reshape(*x.shape[:-1], w.shape[0])

    def prepare(self, x, w, b):
        """Check the arrays, keep what backward needs, and return the rows of x as a matrix (n, I)."""
        check_floats("linear", x, w, b)
        if w.ndim != 2 or x.ndim < 1:
            raise ValueError(f"linear: expects x (…, I) and w (O, I), got x {x.shape} and w {w.shape}")
        if x.shape[-1] != w.shape[1]:
            raise ValueError(f"linear: x has {x.shape[-1]} features, w {w.shape} expects {w.shape[1]}")
        if b is not None and b.shape != w.shape[:1]:
            raise ValueError(f"linear: b has shape {b.shape}, w {w.shape} expects {w.shape[:1]}")
        self.x, self.w, self.has_bias = x, w, b is not None
        return np.ascontiguousarray(as_rows(x))  # as in a plan: the order of a sum may depend on the layout

    def backward(self, dy):
        x, w = self.x, self.w
        dy, rows = as_rows(dy), as_rows(x)
        dx = kernels.matmul(dy, w).reshape(x.shape) if self.needs_gradient(0) else None  # y = x wᵀ + b
        dw = kernels.matmul(dy.T, rows) if self.needs_gradient(1) else None
        return dx, dw, dy.sum(axis=0) if self.has_bias else None

    def macs(self, y):
        return y.size * self.w.shape[1]


class Embedding(Operation):
    """y = w[indices], one row of w for each index;   dw[indices] += dy.

    indices: whole numbers of any shape S; w (V, D) -> y (*S, D). If an index occurs several times, its row of dw (V, D) is the
    sum of all its rows of dy.
    Errors: ValueError for an index below 0 or beyond the last row.
    """

    def __init__(self, indices):
        self.indices = indices

    def forward(self, w):
        if self.indices.size and not 0 <= self.indices.min() <= self.indices.max() < len(w):
            raise ValueError(f"embedding: indices from {self.indices.min()} to {self.indices.max()}, w has {len(w)} rows")
        self.w_shape = w.shape
        return w[self.indices]

    def backward(self, dy):
        dw = np.zeros(self.w_shape, dy.dtype)
        kernels.add_rows(as_rows(np.ascontiguousarray(dy)), self.indices.reshape(-1), dw)
        return (dw,)


def matmul(x, y):
    """The matrix product x y: (…, M, K) (…, K, N) -> (…, M, N), and with vectors (K,) on either side; see `Matmul`.

    Errors: TypeError for arrays that are not of one float dtype, ValueError for shapes that do not fit.
    """
    return record(Matmul(), x, y)


def linear(x, w, b=None):
    """y = x wᵀ + b:  x (…, I), w (O, I), b (O,) or None -> (…, O); see `Linear` for the gradients.

    Errors: TypeError for arrays that are not of one float dtype, ValueError for shapes that do not fit.
    """
    return record(Linear(), x, w, b)


def embedding(indices, w):
    """For each index its row of w (V, D) -> (*indices.shape, D); see `Embedding`.

    indices: whole numbers 0 … V − 1 of any shape, as an array, list or Tensor. The gradient flows to w only.
    Errors: TypeError for indices that are not whole numbers, ValueError for an index below 0 or beyond the last row.
    """
    indices = np.asarray(option_array("embedding: the indices", indices))
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices have to be whole numbers, got {indices.dtype}")
    return record(Embedding(indices.copy()), w)  # backward reads the copy
