"""What the tests share: random arrays, the bound for sums in floats, and the checks of gradients, dtypes and layouts."""

import os

import numpy as np
import pytest

from nnlite import Tensor

STEP = 1e-5  # of the central difference: its errors, h²·L'''/6 and eps·L/h, are then both near 1e-11
RELATIVE = 1e-6
EVERY_COORDINATE = 64  # inputs up to this size are checked coordinate by coordinate


def fast_only(reason):
    """The mark of a test of what `kernels/loops` does not have, and why."""
    return pytest.mark.skipif(os.environ.get("NNLITE_KERNELS") == "loops", reason=f"fast kernels only: {reason}")


def bound(K, dtype=np.float64):
    """(K + 1)·eps: how far two sums of the same K products may lie apart, in units of Σ |a||b|.

    Each, in whatever order, is within γ_K = K u/(1 − K u) of the exact sum, u = eps/2 (Higham 2002, "Accuracy and stability
    of numerical algorithms", §3.1). Two of them are within 2 γ_K = K·eps + O(K² eps²).
    """
    return (K + 1) * np.finfo(dtype).eps


def assert_sums_agree(actual, expected, magnitude, K):
    """|actual − expected| ≤ bound(K)·magnitude everywhere, where magnitude is the same sum of absolute values."""
    assert actual.shape == expected.shape
    error = np.abs(actual.astype(np.float64) - expected)
    allowed = bound(K, actual.dtype) * magnitude
    wrong = ~(error <= allowed)  # a NaN is wrong
    if wrong.any():
        at = tuple(int(i[0]) for i in wrong.nonzero())
        raise AssertionError(f"{wrong.sum()} of {error.size} sums of {K} products are off, first at {at}: {actual[at]!r} "
                             f"instead of {expected[at]!r}, error {error[at]:.3g}, allowed {allowed[at]:.3g}")


def sample(shape, k=0):
    """Random floats of either sign, all of different size, in 0.2 … 2.2: away from kinks at 0 and from ties.

    Samples k = 0, 1, 2, … have different numbers, so that a difference of two of them is not 0 either.
    """
    rng = np.random.default_rng(k)
    sizes = rng.permutation(np.linspace(0.2, 2.1, int(np.prod(shape))) + 0.0137 * k)
    return (sizes * rng.choice([-1.0, 1.0], sizes.shape)).reshape(shape)


def positive(shape, k=0):
    """The sizes alone of `sample`: all in 0.2 … 2.2."""
    return np.abs(sample(shape, k))


def samples(shapes):
    """One array for each shape; what is an array already stays as it is."""
    return [sample(x, k) if isinstance(x, tuple) else x for k, x in enumerate(shapes)]


def value_and_gradients(function, inputs, dy=None):
    """y = function(*inputs), dy (random where it is not given), and ∂(Σ dy·y)/∂x of every input x."""
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    y = function(*tensors)
    if dy is None:
        dy = np.asarray(np.random.default_rng(99).standard_normal(y.shape))
    y.backward(dy)
    return y.data, dy, [x.grad for x in tensors]


def check_gradients(function, *shapes_or_arrays):
    """Compare the gradient of L = Σ dy·function(inputs), dy random, with central differences in float64.

        (L(x + h v) − L(x − h v)) / 2h   against   Σ dx·v

    Small inputs: for every coordinate v, to 1e-6 of the largest gradient. Larger ones: for three random directions of ±1,
    to 1e-6 of |dx|₂, the typical size of such a sum. To that comes what rounding L alone may make, a few eps·L/h.
    A shape stands for a `sample` of that shape.
    """
    inputs = samples(shapes_or_arrays)
    _, dy, gradients = value_and_gradients(function, inputs)

    def loss(k, x):
        return np.sum(dy * function(*inputs[:k], x, *inputs[k + 1 :]).data)

    rounding = 8 * np.finfo(np.float64).eps * np.sum(np.abs(dy * function(*inputs).data)) / STEP
    for k, (x, dx) in enumerate(zip(inputs, gradients, strict=True)):
        assert dx is not None, f"input {k} of shape {x.shape} got no gradient"
        assert (dx.shape, dx.dtype) == (x.shape, x.dtype), f"input {k} {x.shape} got a gradient {dx.shape} of {dx.dtype}"
        for name, v in _directions(x.shape):
            numeric = (loss(k, x + STEP * v) - loss(k, x - STEP * v)) / (2 * STEP)
            analytic = np.sum(dx * v)
            size = np.abs(dx).max(initial=0) if x.size <= EVERY_COORDINATE else np.linalg.norm(dx)
            allowed = RELATIVE * size + rounding
            assert abs(numeric - analytic) <= allowed, (
                f"gradient of input {k}, shape {x.shape}, {name}, where x is {np.sum(x * v):.17g}: numeric {numeric:.12g}, "
                f"analytic {analytic:.12g}, difference {numeric - analytic:.3g}, allowed {allowed:.3g}\n"
                f"inputs: {inputs}\ndy: {dy}\nanalytic gradient: {dx}"
            )


def _directions(shape):
    if np.prod(shape) > EVERY_COORDINATE:
        rng = np.random.default_rng(7)
        yield from ((f"random direction {i}", rng.choice([-1.0, 1.0], shape)) for i in range(3))
        return
    for at in np.ndindex(shape):
        v = np.zeros(shape)
        v[at] = 1
        yield f"coordinate {at}", v


def check_dtypes_and_layouts(function, *shapes_or_arrays):
    """float32 gives float32, values and gradients; views with any strides give what contiguous arrays give."""
    inputs = samples(shapes_or_arrays)
    y, dy, gradients = value_and_gradients(function, inputs)
    assert y.dtype == np.float64

    y32, _, gradients32 = value_and_gradients(function, [x.astype(np.float32) for x in inputs], dy)
    for low, high in zip([y32, *gradients32], [y, *gradients], strict=True):
        assert low.dtype == np.float32
        # A handful of roundings, and up to some hundred numbers in a sum.
        np.testing.assert_allclose(low, high, rtol=0, atol=200 * np.finfo(np.float32).eps * np.abs(high).max(initial=1))

    for view in (fortran_ordered, every_other_reversed):
        strided_y, _, strided = value_and_gradients(function, [view(x) for x in inputs], view(dy))
        for other, plain in zip([strided_y, *strided], [y, *gradients], strict=True):
            # The same numbers, summed in another order at most.
            np.testing.assert_allclose(other, plain, rtol=0, atol=200 * np.finfo(np.float64).eps * np.abs(plain).max(initial=1))


def fortran_ordered(x):
    """The same numbers, the first index running fastest."""
    return np.array(x, order="F")


def every_other_reversed(x):
    """The same numbers in a view that runs backwards over every second place of a larger array."""
    large = np.full([2 * size for size in x.shape], np.nan, x.dtype)
    view = large[(..., *[slice(None, None, -2)] * x.ndim)]
    view[...] = x
    return view
