"""Deep Compression's form, run as it is stored: a byte for the gap to the next weight and a byte for the weight's code."""

import numpy as np

from nncompress.coding.sparse import from_relative, to_relative
from nncompress.sparse.checks import check_input, check_weights
from nnlite import kernels
from nnlite.errors import FormatError

INDEX_BITS = 8  # of a gap made here: longer runs of zeros need a filler every 256
MOST_CODES = 256


class RelativeForm:
    """A weight w (O, I) as the relative-index stream of its entries, which share the weights of a codebook.

        position_k = Σ_{j ≤ k} (gaps[j] + 1) − 1        w[position_k // I, position_k % I] = codebook[codes[k]]

    gaps (K,) uint8, or uint16 where one is above 255; codes (K,) uint8; codebook (≤ 256,) float32, codebook[0] = 0. An entry of
    code 0 is a filler: it only bridges a long run of zeros (see `coding.sparse.to_relative`).

    The stream can be read from its start alone. So that any row can be found, two numbers a row are added to what is stored:

        starts[r]    the first entry of row r; uint32 (O + 1,)
        before[r]    the place of the entry before that, counted from column 0 of row r: −1 if it is the last weight of the row
                     above or if there is none, less if zeros follow it; int32 (O,)

    Source: Han, Mao, Dally 2016, Deep Compression (arXiv 1510.00149), §2, §3 and figure 2; computing with it, by a pointer to
    each row (there: column): Han et al. 2016, EIE (arXiv 1602.01528), §III.

    >>> layer = RelativeForm.from_dense(np.float32([[0, 2, 0], [0, 0, 0], [2, 0, 4]]))
    >>> layer.gaps.tolist(), layer.codes.tolist(), layer.codebook.tolist()
    ([1, 4, 1], [1, 1, 2], [0.0, 2.0, 4.0])
    >>> layer.starts.tolist(), layer.before.tolist()
    ([0, 1, 1, 3], [-1, -2, -5])
    >>> layer.matmul(np.float32([[1, 10, 100]]))
    array([[ 20.,   0., 402.]], dtype=float32)
    """

    def __init__(self, gaps, codes, codebook, shape):
        """The form whose arrays are given, for example by a file: gaps uint8 or uint16, codes whole numbers, shape (O, I).

        Errors: TypeError for gaps or codes of other dtypes, FormatError for a stream that does not fit its shape or codebook.
        """
        (O, I), codebook = shape, np.asarray(codebook, np.float32)
        positions = _positions(np.asarray(gaps), np.asarray(codes), codebook, O * I)
        row_begins = np.arange(O) * I
        starts = np.searchsorted(positions, row_begins)
        self.gaps = np.asarray(gaps, np.uint8 if np.max(gaps, initial=0) < 256 else np.uint16)
        self.codes, self.codebook, self.shape = np.asarray(codes, np.uint8), codebook, (O, I)
        self.starts = np.append(starts, len(positions)).astype(np.uint32)
        self.before = (np.append(-1, positions)[starts] - row_begins).astype(np.int32)

    @classmethod
    def from_dense(cls, w):
        """The relative form of w (O, I) float32, whose codebook is the different values in w.

        Errors: TypeError for another dtype; ValueError unless w is a matrix with at least one row and one column, and where it
        holds more than 255 different values beside 0: they have to be quantized or clustered before.
        """
        w = check_weights("RelativeForm.from_dense", w)
        gaps, values = to_relative(w.reshape(-1), INDEX_BITS)
        kept = values != 0  # the others are fillers
        shared, code = np.unique(values[kept], return_inverse=True)
        if shared.size >= MOST_CODES:
            raise ValueError(f"RelativeForm.from_dense: w {w.shape} holds {shared.size} different values beside 0, "
                             f"a codebook at most {MOST_CODES - 1}: quantize or cluster them first")
        codes = np.zeros(len(values), np.uint8)
        codes[kept] = code + 1
        return cls(gaps.astype(np.uint8), codes, np.append(np.float32(0), shared), w.shape)

    @property
    def arrays(self):
        """All that is kept of w, in the order in which the kernels take it."""
        return self.gaps, self.codes, self.codebook, self.starts, self.before

    @property
    def nbytes(self):
        """Bytes of the five arrays."""
        return sum(array.nbytes for array in self.arrays)

    def to_dense(self):
        """w (O, I) float32."""
        return from_relative(self.gaps, self.codebook[self.codes], self.shape[0] * self.shape[1]).reshape(self.shape)

    def matmul(self, x):
        """y = x wᵀ:  y[b, r] = Σ_k codebook[codes[k]] · x[b, c_k] over the entries k of row r,  c_k = c_(k−1) + gaps[k] + 1.

        x (B, I) float32 -> y (B, O) float32, the same bits for any number of threads. Neither a filler nor what x holds where a
        row has no entry reaches y, not even a NaN.   Errors: TypeError for another dtype, ValueError for another shape.
        """
        x = check_input("RelativeForm.matmul", x, self.shape)
        y = np.empty((len(x), self.shape[0]), np.float32)
        kernels.relative_matmul(*self.arrays, x, y)
        return y


def _positions(gaps, codes, codebook, size):
    """Where in w.reshape(-1) each entry lies, after a check that all of them lie inside, and their codes in the codebook."""
    if codebook.ndim != 1 or not 1 <= codebook.size <= MOST_CODES or codebook[0] != 0:
        raise FormatError(f"relative form: the codebook has shape {codebook.shape} and begins with {codebook[:1].tolist()}, "
                          f"expects 1 to {MOST_CODES} weights, the first 0")
    if gaps.dtype not in (np.uint8, np.uint16) or codes.dtype.kind not in "iu":
        raise TypeError(f"relative form: gaps are {gaps.dtype}, codes {codes.dtype}, expects uint8 or uint16, and integers")
    if gaps.ndim != 1 or gaps.shape != codes.shape:
        raise FormatError(f"relative form: gaps have shape {gaps.shape}, codes {codes.shape}, expects (K,) for both")
    if codes.size and not 0 <= codes.min() <= codes.max() < codebook.size:
        raise FormatError(f"relative form: codes lie in {codes.min()}..{codes.max()}, the codebook has 0..{codebook.size - 1}")
    positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if positions.size and positions[-1] >= size:
        raise FormatError(f"relative form: the last entry lies at position {positions[-1]}, beyond the size {size}")
    return positions
