"""Functions that only kernels call: LLVM optimizes their code and translates it once, as a part of the kernel.

Numba optimizes every function by itself and translates it into machine code. A kernel copies the code of each function that it
calls, and the copy is optimized and translated again. That pays for a function that Python calls, too. But only kernels call
the inner functions, and up to ten of them lie inside each other. Their code is therefore left as it is until a kernel copies
it. So a first start compiles faster.
"""

import functools

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from nnlite.kernels import SHELF
from nnlite.kernels.machine.cache import njit


class InnerLibrary(JITCodeLibrary):
    """The code of one inner function and of the functions that it calls, for kernels to copy."""

    def _optimize_final_module(self):
        """Do nothing: the kernel's library optimizes its copy."""

    def _finalize_final_module(self):
        """Close the library without machine code."""
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class InnerLowering(NativeLowering):
    """From typed Numba code to LLVM's, into an `InnerLibrary`."""

    _name = "nnlite_inner_lowering"

    def run_pass(self, state):
        state.library = InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        key = object()  # in place of the function that Python would call; Numba finds the code by it
        state.targetctx.insert_user_function(key, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True


class InnerCompiler(CompilerBase):
    """Numba's compiler, with `InnerLowering` as its last step but one."""

    def define_pipelines(self):
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [(InnerLowering, text) if step is NativeLowering else (step, text) for step, text in steps.passes]
        steps.finalize()
        return [steps]


def inner_kernel(function):
    """@njit for functions that only kernels call. x/0 is inf or NaN.   Errors: a call from Python is a TypeError, but not with
    NNLITE_KERNELS=loops.
    """
    if SHELF == "loops":  # they ask for nothing but njit: a browser's Numba has another compiler
        return njit(function, error_model="numpy")
    kernel = njit(function, pipeline_class=InnerCompiler, no_cpython_wrapper=True, error_model="numpy")
    kernel.add_overload = functools.partial(_add_for_kernels, kernel)
    kernel._compile_for_args = functools.partial(_refuse, kernel.__name__)
    return kernel


def _add_for_kernels(kernel, compiled):
    """Numba calls this with the code for new types of arguments. Where Python looks for it, nothing is entered."""
    kernel.overloads[tuple(compiled.signature.args)] = compiled


def _refuse(name, *arguments, **named):
    """Numba calls this when Python calls the function, because it finds nothing to run."""
    raise TypeError(f"{name}: only kernels call it; its Python code is {name}.py_func")
