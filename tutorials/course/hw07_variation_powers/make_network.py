"""Writes network.npz, a copy of hw07_affine's: a small network trained on the digits, and 360 test images."""

import shutil
from pathlib import Path

here = Path(__file__).parent
shutil.copy(here.with_name("hw07_affine") / "network.npz", here / "network.npz")
