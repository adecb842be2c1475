"""--model my_net.py:Net: a model of the user's own, a class or a function in a Python file.

The file is run only if the user names it on the command line; what a model's file says is never run.
"""

import importlib.util
import inspect
import sys
from pathlib import Path

import nnlite
from nnlite.architecture import architecture_of
from nnlite.checkpoint import load_state
from nnlite.cli.faults import own_files, place_in_own_file
from nnlite.inference.graph import trace
from nnlite.nn import Module


def is_own_model(text):
    """Whether --model names a file: my_net.py:Net."""
    file, _, name = (text or "").rpartition(":")
    return file.endswith(".py") and name.isidentifier()


def build_own(source, fitting):
    """The model that the class or function of a file makes.

    source: my_net.py:Net.   fitting: {name: value}; Net gets those of them that its parameters name. They are kept as the
    model's architecture, so that its checkpoint says what to build. Errors: ValueError, in one sentence, for whatever is wrong
    in the file, and for what is not a nnlite.nn.Module.
    """
    build = _named_in_file(source)
    try:
        expects = inspect.signature(build).parameters
        given = {name: value for name, value in fitting.items() if name in expects}
        model = build(**given)
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise ValueError(_in_own_file(error, source)) from None
    if not isinstance(model, Module):
        raise ValueError(f"{source} makes a {type(model).__module__}.{type(model).__name__}, expected a nnlite.nn.Module")
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    model.architecture = {"name": "own", "arguments": {"model": source, "given": given}}
    return model


def _named_in_file(source):
    """The class or function that my_net.py:Net names."""
    file, _, name = source.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} (--model {source})")
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    own_files[spec.origin] = path
    sys.modules[spec.name] = module  # where dataclasses look up the names in annotations
    sys.path.insert(0, str(path.parent.resolve()))  # so that it can import the files beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script may end in sys.exit()
        raise ValueError(_in_own_file(error, source)) from None
    finally:
        sys.path.pop(0)
    found = getattr(module, name, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if inspect.isclass(value) and value.__module__ == spec.name]
        raise ValueError(f"{path} has no class or function {name!r}" + (f", only {', '.join(there)}" if there else ""))
    return found


def check_own(source, model, example):
    """Run a user's model on one example, so that a mistake in its `forward` is told before the training.

    source: my_net.py:Net.   example: array (1, …).
    Errors: ValueError if `forward` is missing, does not take one array, or does not return one Tensor computed from it. An
    error in the user's file is not changed: `faults.told` names its line.
    """
    try:
        trace(model, example)
    except (ValueError, TypeError, NotImplementedError) as error:
        if place_in_own_file(error):
            raise
        raise ValueError(_in_own_file(error, source)) from None


def _in_own_file(error, source):
    """ "my_net.py:Net: line 7: TypeError: …", without the line for an error that passed through none of the file."""
    place = place_in_own_file(error)
    return f"{source}: {f'line {place[1]}: ' if place else ''}{type(error).__name__}: {error}"


def read_model(path, own=None):
    """The model of an .npz file.   own: --model, for a file that holds a model of the user's own.

    Errors: those of `nnlite.load`, and of `build_own`.
    """
    architecture = load_state(path).architecture or {}
    if architecture.get("name") != "own" or own is None:
        return nnlite.load(path)
    given = architecture.get("arguments", {})
    return nnlite.load(path, build_own(own, given["given"] if isinstance(given.get("given"), dict) else {}))


def same_architecture(stored, model):
    """Whether a checkpoint's architecture is a model's; None, which a run in Python may have stored, fits any."""
    return stored is None or stored == architecture_of(model)
