"""Fixtures of the whole test suite."""

import os
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores Ctrl-C, and so would its children
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist_dir():
    """The directory with MNIST's four files: $NNLITE_DATA/mnist, or ../shared/data/mnist beside the repository."""
    places = [Path(__file__).parents[2] / "shared" / "data" / "mnist"]
    if os.environ.get("NNLITE_DATA"):
        places.insert(0, Path(os.environ["NNLITE_DATA"]) / "mnist")
    for place in places:
        if place.is_dir() and any(place.iterdir()):
            return place
    pytest.skip(f"needs MNIST's four files in {' or '.join(map(str, places))}")
