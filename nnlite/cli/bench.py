"""nnlite bench: time the kernels, training and inference on this machine.

`python tutorials/benchmark`, in a clone of the repository, compares with PyTorch and ONNX Runtime.
"""

import json

from nnlite import kernels
from nnlite.bench import report
from nnlite.bench.measure import measure
from nnlite.bench.picture import draw_roofline
from nnlite.files import check_ending, check_writable, write_atomically
from nnlite.kernels.machine.threads import most_threads
from nnlite.plot import picture_kind

MODELS = ["cnn", "lenet-300-100", "lenet-5", "resnet"]


def run(arguments):
    if kernels.SHELF == "loops":
        raise ValueError("bench: times both shelves of kernels itself, and has to run without NNLITE_KERNELS=loops")
    check_files(arguments)
    result = measure(arguments.model or MODELS, thread_count(arguments), arguments.seconds)
    write(result, arguments)
    return result, report.text(result)


def write(result, arguments):
    """The files that --out and --picture name."""
    if arguments.picture:
        draw_roofline(result, arguments.picture)
    if arguments.out:
        write_atomically(arguments.out, lambda stream: stream.write(as_json(result).encode()))


def check_files(arguments):
    """OSError or ValueError before minutes of work, if a file could not be written after them."""
    for path in filter(None, (arguments.out, arguments.picture)):
        check_writable(path)
    if arguments.out:
        check_ending(arguments.out, ".json")
    if arguments.picture:
        picture_kind(arguments.picture)


def thread_count(arguments):
    """The number of threads: --threads, else one for each core.   ValueError for more threads than cores."""
    most = most_threads()
    if arguments.threads is None:
        return most
    if arguments.threads > most:
        raise ValueError(f"--threads {arguments.threads}: this machine has {most}")
    return arguments.threads


def as_json(result):
    """JSON with a line for each row, so that two files can be compared by eye."""
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in result["rows"])
    rest = json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=1, ensure_ascii=False)
    return f'{rest[:-2]},\n "rows": [\n{rows}\n ]\n}}\n'
