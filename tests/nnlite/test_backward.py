import numpy as np
import pytest

from nnlite import Operation, Tensor, no_grad, record


class Scale(Operation):
    """y = c x;   dx = what the test wants."""

    def __init__(self, c, gradient=None):
        self.c, self.gradient = c, gradient

    def forward(self, x):
        self.x = x
        return self.c * x

    def backward(self, dy):
        return (self.c * dy,) if self.gradient is None else self.gradient(dy)


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize(("gradient", "error", "message"), [
    (lambda dy: 24.0, TypeError, r"^Scale.backward returned float, expects a tuple with one gradient \(or None\) for each of"),
    (lambda dy: dy, TypeError, r"^Scale.backward returned ndarray, expects a tuple"),
    (lambda dy: (24.0,), ValueError,
     r"^Scale.backward: the gradient of its input x has shape \(\), the input has shape \(4, 3\)"),
    (lambda dy: (dy[0],), ValueError,
     r"^Scale.backward: the gradient of its input x has shape \(3,\), the input has shape \(4, 3\)$"),
    (lambda dy: (dy, dy), ValueError, r"^Scale.backward returned 2 gradients for 1 inputs$"),
    (lambda dy: (), ValueError, r"^Scale.backward returned 0 gradients for 1 inputs$"),
])
def test_gradients_that_do_not_fit_are_refused_and_no_leaf_has_changed(gradient, error, message):
    x, w = leaf(4, 3), leaf(4, 3)
    y = record(Scale(2.0, gradient), x) + w
    with pytest.raises(error, match=message):
        y.backward(np.ones((4, 3)))
    assert x.grad is None and w.grad is None


def test_an_operation_of_none_is_refused():
    with pytest.raises(TypeError, match="^Scale: expects a Tensor or an array as its first input, got None$"):
        record(Scale(0.5), None)


def test_an_operation_is_on_the_tape_once():
    scale, a, b = Scale(0.5), leaf(2), leaf(2)
    record(scale, a)
    with pytest.raises(RuntimeError, match=r"^record: this Scale is on the tape already; make a new Scale\(\) for each call$"):
        record(scale, b)
    with no_grad(), pytest.raises(RuntimeError, match="on the tape already"):
        record(scale, b)


def test_after_backward_an_operation_has_its_options_and_can_be_used_again():
    scale, a = Scale(0.5), leaf(2)
    for step in (1, 2):
        y = record(scale, a)
        y.backward(np.ones(2))
        assert a.grad.tolist() == [0.5 * step] * 2
        assert vars(scale) == {"c": 0.5, "gradient": None}


def test_a_tape_that_was_used_stays_used_when_its_operation_is_on_another():
    scale, a, b = Scale(0.5), leaf(2), leaf(2)
    y = record(scale, a)
    y.backward(np.ones(2))
    record(scale, b)
    with pytest.raises(RuntimeError, match="already used and freed"):
        y.backward(np.ones(2))
    assert b.grad is None
