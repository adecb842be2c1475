import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from support import assert_sums_agree, check_dtypes_and_layouts, check_gradients, sample, value_and_gradients

from nnlite import Tensor
from nnlite import functional as F
from nnlite.functional.linear import Linear, Matmul

seeds = st.integers(0, 2**32 - 1)
product_shapes = mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2, max_side=9, min_side=0)


@settings(deadline=None, max_examples=50)
@given(product_shapes, st.sampled_from([np.float32, np.float64]), seeds)
def test_matmul_equals_its_formula_on_all_axes(shapes, dtype, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal(shape).astype(dtype) for shape in shapes.input_shapes)
    z, X, Y = F.matmul(x, y).data, x.astype(np.float64), y.astype(np.float64)
    assert z.dtype == dtype and z.shape == shapes.result_shape
    formula = "...mk,...kn->...mn"
    assert_sums_agree(z, np.einsum(formula, X, Y), np.einsum(formula, abs(X), abs(Y)), x.shape[-1])


@pytest.mark.parametrize("shapes", [
    ((3, 5), (5, 2)), ((1, 1), (1, 1)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (2, 4, 1)), ((20, 30), (30, 40)),
])
def test_gradients_of_matmul(shapes):
    check_gradients(F.matmul, *shapes)


@pytest.mark.parametrize("shapes", [((9, 7), (7, 33)), ((2, 1, 3, 4), (5, 4, 2))])
def test_matmul_in_all_dtypes_and_layouts(shapes):
    check_dtypes_and_layouts(F.matmul, *shapes)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), max_size=3), st.integers(1, 40), st.integers(1, 40), st.booleans(), seeds)
def test_linear_equals_its_formula(rows, features, outputs, has_bias, seed):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((*rows, features)), rng.standard_normal((outputs, features))
    b = rng.standard_normal(outputs) if has_bias else None
    expected, magnitude = np.einsum("...i,oi->...o", x, w), np.einsum("...i,oi->...o", abs(x), abs(w))
    if has_bias:
        expected, magnitude = expected + b, magnitude + abs(b)
    assert_sums_agree(F.linear(x, w, b).data, expected, magnitude, features + 1)


@pytest.mark.parametrize("rows", [(), (1,), (5,), (2, 3), (2, 1, 3)])
def test_gradients_of_linear(rows):
    check_gradients(F.linear, (*rows, 7), (3, 7), (3,))
    check_gradients(F.linear, (*rows, 7), (3, 7))


def test_gradients_of_a_large_linear():
    check_gradients(F.linear, (20, 50), (30, 50), (30,))


def test_linear_in_all_dtypes_and_layouts():
    check_dtypes_and_layouts(F.linear, (3, 9, 7), (5, 7), (5,))


def test_an_empty_batch_gives_gradients_of_zero():
    x, w, b = (Tensor(np.ones(shape), requires_grad=True) for shape in [(0, 4), (3, 4), (3,)])
    y = F.linear(x, w, b)
    y.backward(np.ones((0, 3)))
    assert y.shape == (0, 3) and x.grad.shape == (0, 4) and not w.grad.any() and not b.grad.any()


@pytest.mark.parametrize("asking", [0, 1, 2])
def test_a_gradient_is_the_same_whether_or_not_the_others_are_asked_for(asking):
    arrays = sample((5, 7)), sample((3, 7), 1), sample((3,), 2)
    tensors = [Tensor(a, requires_grad=i == asking) for i, a in enumerate(arrays)]
    _, dy, gradients = value_and_gradients(F.linear, arrays)
    F.linear(*tensors).backward(dy)
    assert [x.grad is not None for x in tensors] == [i == asking for i in range(3)]
    np.testing.assert_array_equal(tensors[asking].grad, gradients[asking])


def test_off_the_tape_backward_gives_all_gradients():
    arrays = sample((5, 7)), sample((3, 7), 1), sample((3,), 2)
    y, dy, gradients = value_and_gradients(F.linear, arrays)
    linear = Linear()
    np.testing.assert_array_equal(linear.forward(*arrays), y)
    for dx, expected in zip(linear.backward(dy), gradients, strict=True):
        np.testing.assert_array_equal(dx, expected)


def test_the_multiply_accumulates_are_those_of_the_triple_loop():
    linear, matmul = Linear(), Matmul()
    assert linear.macs(linear.forward(np.ones((2, 5, 7)), np.ones((3, 7)))) == 2 * 5 * 3 * 7
    assert matmul.macs(matmul.forward(np.ones((2, 5, 7)), np.ones((7, 3)))) == 2 * 5 * 3 * 7


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_embedding_looks_rows_up_for_indices_of_any_shape(kind):
    w = sample((4, 3))
    indices = np.array([[3, 0, 3], [1, 2, 0]], kind)
    y = F.embedding(indices, w)
    assert y.shape == (2, 3, 3)
    for at, index in np.ndenumerate(indices):
        assert y.data[at].tolist() == w[index].tolist()
    assert F.embedding(Tensor(indices), w).data.tolist() == y.data.tolist()
    assert F.embedding(np.empty((0, 2), kind), w).shape == (0, 2, 3)
    assert F.embedding(kind(2), w).data.tolist() == w[2].tolist()


def test_rows_of_no_numbers_have_a_gradient_of_no_numbers():
    w = Tensor(np.ones((3, 0)), requires_grad=True)
    F.embedding(np.array([1, 2]), w).backward(np.ones((2, 0)))
    assert w.grad.shape == (3, 0)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_gradients_of_embedding(shape):
    indices = np.random.default_rng(0).integers(0, 4, shape)
    check_gradients(lambda w: F.embedding(indices, w), (4, 3))
    check_dtypes_and_layouts(lambda w: F.embedding(indices, w), (4, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.matmul(np.ones((2, 3)), np.ones((4, 5))),
     r"^matmul: x \(2, 3\) and y \(4, 5\) are not \(…, M, K\) and \(…, K, N\), or vectors \(K,\)$"),
    (lambda: F.matmul(np.ones((2, 3)), np.ones(2)), r"^matmul: x \(2, 3\) and y \(2,\) are not"),
    (lambda: F.matmul(np.ones((2, 3, 4)), np.ones((3, 4, 5))),
     r"^matmul, axes before the last two: shapes \(2,\) and \(3,\) do not broadcast together$"),
    (lambda: F.linear(np.ones((2, 4)), np.ones((3, 7))), r"^linear: x has 4 features, w \(3, 7\) expects 7$"),
    (lambda: F.linear(np.array(1.0), np.ones((3, 7))), r"^linear: expects x \(…, I\) and w .*, got x \(\) and w \(3, 7\)$"),
    (lambda: F.linear(np.ones(7), np.array(1.0)), r"^linear: expects x \(…, I\) and w .*, got x \(7,\) and w \(\)$"),
    (lambda: F.linear(np.ones((2, 7)), np.ones((3, 7)), np.ones(7)),
     r"^linear: b has shape \(7,\), w \(3, 7\) expects \(3,\)$"),
    (lambda: F.embedding(np.array([0, 4]), np.ones((4, 3))), r"^embedding: indices from 0 to 4, w has 4 rows$"),
    (lambda: F.embedding(np.array([-1, 3]), np.ones((4, 3))), r"^embedding: indices from -1 to 3, w has 4 rows$"),
])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.matmul(np.ones((2, 2)), np.ones((2, 2), np.float32)),
     r"^matmul: expects arrays of one dtype, float32 or float64, got float64, float32$"),
    (lambda: F.linear(np.ones((2, 2), int), np.ones((2, 2), int)), r"^linear: expects arrays of one dtype.*got int64, int64$"),
    (lambda: F.linear(np.ones((2, 2)), np.ones((2, 2)), np.ones(2, np.float16)), r"^linear: .*got float64, float64, float16$"),
    (lambda: F.embedding(np.array([0.0, 1.0]), np.ones((4, 3))), r"^embedding: indices have to be whole numbers, got float64$"),
])
def test_dtypes_that_do_not_fit_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_sum_over_no_features_is_the_bias_and_a_layer_without_outputs_is_empty():
    for I, O in ((0, 3), (4, 0)):
        x, w, b = (Tensor(np.ones(shape), requires_grad=True) for shape in [(2, 5, I), (O, I), (O,)])
        y = F.linear(x, w, b)
        assert y.data.tolist() == np.ones((2, 5, O)).tolist()
        y.backward(np.ones(y.shape))
        assert (x.grad.shape, w.grad.shape, b.grad.tolist()) == (x.shape, w.shape, [10] * O)


@pytest.mark.parametrize(("shapes", "letters"), [
    (((4,), (4,)), "k,k->"), (((3, 4), (4,)), "mk,k->m"), (((4,), (4, 5)), "k,kn->n"),
    (((2, 3, 4), (4,)), "bmk,k->bm"), (((4,), (2, 4, 5)), "k,bkn->bn"),
])
def test_a_vector_is_a_row_on_the_left_and_a_column_on_the_right(shapes, letters):
    x, y = sample(shapes[0]), sample(shapes[1], 1)
    np.testing.assert_allclose(F.matmul(x, y).data, np.einsum(letters, x, y), rtol=1e-13, atol=1e-13)
    check_gradients(F.matmul, *shapes)
    check_dtypes_and_layouts(F.matmul, *shapes)
