"""nnlite export: write a model as a file that other programs run: ONNX, or C for a small device."""

from functools import partial

import numpy as np

import nncompress
from nncompress.export_c import plan_to_c
from nncompress.int8.export import int8_to_onnx
from nnlite import data
from nnlite.cli.common import check_out, is_nnz, load_model
from nnlite.cli.inputs import stored_input
from nnlite.files import write_atomically
from nnlite.foreign import to_safetensors
from nnlite.inference.export import OPSET, to_onnx


def run(arguments):
    ending = arguments.out.suffix.lower()
    check_out(arguments.out, ending, [arguments.file])
    if ending not in FORMATS:
        raise ValueError(f"--out {arguments.out}: the name of an exported file ends in {', '.join(FORMATS)}"
                         + (f", not in {ending}" if ending else ""))
    if (arguments.flash or arguments.ram) and ending != ".c":
        raise ValueError(f"--{'flash' if arguments.flash else 'ram'} is for C files, --out {arguments.out} is not one")
    content, result, text = FORMATS[ending](arguments)
    write_atomically(arguments.out, lambda stream: stream.write(content))
    size = arguments.out.stat().st_size
    return {"file": str(arguments.out), **result, "file_bytes": size}, f"{arguments.out}: {size:,} bytes, {text}"


def _onnx(arguments):
    """(content, result, text) of an ONNX file."""
    integers = is_nnz(arguments.file)
    try:
        if integers:
            shape, content = _from_plan(arguments.file, int8_to_onnx)
        else:
            shape = _image_shape(arguments)
            content = _from_floats(arguments.file, shape, arguments.model)
    except ImportError as error:
        raise ValueError(str(error)) from None
    arithmetic = "int8" if integers else "float32"
    result = {"format": "onnx", "opset": OPSET, "arithmetic": arithmetic, "image_shape": shape}
    return content, result, f"ONNX (opset {OPSET}), {arithmetic}; input x (N, {', '.join(map(str, shape))}), output y"


def _c(arguments):
    """(content, result, text) of a C file."""
    if not is_nnz(arguments.file):
        raise ValueError(f"{arguments.file} holds floats, a C file computes in integers; nnlite quantize makes an .nnz file")
    shape, source = _from_plan(arguments.file, partial(plan_to_c, packed=arguments.flash))
    result = {"format": "c", "weights": "packed" if arguments.flash else "plain", "image_shape": shape,
              "flash_weights_bytes": source.weights, "flash_constants_bytes": source.constants, "ram_bytes": source.ram,
              "macs": source.macs}
    unpacked = f" ({source.ram + source.kept:,} with -DNNLITE_UNPACK)" if source.kept else ""
    return source.text.encode(), result, (
        f"C99, integers only; image {'×'.join(map(str, shape))}\n"
        f"flash: {source.weights:,} bytes of weights, {source.constants:,} of other constants, and the code\n"
        f"RAM: {source.ram:,} bytes{unpacked}, and the stack\n"
        f"multiply-adds: {source.macs:,} for each image")


def _safetensors(arguments):
    """(content, result, text) of a .safetensors file."""
    model, _ = load_model(arguments.file, own=arguments.model)
    try:
        content = to_safetensors(model.state_dict())
    except ImportError as error:
        raise ValueError(str(error)) from None
    arrays = len(model.state_dict())
    return content, {"format": "safetensors", "arrays": arrays}, f"safetensors, {arrays} arrays in float32"


FORMATS = {".onnx": _onnx, ".c": _c, ".safetensors": _safetensors}


def _image_shape(arguments):
    """The shape of an image of --data, else as the .npz file says, else of the digits."""
    stored = stored_input(arguments.file)
    if arguments.data is None and stored is not None:
        return stored.shape
    name = arguments.data or "digits"
    return data.SOURCES[name].shape if name in data.SOURCES else data.load(name)[0].images.shape[1:]


def _from_floats(path, shape, own):
    """The ONNX file of an .npz file.   own: --model, for a model of the user's own."""
    model, _ = load_model(path, own=own)
    try:
        return to_onnx(model, np.zeros((1, *shape), np.float32))
    except ValueError as error:
        raise ValueError(f"{path}, with images of shape {shape}: {error}") from error


def _from_plan(path, export):
    """(shape of the images, export(plan)) of an .nnz file."""
    plan = nncompress.load(path)
    try:
        return plan.steps[0].shape, export(plan)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
