"""Fixtures of the operations' tests."""

import numba
import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of tiny calls: waking a second thread for each takes longer than the work, much longer on a busy machine.

    That the number of threads changes no bit is shown by the kernels' own tests.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)
