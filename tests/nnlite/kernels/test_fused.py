import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_sums_agree

from nnlite.kernels.convolution import conv2d_reference
from nnlite.kernels.fused import conv2d_fused, geometry, sums_buffer


def fused(x, w, b, stride, dilation, pool, low, border):
    """conv2d_fused on a padded x (N, H, W, C); y with `border` pixels of −7 around each image."""
    N, G, o = len(x), len(w), w.shape[4]
    sums_h, sums_w = conv2d_reference(x[:1], w, stride, dilation).shape[1:3]
    out_h, out_w = sums_h // pool, sums_w // pool
    y = np.full((N, out_h + 2 * border, out_w + 2 * border, G * o), np.float32(-7))
    sums = sums_buffer(pool, sums_w, G * o, np.float32)
    conv2d_fused(x.ctypes.data, *x.strides[:2], w.reshape(G, -1, o), geometry(w.shape, stride, dilation), b, np.float32(low),
                 sums, y, border, border, N, out_h, out_w)
    return y


def by_the_formula(x, w, b, stride, dilation, pool, low):
    z = conv2d_reference(x.astype(np.float64), w.astype(np.float64), stride, dilation) + b
    N, H, W, O = z.shape
    z = z[:, : H // pool * pool, : W // pool * pool].reshape(N, H // pool, pool, W // pool, pool, O)
    return np.maximum(z.max(axis=(2, 4)), low)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_fused_convolution_equals_its_formula_and_leaves_the_border_alone(data):
    draw = data.draw
    size = st.integers(1, 3)
    N, G, c, o, kh, kw = (draw(size) for _ in range(6))
    stride, dilation = (draw(size), draw(size)), (draw(size), draw(size))
    pool, low, border = draw(st.sampled_from([1, 2])), draw(st.sampled_from([0, -np.inf])), draw(st.integers(0, 2))
    H = (pool - 1 + draw(st.integers(0, 8))) * stride[0] + dilation[0] * (kh - 1) + 1
    W = (pool - 1 + draw(st.integers(0, 20))) * stride[1] + dilation[1] * (kw - 1) + 1
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal((N, H, W, G * c)).astype(np.float32)
    w = rng.standard_normal((G, kh, kw, c, o)).astype(np.float32)
    b = rng.standard_normal(G * o).astype(np.float32)
    y = fused(x, w, b, stride, dilation, pool, low, border)
    inside = y[:, border : y.shape[1] - border, border : y.shape[2] - border]
    magnitude = by_the_formula(np.abs(x), np.abs(w), np.abs(b), stride, dilation, pool, -np.inf)
    assert_sums_agree(inside, by_the_formula(x, w, b, stride, dilation, pool, low), magnitude, kh * kw * c + 1)
    assert (y.sum() - inside.sum()).round() == -7 * (y.size - inside.size)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_comes_through_pooling_and_relu(pool, place):
    x = np.ones((1, 2, 2, 1), np.float32)
    x[0][place] = np.nan
    y = fused(x, np.ones((1, 1, 1, 1, 1), np.float32), np.zeros(1, np.float32), (1, 1), (1, 1), pool, 0, 0)
    assert np.isnan(y).sum() == 1
