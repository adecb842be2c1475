"""What the tests of integer inference share: sums, factors by either law, and what they have to become."""

import numpy as np
from hypothesis import strategies as st

from nncompress.int8.requantize import quantize_multiplier
from nnlite.kernels.loops.requantize import Law, requantize_fixed_formula, requantize_float_formula

SEEDS = st.integers(0, 2**32 - 1)
ZERO_POINTS = st.integers(0, 255)
CHANNELS = st.integers(1, 20) | st.sampled_from([31, 32, 33, 64, 70])
LAWS = st.sampled_from(["fixed", "fixed, nothing to the left", "once", "float"])
NO_SHIFTS, NO_FACTORS, UNTOUCHED = np.empty(0, np.int32), np.empty(0, np.float32), 77


def accumulators(rng, R, O, bits=30):
    """int32 below 2^bits of all magnitudes and both signs; up to 30 bits the sum of two stays inside int32."""
    return (rng.integers(-(2**bits), 2**bits, (R, O)) >> rng.integers(0, bits, (R, O))).astype(np.int32)


def multipliers(rng, O, law):
    """One for each channel, also for many halves; 1 and more only where something may be shifted left."""
    M = 2.0 ** rng.uniform(-31, 3, O)
    M[rng.random(O) < 0.3] = 2.0 ** -rng.integers(1, 10)
    return np.where(M < 1, M, 0.75) if law == "fixed, nothing to the left" else M


def factors(M, law):
    """(M0, left, right, M) as the kernels take them."""
    if law == "float":
        return Law(NO_SHIFTS, NO_SHIFTS, NO_SHIFTS, M.astype(np.float32))
    M0, shift = quantize_multiplier(M)
    left = NO_SHIFTS if law == "fixed, nothing to the left" else np.maximum(shift, 0)
    if law == "once":
        return Law(M0, left, NO_SHIFTS, NO_FACTORS, 31 + np.maximum(-shift, 0))
    return Law(M0, left, np.maximum(-shift, 0), NO_FACTORS)


def requantize_reference(sums, M, law, Z, low, high=255):
    if law == "float":
        return requantize_float_formula(sums, M.astype(np.float32), Z, low, high)
    return requantize_fixed_formula(sums, *quantize_multiplier(M), Z, low, high, "once" if law == "once" else "fixed")
