import numpy as np
import pytest

from nnlite import Tensor, nn, no_grad
from nnlite import functional as F


def subtract(x, y):
    x -= y
    return x


def test_a_parameter_refuses_outside_of_no_grad_and_stays():
    p = nn.Parameter(np.ones(3))
    with pytest.raises(RuntimeError, match=r"^-=: a leaf that requires a gradient, of shape \(3,\), cannot be changed in place "
                       r"while operations are recorded: do it inside no_grad\(\), or write x = x - … for a new Tensor$"):
        p -= 1
    assert type(p) is nn.Parameter and p.data.tolist() == [1, 1, 1]


def test_inside_no_grad_a_parameter_changes_in_its_own_array():
    p = nn.Parameter(np.ones(3))
    a, same = p.data, p
    with no_grad():
        p -= 0.25
        p *= 2
        p += np.array([1.0, 2.0, 3.0])
        p /= 2
        p **= 2
    assert p is same and p.data is a and a.tolist() == [1.25**2, 1.75**2, 2.25**2]
    assert p.requires_grad and p.operation is None


def test_a_constant_changes_for_everyone_who_reads_its_memory():
    x = Tensor(np.ones(4))
    view = x.reshape(2, 2)
    x += 1
    assert view.data.tolist() == [[2, 2], [2, 2]]


def test_a_sum_of_losses_has_the_gradient_of_each():
    x = Tensor(np.array([2.0, 3.0]), requires_grad=True)
    total = Tensor(np.array(0.0))
    same = total
    for _ in range(3):
        total += (x * x).sum()
    assert total is same and total.item() == 39
    total.backward()
    assert x.grad.tolist() == [12, 18]


def test_on_the_tape_a_computed_tensor_becomes_the_result():
    x = Tensor(np.array([2.0, 3.0]), requires_grad=True)
    w = Tensor(np.array([5.0, 7.0]), requires_grad=True)
    y = x * x
    y *= w
    y.backward(np.ones(2))
    assert y.data.tolist() == [20, 63]
    assert x.grad.tolist() == [20, 42] and w.grad.tolist() == [4, 9]  # 2 x w, x²


def test_a_tensor_that_was_read_or_shares_its_memory_refuses_on_the_tape():
    x = Tensor(np.ones(4), requires_grad=True)
    y = x * 2
    F.exp(y)
    with pytest.raises(RuntimeError, match=r"^-=: this Tensor of shape \(4,\) .* because an operation on the tape has read it: "
                       r"write x = x - … for a new Tensor$"):
        subtract(y, 1)
    with pytest.raises(RuntimeError, match=r"^-=: this Tensor of shape \(2, 2\) .* because another Tensor shares its memory"):
        subtract(x.reshape(2, 2), 1)
    assert x.data.tolist() == [1, 1, 1, 1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^-=: the result has shape \(2, 3\), it does not fit into shape \(3,\)$"):
        subtract(Tensor(np.ones(3)), np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"^-=: the result is float32, a Tensor of int64 cannot hold it$"):
        subtract(Tensor([1, 2]), 0.5)
    x = Tensor(np.float32([1, 2]))
    assert subtract(x, np.float64(0.5)).dtype == np.float32 and x.data.tolist() == [0.5, 1.5]
