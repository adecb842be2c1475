import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.lowrank.energy import rank_for_energy


@settings(deadline=None, max_examples=30)
@given(energy=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_rank_is_the_first_whose_best_approximation_has_that_energy(energy, seed):
    W = np.random.default_rng(seed).normal(size=(5, 7))
    U, s, Vt = np.linalg.svd(W)
    r = rank_for_energy(s, energy)
    def error(rank):
        return np.square(W - (U[:, :rank] * s[:rank]) @ Vt[:rank]).sum() / np.square(W).sum()
    assert error(r) <= 1 - energy + 1e-9
    assert r == 1 or error(r - 1) > 1 - energy - 1e-9


def test_a_zero_weight_has_rank_one_and_bad_energies_are_refused():
    assert rank_for_energy(np.zeros(3), 0.9) == 1
    with pytest.raises(ValueError, match="rank_for_energy: the energy has to be a number from 0 to 1, got 2"):
        rank_for_energy(np.ones(3), 2)
