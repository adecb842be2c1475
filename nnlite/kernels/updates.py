"""What an optimizer does to one parameter in one step, in a single pass over memory.

NumPy's formula reads and writes an array for each of its signs, and these arrays do not fit into the fast caches. A kernel
reads each number once and writes it once. It does the formula's operations in the formula's order: the same bits.

Letters: w the parameter, g its gradient, which stays as it is; b the momentum buffer, m and v averages of g and g²: arrays
of one shape, 1-D for the kernels. The rest are numbers.
"""

import numpy as np
from numba import prange

from nnlite.kernels.threads import MOVE, parallel_kernel, use_threads


def sgd_reference(w, g, lr, weight_decay):
    """w ← w − lr·(g + weight_decay·w)"""
    w -= lr * (g + weight_decay * w)


@parallel_kernel
def sgd(w, g, lr, weight_decay):
    for i in prange(w.size):
        w[i] -= lr * (g[i] + weight_decay * w[i])


def heavy_ball_reference(w, g, b, lr, momentum, weight_decay):
    """b ← momentum·b + d,   w ← w − lr·b   with d = g + weight_decay·w"""
    b[...] = momentum * b + (g + weight_decay * w)
    w -= lr * b


@parallel_kernel
def heavy_ball(w, g, b, lr, momentum, weight_decay):
    for i in prange(w.size):
        b[i] = momentum * b[i] + (g[i] + weight_decay * w[i])
        w[i] -= lr * b[i]


def nesterov_reference(w, g, b, lr, momentum, weight_decay):
    """b ← momentum·b + d,   w ← w − lr·(d + momentum·b)   with d = g + weight_decay·w"""
    d = g + weight_decay * w
    b[...] = momentum * b + d
    w -= lr * (d + momentum * b)


@parallel_kernel
def nesterov(w, g, b, lr, momentum, weight_decay):
    for i in prange(w.size):
        d = g[i] + weight_decay * w[i]
        b[i] = momentum * b[i] + d
        w[i] -= lr * (d + momentum * b[i])


def rmsprop_reference(w, g, v, lr, alpha, rest, eps, weight_decay):
    """v ← alpha·v + rest·d²,   w ← w − lr·(d / (√v + eps))   with rest = 1 − alpha, d = g + weight_decay·w"""
    d = g + weight_decay * w
    v[...] = alpha * v + rest * (d * d)
    w -= lr * (d / (np.sqrt(v) + eps))


@parallel_kernel
def rmsprop(w, g, v, lr, alpha, rest, eps, weight_decay):
    for i in prange(w.size):
        d = g[i] + weight_decay * w[i]
        v[i] = alpha * v[i] + rest * (d * d)
        w[i] -= lr * (d / (np.sqrt(v[i]) + eps))


def rmsprop_momentum_reference(w, g, v, b, lr, alpha, rest, eps, weight_decay, momentum):
    """v as in `rmsprop`;   b ← momentum·b + d / (√v + eps),   w ← w − lr·b"""
    d = g + weight_decay * w
    v[...] = alpha * v + rest * (d * d)
    b[...] = momentum * b + d / (np.sqrt(v) + eps)
    w -= lr * b


@parallel_kernel
def rmsprop_momentum(w, g, v, b, lr, alpha, rest, eps, weight_decay, momentum):
    for i in prange(w.size):
        d = g[i] + weight_decay * w[i]
        v[i] = alpha * v[i] + rest * (d * d)
        b[i] = momentum * b[i] + d / (np.sqrt(v[i]) + eps)
        w[i] -= lr * b[i]


def adam_reference(w, g, m, v, rate, beta1, rest1, beta2, rest2, eps, coupled, keep):
    """The step t of Adam and AdamW, with d = g + coupled·w:

        m ← beta1·m + rest1·d               rest1 = 1 − beta1       rate = lr √(1 − beta2^t) / (1 − beta1^t)
        v ← beta2·v + rest2·d²              rest2 = 1 − beta2       eps times √(1 − beta2^t), too
        w ← keep·w − rate·(m / (√v + eps))

    Adam has coupled = weight_decay, keep = 1; AdamW coupled = 0, keep = 1 − lr·weight_decay. With the corrections of m and v
    in two numbers there is one division less for each weight: Kingma & Ba 2015, end of §2.
    """
    d = g + coupled * w
    m[...] = beta1 * m + rest1 * d
    v[...] = beta2 * v + rest2 * (d * d)
    w[...] = keep * w - rate * (m / (np.sqrt(v) + eps))


@parallel_kernel
def adam(w, g, m, v, rate, beta1, rest1, beta2, rest2, eps, coupled, keep):
    for i in prange(w.size):
        d = g[i] + coupled * w[i]
        m[i] = beta1 * m[i] + rest1 * d
        v[i] = beta2 * v[i] + rest2 * (d * d)
        w[i] = keep * w[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))


def in_one_pass(kernel, w, g, averages, *numbers):
    """Run a kernel above on arrays of any shape and order in memory: w and the averages change, g does not.

    averages: a list of the arrays that the kernel takes between g and its numbers. The kernel calculates in w's dtype,
    float32 or float64. Arrays of another dtype or another order in memory than w's are copied, so is a w with gaps.
    """
    if not lies_like(w, g):
        g = copy_like(w, g)
    arrays = [w, g, *averages]
    views = [a.ravel(order="K") for a in arrays]
    if views[0].base is None or not all(lies_like(w, a) for a in averages):  # no base: ravel had to copy
        copies = [copy_like(w, a) for a in (w, *averages)]
        in_one_pass(kernel, copies[0], g, copies[1:], *numbers)
        for a, copy in zip((w, *averages), copies, strict=True):
            a[...] = copy
        return
    use_threads(MOVE // 2 * len(arrays) * w.size)
    kernel(*views, *np.array(numbers, w.dtype))


def lies_like(w, a):
    """Whether a has w's dtype and w's order in memory."""
    return a.strides == w.strides and a.dtype == w.dtype


def copy_like(w, a):
    """The numbers of a in w's dtype and w's order in memory, without gaps."""
    copy = np.empty_like(w)
    copy[...] = a
    return copy
