import numba
import pytest

import nnlite
from nnlite.kernels.threads import WORTH_A_THREAD, use_threads

MOST = numba.config.NUMBA_NUM_THREADS


def test_little_work_stays_on_one_thread_and_much_is_shared_out(threads, monkeypatch):
    monkeypatch.undo()
    assert use_threads(2 * WORTH_A_THREAD - 1) == numba.get_num_threads() == 1
    assert use_threads(2 * WORTH_A_THREAD) == numba.get_num_threads() == MOST


def test_no_more_threads_are_used_than_were_set(threads):
    for count in range(1, MOST + 1):
        nnlite.set_num_threads(count)
        assert use_threads(10**12) == numba.get_num_threads() == count


@pytest.mark.parametrize("count", [0, -1, MOST + 1])
def test_a_number_of_threads_that_the_machine_has_not_is_refused(count):
    with pytest.raises(ValueError, match=f"^set_num_threads: expects 1 to {MOST} threads, got {count}$"):
        nnlite.set_num_threads(count)
