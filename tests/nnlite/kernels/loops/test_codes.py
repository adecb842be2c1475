import numpy as np

from nnlite.kernels.loops.codes import unpack_formula, unpack_int4, unpack_shared


def test_a_byte_holds_two_weights():
    codes = np.array([0x1F, 0x80], np.uint8)
    w = np.empty(4, np.int8)
    unpack_int4(codes, w)
    np.testing.assert_array_equal(w, [7, -8, -7, 0])
    codebook = np.arange(0, 160, 10).astype(np.int8) - np.int8(80)
    unpack_shared(codes, codebook, w)
    np.testing.assert_array_equal(w, [70, -80, -70, 0])
    np.testing.assert_array_equal(unpack_formula(codes, codebook), w)


def test_both_equal_the_formula_for_all_bytes():
    codes, w = np.arange(256).astype(np.uint8), np.empty(512, np.int8)
    unpack_int4(codes, w)
    np.testing.assert_array_equal(w, unpack_formula(codes, np.arange(-8, 8).astype(np.int8)))
    codebook = np.random.default_rng(0).integers(-128, 128, 16).astype(np.int8)
    unpack_shared(codes, codebook, w)
    np.testing.assert_array_equal(w, unpack_formula(codes, codebook))
