import numba
import numpy as np
import pytest
from support import every_other_reversed, fortran_ordered

from nnlite.kernels.fast import updates
from nnlite.kernels.machine.threads import threads_for

DTYPES = [np.float32, np.float64]
KERNELS = {  # how many arrays of averages each takes, and its numbers
    "sgd": (0, {"lr": 0.1, "weight_decay": 0.03}),
    "heavy_ball": (1, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.03}),
    "nesterov": (1, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.03}),
    "rmsprop": (1, {"lr": 0.1, "alpha": 0.7, "rest": 0.3, "eps": 1e-3, "weight_decay": 0.03}),
    "rmsprop_momentum": (2, {"lr": 0.1, "alpha": 0.7, "rest": 0.3, "eps": 1e-3, "weight_decay": 0.03, "momentum": 0.9}),
    "adam": (2, {"rate": 0.1, "beta1": 0.9, "rest1": 0.1, "beta2": 0.7, "rest2": 0.3, "eps": 1e-3, "coupled": 0.03,
                 "keep": 0.98}),
}
each_kernel = pytest.mark.parametrize("name", KERNELS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def arrays_and_numbers(name, shape, dtype):
    """w, g, [averages >= 0], (numbers)"""
    averages, numbers = KERNELS[name]
    rng = np.random.default_rng(0)
    w, g, *averages = (rng.standard_normal(shape).astype(dtype) for _ in range(2 + averages))
    return w, g, [np.abs(a) for a in averages], list(numbers.values())


def after_the_formula(name, w, g, averages, numbers):
    """The bits of w and the averages after the NumPy formula, and what it was given unchanged."""
    w, *averages = (a.copy(order="C") for a in (w, *averages))
    getattr(updates, f"{name}_reference")(w, g, *averages, *numbers)
    return [a.tobytes() for a in (w, *averages)]


def after_one_pass(name, w, g, averages, numbers):
    updates.in_one_pass(getattr(updates, name), [[w, g, *averages]], *numbers)
    return [a.tobytes() for a in (w, *averages)]


@each_dtype
@each_kernel
@pytest.mark.parametrize("size", [0, 1, 7, 8, 1000, 4099])
def test_one_pass_gives_the_formulas_bits(name, dtype, size):
    given = arrays_and_numbers(name, size, dtype)
    expected = after_the_formula(name, *given)
    assert after_one_pass(name, *given) == expected


@each_kernel
def test_one_call_for_many_parameters_gives_the_bits_of_one_each_whatever_the_number_of_threads(name, monkeypatch):
    monkeypatch.setattr("nnlite.kernels.machine.threads.WORTH_A_THREAD", 0)
    shapes = [(1,), (0, 3), (5003,), (7, 11), (2,)]
    expected = [after_the_formula(name, *arrays_and_numbers(name, shape, np.float32)) for shape in shapes]
    for n in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        monkeypatch.setattr("nnlite.kernels.machine.threads._most", n)
        given = [arrays_and_numbers(name, shape, np.float32) for shape in shapes]
        updates.in_one_pass(getattr(updates, name), [[w, g, *averages] for w, g, averages, _ in given], *given[0][-1])
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
    w, g, averages, numbers = arrays_and_numbers("adam", (3, 4, 5), np.float32)
    expected = after_the_formula("adam", w, g, averages, numbers)
    w, g, averages = order_of_w(w), order_of_g(g), [order_of_averages(a) for a in averages]
    before = g.tobytes()
    assert after_one_pass("adam", w, g, averages, numbers) == expected
    assert g.tobytes() == before


def test_a_single_number_may_have_no_axis():
    w, g, averages, numbers = arrays_and_numbers("adam", (1,), np.float32)
    expected = after_the_formula("adam", w, g, averages, numbers)
    assert after_one_pass("adam", w.reshape(()), g.reshape(()), [a.reshape(()) for a in averages], numbers) == expected


def test_arrays_of_another_dtype_are_rounded_to_the_parameters_and_keep_theirs():
    w, g, [b], numbers = arrays_and_numbers("heavy_ball", 9, np.float32)
    wide_g, wide_b = g.astype(np.float64) * (1 + 1e-10), b.astype(np.float64) * (1 + 1e-10)  # both round back
    expected_w, expected_b = after_the_formula("heavy_ball", w, g, [b], numbers)
    before = wide_g.tobytes()
    updates.in_one_pass(updates.heavy_ball, [[w, wide_g, wide_b]], *numbers)
    assert w.tobytes() == expected_w
    assert wide_b.astype(np.float32).tobytes() == expected_b
    assert wide_g.tobytes() == before


def test_a_gradient_of_whole_numbers_as_long_as_the_parameters_is_taken_for_what_it_is():
    w, g = np.ones(3, np.float32), np.int32([1, 2, -4])
    updates.in_one_pass(updates.sgd, [[w, g]], 0.5, 0.0)
    assert w.tolist() == [0.5, 0, 3]


def test_the_gradient_may_be_the_parameter_itself():
    w = np.arange(100.0)
    updates.in_one_pass(updates.sgd, [[w, w]], 0.25, 0.0)
    assert w.tolist() == [0.75 * i for i in range(100)]


def test_zero_by_zero_is_nan_as_in_numpy():
    w, g, m, v = np.ones(3), np.array([0.0, 1.0, -1.0]), np.zeros(3), np.zeros(3)
    updates.in_one_pass(updates.adam, [[w, g, m, v]], 0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 1.0)
    np.testing.assert_array_equal(w, [np.nan, 0.75, 1.25])  # m = ±1/2, v = 1: 1 ∓ 1/2·1/2
