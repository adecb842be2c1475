"""The command line of a paper's program: the options that most of them share, and what follows from these.

    parser = program_parser(__doc__)
    parser.add_argument("--draws", type=int, help="…")                  the program's own options
    add_seeds(parser)
    arguments = read(parser, "soups", quick="the bundled digits")
    seeds = seeds_of(arguments)
"""

import argparse
import tempfile
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def program_parser(doc):
    """A parser whose --help begins with `doc`, line by line as it is."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_seeds(parser, seed="the first seed", seeds="how many seeds"):
    """--seed and --seeds, with these texts as their help."""
    parser.add_argument("--seed", type=int, default=0, help=f"{seed} (default: %(default)s)")
    parser.add_argument("--seeds", type=int, help=f"{seeds} (default: 3; 1 with --quick)")


def seeds_of(arguments):
    """The seeds that --seed and --seeds name: a list.

    >>> seeds_of(argparse.Namespace(seed=4, seeds=None, quick=False)), seeds_of(argparse.Namespace(seed=4, seeds=2, quick=True))
    ([4, 5, 6], [4, 5])
    """
    return list(range(arguments.seed, arguments.seed + (arguments.seeds or (1 if arguments.quick else 3))))


def read(parser, name, *, quick, data_dir="folder with MNIST's four files", out="the JSON file", keeps=None):
    """Add --data-dir, --out and --quick, read the command line, and fill in `out` and `work`; returns the arguments.

    name: of the program.   quick, data_dir, out: help texts.
    out: by default results/NAME.json, and None with --quick, which then records nothing.
    keeps: what --work keeps, of a program that has this option. The folder is made. Without --work, --quick has a new folder,
    and everything else ends with argparse's error.
    """
    parser.add_argument("--data-dir", type=Path, help=data_dir)
    parser.add_argument("--out", type=Path, help=f"{out} (default: results/{name}.json; none with --quick)")
    parser.add_argument("--quick", action="store_true", help=quick)
    arguments = parser.parse_args()
    if arguments.out is None and not arguments.quick:
        arguments.out = RESULTS / f"{name}.json"
    if keeps is not None:
        if arguments.work is None and not arguments.quick:
            parser.error(f"--work names the folder that keeps {keeps}")
        arguments.work = arguments.work or Path(tempfile.mkdtemp())
        arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments
