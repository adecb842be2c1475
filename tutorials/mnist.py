"""The MNIST figures of the README: every command on both LeNets, each result measured from its file.

Run:  python tutorials/mnist.py --data-dir DIR [--seed 0] [--work WORK]       (about a quarter of an hour on two cores)

Prints a Markdown table and writes tutorials/results/mnist.json, with commands, commit, seed, versions and times.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from git_commit import commit

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
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    rows = [run_step(name, epochs, title, command, arguments, work)
            for name, epochs in MODELS.items() for title, command in STEPS]
    result = {"seed": arguments.seed, "commit": commit(), "python": platform.python_version(),
              **{package: version(package) for package in ("nnlite", "numpy", "numba")}, "rows": rows}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "mnist.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(rows))


def run_step(name, epochs, title, command, arguments, work):
    """Run one command, then `nnlite evaluate` on the file that it wrote."""
    words = command.format(name=name, epochs=epochs).split()
    data = ["--data", "fashion-mnist"] if "fashion-mnist" in words else data_options(arguments)
    started = time.perf_counter()
    nnlite([*words, *(data if "fashion-mnist" not in words else []), "--seed", str(arguments.seed)], work)
    seconds = time.perf_counter() - started
    scores = json.loads(nnlite(["evaluate", words[words.index("--out") + 1], *data, "--json"], work))
    return {"model": name, "step": title, "command": " ".join(["nnlite", *words]), "seconds": round(seconds, 1), **scores}


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
