"""nnlite inspect: show what is in a file, and what its bytes are spent on."""

from dataclasses import asdict

import numpy as np

import nncompress
from nnlite.checkpoint import load_state
from nnlite.cli.inputs import is_nnz, stored_input


def run(arguments):
    return inspect_nnz(arguments.file) if is_nnz(arguments.file) else inspect_npz(arguments.file)


def inspect_nnz(path):
    """Layers and byte budget of a compressed file."""
    inspection = nncompress.inspect(path)
    return asdict(inspection), str(inspection)


def inspect_npz(path):
    """Arrays of a checkpoint, how many of their numbers are not 0, and where the file's bytes go."""
    state, file_bytes = load_state(path), path.stat().st_size
    arrays = {name: {"shape": list(array.shape), "dtype": str(array.dtype), "nonzero": int(np.count_nonzero(array)),
                     "bytes": array.nbytes} for name, array in state.model.items()}
    model_bytes = sum(array["bytes"] for array in arrays.values())
    lines = [f"{path}: {file_bytes:,} bytes, {model_bytes:,} of them the model's arrays; {len(state.history)} epochs done",
             f"architecture: {state.architecture}", *_taken(path), "", f"{'array':34} {'shape':>16} {'not 0':>7} {'bytes':>10}"]
    for name, array in arrays.items():
        size = max(1, int(np.prod(array["shape"])))
        lines.append(f"{name:34} {'×'.join(map(str, array['shape'])):>16} {array['nonzero'] / size:7.1%} {array['bytes']:10,}")
    result = {"path": str(path), "file_bytes": file_bytes, "architecture": state.architecture, "arrays": arrays,
              "epochs": len(state.history), "metadata": state.metadata}
    return result, "\n".join(lines)


def _taken(path):
    """What the model takes and the names of its classes, in a line; no line where the file does not say it."""
    taken = stored_input(path)
    return [] if taken is None else [f"input {taken.shape}: {taken}"]
