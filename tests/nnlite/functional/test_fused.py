import re

import numpy as np
import pytest
from convolutions import options_and_shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from support import check_dtypes_and_layouts, check_gradients, fast_only, sample, value_and_gradients

from nnlite import Tensor
from nnlite import functional as F
from nnlite.functional.fused import Conv2dReLUPool, conv2d_relu_pool, linear_relu


def test_linear_relu_in_all_dtypes_and_layouts():
    check_dtypes_and_layouts(linear_relu, (3, 9, 7), (5, 7), (5,))


@pytest.mark.parametrize("rows", [(), (5,), (2, 3)])
def test_gradients_of_linear_with_a_relu_in_the_same_pass(rows):
    check_gradients(linear_relu, (*rows, 7), (6, 7), (6,))
    check_gradients(linear_relu, (*rows, 7), (6, 7))


@pytest.mark.parametrize("shapes", [[(5, 7), (40, 7), (40,)], [(2, 0, 7), (3, 7), (3,)], [(2, 20, 30), (70, 30)]])
def test_a_relu_in_the_same_pass_gives_the_same_bits_forwards_and_backwards(shapes):
    arrays = [sample(shape, k).astype(np.float32) for k, shape in enumerate(shapes)]
    y, dy, gradients = value_and_gradients(linear_relu, arrays)
    expected_y, _, expected = value_and_gradients(lambda *a: F.relu(F.linear(*a)), arrays, dy)
    for fused, separate in zip((y, *gradients), (expected_y, *expected), strict=True):
        np.testing.assert_array_equal(fused, separate)


FUSED = [{"relu": True, "pool": False}, {"relu": False, "pool": True}, {"relu": True, "pool": True}]


def separately(x, w, b=None, *, relu, pool, **options):
    y = F.conv2d(x, w, b, **options)
    y = F.relu(y) if relu else y
    return F.max_pool2d(y, 2) if pool else y


@pytest.mark.parametrize("behind", FUSED)
@pytest.mark.parametrize("options", [
    {}, {"padding": 1}, {"stride": 2, "padding": (2, 1)}, {"dilation": 2, "padding": 2}, {"groups": 2},
    {"stride": (1, 2), "groups": 2},
])
def test_gradients_of_conv2d_with_relu_and_pooling_in_the_same_pass(options, behind):
    G = options.get("groups", 1)
    check_gradients(lambda *arrays: conv2d_relu_pool(*arrays, **options, **behind), (2, 2, 7, 8), (4, 2 // G, 3, 2), (4,))
    check_gradients(lambda *arrays: conv2d_relu_pool(*arrays, **options, **behind), (1, 2, 6, 9), (4, 2 // G, 2, 3))


@settings(deadline=None, max_examples=100)
@given(options_and_shapes(), st.sampled_from(FUSED), st.integers(0, 2**32 - 1))
def test_relu_and_pooling_in_the_same_pass_give_what_they_give_by_themselves(case, behind, seed):
    x_shape, w_shape, has_bias, options = case
    rng = np.random.default_rng(seed)
    # Whole numbers: all sums are exact in any order, and many are equal or 0.
    arrays = [rng.integers(-2, 3, shape).astype(np.float32) for shape in (x_shape, w_shape, *[w_shape[:1]] * has_bias)]
    try:
        dy = rng.integers(-4, 5, separately(*arrays, **options, **behind).shape).astype(np.float32)
    except ValueError as error:  # the image is too small to pool: the same sentence
        with pytest.raises(ValueError, match=re.escape(str(error))):
            conv2d_relu_pool(*arrays, **options, **behind)
        return
    expected_y, _, expected = value_and_gradients(lambda *a: separately(*a, **options, **behind), arrays, dy)
    y, _, gradients = value_and_gradients(lambda *a: conv2d_relu_pool(*a, **options, **behind), arrays, dy)
    for fused, separate in zip((y, *gradients), (expected_y, *expected), strict=True):
        assert fused.dtype == np.float32
        np.testing.assert_array_equal(fused, separate)


@pytest.mark.parametrize("behind", FUSED)
def test_the_same_pass_gives_the_same_bits_and_the_same_input_gradient(behind):
    arrays = [sample(shape, k).astype(np.float32) for k, shape in enumerate([(9, 3, 11, 12), (20, 3, 3, 3), (20,)])]
    y, dy, gradients = value_and_gradients(lambda *a: conv2d_relu_pool(*a, padding=1, **behind), arrays)
    expected_y, _, expected = value_and_gradients(lambda *a: separately(*a, padding=1, **behind), arrays, dy)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(gradients[0], expected[0])


@pytest.mark.parametrize("behind", FUSED)
@pytest.mark.parametrize("asking", [0, 1, 2])
def test_a_fused_gradient_is_the_same_whether_or_not_the_others_are_asked_for(asking, behind):
    arrays = sample((2, 3, 5, 5)), sample((4, 3, 3, 3), 1), sample((4,), 2)
    tensors = [Tensor(a, requires_grad=i == asking) for i, a in enumerate(arrays)]
    _, dy, gradients = value_and_gradients(lambda *a: conv2d_relu_pool(*a, **behind), arrays)
    conv2d_relu_pool(*tensors, **behind).backward(dy)
    assert [x.grad is not None for x in tensors] == [i == asking for i in range(3)]
    np.testing.assert_array_equal(tensors[asking].grad, gradients[asking])


def test_conv2d_with_relu_and_pooling_in_all_dtypes_and_layouts():
    for behind in FUSED:
        check_dtypes_and_layouts(lambda *a: conv2d_relu_pool(*a, padding=1, **behind), (2, 3, 5, 6), (4, 3, 3, 3), (4,))  # noqa: B023


@fast_only("loops fuse nothing")
def test_pooling_counts_the_multiply_accumulates_of_all_that_is_pooled():
    operation = Conv2dReLUPool(1, 1, 1, 1, relu=False, pool=True)
    assert operation.macs(operation.forward(np.ones((2, 4, 4, 6)), np.ones((5, 4, 3, 3)))) == 2 * 5 * 4 * 6 * 4 * 9


def test_an_image_too_small_to_pool_is_named():
    with pytest.raises(ValueError, match=r"^MaxPool2d: a window of \(2, 2\) does not fit into an image of \(1, 6\)$"):
        conv2d_relu_pool(np.ones((2, 3, 3, 8)), np.ones((8, 3, 3, 3)), pool=True)


def test_fused_operations_are_not_public_and_the_plain_ones_have_no_option_for_them():
    assert not {"linear_relu", "conv2d_relu_pool"} & set(F.__all__)
    for function, w in ((F.linear, np.ones((2, 3))), (F.conv2d, np.ones((2, 3, 1, 1)))):
        with pytest.raises(TypeError, match="unexpected keyword argument 'relu'"):
            function(np.ones((1, 3)), w, relu=True)
