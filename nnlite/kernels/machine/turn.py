"""A lock that survives a fork."""

import os
import threading
import weakref


class Turn:
    """A lock, `with turn.lock: …`, that is free in a forked process.

    A plain lock stays taken there for ever if another thread of the parent has it during the fork, because the forked process
    does not have that thread. A copy of a Turn has a lock of its own.
    """

    def __init__(self):
        self.lock = threading.Lock()
        _turns.add(self)

    def __reduce__(self):
        return Turn, ()


_turns = weakref.WeakSet()


def _after_fork():
    for turn in _turns:
        turn.lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
