"""The whole C file of a plan."""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nncompress.export_c.calls import plan_calls
from nncompress.export_c.packing import pack, room
from nncompress.export_c.pixels import class_names, pixel_integers
from nncompress.export_c.steps import WRITERS
from nncompress.int8.requantize import float32_factor
from nncompress.int8.steps import largest_sum
from nnlite.kernels.loops.requantize import INT32_MAX

FUNCTIONS = Path(__file__).parent / "c"
ORDER = ["law", "shift_right", "multiply", "multiply_once", "clamp", "requantize", "plain_rows", "packed_rows", "linear",
         "linear_result", "linear_logits", "conv2d", "conv2d_result", "conv2d_logits", "max_pool2d", "avg_pool2d", "add",
         "relu", "centred"]
BYTES = {"int8_t": 1, "uint8_t": 1, "int32_t": 4}


class CSource(NamedTuple):
    """A C file and what it takes.

    text: the file.   weights: bytes of flash for weights, with the biases if packed; constants: for all else but the code, on
    a 32-bit processor.   ram: bytes of its static arrays; kept: what -DNNLITE_UNPACK adds to them, if packed.   macs:
    multiply-adds for one image.
    """

    text: str
    weights: int
    constants: int
    ram: int
    kept: int
    macs: int


def plan_to_c(plan, packed=False):
    """An `Int8Plan` of a law in integers, "fixed" or "once", as one C99 file: a CSource.

        void nnlite_run(const uint8_t *image, int32_t *logits);

    computes the plan's integers, bit for bit. image: the plan's input as bytes, (C, H, W); logits: the sums of the last layer,
    or q − Z where the plan ends in 8 bits. `int32_t nnlite_class(const int32_t *logits)` is the number of the largest logit;
    plans that end in an image do not have it. If the plan's file says how pixels are normalized, `nnlite_quantize(pixels,
    image)` does that; if it has names for the classes, they are `nnlite_names`.

    packed: weights stay in an arithmetic code, which takes the least flash; else they are arrays, which takes the least memory.
    Errors: ValueError for the law "float", for kinds of steps without a C function, for a last layer whose sums may not fit
    into 32 bits, and for a `plan.input` of other images or another number of classes than the plan's.
    """
    if plan.law == "float":
        raise ValueError(f"plan_to_c: the plan rounds by the law {plan.law!r}, C code by the laws 'fixed' and 'once'; "
                         "quantize(…, law='fixed') makes a plan that can be written in C")
    for step in plan.steps[1:]:
        if step.kind not in (*WRITERS, "flatten"):
            raise ValueError(f"plan_to_c: {step.name}: there is no C function for {step.kind}")
    last = plan.steps[-1]
    if plan.ends_in_sums and largest_sum(last, last.b) > INT32_MAX:
        raise ValueError(f"plan_to_c: {last.name}: its sums may reach {largest_sum(last, last.b)}, int32 ends at {INT32_MAX}")
    given, shape = plan.input, plan.steps[0].shape
    if given is not None and (given.shape, (len(given.names),)) != (shape, last.shape):
        raise ValueError(f"plan_to_c: plan.input has images of shape {given.shape} and {len(given.names)} names of classes, "
                         f"the plan takes {shape} and gives results of shape {last.shape}")
    return _File(plan, packed).source()


class _File:
    """The parts of the file written so far."""

    def __init__(self, plan, packed):
        self.plan, self.packed, self.rows_part = plan, packed, "packed_rows" if packed else "plain_rows"
        self.multiply = "shift_right", "multiply_once" if plan.law == "once" else "multiply", "clamp"
        self.needed, self.declarations, self.weights, self.constants = set(), [], 0, 0
        self.integers, self.names = pixel_integers(plan), class_names(plan)

    def need(self, *parts):
        """The file has to have these files of `c`."""
        self.needed |= set(parts)

    def array(self, name, ctype, values, weights=False):
        """Declare a constant array; returns its name."""
        self.declarations.append(_array(name, ctype, values))
        if weights:
            self.weights += BYTES[ctype] * len(values)
        else:
            self.constants += BYTES[ctype] * len(values)
        return name

    def settings(self, i, ctype, values):
        """Declare what the function of step i has to know, {field: number, name, numbers or {field: …}}; returns its name."""
        fields = "".join(f"    {_field(key, value)},\n" for key, value in values.items())
        self.declarations.append(f"/* {_safe(self.plan.steps[i].name)} */\nstatic const {ctype} step{i} = {{\n{fields}}};")
        self.constants += 4 * _words(values)
        return f"step{i}"

    def source(self):
        """The CSource."""
        calls, ram, end = plan_calls(self.plan)
        lines = [WRITERS[self.plan.steps[call.i].kind](self, call) for call in calls]
        if end != "logits":
            last = self.plan.steps[-1]
            self.need("centred")
            lines.append(f"centred({int(np.prod(last.shape))}, {last.Z}, {end}, logits);")
        memory = [f"static uint8_t results[{ram}]; /* the results of all steps but the last */"] if ram else []
        stream, kept = [], 0
        if "packed_rows" in self.needed:
            lines.insert(0, "begin_weights();")
            needs = room(self.plan)
            stream, ram, kept = self.stream(needs), ram + needs.bytes, needs.kept_bytes
        functions = [_function(part) for part in ORDER if part in self.needed]
        run = "void nnlite_run(const uint8_t *image, int32_t *logits)\n{\n    " + "\n    ".join(lines) + "\n}"
        body = [*stream, *functions, *self.declarations, *memory, run, *self.classes(), *self.outside(), _function("main")]
        text = "\n\n".join([self.head(ram, kept), *body]) + "\n"
        return CSource(text, self.weights, self.constants, ram, kept, self.plan.macs)

    def stream(self, needs):
        """The arithmetic code of all layers, and the sizes of its decoder's arrays."""
        data = np.frombuffer(pack(self.plan), np.uint8)
        self.weights = len(data)
        sizes = {"QUESTIONS": needs.questions, "LARGE_SIZES": int(needs.gamma), "LONGEST_ROW": needs.row,
                 "ALL_ROWS": needs.rows, "ALL_WEIGHTS": needs.weights}
        return [_array("packed", "uint8_t", data), "\n".join(f"#define {name} {size}" for name, size in sizes.items())]

    def classes(self):
        """The function that finds the largest logit, where there is one for each class."""
        last = self.plan.steps[-1]
        if len(last.shape) > 1:
            return []
        units = _units(self.plan)
        if (units == units[0]).all():
            return [_function("class")]
        scaled = np.rint(units / units.max() * INT32_MAX).astype(np.int64)
        self.constants += 4 * len(scaled)
        return [_array("logit_units", "int32_t", scaled), _function("class_scaled")]

    def takes_pixels(self):
        """Whether a pixel from 0 to 255 is the byte that the network reads."""
        first, given = self.plan.steps[0], self.plan.input
        if given is None:
            return first.Z == 0 and first.S == np.float32(1 / 255)
        return given.dtype == "uint8" and len(given.shape) == 3 and self.integers is None

    def outside(self):
        """The function for pixels and the names of the classes, where the plan knows them."""
        parts = []
        if self.integers is not None:
            self.array("pixel_integers", "uint8_t", self.integers.ravel())
            parts += [self.declarations.pop(), _function("quantize")]
        if self.names is not None:
            self.constants += sum(4 + len(name.encode()) + 1 for name in self.plan.input.names)
            names = "".join(f"    {name},\n" for name in self.names)
            parts.append(f"const char *const nnlite_names[NNLITE_OUTPUTS] = {{\n{names}}};")
        return parts

    def head(self, ram, kept):
        """The comment at the top, and what a program that uses the file has to know."""
        first, last, units = self.plan.steps[0], self.plan.steps[-1], _units(self.plan)
        unit = f"in units of {units[0]:.9g}" if (units == units[0]).all() else "each in a unit of its own"
        pixel = "; these are the pixels as they are" if self.takes_pixels() else ""
        most = f"; q is at most {first.high}" if first.high < 255 else ""
        width = max(len(_safe(step.name)) for step in self.plan.steps)
        steps = [f"{step.kind:18}{_safe(step.name):{width + 2}}{_by(step.shape)}" for step in self.plan.steps]
        comment = [
            "A quantized network in C99: integers only, no memory from the heap, no library.", "", *steps, "",
            f"Flash: {self.weights} bytes of weights, {self.constants} bytes of other constants, and the code.",
            f"RAM: {ram} bytes{f' (-DNNLITE_UNPACK: {ram + kept})' if kept else ''}, and the stack.",
            f"Multiply-adds: {self.plan.macs} for each image.", "",
            f"image: {_by(first.shape)} bytes; the byte q stands for {first.S:.9g} (q - {first.Z}){pixel}{most}.",
            f"logits: {_by(last.shape)} numbers, {unit}.",
        ]
        more = ["int32_t nnlite_class(const int32_t *logits);"] if len(last.shape) == 1 else []
        if self.integers is not None:
            comment.append("nnlite_quantize makes the image from pixels 0 ... 255.")
            if first.shape[0] > 1:
                comment.append("In pixels and image, one channel follows the other; each lies row by row.")
            more += [f"#define NNLITE_CHANNELS {first.shape[0]}",
                     "void nnlite_quantize(const uint8_t *pixels, uint8_t *image);"]
        if self.names is not None:
            comment.append("nnlite_names are the names of the classes.")
            more.append("extern const char *const nnlite_names[NNLITE_OUTPUTS];")
        return "\n".join(["/* " + "\n * ".join(comment).replace("* \n", "*\n"), " */", "#include <stdint.h>", "",
                          f"#define NNLITE_INPUTS {int(np.prod(first.shape))}",
                          f"#define NNLITE_OUTPUTS {int(np.prod(last.shape))}", "",
                          "void nnlite_run(const uint8_t *image, int32_t *logits);", *more])


def _units(plan):
    """The real number that a logit of 1 stands for, for each output (O,)."""
    last = plan.steps[-1]
    if plan.ends_in_sums:
        return float32_factor(plan.steps[last.inputs[0]].S, last.w_scale, 1).astype(np.float64)
    return np.full(last.shape[0], last.S, np.float64)


def _function(part):
    """The content of a file of `c`."""
    return (FUNCTIONS / f"{part}.c").read_text(encoding="ascii").rstrip()


def _array(name, ctype, values):
    numbers = textwrap.fill(", ".join(map(str, np.asarray(values).tolist())), 120, initial_indent="    ",
                            subsequent_indent="    ")
    return f"static const {ctype} {name}[{len(values)}] = {{\n{numbers}\n}};"


def _field(name, value):
    """A designated initializer: .name = value."""
    if isinstance(value, dict):
        return f".{name} = {{{', '.join(_field(key, inner) for key, inner in value.items())}}}"
    return f".{name} = {{{', '.join(map(str, value))}}}" if isinstance(value, tuple | list) else f".{name} = {value}"


def _words(value):
    """How many numbers and pointers a setting has; each takes 4 bytes on a 32-bit processor."""
    if isinstance(value, dict):
        return sum(map(_words, value.values()))
    return len(value) if isinstance(value, tuple | list) else 1


def _by(shape):
    return "x".join(map(str, shape))


def _safe(name):
    """A step's name as a comment may hold it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
