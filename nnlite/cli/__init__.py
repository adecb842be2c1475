"""The command line: `nnlite COMMAND …`. Each command is a module of this package with a function `run(arguments)`.

Results go to stdout (with --json as one JSON object), progress bars to stderr. Exit code 0, or 2 with one line
`nnlite: error: …` for an error that the user can correct.
"""

import importlib
import json
import os
import sys

from nnlite.cli.faults import told
from nnlite.cli.parser import build_parser
from nnlite.cli.terminal import terminal


def main(argv=None):
    """Run a command; returns the exit code."""
    try:
        with terminal():
            arguments = build_parser().parse_args(argv)
            command = importlib.import_module(f"nnlite.cli.{arguments.command}")
            result, text = command.run(arguments)
            print(json.dumps(result) if arguments.json else text, flush=True)
    except BrokenPipeError:  # the reader of stdout has gone, as with `| head`
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted; files that were written before are whole")
    except (Exception, SystemExit) as error:
        sentence = told(error)
        if sentence is None:
            raise
        return _fail(sentence)
    finally:
        _finish_stdout()
    return 0


def _finish_stdout():
    """Flush stdout. If that fails, stdout is closed to the rest: Python would try again at exit, and print an error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence):
    print(f"nnlite: error: {sentence}", file=sys.stderr)
    return 2
