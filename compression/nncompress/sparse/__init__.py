"""Pruned layers run from their compressed form: work and memory for the weights that are left, and for no others.

Read in this order:
    checks      what both forms ask of their inputs
    csr         compressed sparse rows: a value and a column for each weight
    relative    Deep Compression's form as it is stored: a byte for the gap, a byte for the shared weight
    pay_off     measured: from which sparsity on this is faster than the dense product
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "csr": ["CSR"],
    "relative": ["RelativeForm"],
    "pay_off": ["pays_from", "time_forms"],
}, rooms=("pay_off",))
