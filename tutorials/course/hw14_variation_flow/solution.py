"""What a student can learn from a layer of another size: how two layers work together, and which examples a layer finds alike.

The flow compares two layers of one network, channel by channel. The similarities compare the examples of a batch. Both give
matrices whose size does not depend on the widths of the layers in between. So no regressor is needed.

All functions take arrays of floats and return new ones of their dtype; the inputs stay as they are. There are N examples, C or
D channels, H × W pixels.
"""

import numpy as np


def block_means(f, H, W):
    """Maps with fewer pixels: each pixel is the mean of a block of pixels of f.

        m[n, c, i, j] = the mean of f[n, c, i·h : (i + 1)·h, j·w : (j + 1)·w]        h = H_f / H, w = W_f / W

    f (N, C, H_f, W_f) -> (N, C, H, W); f's own numbers where the size is that of f.
    Errors: ValueError unless H_f is a multiple of H and W_f one of W.

    >>> block_means(np.arange(8.0).reshape(1, 1, 2, 4), 1, 2).tolist()
    [[[[2.5, 4.5]]]]
    """
    N, C, H_f, W_f = f.shape
    if H < 1 or W < 1 or H_f % H or W_f % W:
        raise ValueError(f"block_means: maps of {H_f}×{W_f} pixels cannot be divided into {H}×{W} blocks")
    return f.reshape(N, C, H, H_f // H, W, W_f // W).mean(axis=(3, 5))


def flow(f, g):
    """The flow from a layer to a later one: how strongly each channel of the one goes along with each channel of the other.

        G[n, c, d] = 1/(H W) Σ_ij f[n, c, i, j] g[n, d, i, j]

    f (N, C, H, W), g (N, D, H, W) -> G (N, C, D). Where the maps have different sizes, f and g are first brought to the smaller
    H and to the smaller W by `block_means`.
    Errors: ValueError for another number of axes, for different N, and those of `block_means`.
    Source: Yim et al. 2017, A Gift from Knowledge Distillation (CVPR), eq. 1, where max-pooling makes maps smaller.

    >>> flow(np.array([[[[1.0, 2.0]]]]), np.array([[[[3.0, 4.0]], [[1.0, 0.0]]]])).tolist()
    [[[5.5, 0.5]]]
    """
    f, g = same_pixels(f, g)
    return np.einsum("ncij,ndij->ncd", f, g) / f[0, 0].size


def same_pixels(f, g):
    """f and g with the smaller H and the smaller W of the two, by `block_means`.

    Errors: ValueError for another number of axes than 4, for different N, and those of `block_means`.
    """
    if f.ndim != 4 or g.ndim != 4 or len(f) != len(g):
        raise ValueError(f"flow: expects maps (N, C, H, W) and (N, D, H, W), got {f.shape} and {g.shape}")
    size = np.minimum(f.shape[2:], g.shape[2:]).tolist()
    return block_means(f, *size), block_means(g, *size)


def flow_loss(f, g, G_t):
    """The squared distance of the student's flow from the teacher's, with its gradients.

        L = 1/N Σ_n |G_n − G_t,n|²_F        G = flow(f, g)

    f (N, C, H, W), g (N, D, H, W) of the student, G_t (N, C, D) of the teacher -> L, df of f's shape, dg of g's shape.
    f and g may have different numbers of pixels: then each pixel of a block gets its share of the block's gradient.
    Errors: those of `flow`; ValueError for a G_t of another shape than G.
    Source: Yim et al. 2017, eq. 2, without the weights of several pairs.

    >>> L, df, dg = flow_loss(np.array([[[[1.0]]]]), np.array([[[[3.0]]]]), np.array([[[1.0]]]))
    >>> L.item(), df.item(), dg.item()
    (4.0, 12.0, 4.0)
    """
    G = flow(f, g)
    if G_t.shape != G.shape:
        raise ValueError(f"flow_loss: the student's flow is {G.shape}, the teacher's {G_t.shape}")
    small_f, small_g = same_pixels(f, g)
    dG = 2 * (G - G_t) / (len(G) * small_f[0, 0].size)
    df, dg = np.einsum("ncd,ndij->ncij", dG, small_g), np.einsum("ncd,ncij->ndij", dG, small_f)
    return ((G - G_t) ** 2).sum() / len(G), spread(df, f.shape), spread(dg, g.shape)


def spread(dm, shape):
    """The gradient of `block_means`: from dm (N, C, H, W) to df of the given shape (N, C, H_f, W_f).

        df[n, c, i, j] = dm[n, c, ⌊i/h⌋, ⌊j/w⌋] / (h w)        h = H_f / H, w = W_f / W

    >>> spread(np.array([[[[6.0]]]]), (1, 1, 1, 3)).tolist()
    [[[[2.0, 2.0, 2.0]]]]
    """
    h, w = shape[2] // dm.shape[2], shape[3] // dm.shape[3]
    return np.repeat(np.repeat(dm, h, axis=2), w, axis=3) / (h * w)


def similarities(x):
    """Which examples of a batch a layer finds alike.

        S_i = Q_i / |Q_i|        Q_ij = x_i · x_j        Q_i the row i of Q

    x (N, …), any axes after the first, which are joined -> S (N, N). S_i = 0 where Q_i = 0.
    Source: Tung & Mori 2019 (arXiv 1907.09682), eq. 1 and 2.

    >>> similarities(np.array([[3.0], [4.0]])).tolist()
    [[0.6, 0.8], [0.6, 0.8]]
    """
    x = x.reshape(len(x), -1)
    Q = x @ x.T
    length = np.sqrt((Q**2).sum(axis=1, keepdims=True))
    return Q / np.where(length > 0, length, 1)


def similarity_loss(x, S_t):
    """How far the student's similarities are from the teacher's, with the gradient.

        L = 1/N² |S − S_t|²_F        S = similarities(x)

    x (N, …), S_t (N, N) of the teacher -> L, dx of x's shape. No gradient comes from the row S_i = 0 of an example
    with Q_i = 0.
    Errors: ValueError for an S_t of another shape than (N, N).
    Source: Tung & Mori 2019 (arXiv 1907.09682), eq. 4, for one pair of layers.

    >>> L, dx = similarity_loss(np.array([[3.0], [4.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> round(L.item(), 3)
    0.3
    """
    N, flat = len(x), x.reshape(len(x), -1)
    if S_t.shape != (N, N):
        raise ValueError(f"similarity_loss: {N} examples have similarities {(N, N)}, the teacher's are {S_t.shape}")
    S, Q = similarities(x), flat @ flat.T
    length = np.sqrt((Q**2).sum(axis=1, keepdims=True))
    dS = 2 * (S - S_t) / N**2
    dQ = np.where(length > 0, dS - S * (S * dS).sum(axis=1, keepdims=True), 0) / np.where(length > 0, length, 1)
    return ((S - S_t) ** 2).sum() / N**2, ((dQ + dQ.T) @ flat).reshape(x.shape)
