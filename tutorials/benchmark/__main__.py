"""nnlite against PyTorch and ONNX Runtime: each in a process of its own, on the same number of threads, in turns.

    python tutorials/benchmark --out bench.json --picture roofline.png        (some ten minutes, on a quiet machine)

Prints tables; README.md, beside this file, says what is in them.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # where the package `benchmark` lies

from benchmark import report  # noqa: E402
from benchmark.measure import measure  # noqa: E402

from nnlite.cli.bench import MODELS, check_files, thread_count, write  # noqa: E402
from nnlite.kernels.machine.threads import most_threads  # noqa: E402


def read_arguments(line=None):
    parser = argparse.ArgumentParser(prog="python tutorials/benchmark", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append", help="may be given several times (default: all)")
    parser.add_argument("--threads", type=int, metavar="N", help="(default: 1 and all cores)")
    parser.add_argument("--seconds", type=float, default=0.25, help="time spent on each figure (default: 0.25)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all figures to this file, too (JSON)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw a roofline picture (.svg or .png)")
    return parser.parse_args(line)


def thread_counts(arguments):
    """As many as asked for; else one, and all cores."""
    return sorted({1, most_threads()}) if arguments.threads is None else [thread_count(arguments)]


def main(line=None):
    arguments = read_arguments(line)
    check_files(arguments)
    result = measure(arguments.model or MODELS, thread_counts(arguments), arguments.seconds)
    write(result, arguments)
    print(report.text(result))


if __name__ == "__main__":
    main()
