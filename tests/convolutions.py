"""What the tests of the convolution kernels share: shapes, random numbers, patches and blocks of images."""

import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)


@st.composite
def convolutions(draw, most_images=3):
    """(x_shape, w_shape, stride, dilation): x (N, H, W, C), w (G, kh, kw, c, o), the kernel reaching over at most H × W.

    Every fourth is depthwise, with up to 40 channels.
    """
    N, G = draw(st.integers(1, most_images)), draw(st.sampled_from([1, 1, 2, 3]))
    c, o = draw(st.sampled_from([1, 2, 3, 4, 5, 9])), draw(st.sampled_from([1, 2, 3, 8, 17, 33]))
    if draw(st.integers(0, 3)) == 3:
        G, c, o = draw(st.integers(1, 40)), 1, 1
    kh, kw, dh, dw = (draw(st.integers(1, 3)) for _ in range(4))
    H, W = dh * (kh - 1) + draw(st.integers(1, 7)), dw * (kw - 1) + draw(st.integers(1, 12) | st.sampled_from([17, 25, 32]))
    return (N, H, W, G * c), (G, kh, kw, c, o), (draw(st.integers(1, 3)), draw(st.integers(1, 3))), (dh, dw)


def result_shape(x_shape, w_shape, stride, dilation):
    """(N, H', W', O), counted: the places where a patch may start."""
    (N, H, W, _), (G, kh, kw, _, o), (sh, sw), (dh, dw) = x_shape, w_shape, stride, dilation
    return N, len(range(0, H - dh * (kh - 1), sh)), len(range(0, W - dw * (kw - 1), sw)), G * o


def patches(x, w_shape, stride, dilation):
    """The pixels that meet w[g, u, v, α]: x (N, H, W, C) -> (N, H', W', G, kh, kw, c), cut from x tap by tap."""
    G, kh, kw, c, _ = w_shape
    (sh, sw), (dh, dw) = stride, dilation
    N, H, W, _ = x.shape
    taps = np.array([x[:, u * dh : H - dh * (kh - 1 - u) : sh, v * dw : W - dw * (kw - 1 - v) : sw]
                     for u in range(kh) for v in range(kw)])
    return taps.reshape(kh, kw, N, *taps.shape[2:4], G, c).transpose(2, 3, 4, 5, 0, 1, 6)


def gradients_by_the_formulas(x, w, dz, stride, dilation):
    """(dx, dw, db): each pixel gets its share of every patch that holds it."""
    (N, H, W, C), (G, kh, kw, c, o), (sh, sw), (dh_, dw_) = x.shape, w.shape, stride, dilation
    D, dx = dz.reshape(*dz.shape[:3], G, o), np.zeros((N, H, W, G, c))
    for u, v in np.ndindex(kh, kw):
        share = np.einsum("nijgb,gab->nijga", D, w[:, u, v])
        dx[:, u * dh_ : H - dh_ * (kh - 1 - u) : sh, v * dw_ : W - dw_ * (kw - 1 - v) : sw] += share
    dw = np.einsum("nijguva,nijgb->guvab", patches(x, w.shape, stride, dilation), D)
    return dx.reshape(N, H, W, C), dw, dz.sum(axis=(0, 1, 2))


def blocks(z):
    """The 2×2 blocks of z (N, H, W, O), a last odd row or column left out -> (N, H/2, W/2, O, 4), in the order 2u + v."""
    N, H, W, O = z.shape
    z = z[:, : H // 2 * 2, : W // 2 * 2].reshape(N, H // 2, 2, W // 2, 2, O)
    return z.transpose(0, 1, 3, 5, 2, 4).reshape(N, H // 2, W // 2, O, 4)


def floats(shape, rng, dtype):
    return rng.standard_normal(shape).astype(dtype)


one_or_two = st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


@st.composite
def options_and_shapes(draw):
    """(x_shape, w_shape, has_bias, options) of a call of `F.conv2d` that fits."""
    groups = draw(st.integers(1, 4))
    c, o = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kernel, dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), draw(one_or_two)
    padding = draw(st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2)))
    H, W = (max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 4)) for k, d, p in
            zip(kernel, pair(dilation), pair(padding), strict=True))
    options = {"stride": draw(one_or_two), "padding": padding, "dilation": dilation, "groups": groups}
    return (draw(st.integers(0, 3)), groups * c, H, W), (groups * o, c, *kernel), draw(st.booleans()), options
