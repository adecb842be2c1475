import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.pruning.criteria import random_scores
from nncompress.pruning.magnitude import criterion_masks
from nncompress.pruning.regrowth import Regrowth, regrown_fraction, regrown_mask
from nnlite import nn, optim
from nnlite.train import fit

QUICK = settings(deadline=None, max_examples=30)


def test_the_fraction_falls_like_a_cosine_to_nothing():
    fractions = [regrown_fraction(t, steps=90, initial=0.4) for t in (0, 30, 45, 60, 90, 99)]
    assert fractions == pytest.approx([0.4, 0.3, 0.2, 0.1, 0, 0])


def test_the_smallest_go_out_and_the_largest_gradients_come_in():
    w = np.array([[3.0, -1.0, 2.0], [0, 0, 0]])
    g = np.array([[9.0, 0.0, 9.0], [-5, 4, 6]])
    mask = np.array([[True, True, True], [False, False, False]])
    assert regrown_mask(w, g, mask, 0.34).tolist() == [[True, False, True], [False, False, True]]
    assert regrown_mask(w, g, mask, 0.67).tolist() == [[True, False, True], [False, False, True]]  # 2.0 goes out and comes in
    assert regrown_mask(w, np.where(mask, 0, g), mask, 0.67).tolist() == [[True, False, False], [True, False, True]]


@QUICK
@given(fraction=st.floats(0, 1), kept=st.integers(0, 12), seed=st.integers(0, 99))
def test_the_number_of_weights_stays_and_what_leaves_is_smaller_than_what_stays(fraction, kept, seed):
    rng = np.random.default_rng(seed)
    w, g = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    mask = rng.permutation(np.arange(12) < kept).reshape(3, 4)
    new = regrown_mask(w, g, mask, fraction)
    assert new.sum() == kept and (mask & ~new).sum() <= round(fraction * kept)
    assert np.abs(w[mask & ~new]).max(initial=0) <= np.sort(np.abs(w[mask]))[: max(round(fraction * kept), 1)].max(initial=0)


def test_training_keeps_the_counts_and_what_grew_began_at_zero():
    model = nn.Sequential(nn.Linear(8, 16, rng=0), nn.ReLU(), nn.Linear(16, 3, rng=1))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 8)).astype(np.float32)
    masks = criterion_masks(model, random_scores(0), 0.75)
    masks.apply()
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    regrowth, seen = Regrowth(masks, every=2, steps=9), []

    def after_step():
        before = {name: mask.copy() for name, mask in masks.items()}
        regrowth.after_step()
        for name, mask in masks.items():
            w = dict(model.named_parameters())[name].data
            assert not w[~mask].any() and not w[mask & ~before[name]].any()
        seen.append(any((masks[name] != before[name]).any() for name in masks))

    fit(model, [(x, rng.integers(0, 3, 40))], optim.SGD(model.parameters(), lr=0.1), 12, after_step=after_step, progress=False)
    assert seen[:4] == [False, True] * 2 and not any(seen[0::2]) and not any(seen[8:])
    assert {name: int(mask.sum()) for name, mask in masks.items()} == counts


def test_bad_requests_are_refused():
    masks = criterion_masks(nn.Linear(4, 2, rng=0), random_scores(0), 0.5)
    with pytest.raises(ValueError, match="Regrowth: every has to be at least 1, got 0"):
        Regrowth(masks, every=0, steps=9)
    with pytest.raises(ValueError, match="regrown_fraction: steps has to be above 0, got 0"):
        Regrowth(masks, every=1, steps=0)
    with pytest.raises(ValueError, match="regrown_fraction: initial has to be a number from 0 to 1, got 3"):
        Regrowth(masks, every=1, steps=9, initial=3)
    with pytest.raises(ValueError, match="fc: 0 weights and 1 gradients of 2 are NaN"):
        regrown_mask(np.ones(2), np.array([np.nan, 1]), np.ones(2, bool), 0.5, "fc")
