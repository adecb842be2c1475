"""nnlite import: a model from the file of another program, as an .npz file.

An ONNX file holds a whole model. A state dict (.safetensors, .npz) holds arrays with names: --model says for which model.
"""

import numpy as np

import nnlite
from nnlite.cli.common import build_for, check_out, describe, load_task, measure
from nnlite.data.input import Input
from nnlite.foreign import from_onnx, read_state


def run(arguments):
    check_out(arguments.out, ".npz", [arguments.file])
    check_options(arguments)
    task = None if arguments.data is None else load_task(arguments)
    shape = arguments.shape if task is None else task.train.images.shape[1:]
    try:
        read = _from_onnx if is_onnx(arguments.file) else _from_state
        model, shape, names, difference = read(arguments, task, shape)
    except ImportError as error:
        raise ValueError(str(error)) from None
    input = _input(arguments, shape, names) if task is None else task.input
    if task is None and input is not None:
        _check_classes(arguments.file, model, input)
    nnlite.save(arguments.out, model, metadata={"imported": str(arguments.file), "data": arguments.data} | (
        {} if input is None else {"input": input.as_dict()}))
    result = {"file": str(arguments.out), "parameters": sum(p.size for p in model.parameters()),
              "file_bytes": arguments.out.stat().st_size, **difference}
    text = (f"{arguments.out}: {result['parameters']:,} parameters from {arguments.file}, {result['file_bytes']:,} bytes"
            + "".join(f"\n{what}: {', '.join(names)}" for what, names in difference.items() if names))
    if input is None:
        result["note"] = (f"{arguments.out} does not say how its images are normalized: each command will normalize them as "
                          "its --data does; --data here, or --shape, --names, --mean and --std, write it into the file")
        return result, f"{text}\n{result['note']}"
    if task is None:
        return result, text
    measured = measure(arguments.out, task)
    return measured | difference, f"{text}\n{describe(measured)}"


def is_onnx(path):
    return path.suffix.lower() == ".onnx"


def check_options(arguments):
    """ValueError for options that do not go together."""
    if is_onnx(arguments.file) and (arguments.model is not None or arguments.width is not None or arguments.partial):
        raise ValueError(f"{arguments.file} holds a whole model; --model, --width and --partial are for files of weights alone")
    if not is_onnx(arguments.file) and arguments.model is None:
        raise ValueError(f"{arguments.file} holds weights and no layers: --model says which model they are for")
    if arguments.data is not None and (arguments.shape or arguments.names or arguments.mean or arguments.std):
        raise ValueError("--data says the images' shape, the classes' names and the normalization; give it alone, or --shape, "
                         "--names, --mean and --std")
    if (arguments.mean is None) != (arguments.std is None):
        raise ValueError("--mean and --std go together: images are normalized as (x − mean) ÷ std")
    if arguments.names is not None and arguments.mean is None:
        raise ValueError("--names needs --mean and --std, too: a file says of its images all or nothing")


def _from_onnx(arguments, task, shape):
    """(model, shape of an image, names of the classes or None, {}) of an ONNX file."""
    return *from_onnx(arguments.file, shape), {}


def _from_state(arguments, task, shape):
    """(model, shape of an image or None, None, what differs) of a file of weights."""
    state = read_state(arguments.file)
    classes = len(arguments.names) if arguments.names else None
    classes = classes if task is None else task.train.classes
    model = build_for(arguments.model, shape, classes, 1.0 if arguments.width is None else arguments.width, seed=0)
    try:
        difference = model.load_state_dict(state, strict=not arguments.partial)
    except ValueError as error:
        raise ValueError(f"{arguments.file}: {error}") from None
    if difference.missing_keys and len(difference.missing_keys) == len(model.state_dict()):
        raise ValueError(f"{arguments.file}: it has none of the names of {arguments.model}, but {', '.join(list(state)[:6])}")
    return model, shape, None, {"missing": difference.missing_keys, "unexpected": difference.unexpected_keys}


def _check_classes(path, model, input):
    """ValueError unless the model takes the images of an Input, and gives a number for each of its classes."""
    try:
        classes = nnlite.compile(model, np.zeros((1, *input.shape), np.float32)).steps[-1].shape
    except ValueError as error:
        raise ValueError(f"{path}: the model does not take images of shape {input.shape}: {error}") from error
    if classes != (len(input.names),):
        raise ValueError(f"{path} gives results of shape {classes} for one image, there are {len(input.names)} names of "
                         "classes")


def _input(arguments, shape, names):
    """The Input of --shape, --names, --mean and --std, or None without --mean."""
    if arguments.mean is None:
        return None
    if shape is None:
        raise ValueError("--mean and --std need --shape, the shape of an image, as in --shape 1,28,28")
    mean, std = (values * shape[0] if len(values) == 1 else values for values in (arguments.mean, arguments.std))
    names = arguments.names or names
    if names is None:
        raise ValueError("--mean and --std need --names, those of the classes, as in --names cat,dog")
    return Input(tuple(shape), "uint8" if len(shape) == 3 else "float32", tuple(mean), tuple(std), tuple(names))
