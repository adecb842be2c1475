import numpy as np
import pytest

from nnlite.kernels import SHELF
from nnlite.kernels.machine.cache import njit
from nnlite.kernels.machine.inner import InnerLibrary, inner_kernel

pytestmark = pytest.mark.skipif(SHELF == "loops", reason="the loops have plain functions of Numba")


def new_kernels():
    """A kernel that calls an inner function, which calls another. They lie in a closure, so that no cache holds them."""

    @inner_kernel
    def half(x, least):
        if x < least:
            raise ValueError("half:", x, "is below", least)
        return x / 2

    @inner_kernel
    def half_of_square(x, least):
        return half(x * x, least)

    @njit
    def kernel(x, least):
        return half_of_square(x, least) + half(x, least)

    return kernel, half_of_square, half


def test_a_kernel_computes_with_inner_functions_inside_each_other():
    kernel, *_ = new_kernels()
    assert kernel(6.0, 1.0) == 36 / 2 + 6 / 2


def test_inner_functions_of_other_types_are_other_functions():
    kernel, *_ = new_kernels()
    assert kernel(6.0, 1.0) == 21
    assert kernel(np.int32(4), np.int32(1)) == 10
    assert kernel(6.0, 1.0) == 21


def test_an_exception_of_an_inner_function_keeps_its_values_when_nothing_comes_from_the_cache():
    kernel, *_ = new_kernels()
    with pytest.raises(ValueError) as caught:
        kernel(3.0, 4.0)
    assert caught.value.args == ("half:", 3.0, "is below", 4.0)


def test_no_machine_code_is_made_of_an_inner_function_by_itself():
    kernel, *inner = new_kernels()
    kernel(6.0, 1.0)
    for function in inner:
        (compiled,) = function.overloads.values()
        assert isinstance(compiled.library, InnerLibrary)
        engine = compiled.library.codegen._engine
        assert not engine.is_symbol_defined(compiled.fndesc.llvm_func_name)
    (compiled,) = kernel.overloads.values()
    assert compiled.library.codegen._engine.is_symbol_defined(compiled.fndesc.llvm_func_name)


def test_python_cannot_call_an_inner_function_whether_a_kernel_has_called_it_or_not():
    kernel, _, half = new_kernels()
    for _ in range(2):
        with pytest.raises(TypeError, match="^half: only kernels call it; its Python code is half.py_func$"):
            half(6.0, 1.0)
        assert half.py_func(6.0, 1.0) == 3 and kernel(6.0, 1.0) == 21
