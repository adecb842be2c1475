"""Checkpoints: a model, and all that its training needs to go on bit for bit, in one .npz file.

    manifest.json              everything but the arrays: "format" and "version"; the names of the arrays; the model's
                               architecture; the history; options and counters of optimizer and schedule; states of the random
                               generators; the masks' shapes; metadata
    model/<name>.npy           each parameter and buffer
    optimizer/<i>/<key>.npy    what the optimizer remembers of parameter i
    masks/<name>.npy           a pruning mask, eight entries to a byte (`np.packbits`)

An .npz is a ZIP archive of .npy files; in these nothing is compressed or pickled. `np.load(path)["model/conv1.weight"]` reads
one array, `unzip -p run.npz manifest.json` shows the manifest. A CRC-32 guards each of the files in it.
"""

import io
import json
import math
import re
import zipfile
from dataclasses import dataclass

import numpy as np

from nnlite import __version__
from nnlite.architecture import architecture_of, build_model
from nnlite.errors import DAMAGE, FormatError, shortened
from nnlite.files import check_ending, open_to_read, write_atomically
from nnlite.nn import Module
from nnlite.nn.module import cast

FORMAT, VERSION = "nnlite checkpoint", 1
ZIP = b"PK\x03\x04"  # the first bytes of every ZIP archive
NPY_HEADER = re.compile(  # version 1.0; matched here, because NumPy's own reader evaluates it as Python
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[<>|][biuf]\d+)', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[\d, ]*)\), \} *\n", re.DOTALL)
FIELDS = {  # of the manifest
    "arrays": list, "architecture": dict | None, "history": list, "optimizer": dict | None, "schedule": dict | None,
    "generators": list, "loader": dict | None, "masks": dict, "metadata": dict,
}
@dataclass
class Checkpoint:
    """The contents of a checkpoint.

    model         {name: array} of the parameters and buffers
    architecture  {"name", "arguments"} of the function of nnlite.models that builds the model, or None
    optimizer     {"name", "state", "param_groups"}, or None; the last two as `Optimizer.load_state_dict` takes them
    schedule      {"name", "t"}, or None
    generators    the states of the model's random generators
    loader        the state of the loader's generator, or None
    history       the rows of the epochs that are done
    masks         {name of a parameter: bool array of its shape}
    metadata      {…}, as it was given to `save`
    """

    model: dict
    architecture: dict | None
    optimizer: dict | None
    schedule: dict | None
    generators: list
    loader: dict | None
    history: list
    masks: dict
    metadata: dict


def save(path, model, *, optimizer=None, schedule=None, loader=None, history=None, masks=None, metadata=None):
    """Write a checkpoint, whole or not at all. The model alone is enough to `load`; what `resume` needs is added to it.

    loader: for the state of its generator `loader.rng`.   masks: {name of a parameter: bool array of its shape}.
    metadata: a dict of what JSON can hold, such as {"data": "mnist"}; tuples come back as lists, arrays as lists of numbers.
    Errors: OSError when `path` cannot be written; TypeError for a model that is not a Module, or metadata that JSON cannot
    hold; ValueError for a mask that does not fit, and for a path that ends like another kind of file, such as .nnz. After an
    error, a file of this name is as it was before.
    """
    if not isinstance(model, Module):
        raise TypeError(f"save: expects a nnlite.nn.Module, got a {type(model).__name__}")
    check_ending(path, ".npz")
    state, masks = model.state_dict(), masks or {}
    _check_masks(masks, state)
    arrays = {f"model/{name}": array for name, array in state.items()}
    arrays |= {f"masks/{name}": np.packbits(mask) for name, mask in masks.items()}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "nnlite": __version__,
        "architecture": architecture_of(model),
        "history": history or [],
        "optimizer": None if optimizer is None else _split_arrays(optimizer, arrays),
        "schedule": None if schedule is None else {"name": type(schedule).__name__, **schedule.state_dict()},
        "generators": [_state(rng) for rng in model.generators()],
        "loader": _state(getattr(loader, "rng", None)),
        "masks": {name: mask.shape for name, mask in masks.items()},
        "metadata": metadata or {},
        "arrays": list(arrays),
    }
    text = json.dumps(manifest, indent=1, default=_plain)
    write_atomically(path, lambda stream: _write(stream, text, arrays))


def _state(rng):
    return None if rng is None else rng.bit_generator.state


def _split_arrays(optimizer, arrays):
    """An optimizer's part of the manifest. The arrays of its state are added to `arrays`."""
    state_dict, numbers = optimizer.state_dict(), {}
    for i, entry in state_dict["state"].items():
        arrays |= {f"optimizer/{i}/{key}": value for key, value in entry.items() if isinstance(value, np.ndarray)}
        numbers[i] = {key: value for key, value in entry.items() if not isinstance(value, np.ndarray)}
    return {"name": type(optimizer).__name__, "numbers": numbers, "param_groups": state_dict["param_groups"]}


def _plain(value):
    """NumPy's numbers and arrays for json, which knows neither."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"save: a checkpoint's manifest is JSON, which cannot hold this {type(value).__name__}: {value!r}")


def _write(stream, manifest, arrays):
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("manifest.json"), manifest)  # a ZipInfo has no time of day: same content, same bytes
        for name, array in arrays.items():
            npy = io.BytesIO()
            np.save(npy, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy.getbuffer())


def load(path, model=None):
    """The model of a checkpoint, with its weights; in training mode, like any new model.

    model: a model with the same layers, whose arrays are replaced. Without it, one is built as the checkpoint says. Arrays may
    be smaller than the architecture's, as structured pruning makes them: the model gets the shapes of the file. The model keeps
    its own dtypes: in a model of float32, as nnlite.models builds it, a file's float16 or float64 numbers are rounded to
    float32.
    Errors: FormatError if the file is damaged, is not a checkpoint or holds another model, and for a number that is finite in
    the file but not in the model's dtype; ValueError if no model is given and the file's is neither of nnlite.models nor a
    Sequential of nnlite.nn's layers;
    FileNotFoundError; OSError if the file cannot be read. Memory: that of `load_state`, whatever sizes the file claims.
    """
    checkpoint = load_state(path)
    model = build_model(path, checkpoint.architecture, checkpoint.model) if model is None else model
    _set_arrays(path, model, checkpoint.model)
    return model


def _set_arrays(path, model, arrays):
    own = dict([*model.named_parameters(), *model.named_buffers()])
    missing, unexpected = own.keys() - arrays.keys(), arrays.keys() - own.keys()
    if missing or unexpected:
        raise FormatError(f"{path}: holds another model: {sorted(missing)} missing, {sorted(unexpected)} unexpected")
    arrays = {name: _cast(path, name, arrays[name], tensor) for name, tensor in own.items()}
    for name, tensor in own.items():
        tensor.data, tensor.grad = arrays[name], None


def _cast(path, name, array, tensor):
    """The array in the dtype of the model's, rounded where that has fewer bits."""
    if array.dtype.kind != tensor.dtype.kind or array.ndim != tensor.ndim:
        raise FormatError(f"{path}: {name} is {array.dtype} {array.shape}, the model expects {tensor.dtype} with {tensor.ndim} "
                          f"axes, such as {tensor.shape}")
    try:
        return cast(name, array, tensor.dtype)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None


def resume(path, model, optimizer, schedule=None, loader=None):
    """Put everything back as it was when the checkpoint was written, and return the history, for `fit` to go on from.

    model, optimizer, schedule, loader: made in the same way as in the first training. Their weights, moments, counters and
    random generators are replaced. Training then gives the same bits as if it had not been stopped.
    Errors: ValueError if the checkpoint holds another kind of optimizer or schedule, or if one of them, or a loader's
    generator, is missing in the checkpoint or here; FormatError and OSError as in `load`.
    """
    checkpoint = load_state(path)
    _check_same_kind(path, "optimizer", checkpoint.optimizer, optimizer)
    _check_same_kind(path, "schedule", checkpoint.schedule, schedule)
    generators = [*model.generators(), getattr(loader, "rng", None)]
    states = [*checkpoint.generators, checkpoint.loader]
    if [rng is None for rng in generators] != [state is None for state in states]:
        raise ValueError(f"resume: {path} holds the states of {_count(states)}, this run has {_count(generators)}")

    _set_arrays(path, model, checkpoint.model)
    try:
        optimizer.load_state_dict(checkpoint.optimizer)
        if schedule is not None:
            schedule.load_state_dict(checkpoint.schedule)
        for rng, state in zip(generators, states, strict=True):
            if rng is not None:
                rng.bit_generator.state = state
    except DAMAGE as error:
        raise ValueError(f"resume: {path} does not fit this run: {error}") from error
    return checkpoint.history


def _check_same_kind(path, role, saved, given):
    saved, given = saved and saved.get("name"), None if given is None else type(given).__name__
    if saved != given:
        raise ValueError(f"resume: {path} was written with the {role} {saved}, this run has {given}")


def _count(generators):
    *model, loader = generators
    return f"{len(model)} generators in the model and {'none' if loader is None else 'one'} in the loader"


def load_state(path):
    """Everything in a checkpoint, as a Checkpoint.

    Errors: FormatError, with the file's name and what is wrong, if the file is damaged or truncated, is not a checkpoint, or
    has a newer version; FileNotFoundError; OSError if the file cannot be read. Memory: a few times the file's size at most.
    """
    with open_to_read(path) as stream:
        magic = stream.read(len(ZIP))
        if magic != ZIP:
            hint = "; nncompress.load reads .nnz files" if magic[:3] == b"NNZ" else ""
            raise FormatError(f"{path}: not a checkpoint: starts with {magic!r}, an .npz file with {ZIP!r}{hint}")
        data = magic + stream.read()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, len(data))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except DAMAGE as error:
        raise FormatError(f"{path}: damaged or truncated: {shortened(error)}") from error


def _read(archive, size):
    manifest = _manifest(_member(archive, "manifest.json"))
    names = manifest["arrays"]
    if sum(_entry(archive, f"{name}.npy").file_size for name in names) > size:
        raise FormatError(f"its arrays would be longer than the file, which has {size} bytes")
    arrays = {name: _array(archive, name) for name in names}
    model = _below("model/", arrays)
    masks = {name: _mask(packed, manifest["masks"][name]) for name, packed in _below("masks/", arrays).items()}
    _check_masks(masks, model)
    return Checkpoint(
        model=model,
        architecture=manifest["architecture"],
        optimizer=_optimizer(manifest["optimizer"], _below("optimizer/", arrays)),
        schedule=manifest["schedule"],
        generators=manifest["generators"],
        loader=manifest["loader"],
        history=manifest["history"],
        masks=masks,
        metadata=manifest["metadata"],
    )


def _entry(archive, name):
    try:
        return archive.getinfo(name)
    except KeyError:
        raise FormatError(f"there is no {name} in it") from None


def _member(archive, name):
    entry = _entry(archive, name)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise FormatError(f"{name} is compressed, which nothing in a checkpoint is")  # so it cannot be longer than the file
    return archive.read(entry)


def _manifest(text):
    manifest = json.loads(text)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise FormatError(f"not a checkpoint: manifest.json does not name the format {FORMAT!r}")
    if manifest.get("version") != VERSION:
        raise FormatError(f"version {manifest.get('version')}; nnlite {__version__} reads version {VERSION}")
    for key, kind in FIELDS.items():
        if key not in manifest or not isinstance(manifest[key], kind):
            raise FormatError(f"manifest.json: {key!r} is missing or of a wrong type")
    for epoch, row in enumerate(manifest["history"], 1):
        if not isinstance(row, dict) or not all(isinstance(value, float) or isinstance(value, int) and abs(value) < 2**63
                                                for value in row.values()):
            raise FormatError(f"manifest.json: the history of epoch {epoch} holds something other than numbers")
    return manifest


def _array(archive, name):
    npy = _member(archive, f"{name}.npy")
    header = NPY_HEADER.match(npy)
    if header is None:
        raise FormatError(f"{name}.npy: its header is not one that NumPy writes for an array of numbers in C order")
    dtype, shape = np.dtype(header["dtype"].decode()), tuple(map(int, header["shape"].replace(b",", b" ").split()))
    length = len(npy) - header.end()
    if length != math.prod(shape) * dtype.itemsize:
        raise FormatError(f"{name}.npy: {length} bytes are not a {dtype} array of shape {shape}")
    return np.frombuffer(npy, dtype, offset=header.end()).reshape(shape).astype(dtype.newbyteorder("="))


def _mask(packed, shape):
    size = math.prod(shape)
    if packed.dtype != np.uint8 or packed.shape != ((size + 7) // 8,):
        raise FormatError(f"a mask of shape {shape} does not fit into {packed.dtype} {packed.shape}")
    return np.unpackbits(packed, count=size).view(bool).reshape(shape)


def _check_masks(masks, state):
    for name, mask in masks.items():
        if name not in state:
            raise ValueError(f"there is a mask for {name!r}, and no parameter of that name")
        if mask.dtype != bool or mask.shape != state[name].shape:
            raise ValueError(f"the mask of {name} is {mask.dtype} {mask.shape}, expected bool {state[name].shape}")


def _below(folder, arrays):
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}


def _optimizer(saved, arrays):
    if saved is None:
        return None
    state = {int(i): dict(numbers) for i, numbers in saved["numbers"].items()}
    for name, array in arrays.items():
        i, _, key = name.partition("/")
        state[int(i)][key] = array
    return {"name": saved["name"], "state": state, "param_groups": [dict(group) for group in saved["param_groups"]]}
