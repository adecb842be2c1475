"""The int8 product with weights that take 4 bits each in memory, and are unpacked a few columns at a time.

It saves memory, not time. `tutorials/packed_weights.py` measures both: with 784 × 300 and 4096 × 4096 weights, with one image
and with 64, on one thread. In three runs on an AMD EPYC with AVX-512, beside other work, weights of −8 … 7 took 1.2 to 1.8
times as long as weights of one byte with 64 images. With one image they took 4 to 8 times as long, although half as many bytes
come from memory. A codebook, in which each weight is looked up, took 2.4 to 3.5 times as long with 64 images, and 24 to 36
times with one image. The three layers of LeNet-300-100 take 145,488 bytes instead of 266,200. With one image they took 6 times
as long, with 64 images 1.8 to 1.9 times. So an `Int8Plan` holds bytes.

Source: Han et al. 2016, EIE (arXiv 1602.01528), §3, whose hardware looks codebooks up for free.
"""

import numpy as np

from nncompress.int8.product import pack_int8
from nnlite import kernels

COLUMNS = 128  # unpacked at a time: with K = 784 they are 100 KB, which the second cache keeps
INT4 = np.arange(-8, 8, dtype=np.int8)
INT8, INT32 = np.dtype(np.int8), np.dtype(np.int32)


class PackedWeights:
    """Weights w (K, N) int8 of at most 16 different values, held as codes of 4 bits; `matmul` gives c = a w.

        w[k, n] = codebook[code[k, n]]

    The codebook is −8 … 7 if all weights lie in this range, as weights of 4 bits or fewer do. Otherwise it lists the values
    that occur, as after weight sharing, and 0, which fills up the panels of `pack_int8`.
    The codes of 128 columns at a time lie in the order in which the product reads these columns, two codes to a byte.
    Errors: those of `pack_int8`; ValueError for more than 16 different values, the 0 included.

    >>> w = np.random.default_rng(0).integers(-7, 8, (100, 60)).astype(np.int8)
    >>> packed = PackedWeights(w)
    >>> packed.nbytes < 0.6 * w.nbytes
    True
    """

    def __init__(self, w):
        w = np.asarray(w)
        self.K, self.N, values = *pack_int8(w)[1:], np.unique(np.append(w, np.int8(0)))  # 0 fills panels up
        self.int4 = bool(len(values) == 0 or values[0] >= -8 and values[-1] <= 7)
        if not self.int4 and len(values) > 16:
            raise ValueError(f"PackedWeights: w has {len(values)} different values, the 0 included; 4 bits tell 16 apart")
        self.codebook = INT4 if self.int4 else np.resize(values, 16)
        self.parts = []  # (codes, shape of the int8 numbers, columns)
        for n in range(0, self.N, COLUMNS):
            numbers = kernels.pack_int8(w[:, n : n + COLUMNS]).numbers
            codes = np.searchsorted(INT4 if self.int4 else values, numbers.ravel()).astype(np.uint8)
            low, high = np.split(np.append(codes, np.zeros(codes.size % 2, np.uint8)), 2)
            self.parts.append((low | high << 4, numbers.shape, min(COLUMNS, self.N - n)))

    @property
    def nbytes(self):
        """Bytes of the codes and the codebook."""
        return sum(codes.nbytes for codes, _, _ in self.parts) + self.codebook.nbytes

    def matmul(self, a):
        """c[m, n] = Σ_k a[m, k] w[k, n], exact in int32: a (M, K) uint8 -> c (M, N) int32.

        Errors: ValueError for another dtype or shape of a, and for K above 65,793 (see `matmul_int8`).
        """
        a = np.ascontiguousarray(a)
        if a.dtype != np.uint8 or a.ndim != 2 or a.shape[1] != self.K:
            raise ValueError(f"PackedWeights: a is {a.dtype} {a.shape}, weights ({self.K}, {self.N}) expect uint8 "
                             f"(M, {self.K})")
        if self.K > 65_793:
            raise ValueError(f"PackedWeights: K is {self.K}; int32 sums are safe up to 65793")
        c = np.empty((len(a), self.N), np.int32)
        for i, (codes, shape, columns) in enumerate(self.parts):
            w = kernels.empty_rows(1, 2 * codes.size, INT8)[0]
            if self.int4:
                kernels.unpack_int4(codes, w)
            else:
                kernels.unpack_shared(codes, self.codebook, w)
            numbers = w[: int(np.prod(shape))].reshape(shape)
            part = kernels.empty_rows(len(a), columns, INT32)
            kernels.matmul_int8(a, kernels.PackedInt8(numbers, self.K, columns), part)
            c[:, i * COLUMNS : i * COLUMNS + columns] = part
        return c
