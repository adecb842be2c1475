"""The README's table of what was asked for and what came out, from a recorded `nnlite bench --peers`.

Run:  nnlite bench --peers --out tutorials/results/bench.json --picture tutorials/pictures/roofline.png     (five minutes)
      python tutorials/how_fast.py [--bench bench.json]
"""

import argparse
import json
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "bench.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, default=RESULT, help="what `nnlite bench` wrote (default: the recorded one)")
    print(table(json.loads(parser.parse_args().bench.read_text())))


def table(result):
    """A line for each piece of work, a column for each number of threads; which shape was the worst is left out."""
    lines = {}
    for target in result["targets"]:
        work, _, _ = target["work"].partition(" (")
        lines.setdefault((work, asked(target)), {})[target["threads"]] = came_out(target)
    head = ["work", "asked", *(f"{threads} thread{'s' * (threads > 1)}" for threads in result["threads"])]
    rows = [[*line, *(found.get(threads, "") for threads in result["threads"])] for line, found in lines.items()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---", *["--:"] * (len(head) - 1)], *rows])


def asked(target):
    return f"≥ {target['at_least']:g}" if "at_least" in target else f"≤ {target['at_most']:g}"


def came_out(target):
    return f"{target['measured']:.2f}{'' if target['reached'] else ' (missed)'}"


if __name__ == "__main__":
    main()
