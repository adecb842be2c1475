import copy
import pickle

import pytest

from nnlite.kernels.machine.turn import Turn


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda turn: pickle.loads(pickle.dumps(turn))])
def test_a_copy_of_a_turn_is_free(duplicate):
    turn = Turn()
    with turn.lock:
        assert duplicate(turn).lock.acquire(blocking=False)
