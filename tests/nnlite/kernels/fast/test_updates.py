import numba
import numpy as np
import pytest
from support import every_other_reversed, fortran_ordered

from nnlite.kernels.fast import updates
from nnlite.kernels.machine.threads import threads_for
from nnlite.optim.adam import adam
from nnlite.optim.rmsprop import rmsprop, rmsprop_momentum
from nnlite.optim.sgd import heavy_ball, nesterov, sgd

DTYPES = [np.float32, np.float64]
RULES = {  # how many arrays of averages each takes, and its numbers
    sgd: (0, {"lr": 0.1, "weight_decay": 0.03}),
    heavy_ball: (1, {"lr": 0.1, "momentum": 0.9, "rest": 0.8, "weight_decay": 0.03}),
    nesterov: (1, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.03}),
    rmsprop: (1, {"lr": 0.1, "alpha": 0.7, "rest": 0.3, "eps": 1e-3, "weight_decay": 0.03}),
    rmsprop_momentum: (2, {"lr": 0.1, "alpha": 0.7, "rest": 0.3, "eps": 1e-3, "weight_decay": 0.03, "momentum": 0.9}),
    adam: (2, {"rate": 0.1, "beta1": 0.9, "rest1": 0.1, "beta2": 0.7, "rest2": 0.3, "eps": 1e-3, "coupled": 0.03,
               "keep": 0.98}),
}
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def arrays_and_numbers(rule, shape, dtype):
    """w, g, [averages >= 0], (numbers)"""
    averages, numbers = RULES[rule]
    rng = np.random.default_rng(0)
    w, g, *averages = (rng.standard_normal(shape).astype(dtype) for _ in range(2 + averages))
    return w, g, [np.abs(a) for a in averages], list(numbers.values())


def after_the_formula(rule, w, g, averages, numbers):
    """The bits of the new w and averages by the rule on whole arrays, in NumPy."""
    new = rule(w, g, *averages, *numbers)
    return [np.asarray(a).tobytes() for a in (new if isinstance(new, tuple) else [new])]


def after_one_pass(rule, w, g, averages, numbers):
    updates.in_one_pass(rule, [[w, g, *averages]], numbers)
    return [a.tobytes() for a in (w, *averages)]


@each_dtype
@each_rule
@pytest.mark.parametrize("size", [0, 1, 7, 8, 1000, 4099])
def test_one_pass_gives_the_formulas_bits(rule, dtype, size):
    given = arrays_and_numbers(rule, size, dtype)
    expected = after_the_formula(rule, *given)
    assert after_one_pass(rule, *given) == expected


@each_rule
def test_one_call_for_many_parameters_gives_the_bits_of_one_each_whatever_the_number_of_threads(rule, monkeypatch):
    monkeypatch.setattr("nnlite.kernels.machine.threads.WORTH_A_THREAD", 0)
    shapes = [(1,), (0, 3), (5003,), (7, 11), (2,)]
    expected = [after_the_formula(rule, *arrays_and_numbers(rule, shape, np.float32)) for shape in shapes]
    for n in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        monkeypatch.setattr("nnlite.kernels.machine.threads._most", n)
        given = [arrays_and_numbers(rule, shape, np.float32) for shape in shapes]
        updates.in_one_pass(rule, [[w, g, *averages] for w, g, averages, _ in given], given[0][-1])
        assert [[a.tobytes() for a in (w, *averages)] for w, _, averages, _ in given] == expected
        assert threads_for(0) == n


def test_the_pieces_of_the_threads_are_all_of_an_array_without_overlap():
    @numba.njit
    def sums_of_pieces(address, size, T):
        return [updates.piece(np.float32(0), address, size, t, T).sum() for t in range(T)]

    a = np.float32([1, 2, 4, 8, 16])
    assert sums_of_pieces(a.ctypes.data, 5, 1) == [31]
    assert sums_of_pieces(a.ctypes.data, 5, 2) == [3, 28]
    assert sums_of_pieces(a.ctypes.data, 5, 7) == [0, 1, 2, 0, 4, 8, 16]


def in_its_own_order(a):
    return a


def axes_reversed_in_memory(a):
    return np.array(a.transpose(1, 2, 0), order="C").transpose(2, 0, 1)


ORDERS = [in_its_own_order, fortran_ordered, axes_reversed_in_memory, every_other_reversed]


@pytest.mark.parametrize("order_of_averages", ORDERS)
@pytest.mark.parametrize("order_of_g", ORDERS)
@pytest.mark.parametrize("order_of_w", ORDERS)
def test_arrays_may_lie_in_memory_in_any_order(order_of_w, order_of_g, order_of_averages):
    w, g, averages, numbers = arrays_and_numbers(adam, (3, 4, 5), np.float32)
    expected = after_the_formula(adam, w, g, averages, numbers)
    w, g, averages = order_of_w(w), order_of_g(g), [order_of_averages(a) for a in averages]
    before = g.tobytes()
    assert after_one_pass(adam, w, g, averages, numbers) == expected
    assert g.tobytes() == before


def test_a_single_number_may_have_no_axis():
    w, g, averages, numbers = arrays_and_numbers(adam, (1,), np.float32)
    expected = after_the_formula(adam, w, g, averages, numbers)
    assert after_one_pass(adam, w.reshape(()), g.reshape(()), [a.reshape(()) for a in averages], numbers) == expected


def test_arrays_of_another_dtype_are_rounded_to_the_parameters_and_keep_theirs():
    w, g, [b], numbers = arrays_and_numbers(heavy_ball, 9, np.float32)
    wide_g, wide_b = g.astype(np.float64) * (1 + 1e-10), b.astype(np.float64) * (1 + 1e-10)  # both round back
    expected_w, expected_b = after_the_formula(heavy_ball, w, g, [b], numbers)
    before = wide_g.tobytes()
    updates.in_one_pass(heavy_ball, [[w, wide_g, wide_b]], numbers)
    assert w.tobytes() == expected_w
    assert wide_b.astype(np.float32).tobytes() == expected_b
    assert wide_g.tobytes() == before


def test_a_gradient_of_whole_numbers_as_long_as_the_parameters_is_taken_for_what_it_is():
    w, g = np.ones(3, np.float32), np.int32([1, 2, -4])
    updates.in_one_pass(sgd, [[w, g]], (0.5, 0.0))
    assert w.tolist() == [0.5, 0, 3]


def test_the_gradient_may_be_the_parameter_itself():
    w = np.arange(100.0)
    updates.in_one_pass(sgd, [[w, w]], (0.25, 0.0))
    assert w.tolist() == [0.75 * i for i in range(100)]


def test_zero_by_zero_is_nan_as_in_numpy():
    w, g, m, v = np.ones(3), np.array([0.0, 1.0, -1.0]), np.zeros(3), np.zeros(3)
    updates.in_one_pass(adam, [[w, g, m, v]], (0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 1.0))
    np.testing.assert_array_equal(w, [np.nan, 0.75, 1.25])  # m = ±1/2, v = 1: 1 ∓ 1/2·1/2


def test_a_rule_of_ones_own_is_compiled_and_inlined_too():
    def towards_the_sign(w, g, b, lr):
        b = 0.5 * b + g
        return w - lr * np.sign(b), b

    w, b = np.zeros(3), np.zeros(3)
    for _ in range(2):
        updates.in_one_pass(towards_the_sign, [[w, np.array([3.0, 0.0, -2.0]), b]], (0.25,))
    assert w.tolist() == [-0.5, 0, 0.5] and b.tolist() == [4.5, 0, -3]


def test_two_rules_of_one_name_are_two_rules():
    def rule_with(factor):
        def rule(w, g, lr):
            return w - lr * factor * g

        return rule

    for factor in (1.0, 2.0):
        w = np.ones(2)
        updates.in_one_pass(rule_with(factor), [[w, np.ones(2)]], (0.25,))
        assert w.tolist() == [1 - factor / 4] * 2


def denormal(a):
    return ((a != 0) & (np.abs(a) < np.finfo(a.dtype).tiny)).any()


@each_dtype
@each_rule
def test_after_thousands_of_steps_without_a_gradient_nothing_is_denormal(rule, dtype, monkeypatch):
    monkeypatch.setattr("nnlite.kernels.machine.threads.WORTH_A_THREAD", 0)  # on all threads
    w, _, averages, numbers = arrays_and_numbers(rule, (4, 100), dtype)
    g = np.zeros_like(w)
    for _ in range(2000 if dtype == np.float32 else 20_000):
        updates.in_one_pass(rule, [[w, g, *averages]], numbers)
        assert not any(denormal(a) for a in (w, *averages))


def test_a_denormal_counts_as_0_and_only_inside_the_update():
    w, g = np.float32([1e-39, 1e-39]), np.float32([0, 1e-39])
    updates.in_one_pass(sgd, [[w, g]], (0.5, 0.0))
    assert w.tolist() == [0, 0]
    assert (np.float32([1e-39]) * np.float32(0.5)).tolist() != [0]
