"""The command line: `nnlite COMMAND …`. Each command is a module of this package with a function `run(arguments)`.

Results go to stdout (with --json as one JSON object), progress bars to stderr. Exit code 0, or 2 with one line
`nnlite: error: …` for what a user can mend.
"""

import importlib
import json
import sys

from nnlite.cli.parser import build_parser


def main(argv=None):
    """Run a command; returns the exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        command = importlib.import_module(f"nnlite.cli.{arguments.command}")
        result, text = command.run(arguments)
        print(json.dumps(result) if arguments.json else text, flush=True)
    except BrokenPipeError:  # the reader of stdout has gone, as with `| head`
        sys.stderr.close()
    except KeyboardInterrupt:
        return _fail("interrupted; files that were written before are whole")
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        return _fail(_one_line(error))
    return 0


def _one_line(error):
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _fail(sentence):
    print(f"nnlite: error: {sentence}", file=sys.stderr)
    return 2
