import pytest

from nncompress.search.settings import Settings


@pytest.mark.parametrize("wrong, message", [
    ({"epochs": 0}, "epochs has to be positive, got 0"),
    ({"levels": {"fc1": -1.0}}, "levels has to be positive, got -1.0"),
    ({"share": 1.5}, "share has to be above 0 and at most 1, got 1.5"),
    ({"start": 0.5, "end": 0.4}, "times have to be in order"),
    ({"quantize": 0.8, "settle": 0.7}, "quantize 0.8, settle 0.7"),
])
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_levels_are_for_all_layers_or_for_each():
    assert Settings(levels=2.0).levels_of("fc1") == 2.0
    assert Settings(levels={"fc1": 3.0}).levels_of("fc1") == 3.0
    with pytest.raises(ValueError, match="levels has no entry for fc2, only for fc1"):
        Settings(levels={"fc1": 3.0}).levels_of("fc2")
