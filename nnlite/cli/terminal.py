"""Three rules for a command's terminal: every character can be printed, a warning is one line, Ctrl-C ends the program."""

import _thread
import contextlib
import signal
import sys
import threading
import time
import warnings

AGAIN_AFTER = 1.0  # seconds


@contextlib.contextmanager
def terminal():
    """Inside, the three rules hold; afterwards streams, warnings and signals are as they were before."""
    with _every_character(sys.stdout), _every_character(sys.stderr), _warnings_in_one_line(), _sure_interrupts():
        yield


@contextlib.contextmanager
def _every_character(stream):
    """A character that the stream's encoding does not have, such as µ in GBK, is printed as ?."""
    if not hasattr(stream, "reconfigure"):  # None without a terminal, or a test's own object
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="replace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # `reconfigure` writes what is left
            stream.reconfigure(errors=before)


@contextlib.contextmanager
def _warnings_in_one_line():
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"nnlite: warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextlib.contextmanager
def _sure_interrupts():
    """Ctrl-C raises KeyboardInterrupt, and again each second until the command has ended.

    Python drops an exception that is raised while it runs a callback of its own, such as that of a weak reference. Imports have
    many of these, so one KeyboardInterrupt is not sure to end the program.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
        return
    ended = []

    def interrupt_again():
        time.sleep(AGAIN_AFTER)
        if not ended:
            _thread.interrupt_main()  # calls `interrupt`

    def interrupt(number, frame):
        _thread.start_new_thread(interrupt_again, ())  # threading.Thread needs a lock that the main thread may have
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        ended.append(True)
        signal.signal(signal.SIGINT, before)
