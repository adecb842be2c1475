"""How a paper's figures are recorded: a JSON file that says which command made them, from which source, on which machine.

    started = time.time()
    …
    write_result("results/lottery.json", {"rows": rows}, seed=0, started=started)
"""

import json
import sys
import time
from pathlib import Path

from nnlite.bench.machine import describe
from nnlite.files import write_atomically

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tutorials/, where git_commit is

from git_commit import commit  # noqa: E402


def write_result(path, result, *, seed, started, argv=None):
    """Write {"command", "commit", "seed", "seconds", "machine", …} and then what is in `result`; returns all of it.

    path: of the file, whose folder is made.   result: a dict that JSON can hold.   seed: the number, or a list of them.
    started: `time.time()` at the start.   argv: the command's words; by default those of this program.
    """
    record = {"command": command_of(sys.argv if argv is None else argv), "commit": commit(), "seed": seed,
              "seconds": round(time.time() - started, 1), "machine": describe(), **result}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda stream: stream.write((json.dumps(record, indent=1) + "\n").encode()))
    return record


def command_of(argv):
    """The command as anybody would type it: the program by its name in the repository, folders of this machine left out.

    >>> command_of(["/home/a/nnlite/tutorials/papers/fitnets.py", "--seed", "1", "--out", "/home/a/x", "--work=/tmp/x"])
    'python tutorials/papers/fitnets.py --seed 1 --work WORK'
    """
    words, folder = ["python", f"tutorials/papers/{Path(argv[0]).name}"], False
    for word in argv[1:]:
        name = word.partition("=")[0]
        if folder:  # the word before named an option that takes one
            folder = False
        elif name in ("--data-dir", "--out", "--work"):
            words += ["--work", "WORK"] if name == "--work" else []
            folder = name == word
        else:
            words.append(word)
    return " ".join(words)
