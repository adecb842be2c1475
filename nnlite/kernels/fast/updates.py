"""What an optimizer does to all its parameters in one step, in a single pass over memory.

NumPy's formula reads and writes an array for each of its signs, and these arrays do not fit into the fast caches. A kernel
reads each number once and writes it once. It does the formula's operations in the formula's order: the same bits. It is
called once for all parameters, since a small one takes less time than a call.

Letters: w a parameter, g its gradient, which stays as it is; b the momentum buffer, m and v averages of g and g²: arrays
of one shape. The rest are numbers. The kernels get a table of the arrays, a row for each parameter p: where in memory w, g
and the averages begin, and last how many numbers each has. Task t of T, one for each thread, takes a piece of each.
"""

import numpy as np
from numba import carray

from nnlite.kernels.fast.pointwise import part
from nnlite.kernels.machine.memory import address
from nnlite.kernels.machine.sharing import share_out
from nnlite.kernels.machine.threads import MOVE, inner_kernel, parallel_kernel, threads_for
from nnlite.kernels.simd.vector import pointer


@inner_kernel
def piece(like, address, size, t, T):
    """The t-th of T pieces of an array of `size` numbers like `like`."""
    return part(carray(pointer(like, address), size), t, T)


def sgd_reference(w, g, lr, weight_decay):
    """w ← w − lr·(g + weight_decay·w)"""
    w -= lr * (g + weight_decay * w)


@parallel_kernel
def sgd(table, T, lr, weight_decay):
    share_out(sgd_pieces, T, T, (table, T, lr, weight_decay))


@inner_kernel
def sgd_pieces(t, thread, table, T, lr, weight_decay):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(lr, table[p, 0], size, t, T), piece(lr, table[p, 1], size, t, T)
        for i in range(w.size):
            w[i] -= lr * (g[i] + weight_decay * w[i])


def heavy_ball_reference(w, g, b, lr, momentum, weight_decay):
    """b ← momentum·b + d,   w ← w − lr·b   with d = g + weight_decay·w"""
    b[...] = momentum * b + (g + weight_decay * w)
    w -= lr * b


@parallel_kernel
def heavy_ball(table, T, lr, momentum, weight_decay):
    share_out(heavy_ball_pieces, T, T, (table, T, lr, momentum, weight_decay))


@inner_kernel
def heavy_ball_pieces(t, thread, table, T, lr, momentum, weight_decay):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(lr, table[p, 0], size, t, T), piece(lr, table[p, 1], size, t, T)
        b = piece(lr, table[p, 2], size, t, T)
        for i in range(w.size):
            b[i] = momentum * b[i] + (g[i] + weight_decay * w[i])
            w[i] -= lr * b[i]


def nesterov_reference(w, g, b, lr, momentum, weight_decay):
    """b ← momentum·b + d,   w ← w − lr·(d + momentum·b)   with d = g + weight_decay·w"""
    d = g + weight_decay * w
    b[...] = momentum * b + d
    w -= lr * (d + momentum * b)


@parallel_kernel
def nesterov(table, T, lr, momentum, weight_decay):
    share_out(nesterov_pieces, T, T, (table, T, lr, momentum, weight_decay))


@inner_kernel
def nesterov_pieces(t, thread, table, T, lr, momentum, weight_decay):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(lr, table[p, 0], size, t, T), piece(lr, table[p, 1], size, t, T)
        b = piece(lr, table[p, 2], size, t, T)
        for i in range(w.size):
            d = g[i] + weight_decay * w[i]
            b[i] = momentum * b[i] + d
            w[i] -= lr * (d + momentum * b[i])


def rmsprop_reference(w, g, v, lr, alpha, rest, eps, weight_decay):
    """v ← alpha·v + rest·d²,   w ← w − lr·(d / (√v + eps))   with rest = 1 − alpha, d = g + weight_decay·w"""
    d = g + weight_decay * w
    v[...] = alpha * v + rest * (d * d)
    w -= lr * (d / (np.sqrt(v) + eps))


@parallel_kernel
def rmsprop(table, T, lr, alpha, rest, eps, weight_decay):
    share_out(rmsprop_pieces, T, T, (table, T, lr, alpha, rest, eps, weight_decay))


@inner_kernel
def rmsprop_pieces(t, thread, table, T, lr, alpha, rest, eps, weight_decay):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(lr, table[p, 0], size, t, T), piece(lr, table[p, 1], size, t, T)
        v = piece(lr, table[p, 2], size, t, T)
        for i in range(w.size):
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
def rmsprop_momentum(table, T, lr, alpha, rest, eps, weight_decay, momentum):
    share_out(rmsprop_momentum_pieces, T, T, (table, T, lr, alpha, rest, eps, weight_decay, momentum))


@inner_kernel
def rmsprop_momentum_pieces(t, thread, table, T, lr, alpha, rest, eps, weight_decay, momentum):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(lr, table[p, 0], size, t, T), piece(lr, table[p, 1], size, t, T)
        v, b = piece(lr, table[p, 2], size, t, T), piece(lr, table[p, 3], size, t, T)
        for i in range(w.size):
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
def adam(table, T, rate, beta1, rest1, beta2, rest2, eps, coupled, keep):
    share_out(adam_pieces, T, T, (table, T, rate, beta1, rest1, beta2, rest2, eps, coupled, keep))


@inner_kernel
def adam_pieces(t, thread, table, T, rate, beta1, rest1, beta2, rest2, eps, coupled, keep):
    for p in range(len(table)):
        size = table[p, -1]
        w, g = piece(rate, table[p, 0], size, t, T), piece(rate, table[p, 1], size, t, T)
        m, v = piece(rate, table[p, 2], size, t, T), piece(rate, table[p, 3], size, t, T)
        for i in range(w.size):
            d = g[i] + coupled * w[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * (d * d)
            w[i] = keep * w[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))


def in_one_pass(kernel, parameters, *numbers):
    """Run a kernel above on many parameters, their arrays of any shape and order in memory.

    parameters: [w, g, averages …] of each, in the kernel's order; w and the averages change, g does not. All w have one dtype,
    float32 or float64, and the kernel calculates in it. An array of another dtype or another order in memory than its w is
    copied, so is a w with gaps.
    """
    lying_alike = [alike(arrays) for arrays in parameters]
    table = [[*(address(a.ravel(order="K")) for a in arrays), arrays[0].size] for arrays in lying_alike]
    count = sum(len(arrays) * arrays[0].size for arrays in lying_alike)
    dtype = parameters[0][0].dtype
    kernel(np.array(table, np.intp), threads_for(MOVE // 2 * count), *np.array(numbers, dtype))
    for given, used in zip(parameters, lying_alike, strict=True):
        for k in range(len(given)):
            if k != 1 and used[k] is not given[k]:
                given[k][...] = used[k]


def alike(arrays):
    """The arrays of a parameter, or copies of some, so that all lie in memory like the first, which has no gaps."""
    w = arrays[0]
    if w.ravel(order="K").base is None:  # ravel had to copy
        w = copy_like(w, w)
    return [w, *(a if a.strides == w.strides and a.dtype == w.dtype else copy_like(w, a) for a in arrays[1:])]


def copy_like(w, a):
    """The numbers of a in w's dtype and w's order in memory, without gaps."""
    copy = np.empty_like(w)
    copy[...] = a
    return copy
