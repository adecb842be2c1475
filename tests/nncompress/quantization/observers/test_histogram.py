import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nncompress.quantization.observers.histogram import HALF, Histogram

REALS = st.one_of(st.floats(-1e6, 1e6, width=32), st.floats(-(2.0**-10), 2.0**-10, width=32), st.just(0.0))


@settings(deadline=None, max_examples=40)
@given(batches=st.lists(st.lists(REALS, max_size=6), max_size=5))
def test_counts_are_those_of_all_values_at_once_however_they_came(batches):
    seen, x = Histogram(), np.array(sum(batches, []), np.float32)
    for batch in batches:
        seen.observe(np.float32(batch))
    assert (seen.low, seen.high) == (min(0.0, *x, 0.0), max(0.0, *x, 0.0))
    expected = np.zeros(2 * HALF, np.int64)
    for value in x.astype(float).tolist():  # integers of any size: exact
        expected[int(value // seen.width) + HALF] += 1
    np.testing.assert_array_equal(seen.counts, expected)


def test_the_width_is_the_smallest_that_holds_all_values():
    for largest, width in (1.0, 2.0**-11), (0.99, 2.0**-12), (4096.0, 2.0), (4095.9, 1.0):
        seen = Histogram()
        seen.observe([largest])
        assert seen.width == width, largest


def test_bins_are_those_in_which_something_lies():
    seen = Histogram()
    seen.observe([-4095.5, 0.0, 0.5, 1.0])
    lower, upper, counts = seen.bins()
    np.testing.assert_array_equal(lower, [-4096, 0, 1])
    np.testing.assert_array_equal(upper, [-4095, 1, 2])
    np.testing.assert_array_equal(counts, [1, 2, 1])
