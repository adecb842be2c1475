"""What the tests ask of your code: each function calls yours and returns arrays and numbers."""

import sys
import types

import numpy as np

plain = types.ModuleType("nnlite.kernels.machine.cache")
plain.njit = lambda function=None, **options: function or (lambda function: function)  # here nothing is compiled
sys.modules[plain.__name__] = plain

from nnlite.kernels.loops import convolution, convolution_gradients  # noqa: E402


def output_size(*arguments):
    return convolution.output_size(*arguments)


def conv2d(x, w, y, stride=(1, 1), dilation=(1, 1), b=None):
    """y after your loops have filled it."""
    convolution.conv2d(x, w, y, convolution.Walk(stride, dilation), b)
    return y


def gradients(x, w, dy, stride=(1, 1), dilation=(1, 1), padding=(0, 0), before=0.0):
    """(dx, dw, db) from your loops; the arrays hold `before` at first. x is padded."""
    N, H, W, C = x.shape
    dx = np.full((N, H - 2 * padding[0], W - 2 * padding[1], C), before)
    dw, db = np.full(w.shape, before), np.full(dy.shape[3], before)
    convolution_gradients.conv2d_gradients(x, w, dy, dx, dw, db, convolution.Walk(stride, dilation, padding))
    return dx, dw, db


def formula(x, w, stride, dilation):
    return convolution.conv2d_formula(x, w, convolution.Walk(stride, dilation))


def gradients_formula(x, w, dy, stride, dilation):
    return convolution_gradients.conv2d_gradients_formula(x, w, dy, convolution.Walk(stride, dilation))


def forward(images, w1, b1, w2, b2):
    """8×8 → conv 3×3 with stride 2 and padding 1 → ReLU → conv 4×4 → 10 logits; images (N, 8, 8) -> all that backward needs"""
    x = np.pad(images[..., None], ((0, 0), (1, 1), (1, 1), (0, 0)))
    h = np.maximum(conv2d(x, w1, np.zeros((len(x), 4, 4, len(b1))), (2, 2), (1, 1), b1), 0)
    return x, h, conv2d(h, w2, np.zeros((len(x), 1, 1, 10)), b=b2)


def logits(images, weights):
    return forward(images, *weights)[2][:, 0, 0]


def train(images, targets, weights, batches, rate):
    """Gradient descent on softmax cross-entropy with your loops -> the trained weights. targets (N, 10)"""
    weights = [np.array(w) for w in weights]
    for at in batches:
        x, h, z = forward(images[at], *weights)
        e = np.exp(z - z.max(axis=3, keepdims=True))
        dz = (e / e.sum(axis=3, keepdims=True) - targets[at][:, None, None]) / len(at)
        dh, dw2, db2 = gradients(h, weights[2], dz)
        _, dw1, db1 = gradients(x, weights[0], dh * (h > 0), (2, 2), (1, 1), (1, 1))
        weights = [w - rate * dw for w, dw in zip(weights, (dw1, db1, dw2, db2), strict=True)]
    return tuple(weights)
