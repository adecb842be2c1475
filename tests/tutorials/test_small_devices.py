import re
from pathlib import Path

import nncompress

TUTORIALS = Path(__file__).parents[2] / "tutorials"


def test_the_page_has_the_weights_and_the_ram_of_each_exported_network():
    page = (TUTORIALS / "small_devices.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| `--(ram|flash)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", page, re.M)
    assert len(rows) == 8
    for name, option, *cells in rows:
        weights, flash, ram = (int(cell.replace(",", "")) for cell in cells)
        source = nncompress.plan_to_c(nncompress.load(TUTORIALS / "papers/artifacts" / f"{name}.nnz"), option == "flash")
        assert weights == source.weights
        assert source.ram <= ram <= source.ram + 16  # the linker fills up to whole words
        assert weights + source.constants < flash < weights + source.constants + 4096
