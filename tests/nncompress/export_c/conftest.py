from pathlib import Path

import pytest

RECORDS = Path(__file__).parents[3] / "tutorials/papers/artifacts"


@pytest.fixture
def record():
    """The path of one of the smallest networks."""
    return lambda name: RECORDS / f"{name}.nnz"
