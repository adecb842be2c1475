import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.pruning.schedule import agp_sparsity, one_shot_sparsity

QUICK = settings(deadline=None, max_examples=50)


@pytest.mark.parametrize("step, expected", [
    (10, 0.5),                              # t = t0: s_i
    (15, 0.9 - 0.4 * 27 / 64),              # a quarter: (3/4)³
    (20, 0.9 - 0.4 / 8),                    # half: (1/2)³
    (30, 0.9),                              # the end: s_f
    (0, 0.5), (1000, 0.9),                  # before and after
])
def test_agp_equals_equation_1_worked_by_hand(step, expected):
    assert agp_sparsity(step, start=10, steps=20, initial=0.5, final=0.9) == pytest.approx(expected, rel=1e-15)


@QUICK
@given(step=st.integers(-10, 200), steps=st.integers(1, 150), initial=st.floats(0, 1), final=st.floats(0, 1))
def test_agp_goes_from_initial_to_final_and_never_back(step, steps, initial, final):
    now, later = (agp_sparsity(t, start=5, steps=steps, initial=initial, final=final) for t in (step, step + 1))
    low, high = min(initial, final), max(initial, final)
    assert low - 1e-15 <= now <= high + 1e-15
    assert (later - now) * (final - initial) >= 0


def test_agp_prunes_fast_at_first():
    s = [agp_sparsity(t, start=0, steps=100, final=0.8) for t in range(101)]
    gains = [after - before for before, after in zip(s, s[1:], strict=False)]
    assert gains == sorted(gains, reverse=True)


def test_one_shot_is_a_step():
    assert [one_shot_sparsity(t, start=3, initial=0.2, final=0.7) for t in (2, 3, 4)] == [0.2, 0.7, 0.7]


@pytest.mark.parametrize("schedule", [one_shot_sparsity, lambda t, **options: agp_sparsity(t, steps=5, **options)])
@pytest.mark.parametrize("options, message", [
    ({"final": 1.2}, "final has to be a number from 0 to 1, got 1.2"),
    ({"initial": -1, "final": 0.5}, "initial has to be a number from 0 to 1, got -1"),
])
def test_a_sparsity_outside_0_to_1_is_refused(schedule, options, message):
    with pytest.raises(ValueError, match=message):
        schedule(0, start=0, **options)


def test_agp_takes_at_least_a_step():
    with pytest.raises(ValueError, match="steps has to be above 0, got 0"):
        agp_sparsity(0, start=0, steps=0, final=0.5)
