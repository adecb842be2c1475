"""State dicts in files: .safetensors, and the .npz of `np.savez`.

    safetensors.torch.save_file(model.state_dict(), "weights.safetensors")                  in PyTorch
    np.savez("weights.npz", **{name: t.numpy() for name, t in model.state_dict().items()})  without safetensors

The package safetensors is an extra (`pip install 'nnlite[safetensors]'`). PyTorch itself is never needed. Its own .pt files are
pickles: reading one runs whatever program it holds, so none is read.
"""

import io
import zlib
from pathlib import Path

import numpy as np

from nnlite.checkpoint import load_state
from nnlite.errors import DAMAGE, FormatError, shortened
from nnlite.files import open_to_read

PICKLES = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
ADVICE = "in PyTorch, safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') writes a file that can be read"


def read_state(path):
    """{name: array} of a .safetensors or .npz file, in the file's order; of a checkpoint of nnlite, the model's arrays.

    Numbers keep their dtypes; bfloat16, which NumPy does not have, becomes float32.
    Errors: FormatError for a damaged file, one without arrays, other endings; FileNotFoundError; OSError; ImportError where
    the package safetensors is missing.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in PICKLES:
        raise FormatError(f"{path}: PyTorch's {ending} files are pickles, which run whatever program they hold; {ADVICE}")
    if ending not in (".safetensors", ".npz"):
        raise FormatError(f"{path}: weights are read from .safetensors and .npz files")
    with open_to_read(path) as stream:
        data = stream.read()
    state = _safetensors(path, data) if ending == ".safetensors" else _npz(path, data)
    if not state:
        raise FormatError(f"{path}: there are no arrays in it")
    for name, array in state.items():
        if array.dtype.kind not in "fiub":
            raise FormatError(f"{path}: {name} holds {array.dtype}, expected numbers")
    return state


def _safetensors(path, data):
    safetensors = _import_safetensors("read_state")
    try:
        entries = safetensors.deserialize(data)
        return {name: _array(**entry) for name, entry in entries}
    except Exception as error:  # the package raises errors of its own, and what it meets inside
        raise FormatError(f"{path}: not a .safetensors file, or a damaged one: {shortened(error)}") from None


def _array(dtype, shape, data):
    """One array, in the dtype that the file names."""
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
             "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?"}
    if dtype not in kinds:
        raise ValueError(f"it holds numbers of the type {dtype}")
    return np.frombuffer(data, kinds[dtype]).reshape(shape)


def _npz(path, data):
    """The arrays of an .npz file."""
    if data[:2] != b"PK":
        raise FormatError(f"{path}: not an .npz file, which np.savez writes")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if "manifest.json" in file.files:
                return load_state(path).model
            return {name: file[name] for name in file.files}
    except FormatError:
        raise
    except (*DAMAGE, zlib.error, SyntaxError, OSError) as error:
        text = shortened(error)
        if "allow_pickle" in text:
            text = "it holds Python objects; np.savez(path, **{name: t.numpy() …}) writes arrays"
        raise FormatError(f"{path}: not an .npz file of arrays, or a damaged one: {text}") from None


def to_safetensors(state):
    """A state dict {name: array} as the bytes of a .safetensors file, which PyTorch's users read by
    `model.load_state_dict(safetensors.torch.load_file(path))`.

    Errors: ImportError where the package safetensors is missing.
    """
    _import_safetensors("to_safetensors")
    from safetensors.numpy import save
    return save({name: np.ascontiguousarray(array) for name, array in state.items()})


def _import_safetensors(caller):
    try:
        import safetensors
    except ImportError:
        raise ImportError(f"{caller}: needs the package safetensors, which is not installed: pip install "
                          "'nnlite[safetensors]'") from None
    return safetensors
