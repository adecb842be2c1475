"""The bilinear layer: a product of two inputs with a weight for each pair of their features."""

import numpy as np


def bilinear(x, z, w, b=None):
    """Every output is a weighted sum over all pairs of features of the two inputs.

        y[…, o] = b[o] + Σ_i Σ_j  x[…, i] · w[o, i, j] · z[…, j]

    x (…, I), z (…, J), w (O, I, J), b (O,) or None -> y (…, O). The leading axes of x and z are equal: any number of them,
    none, or axes of size 0. All arrays are of one float dtype, float32 or float64, and so is y. The inputs stay as they are.
    Memory: no array of size N·O·I·J is made, where N is the number of examples; N·O·J numbers are allowed.
    Errors: TypeError for arrays that are not of one float dtype; ValueError for shapes that do not fit, a b of one number
    too, unless O is 1.
    """
    arrays = [x, z, w] if b is None else [x, z, w, b]
    if len({a.dtype for a in arrays}) > 1 or x.dtype not in (np.float32, np.float64):
        raise TypeError(f"bilinear: expects arrays of one float dtype, got {[str(a.dtype) for a in arrays]}")
    if w.ndim != 3 or x.ndim < 1 or z.ndim < 1 or x.shape[:-1] != z.shape[:-1]:
        raise ValueError(f"bilinear: x {x.shape} and z {z.shape} have to be (…, I) and (…, J), w {w.shape} (O, I, J)")
    if w.shape[1:] != (x.shape[-1], z.shape[-1]):
        raise ValueError(f"bilinear: x {x.shape} and z {z.shape} have other features than w {w.shape}")
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"bilinear: b has shape {b.shape}, w {w.shape} expects {w.shape[:1]}")
    half = np.tensordot(x, w, ([-1], [1]))
    y = (half * z[..., None, :]).sum(axis=-1)
    return y if b is None else y + b


def bilinear_gradients(x, z, w, dy):
    """The gradients of Σ dy · bilinear(x, z, w, b) -> (dx, dz, dw, db), each of the shape and dtype of its array.

    x (…, I), z (…, J), w (O, I, J), dy (…, O): as `bilinear` takes and gives them. dw and db are summed over all leading axes.
    Memory: as in `bilinear`; N·O·I or N·O·J numbers are allowed.
    """
    O, I, J = w.shape
    n = int(np.prod(x.shape[:-1]))
    rows, others, dy = x.reshape(n, I), z.reshape(n, J), dy.reshape(n, O)
    dx = (np.tensordot(others, w, ([1], [2])) * dy[:, :, None]).sum(axis=1)
    dz = (np.tensordot(rows, w, ([1], [1])) * dy[:, :, None]).sum(axis=1)
    weighted = (dy[:, :, None] * rows[:, None, :]).reshape(n, O * I)
    dw = (weighted.T @ others).reshape(O, I, J)
    return dx.reshape(x.shape), dz.reshape(z.shape), dw, dy.sum(axis=0)


def factored_gradients(x, u, v, dy):
    """The gradients of a linear layer whose weight w = u v is a product of two thin matrices -> (y, dx, du, dv).

        y = x (u v)ᵀ          w[o, i] = Σ_r u[o, r] v[r, i]

    x (N, I), u (O, R), v (R, I), dy (N, O) -> y (N, O), and the gradients of Σ dy · y in the shapes of x, u and v. All are of
    one float dtype.
    Memory: w and its gradient are never made; with R small, no array has O·I numbers.
    """
    inner = x @ v.T
    d_inner = dy @ u
    return inner @ u.T, d_inner @ v, dy.T @ inner, d_inner.T @ x
