"""The tests that students have. conv: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored


def sizes(conv, rng):
    for arguments, size in (((4, 2, 2), 8), ((4, 3, 1), 6), ((3, 3, 2), 7), ((3, 2, 1, 3), 6), ((1, 5, 7), 5), ((0, 3, 1), 0)):
        same(conv.transposed_size(*arguments), size)


def by_hand(conv, rng):
    x = np.array([[1.0, 2.0], [0.0, 10.0]]).reshape(1, 2, 2, 1)
    w = np.array([[1.0, 2.0], [3.0, -1.0]]).reshape(2, 2, 1, 1)
    same(conv.conv_transpose2d(x, w, None, (1, 1), (1, 1))[0, :, :, 0], [[1, 4, 4], [3, 15, 18], [0, 30, -10]])
    same(conv.conv_transpose2d(x, w, np.array([0.5]), (2, 2), (1, 1))[0, :, :, 0],
         [[1.5, 2.5, 2.5, 4.5], [3.5, -0.5, 6.5, -1.5], [0.5, 0.5, 10.5, 20.5], [0.5, 0.5, 30.5, -9.5]])
    same(conv.conv_transpose2d(x[:, :1], w, None, (1, 1), (2, 2))[0, :, :, 0], [[1, 2, 2, 4], [0, 0, 0, 0], [3, 6, -1, -2]])


def gradients_by_hand(conv, rng):
    x = np.array([[1.0, 2.0], [0.0, 10.0]]).reshape(1, 2, 2, 1)
    w = np.array([[1.0, 2.0], [3.0, -1.0]]).reshape(2, 2, 1, 1)
    dy = np.arange(9.0).reshape(1, 3, 3, 1)                   # 0 1 2 | 3 4 5 | 6 7 8
    same(conv.transposed_input_gradient(dy, w, (1, 1), (1, 1), (2, 2))[0, :, :, 0], [[7, 12], [22, 27]])    # 0+2+9−4
    same(conv.transposed_weight_gradient(x, dy, (1, 1), (1, 1), (2, 2))[:, :, 0, 0], [[42, 55], [81, 94]])  # 0+2+0+40
    same(conv.transposed_bias_gradient(dy), [36])


CASES = (((1, 1), (1, 1), (2, 3)), ((2, 2), (1, 1), (3, 2)), ((1, 3), (2, 1), (2, 2)), ((2, 1), (3, 2), (1, 3)))


def pairs(conv, rng):
    """The transposed convolution is the transpose of a convolution: Σ y·dy = Σ x·dx for all x and dy, without b."""
    for stride, dilation, kernel in CASES:
        x, w = rng.normal(size=(2, 3, 2, 2)), rng.normal(size=(*kernel, 2, 3))
        y = conv.conv_transpose2d(x, w, None, stride, dilation)
        dy = rng.normal(size=y.shape)
        dx = conv.transposed_input_gradient(dy, w, stride, dilation, (3, 2))
        dw = conv.transposed_weight_gradient(x, dy, stride, dilation, kernel)
        same((x * dx).sum(), (y * dy).sum(), within=1e-11)
        same((w * dw).sum(), (y * dy).sum(), within=1e-11)    # y is linear in w, too


def digits(conv, rng):
    """A network learns to draw the ten digits; at least nine drawings are nearest to their own digit."""
    means = stored("mean_digits")["means"].astype(float)
    weights = (rng.uniform(0, 1, (4, 4, 10, 4)), np.zeros(4), rng.uniform(0, 0.5, (2, 2, 4, 1)), np.zeros(1))
    drawn = conv.train(np.eye(10), means, weights, 20, 0.1)
    apart = np.square(drawn[:, None] - means).sum(axis=(2, 3))
    right = int((apart.argmin(axis=1) == np.arange(10)).sum())
    assert right >= 9, f"{right} of 10 drawings are nearest to their own digit"
