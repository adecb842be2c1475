import numpy as np
import pytest

from nncompress.quantization.observers import Percentile


@pytest.mark.parametrize("percent", [60, 99, 99.9, 100])
def test_the_range_is_that_of_the_percentiles_to_within_a_bin(percent):
    x = np.random.default_rng(0).standard_normal(5000) - 0.5
    seen = Percentile(percent)
    seen.observe(x)
    low, high = seen.range()
    beyond = round((100 - percent) / 100 * 5000)
    assert abs(low - min(0, np.sort(x)[beyond])) <= seen.width
    assert abs(high - max(0, np.sort(x)[-1 - beyond])) <= seen.width


def test_all_of_the_values_are_kept_exactly():
    seen = Percentile(100)
    seen.observe([-0.3, 0.7])
    assert seen.range() == (-0.3, 0.7)


@pytest.mark.parametrize("percent", [50, 0.999, 101, np.nan])
def test_a_share_that_is_no_percentage_is_refused(percent):
    with pytest.raises(ValueError, match=f"Percentile: percent has to be above 50 and at most 100, got {percent}"):
        Percentile(percent)
