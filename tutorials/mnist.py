"""The MNIST figures of the README: every command on both LeNets, each result measured from its file.

Run:  python tutorials/mnist.py --data-dir DIR [--seed 0] [--work WORK]       (about a quarter of an hour on two cores)
      python tutorials/mnist.py --data-dir DIR --work WORK --again             trains nothing, times WORK's files anew

Prints a Markdown table and writes tutorials/results/mnist.json, with commands, commit, seed, versions, machine and times.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from git_commit import commit

from nnlite.bench.machine import describe

HERE = Path(__file__).parent
STEPS = [  # title, command with {name} for the model; files are made in this order
    ("train", "train --model {name} --epochs {epochs} --out {name}.npz"),
    ("prune: 90 % of the weights are 0, retrain", "prune {name}.npz --sparsity 0.9 --epochs 5 --out {name}-pruned.npz"),
    ("prune: half of the filters and neurons go, retrain", "prune {name}.npz --filters 0.5 --epochs 5 --out {name}-small.npz"),
    ("quantize to int8", "quantize {name}.npz --out {name}-int8.nnz"),
    ("compress: 90 % pruned, 6 bits, coded", "compress {name}.npz --sparsity 0.9 --bits 6 --epochs 5 --out {name}-small.nnz"),
    ("distill a student, width 0.1",
     "distill {name}.npz --model {name} --width 0.1 --epochs {epochs} --out {name}-student.npz"),
    ("fine-tune to Fashion-MNIST's ten classes, 100 labels each",
     "finetune {name}.npz --data fashion-mnist --labels-per-class 100 --epochs 20 --out {name}-fashion.npz"),
]
MODELS = {"lenet-300-100": 20, "lenet-5": 10}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="directory with MNIST's four files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="where the models are written (default: a temporary directory)")
    parser.add_argument("--again", action="store_true", help="train nothing: evaluate WORK's files anew")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    path = HERE / "results" / "mnist.json"
    if arguments.again:
        result = json.loads(path.read_text())
        for row in result["rows"]:
            row |= evaluated(row["file"], arguments, work)
    else:
        rows = [run_step(name, epochs, title, command, arguments, work)
                for name, epochs in MODELS.items() for title, command in STEPS]
        result = {"seed": arguments.seed, "commit": commit(), "machine": describe(), "rows": rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result["rows"]))


def run_step(name, epochs, title, command, arguments, work):
    """Run one command, then `nnlite evaluate` on the file that it wrote."""
    words = command.format(name=name, epochs=epochs).split()
    data = data_options(arguments) if "fashion-mnist" not in words else []
    started = time.perf_counter()
    nnlite([*words, *data, "--seed", str(arguments.seed)], work)
    row = {"model": name, "step": title, "command": " ".join(["nnlite", *words])}
    row["seconds"] = round(time.perf_counter() - started, 1)
    return row | evaluated(words[words.index("--out") + 1], arguments, work)


def evaluated(file, arguments, work):
    """What `nnlite evaluate` finds on MNIST's test images, or on Fashion-MNIST's for a file that was fine-tuned to them."""
    data = ["--data", "fashion-mnist"] if "fashion" in file else data_options(arguments)
    return json.loads(nnlite(["evaluate", file, *data, "--json"], work))


def data_options(arguments):
    return ["--data", "mnist", *(["--data-dir", str(arguments.data_dir.resolve())] if arguments.data_dir else [])]


def nnlite(words, work):
    print("nnlite", *words, file=sys.stderr)
    command = [sys.executable, "-m", "nnlite", *words]
    return subprocess.run(command, cwd=work, check=True, stdout=subprocess.PIPE, text=True).stdout


def table(rows):
    lines = ["| model | step | test errors | parameters, not 0 | MACs | bytes | µs per image |",
             "|---|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        lines.append(f"| {row['model']} | {row['step']} | {row['errors'] / row['n']:.2%} | {row['nonzero']:,} | "
                     f"{row['macs']:,} | {row['file_bytes']:,} | {1000 * row['ms_per_image']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
