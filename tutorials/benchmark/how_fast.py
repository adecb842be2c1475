"""The README's table of what is reached, from a recorded comparison.

Run:  python tutorials/benchmark --out tutorials/benchmark/results/bench.json --picture tutorials/pictures/roofline.png
      python tutorials/benchmark/how_fast.py [--bench bench.json]
"""

import argparse
import json
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "bench.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, default=RESULT, help="what the comparison wrote (default: the recorded one)")
    print(table(json.loads(parser.parse_args().bench.read_text())))


def table(result):
    """A line for each piece of work, a column for each number of threads; which shape was the worst is left out."""
    lines = {}
    for target in result["targets"]:
        work, _, _ = target["work"].partition(" (")
        lines.setdefault(work, {})[target["threads"]] = f"{target['measured']:.2f}"
    head = ["work", *(f"{threads} thread{'s' * (threads > 1)}" for threads in result["threads"])]
    rows = [[work, *(found.get(threads, "") for threads in result["threads"])] for work, found in lines.items()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---", *["--:"] * (len(head) - 1)], *rows])


if __name__ == "__main__":
    main()
