"""CSR, compressed sparse rows: the stored values row after row, the column of each, and where each row starts."""

import numpy as np

from nncompress.sparse.checks import check_input, check_weights
from nnlite import kernels


class CSR:
    """A weight w (O, I) without its zeros.

        w[r, columns[k]] = values[k]   for starts[r] ≤ k < starts[r + 1]

    values float32 (K,), columns (K,) uint16 where I ≤ 65536, else uint32, starts uint32 (O + 1,), shape (O, I).
    `from_dense` makes them; the kernels trust them.
    Source: Saad 2003, "Iterative Methods for Sparse Linear Systems", §3.4.

    >>> sparse = CSR.from_dense(np.float32([[0, 2, 0], [0, 0, 0], [3, 0, 4]]))
    >>> sparse.values.tolist(), sparse.columns.tolist(), sparse.starts.tolist()
    ([2.0, 3.0, 4.0], [1, 0, 2], [0, 1, 1, 3])
    >>> sparse.matmul(np.float32([[1, 10, 100]]))
    array([[ 20.,   0., 403.]], dtype=float32)
    """

    def __init__(self, values, columns, starts, shape):
        self.values, self.columns, self.starts, self.shape = values, columns, starts, shape

    @classmethod
    def from_dense(cls, w):
        """The CSR form of w (O, I) float32; NaN and Inf are stored, zeros of either sign are not.

        Errors: TypeError for another dtype, ValueError unless w is a matrix with at least one row and one column.
        """
        w = check_weights("CSR.from_dense", w)
        rows, columns = np.nonzero(w)
        starts = np.zeros(len(w) + 1, np.uint32)
        starts[1:] = np.cumsum(np.bincount(rows, minlength=len(w)))
        return cls(w[rows, columns], columns.astype(np.uint16 if w.shape[1] <= 2**16 else np.uint32), starts, w.shape)

    @property
    def arrays(self):
        """All that is kept of w, in the order in which the kernels take it."""
        return self.values, self.columns, self.starts

    @property
    def nbytes(self):
        """Bytes of the three arrays."""
        return sum(array.nbytes for array in self.arrays)

    def to_dense(self):
        """w (O, I) float32."""
        w = np.zeros(self.shape, np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.starts.astype(np.intp)))
        w[rows, self.columns] = self.values
        return w

    def matmul(self, x):
        """y = x wᵀ:  y[b, r] = Σ_k values[k] · x[b, columns[k]] over the entries k of row r.

        x (B, I) float32 -> y (B, O) float32, the same bits for any number of threads. What x holds where a row has no entry
        does not reach y, not even a NaN.   Errors: TypeError for another dtype, ValueError for another shape.
        """
        x = check_input("CSR.matmul", x, self.shape)
        y = np.empty((len(x), self.shape[0]), np.float32)
        kernels.csr_matmul(*self.arrays, x, y)
        return y
