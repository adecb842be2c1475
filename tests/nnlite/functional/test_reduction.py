import math
import statistics

import numpy as np
import pytest
from support import assert_sums_agree, check_dtypes_and_layouts, check_gradients, sample

from nnlite import Tensor
from nnlite import functional as F

DIMS = [None, 0, -1, 1, (0, 2), (-1, 0, 1), (1,)]
REDUCTIONS = {  # function, formula for a list of numbers
    "sum": (F.sum, math.fsum),
    "mean": (F.mean, statistics.fmean),
    "max": (F.max, max),
    "min": (F.min, min),
    "std": (F.std, statistics.stdev),
    "std 0": (lambda x, dim=None, keepdim=False: F.std(x, dim, keepdim, correction=0), statistics.pstdev),
    "norm": (lambda x, dim=None, keepdim=False: F.norm(x, 2, dim, keepdim), lambda x: math.hypot(*x)),
    "norm 1": (lambda x, dim=None, keepdim=False: F.norm(x, 1, dim, keepdim), lambda x: math.fsum(map(abs, x))),
    "norm 3": (lambda x, dim=None, keepdim=False: F.norm(x, 3, dim, keepdim),
               lambda x: math.fsum(abs(t)**3 for t in x) ** (1/3)),
    "norm inf": (lambda x, dim=None, keepdim=False: F.norm(x, math.inf, dim, keepdim), lambda x: max(map(abs, x))),
    "var": (F.var, statistics.variance),
    "var 0": (lambda x, dim=None, keepdim=False: F.var(x, dim, keepdim, correction=0), statistics.pvariance),
    "var 0.5": (lambda x, dim=None, keepdim=False: F.var(x, dim, keepdim, correction=0.5),
                lambda numbers: statistics.variance(numbers) * (len(numbers) - 1) / (len(numbers) - 0.5)),
}


def reduced(formula, x, dim, keepdim):
    """formula(numbers) for the numbers of x that differ only along dim."""
    dims = {d % x.ndim for d in (range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim)}
    groups = {}
    for at in np.ndindex(x.shape):
        groups.setdefault(tuple(i for d, i in enumerate(at) if d not in dims), []).append(float(x[at]))
    kept = [1 if d in dims else size for d, size in enumerate(x.shape)] if keepdim else [
        size for d, size in enumerate(x.shape) if d not in dims]
    return np.array([formula(numbers) for numbers in groups.values()]).reshape(kept)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_each_result_is_the_formula_of_its_numbers(name, dim, keepdim):
    function, formula = REDUCTIONS[name]
    x = sample((3, 4, 5))
    y, expected = function(x, dim, keepdim).data, reduced(formula, x, dim, keepdim)
    # The variance squares numbers up to 2.2 − μ, and sums over at most 60 of them.
    assert_sums_agree(np.asarray(y), expected, np.full(expected.shape, 60 if name == "sum" else 5), 60)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_gradients_of_reductions(name, dim, keepdim):
    check_gradients(lambda x: REDUCTIONS[name][0](x, dim, keepdim), (3, 2, 4))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_gradients_of_large_reductions(name):
    check_gradients(lambda x: REDUCTIONS[name][0](x, 1), (20, 30))


@pytest.mark.parametrize("dim", [None, (0, 2)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_in_all_dtypes_and_layouts(name, dim):
    check_dtypes_and_layouts(lambda x: REDUCTIONS[name][0](x, dim), (3, 4, 5))


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_a_single_number_is_its_own_reduction(name):
    assert REDUCTIONS[name][0](np.array(3.5)).data == 3.5
    check_gradients(REDUCTIONS[name][0], ())


def test_the_gradient_of_a_maximum_is_shared_by_equal_numbers():
    x = Tensor(np.array([[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]]), requires_grad=True)
    F.max(x, 1).backward(np.array([1.0, 6.0]))
    assert x.grad.tolist() == [[0.5, 0, 0.5], [2, 2, 2]]


def test_a_correction_in_float64_leaves_float32_as_it_is():
    assert F.var(np.arange(3, dtype=np.float32), correction=np.float64(1)).dtype == np.float32


def test_sums_over_nothing_are_0():
    assert F.sum(np.ones((0, 3)), 0).data.tolist() == [0, 0, 0]
    assert F.sum(np.ones((2, 0)), 1).data.tolist() == [0, 0]


def test_the_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"^mean: an array of shape \(2, 0\) holds no numbers$"):
        F.mean(np.ones((2, 0)))


def test_the_maximum_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"^max: an array of shape \(0, 3\) holds no numbers$"):
        F.max(np.ones((0, 3)), 0)


@pytest.mark.parametrize(("shape", "correction", "message"), [
    ((1, 3), 1, r"^var: 1 numbers with correction 1 leave none to divide by$"),
    ((2, 3), 2, r"^var: 2 numbers with correction 2 leave none to divide by$"),
    ((0, 3), 0, r"^var: 0 numbers with correction 0 leave none to divide by$"),
])
def test_a_variance_of_too_few_numbers_is_refused(shape, correction, message):
    with pytest.raises(ValueError, match=message):
        F.var(np.ones(shape), 0, correction=correction)


@pytest.mark.parametrize("function", [F.sum, F.mean, F.max, F.var])
def test_a_dim_that_is_not_there_is_refused(function):
    with pytest.raises(ValueError, match="axis 2 is out of bounds for array of dimension 2"):
        function(np.ones((2, 3)), 2)


def test_std_and_norm_of_equal_numbers_have_gradient_0_where_they_are_0():
    for function in (F.std, F.norm, lambda x: F.norm(x, 1), lambda x: F.norm(x, 3)):
        x = Tensor(np.zeros(3), requires_grad=True)
        function(x).backward()
        assert x.grad.tolist() == [0, 0, 0]


def test_the_smallest_of_several_equal_ones_share_the_gradient():
    x = Tensor(np.array([1.0, 3.0, 1.0]), requires_grad=True)
    F.min(x).backward()
    assert x.grad.tolist() == [0.5, 0, 0.5]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.min(np.ones((0, 2))), r"^min: an array of shape \(0, 2\) holds no numbers$"),
    (lambda: F.std(np.ones(1)), r"^std: 1 numbers with correction 1 leave none to divide by$"),
    (lambda: F.norm(np.ones(3), 0.5), r"^norm: p has to be at least 1, got 0.5$"),
    (lambda: F.norm(np.ones(3), math.nan), r"^norm: p has to be at least 1, got nan$"),
])
def test_what_has_no_min_std_or_norm_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
