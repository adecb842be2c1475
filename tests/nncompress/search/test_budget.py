import pytest

from nncompress.search.budget import Budget


def test_a_ratio_is_of_the_parameters_in_float32():
    assert Budget(ratio=40).most_bytes(1000) == 100
    assert Budget(bytes=300).most_bytes(1000) == 300
    assert Budget(weights=20).most_bytes(1000) is None and Budget(drop=0.01).most_bytes(1000) is None


@pytest.mark.parametrize("wrong, message", [
    ({}, "give one of bytes, ratio, drop and weights, got none"),
    ({"bytes": 10, "ratio": 3}, "got {'bytes': 10, 'ratio': 3}"),
    ({"bytes": 0}, "bytes has to be a positive number, got 0"),
    ({"drop": -0.1}, "drop has to be a positive number, got -0.1"),
    ({"ratio": float("nan")}, "ratio has to be a positive number, got nan"),
])
def test_budgets_that_say_nothing_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Budget(**wrong)
