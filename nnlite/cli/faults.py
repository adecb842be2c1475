"""Which errors a command tells in one line, and in which words. All others are faults of nnlite and keep their traceback."""

import traceback

OF_USERS = (ValueError, OSError, ArithmeticError, MemoryError)  # what nnlite raises where a user can correct something
own_files = {}  # {a user's file that was run, as tracebacks name it: as the user has typed it}


def told(error):
    """An error in one line; None for a fault of nnlite.

    An error of any type that passed through a user's file, such as the `forward` of a model in it, begins with this file, the
    line and the type: "my_net.py: line 7: TypeError: …".
    """
    place = place_in_own_file(error)
    if place is not None:
        return f"{place[0]}: line {place[1]}: {type(error).__name__}: {_one_line(error)}"
    return _one_line(error) if isinstance(error, OF_USERS) else None


def place_in_own_file(error):
    """(file, line) of the last line in a user's file that an error, or the error that caused it, passed through; or None."""
    place = None
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename in own_files:
                place = own_files[frame.filename], frame.lineno
        error = error.__cause__
    return place


def _one_line(error):
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
