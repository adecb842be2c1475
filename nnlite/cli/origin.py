"""How a model file was made: kept as "made" in a checkpoint's metadata, shown by `nnlite report`.

    {"command": "fuse", "sources": ["a.npz", "b.npz"], "options": {"method": "average"}, "data": "digits", "classes": None,
     "accuracies": {"a.npz": 0.978, "their ensemble": 0.983}, "scores": {}}

`accuracies` are those to compare the file's own with, on the test part of the data; `scores` has {name: {file: number}}.
"""

import math

from nnlite.checkpoint import load_state
from nnlite.errors import FormatError

FIELDS = {"command": str, "sources": list, "options": dict, "data": str, "classes": list | None, "accuracies": dict,
          "scores": dict}


def made_by(command, sources, arguments, names, accuracies=None, scores=None):
    """The origin of a file.

    sources: the files that were read.   names: of the options that say how it was made; those without a value are left out.
    """
    options = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    options = {name: str(value) if hasattr(value, "suffix") else value for name, value in options.items()}
    return {"command": command, "sources": list(map(str, sources)), "options": options, "data": arguments.data,
            "classes": arguments.classes, "accuracies": accuracies or {}, "scores": scores or {}}


def stored_origin(path):
    """The origin that an .npz file names, or None.   Errors: FormatError for one that makes no sense."""
    made = load_state(path).metadata.get("made")
    if made is None:
        return None
    fits = isinstance(made, dict) and all(isinstance(made.get(field), kind) for field, kind in FIELDS.items())
    fits = fits and all(isinstance(of, dict) for of in made["scores"].values())
    if not fits or not all(map(_is_number, (v for of in (made["accuracies"], *made["scores"].values()) for v in of.values()))):
        raise FormatError(f"{path}: manifest.json: how the file was made is {str(made)[:200]}")
    return made


def _is_number(value):
    return isinstance(value, int | float) and math.isfinite(value)
