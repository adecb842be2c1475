"""Functions that only kernels call: LLVM optimizes them once, together with the kernel, and translates only the kernel.

Numba optimizes every function by itself and translates it into machine code. A kernel gets a copy of each function that it
calls, and all is optimized and translated again in the kernel. That pays for a function that Python calls, too. The inner
functions of our kernels, some ten levels of them, are never called but from a kernel. So they stay as Numba has written them,
until the kernel's turn comes. The demo's kernels compile in two thirds of the time.
"""

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from nnlite.kernels.machine.cache import njit


class InnerLibrary(JITCodeLibrary):
    """The code of one inner function and of the functions that it calls, for kernels to copy."""

    def _optimize_final_module(self):
        """Nothing: the kernel's own library optimizes its copy."""

    def _finalize_final_module(self):
        """No machine code is made."""
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
        function, environment = state.cr.fndesc, state.cr.env
        # Numba finds the code of a function by such an object. Its machine code would be at this address, 0
        key = _dynfunc.make_function(function.lookup_module(), function.qualname, "", 0, environment, (state.library,))
        state.targetctx.insert_user_function(key, function, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True


class InnerCompiler(CompilerBase):
    """Numba's compiler, with `InnerLowering` as its last step but one."""

    def define_pipelines(self):
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [(InnerLowering, text) if step is NativeLowering else (step, text) for step, text in steps.passes]
        steps.finalize()
        return [steps]


inner_kernel = njit(pipeline_class=InnerCompiler, no_cpython_wrapper=True, error_model="numpy")
"""@njit for functions that only kernels call. Python cannot call them (a call ends the process). x/0 is inf or NaN."""
