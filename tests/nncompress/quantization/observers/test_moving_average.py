import numpy as np
import pytest

from nncompress.quantization.observers import MovingAverage


def test_ranges_of_batches_are_averaged_after_the_delay():
    seen = MovingAverage(rate=0.25, delay=1)
    for x in [-100.0, 100.0], [-4.0, 8.0], [0.0, 16.0], [1.0, 2.0]:
        seen.observe(x)
    # low: −4, then −4 + ¼ (0 + 4) = −3, then −3 + ¼ · 3 = −2.25; high: 8, then 10, then 10 − ¼ · 8 = 8
    assert seen.range() == (-2.25, 8.0)


@pytest.mark.parametrize("rate", [0, -0.5, 1.5, np.nan])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match=f"MovingAverage: rate has to be above 0 and at most 1, got {rate}"):
        MovingAverage(rate)


def test_a_range_before_the_delay_is_over_is_refused():
    seen = MovingAverage(delay=3)
    seen.observe([1.0])
    with pytest.raises(ValueError, match="MovingAverage: has seen 1 batches, the first 3 do not count"):
        seen.range()
