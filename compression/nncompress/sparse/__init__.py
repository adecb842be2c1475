"""Pruned layers run from their compressed form: work and memory for the weights that are left, and for no others.

Read in this order:
    checks      what both forms ask of their inputs
    csr         compressed sparse rows: a value and a column for each weight
    relative    Deep Compression's form as it is stored: a byte for the gap, a byte for the shared weight
    kernels     one x, or a batch, times the stored entries of a row
    pay_off     measured: from which sparsity on this is faster than the dense product
"""

from nncompress.sparse.csr import CSR
from nncompress.sparse.relative import RelativeForm

__all__ = ["CSR", "RelativeForm"]
