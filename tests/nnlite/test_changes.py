import numpy as np
import pytest

from nnlite import Tensor, no_grad, optim
from nnlite import functional as F
from nnlite.changes import owner
from nnlite.nn import BatchNorm1d, Linear
from nnlite.nn.module import Parameter
from nnlite.tensor import Operation, record


def leaf(*numbers):
    return Tensor(np.array(numbers), requires_grad=True)


# ---- what is noticed ----


def test_an_assignment_to_data_between_forward_and_backward_is_named():
    x = leaf(3.0)
    y = x * x
    x.data *= 10
    with pytest.raises(RuntimeError, match=r"^backward: Multiply keeps its input x, a Tensor of shape \(1,\), which was "
                       r"changed after the forward pass by an assignment to its `.data`; call backward before that, or run"):
        y.backward()
    assert x.grad is None


def test_two_losses_with_a_step_between_their_backwards_are_refused_as_in_pytorch():
    layer = Linear(3, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    x = Tensor(np.ones((4, 3), np.float32), requires_grad=True)
    one, two = layer(Tensor(x.data.copy())).sum(), layer(x).sum()
    one.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"Linear keeps its input w, a Parameter of shape \(2, 3\), .* by SGD.step;"):
        two.backward()
    assert x.grad is None


def test_a_write_through_numpys_array_is_noticed():
    a = np.array([3.0, 4.0])
    x = Tensor(a, requires_grad=True)
    y = x * x
    a *= 2
    with pytest.raises(RuntimeError, match="changed after the forward pass by a write into its array"):
        y.sum().backward()


@pytest.mark.parametrize("place", [0, 4])
def test_a_write_to_the_first_or_the_last_number_alone_is_noticed(place):
    x = leaf(1.0, 2.0, 3.0, 4.0, 5.0)
    y = F.exp(x)
    y.data[place] = 0
    with pytest.raises(RuntimeError, match=r"^backward: Exp keeps its result, a Tensor of shape \(5,\)"):
        y.sum().backward()


def test_any_write_is_noticed_if_it_is_announced():
    x = leaf(1.0, 2.0, 3.0, 4.0, 5.0)
    y = (x * x).sum()
    x.data[1] = 0
    x.changed("the weather")
    with pytest.raises(RuntimeError, match="by the weather;"):
        y.backward()


def test_tensors_of_the_same_memory_notice_each_others_changes():
    for other in (lambda x: x.detach(), lambda x: x.reshape(2, 2), lambda x: x[1:], lambda x: Tensor(x)):
        x = leaf(1.0, 2.0, 3.0, 4.0)
        y = (x * x).sum()
        view = other(x)
        with no_grad():
            view *= 1  # the numbers stay, the change counts
        with pytest.raises(RuntimeError, match=r"by the operator \*=;"):
            y.backward()


def test_an_operation_that_keeps_its_arrays_in_a_list_is_watched_too():
    class Product(Operation):
        def forward(self, *x):
            self.kept_in_a_list = [*x]
            return x[0] * x[1]

        def backward(self, dz):
            x, y = self.kept_in_a_list
            return dz * y, dz * x

    x, y = leaf(2.0), leaf(3.0)
    z = record(Product(), x, y)
    y.data *= 2
    with pytest.raises(RuntimeError, match="Product keeps its input 1, a Tensor"):
        z.backward()


# ---- what may change ----


def test_an_array_that_no_operation_keeps_may_change():
    x = leaf(3.0, 4.0)
    y = (x + 1).sum()
    x.data *= 10
    y.backward()
    assert x.grad.tolist() == [1, 1]


def test_another_array_leaves_the_tape_its_old_one():
    x = leaf(3.0)
    y = x * x
    x.data = x.data * 10
    y.backward()
    assert x.grad.tolist() == [6]


def test_a_change_before_the_forward_pass_or_after_backward_is_none():
    x = leaf(3.0)
    x.data *= 2
    y = x * x
    y.backward()
    x.data *= 2
    assert x.grad.tolist() == [12]


def test_nan_is_no_change():
    x = leaf(np.nan, 2.0, np.nan)
    (x * x).sum().backward()
    assert x.grad[1] == 4


def test_two_passes_through_batch_norm_move_its_statistics_and_both_have_a_gradient():
    layer = BatchNorm1d(2)
    x = [Tensor(np.random.default_rng(seed).standard_normal((5, 2)).astype(np.float32), requires_grad=True) for seed in (0, 1)]
    losses = [(layer(a) * np.arange(10, dtype=np.float32).reshape(5, 2)).sum() for a in x]
    for loss in losses:
        loss.backward()
    assert all(np.abs(a.grad).max() > 0 for a in x)


def test_running_statistics_that_something_keeps_are_named():
    mean, var, x = Parameter(np.array([1.0, 2.0])), Tensor(np.ones(2)), np.array([[1.0, 2.0], [3.0, 5.0]])
    y = (mean * mean).sum()
    F.batch_norm(x, mean, var, training=True)
    with pytest.raises(RuntimeError, match="Multiply keeps its input x, a Parameter .* by batch_norm;"):
        y.backward()


def test_the_owner_of_a_view_of_a_view_is_the_array_at_the_bottom():
    a = np.arange(24.0)
    assert owner(a.reshape(4, 6)[1:].T) is a and owner(a) is a
