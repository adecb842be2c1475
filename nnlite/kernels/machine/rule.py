"""An update rule as a Numba type, so that a kernel can take any rule as an argument and inline it.

    def sgd(w, g, lr):                       # written once, in plain Python
        return w - lr * g

    kernel(Rule(sgd), …)                     # inside: call(rule, w[i], g[i], lr)

Numba compiles a kernel once for each type of its arguments. A Rule's type is its function: each rule gets a kernel of its own.
"""

import hashlib
import inspect
from numbers import Number

from numba import types
from numba.extending import NativeValue, models, overload, register_model, unbox

from nnlite.kernels.machine.inner import inner_kernel


class RuleType(types.Type):
    """The type of one rule. Its name holds a hash of the function: a rule that was edited is a new type, and compiled anew."""

    def __init__(self, function):
        self.function = function
        super().__init__(name=f"Rule({function.__module__}.{function.__qualname__}, {fingerprint(function)})")


def fingerprint(function):
    """A hash of a function's code and of the numbers outside of it that it uses."""
    code, outside = function.__code__, inspect.getclosurevars(function)
    numbers = [(name, x) for name, x in (outside.nonlocals | outside.globals).items() if isinstance(x, Number)]
    return hashlib.sha256(repr((code.co_code, code.co_consts, code.co_names, numbers)).encode()).hexdigest()[:16]


class Rule:
    """What a kernel gets in the place of the function."""

    def __init__(self, function):
        self._numba_type_ = RuleType(function)  # where Numba looks for the type of an object that it does not know


@register_model(RuleType)
class RuleModel(models.OpaqueModel):
    """A Rule holds nothing: its type says all."""


@unbox(RuleType)
def _unbox_rule(kind, rule, c):
    return NativeValue(c.context.get_dummy_value())


def call(rule, *values):
    """rule(*values), inside a compiled kernel."""
    raise TypeError("call: only compiled kernels call a Rule; elsewhere call the function itself")


@overload(call)
def _call(rule, *values):
    compiled = inner_kernel(rule.function)
    return lambda rule, *values: compiled(*values)
