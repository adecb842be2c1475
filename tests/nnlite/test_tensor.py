import operator
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite import Tensor, no_grad
from nnlite import functional as F
from nnlite.backward import topological_order
from nnlite.tensor import Operation, record, tracing


def leaf(*shape, dtype=np.float64, seed=0):
    """A Tensor of numbers in [½, 2) that requires a gradient."""
    return Tensor(np.random.default_rng(seed).uniform(0.5, 2, shape).astype(dtype), requires_grad=True)


def central_difference(f, x, h=1e-6):
    """(f(x + h e_i) − f(x − h e_i)) / 2h for every coordinate i of x; f gives a number."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += h
        below[i] -= h
        gradient[i] = (f(above) - f(below)) / (2 * h)
    return gradient


# ---- the tape ----


def test_every_use_of_a_shared_expression_adds_its_gradient():
    x = Tensor(np.array([2.0, -3.0]), requires_grad=True)
    (x * x + x).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [5.0, -5.0])  # 2x + 1


def test_an_operation_with_the_same_input_twice_counts_it_twice():
    x = Tensor(np.array(3.0), requires_grad=True)
    (x + x).backward()
    assert x.grad == 2


def test_a_diamond_has_the_gradient_of_central_differences():
    def f(x):  # a is read three times, b and c meet in d
        a = F.exp(x)
        b, c = a * 2 + x, F.sqrt(a)
        d = b * c + a
        return (d / b).sum()

    x = leaf(2, 3)
    f(x).backward()
    np.testing.assert_allclose(x.grad, central_difference(lambda a: f(Tensor(a)).item(), x.data), rtol=1e-6)


BINARY = [F.add, F.subtract, F.multiply]
UNARY = [F.tanh, F.sigmoid, F.negative]
STEP = st.tuples(st.sampled_from(BINARY + UNARY), st.integers(0, 99), st.integers(0, 99))


@settings(deadline=None, max_examples=50)
@given(st.lists(STEP, min_size=1, max_size=12))
def test_random_graphs_have_the_gradient_of_central_differences(steps):
    def f(*leaves):
        values = list(leaves)
        for function, i, j in steps:
            x, y = values[i % len(values)], values[j % len(values)]
            values.append(F.tanh(function(x, y)) if function in BINARY else function(x))
        total = values[-1]
        for value in values[:-1]:
            total = total + value
        return total.sum()

    leaves = [leaf(2, seed=1), leaf(1, 2, seed=2)]
    f(*leaves).backward()
    for i, x in enumerate(leaves):
        def moved(a, i=i):
            return f(*(Tensor(a) if k == i else Tensor(other.data) for k, other in enumerate(leaves))).item()
        np.testing.assert_allclose(x.grad, central_difference(moved, x.data), rtol=1e-6, atol=1e-7)


def test_a_second_backward_says_that_the_tape_is_used_up():
    x = leaf(3)
    loss = (x * x).sum()
    loss.backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match="already used and freed; run the forward pass again"):
        loss.backward()
    np.testing.assert_array_equal(x.grad, before)


def test_two_losses_on_one_tape_are_added_up_or_refused():
    x = leaf(3)
    hidden = x * x
    (hidden.sum() + (hidden * hidden).sum()).backward()
    np.testing.assert_allclose(x.grad, 2 * x.data + 4 * x.data**3, rtol=1e-14)

    hidden = x * x
    first, second = hidden.sum(), (hidden * hidden).sum()
    first.backward()
    with pytest.raises(RuntimeError, match="add the losses up and call backward once"):
        second.backward()


def test_backward_frees_what_the_operations_kept():
    x = leaf(3)
    y = x * x
    loss = y.sum()
    operations = [y.operation, loss.operation]
    loss.backward()
    assert [vars(operation) for operation in operations] == [{}, {"dim": None, "keepdim": False}]  # the options stay


def test_gradients_of_two_forward_passes_are_added():
    x = leaf(2, 3)
    (x * 3.0).sum().backward()
    (x * 4.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 7.0))


def test_the_gradient_of_a_single_number_stays_an_array_when_added_to():
    x = Tensor(3.0, requires_grad=True)
    for expected in (6, 12):
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray)
        assert (x.grad, x.grad.shape, x.grad.dtype) == (expected, (), np.float32)


def test_only_leaves_that_require_a_gradient_get_one():
    x, frozen, unused = leaf(3), Tensor(np.ones(3)), leaf(3)
    hidden = x * frozen
    hidden.sum().backward()
    assert x.grad is not None
    assert (frozen.grad, hidden.grad, unused.grad) == (None, None, None)


def test_a_leaf_is_its_own_root():
    x = leaf(1)
    x.backward()
    np.testing.assert_array_equal(x.grad, [1.0])


def test_an_operation_may_give_no_gradient_to_an_input():
    class First(Operation):
        def forward(self, x, y):
            return x + y

        def backward(self, dz):
            return dz, None

    x, y = leaf(2), leaf(2)
    record(First(), x, y).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, np.ones(2))
    assert y.grad is None


def test_every_tensor_of_the_tape_comes_after_its_inputs_and_once():
    x = leaf(1)
    a = x * x
    b, c = a + x, a * 2
    root = b * c
    order = [id(tensor) for tensor in topological_order(root)]
    assert order[-1] == id(root)
    assert len(order) == len(set(order))
    for y in (a, b, c, root):
        assert all(order.index(id(i)) < order.index(id(y)) for i in y.operation.inputs)


# ---- the gradient's shape, dtype and memory ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3)])
def test_the_gradient_has_the_shape_and_dtype_of_the_data(shape, dtype):
    x = leaf(*shape, dtype=dtype)
    for _ in range(2):
        (x * np.ones((4, 2, 3)) + x).sum().backward()  # float64: the result is, too
        assert isinstance(x.grad, np.ndarray)
        assert (x.grad.shape, x.grad.dtype) == (shape, dtype)
    uses = 2 * 2 * 24 / x.size  # two passes, two uses, 24 numbers
    np.testing.assert_array_equal(x.grad, np.full(shape, uses))


@pytest.mark.parametrize(
    "join",
    [
        lambda x, y: x + y,
        lambda x, y: (x + y).reshape(6),
        lambda x, y: (x.transpose(0, 1) + y.T).flatten(),
        lambda x, y: F.concatenate([x, y]),
        lambda x, y: (x.sum() + y.sum()).reshape(1),
    ],
)
def test_two_leaves_and_the_given_gradient_never_share_memory(join):
    x, y = leaf(2, 3), leaf(2, 3)
    z = join(x, y)
    grad = np.ones(z.shape)
    z.backward(grad)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, grad)
    x.grad *= 5.0  # writable, and only its own
    np.testing.assert_array_equal(y.grad, np.ones((2, 3)))
    np.testing.assert_array_equal(grad, np.ones(z.shape))


def test_a_root_of_several_numbers_takes_the_gradient_that_is_given():
    A = np.arange(6.0).reshape(2, 3)
    v = np.array([1.0, -2.0])
    for given_as in (v, Tensor(v), v.tolist(), v.astype(np.float32)):
        x = leaf(3)
        (Tensor(A) * x).sum(1).backward(given_as)  # A x
        np.testing.assert_array_equal(x.grad, [0 - 6, 1 - 8, 2 - 10])  # Aᵀ v


def test_a_root_of_several_numbers_asks_for_a_gradient():
    with pytest.raises(RuntimeError, match=r"a tensor of shape \(2, 3\) needs a gradient of that shape"):
        (leaf(2, 3) * 2).backward()


def test_a_given_gradient_of_another_shape_is_refused():
    x = leaf(2, 3)
    with pytest.raises(ValueError, match=r"the gradient has shape \(3,\), the tensor \(2, 3\)"):
        (x * 2).backward(np.ones(3))
    assert x.grad is None


def test_a_root_of_one_number_in_any_shape_needs_no_gradient():
    x = leaf(1, 1)
    (x * 2).backward()
    np.testing.assert_array_equal(x.grad, [[2.0]])


# ---- depth ----


def test_ten_thousand_operations_in_a_row_do_not_overflow_the_stack():
    x = Tensor(np.zeros(2), requires_grad=True)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(2))
    assert y.data[0] == 10_000


def test_a_long_tape_that_is_thrown_away_unused_does_not_overflow_the_stack():
    y = leaf(1)
    for _ in range(100_000):
        y = -y
    del y


# ---- no_grad, detach ----


def test_inside_no_grad_nothing_is_recorded():
    x = leaf(3)
    with no_grad():
        y = (x * x).sum()
    assert (y.requires_grad, y.operation) == (False, None)
    with pytest.raises(RuntimeError, match="depends on nothing that requires a gradient"):
        y.backward()


def test_no_grad_ends_where_its_block_ends_even_by_an_error():
    x = leaf(3)
    with no_grad():
        with no_grad():
            pass
        assert not (x * x).requires_grad
    assert (x * x).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * x).requires_grad


def test_no_grad_and_tracing_hold_for_their_own_thread_only():
    x = leaf(3)
    results = {}

    def other_thread():
        results["other"] = x * x

    with no_grad():
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert not (x * x).requires_grad
    assert results["other"].requires_grad

    with tracing():
        thread = threading.Thread(target=lambda: results.update(untraced=Tensor(1.0) * 2))
        thread.start()
        thread.join()
        assert (Tensor(1.0) * 2).operation is not None
    assert results["untraced"].operation is None


def test_detach_gives_the_same_array_without_its_past():
    x = leaf(3)
    y = (x * x).detach()
    assert not y.requires_grad and y.operation is None
    (x * y).sum().backward()
    np.testing.assert_array_equal(x.grad, x.data**2)  # y counts as a constant
    assert x.detach().data is x.data


# ---- dtypes and mixed operands ----


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("number", [2, 2.5, True, np.float32(2.5)])
@pytest.mark.parametrize("function", OPERATORS)
def test_float32_stays_float32_beside_a_number(function, number):
    x = leaf(2, 3, dtype=np.float32)
    for z, expected in [
        (function(x, number), function(x.data, np.float32(number))),
        (function(number, x), function(np.float32(number), x.data)),
    ]:
        assert isinstance(z, Tensor) and z.requires_grad
        assert z.dtype == np.float32
        np.testing.assert_allclose(z.data, expected, rtol=1e-6)


@pytest.mark.parametrize("function", OPERATORS[:4])
@pytest.mark.parametrize("number", [np.float64(2.5), np.int64(2)])
def test_float32_stays_float32_beside_a_wider_numpy_number(function, number):
    x = leaf(2, 3, dtype=np.float32)
    assert function(x, number).dtype == np.float32
    assert function(number, x).dtype == np.float32


@pytest.mark.parametrize("function", [*OPERATORS[:4], operator.matmul])
def test_an_array_on_the_left_leaves_the_work_to_the_tensor(function):
    a, x = leaf(3, 3, seed=1).data, leaf(3, 3)
    z = function(a, x)
    assert type(z) is Tensor and z.requires_grad
    np.testing.assert_allclose(z.data, function(a, x.data), rtol=1e-14)
    z.sum().backward()
    numeric = central_difference(lambda b: function(a, b).sum(), x.data)
    np.testing.assert_allclose(x.grad, numeric, rtol=1e-6, atol=1e-9)


def test_lists_of_floats_become_float32_and_arrays_keep_their_dtype():
    assert Tensor([1.0, 2.0]).dtype == np.float32
    assert Tensor(1.5).dtype == np.float32
    assert Tensor([1, 2]).dtype == np.int64
    assert Tensor(np.ones(2)).dtype == np.float64
    assert Tensor(np.float64(1)).dtype == np.float64
    assert Tensor(np.ones(2, np.uint8)).dtype == np.uint8


@pytest.mark.parametrize("data", ["abc", None, [1.0, None], 1j, np.array(["1"])])
def test_what_is_no_real_number_is_refused(data):
    with pytest.raises(TypeError, match="Tensor: holds real numbers or booleans, got "):
        Tensor(data)


def test_a_tensor_wraps_its_array_without_copying():
    a = np.ones(3)
    assert Tensor(a).data is a
    assert Tensor(Tensor(a)).data is a
    assert Tensor(a).numpy() is a


@pytest.mark.parametrize("data", [[1, 2], np.ones(2, np.uint8), [True]])
def test_only_floats_can_require_a_gradient(data):
    with pytest.raises(TypeError, match=f"only floats can require a gradient, this one is {np.asarray(data).dtype}"):
        Tensor(data, requires_grad=True)


def test_numpy_reads_a_constant_tensor_and_refuses_to_cut_a_tape():
    constant = Tensor(np.arange(3.0))
    assert np.asarray(constant) is constant.data
    assert np.array(constant) is not constant.data
    assert np.asarray(constant, np.float32).dtype == np.float32
    assert np.argmax(constant) == 2
    with pytest.raises(TypeError, match="cut the tape at this tensor"):
        np.exp(leaf(3))


# ---- methods and operators are those of NumPy ----


METHODS = {
    "exp": (lambda x: x.exp(), np.exp),
    "log": (lambda x: x.log(), np.log),
    "sqrt": (lambda x: x.sqrt(), np.sqrt),
    "abs": (lambda x: (x - 1).abs(), lambda a: np.abs(a - 1)),
    "clamp": (lambda x: x.clamp(0.8, 1.2), lambda a: np.clip(a, 0.8, 1.2)),
    "clamp from below": (lambda x: x.clamp(min=0.8), lambda a: np.maximum(a, 0.8)),
    "sum": (lambda x: x.sum(), np.sum),
    "sum over a dim": (lambda x: x.sum(1), lambda a: a.sum(1)),
    "mean": (lambda x: x.mean(0, keepdim=True), lambda a: a.mean(0, keepdims=True)),
    "max": (lambda x: x.max(dim=(0, 2)), lambda a: a.max((0, 2))),
    "var": (lambda x: x.var(1), lambda a: a.var(1, ddof=1)),
    "var without correction": (lambda x: x.var(correction=0), np.var),
    "reshape": (lambda x: x.reshape(4, -1), lambda a: a.reshape(4, 6)),
    "transpose": (lambda x: x.transpose(0, -1), lambda a: a.swapaxes(0, 2)),
    "permute": (lambda x: x.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    "flatten": (lambda x: x.flatten(1), lambda a: a.reshape(2, 12)),
    "T": (lambda x: x[0].T, lambda a: a[0].T),
    "index": (lambda x: x[1, ::2, [0, 0, 3]], lambda a: a[1][::2][:, [0, 0, 3]]),
    "negative": (lambda x: -x, np.negative),
    "matmul": (lambda x: x @ x.transpose(1, 2), lambda a: np.einsum("bij,bkj->bik", a, a)),
    "power of tensors": (lambda x: x**x, lambda a: a**a),
}


@pytest.mark.parametrize("method, expected", METHODS.values(), ids=METHODS.keys())
def test_a_method_has_numpys_values_and_the_gradient_of_central_differences(method, expected):
    x = leaf(2, 3, 4)
    y = method(x)
    assert type(y) is Tensor and y.requires_grad
    np.testing.assert_allclose(y.data, expected(x.data), rtol=1e-13)
    y.sum().backward()
    numeric = central_difference(lambda a: expected(a).sum(), x.data)
    np.testing.assert_allclose(x.grad, numeric, rtol=1e-6, atol=1e-8)


def test_a_tensor_tells_its_shape_and_is_walked_like_an_array():
    x = leaf(2, 3, dtype=np.float32)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float32, 2)
    assert [row.data.tolist() for row in x] == x.data.tolist()
    assert Tensor([[2.5]]).item() == 2.5
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor([1.0], requires_grad=True)) == "Tensor([1.], requires_grad=True)"


def test_a_tensor_of_one_number_is_true_unless_that_is_zero_and_larger_ones_are_ambiguous():
    assert Tensor(2.0) and not Tensor([0.0])
    assert float(Tensor(1.5)) == 1.5
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([1.0, 2.0]))


@pytest.mark.parametrize("p", [2, 2.0, np.int64(2), np.float64(2)])
def test_a_power_keeps_float32_whatever_the_type_of_its_exponent(p):
    assert (Tensor(np.float32([3])) ** p).dtype == np.float32


def test_the_power_zero_has_gradient_zero_at_zero_too():
    x = Tensor(np.float32([0, 2]), requires_grad=True)
    (x**0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0])
