"""The constants of each kind of step in C, and the call of its function.

WRITERS has a function for each kind: (file, call) -> the lines of `nnlite_run` that compute it. Names are those of `c/`.
"""

import numpy as np

from nncompress.export_c.packing import largest_size, row_map
from nncompress.int8.requantize import add_fixed_parameters, multiplier, quantize_multiplier

NO_LAW = {"M0": 0, "shift": 0, "count": 0, "Z": 0, "low": 0, "high": 0}


def _law(file, call, step, S1, S2):
    """The factors M = S1 S2 / S3 of a step, one for all where they are equal."""
    M0, shift = (np.atleast_1d(values) for values in quantize_multiplier(multiplier(S1, S2, step.S, np.float64)))
    if (M0 == M0[0]).all() and (shift == shift[0]).all():
        M0, shift = M0[:1], shift[:1]
    return {"M0": file.array(f"step{call.i}_M0", "int32_t", M0), "shift": file.array(f"step{call.i}_shift", "int8_t", shift),
            "count": len(M0), "Z": step.Z, "low": step.low, "high": step.high}


def _rows(file, call, step):
    """The weights of a layer: arrays, or what the decoder has to know."""
    w = step.w.reshape(len(step.w), -1)
    rows = {"count": len(w), "size": w.shape[1]}
    if file.packed:
        W, H = row_map(file.plan, step)
        return rows | {"W": W, "H": H, "top": largest_size(step)}
    return rows | {"w": file.array(f"step{call.i}_w", "int8_t", w.ravel(), weights=True),
                   "b": file.array(f"step{call.i}_b", "int32_t", step.b)}


def _layer(file, call, **settings):
    """A layer. Where its sums are the logits, no law brings them back to 8 bits."""
    step = file.plan.steps[call.i]
    before = file.plan.steps[step.inputs[0]]
    is_last = call.target == "logits"
    constants = {"rows": _rows(file, call, step), "law": NO_LAW}
    if not is_last:
        constants["law"] = _law(file, call, step, before.S, step.w_scale)
        file.need(*file.multiply, "requantize")
    file.need("law", file.rows_part, step.kind, f"{step.kind}_{'logits' if is_last else 'result'}",
              *(["shift_right"] if file.packed else []))
    name = file.settings(call.i, f"{step.kind}_step", constants | {"Z": before.Z} | settings)
    return f"{step.kind}{'_logits' if is_last else ''}(&{name}, {call.sources[0]}, {call.target});"


def _linear(file, call):
    return _layer(file, call)


def _conv2d(file, call):
    step = file.plan.steps[call.i]
    o, (_, H, W) = step.options, file.plan.steps[step.inputs[0]].shape
    O, channels, *kernel = step.w.shape
    pool = {"kernel": (1, 1), "stride": (1, 1)} if call.pool is None else call.pool.options
    out = step.shape[1:] if call.pool is None else call.pool.shape[1:]
    return _layer(file, call, H=H, W=W, channels=channels, group=O // o["groups"], kernel=kernel, stride=o["stride"],
                  pad=o["padding"], dilation=o["dilation"], out=out, pool=pool["kernel"], pool_stride=pool["stride"])


def _window(file, step):
    (C, H, W), o = file.plan.steps[step.inputs[0]].shape, step.options
    return {"C": C, "H": H, "W": W, "kernel": o["kernel"], "stride": o["stride"], "pad": o["padding"], "out": step.shape[1:]}


def _max_pool2d(file, call):
    file.need("max_pool2d")
    name = file.settings(call.i, "max_pool2d_step", _window(file, file.plan.steps[call.i]))
    return f"max_pool2d(&{name}, {call.sources[0]}, {call.target});"


def _avg_pool2d(file, call):
    """Windows that are alike share one factor; else there is one for each number of places that may count."""
    step = file.plan.steps[call.i]
    before, places = file.plan.steps[step.inputs[0]], int(np.prod(step.options["kernel"]))
    counts = [places] if step.kind == "avg_pool2d" else np.arange(1, places + 1)
    law = _law(file, call, step, before.S, np.divide(1, counts, dtype=np.float64).astype(np.float32))
    count_pad = int(step.options.get("count_include_pad", 1))
    file.need("law", *file.multiply, "requantize", "avg_pool2d")
    name = file.settings(call.i, "avg_pool2d_step", {"law": law, "Z": before.Z, "count_pad": count_pad} | _window(file, step))
    return f"avg_pool2d(&{name}, {call.sources[0]}, {call.target});"


def _add(file, call):
    step = file.plan.steps[call.i]
    one, two = (file.plan.steps[i] for i in step.inputs)
    M0, shift = add_fixed_parameters(one.S, two.S, step.S)
    file.need(*file.multiply, "add")
    name = file.settings(call.i, "add_step", {"n": int(np.prod(step.shape)), "M0": M0, "shift": shift, "Z1": one.Z,
                                            "Z2": two.Z, "Z": step.Z, "low": step.low, "high": step.high})
    return f"add(&{name}, {call.sources[0]}, {call.sources[1]}, {call.target});"


def _relu(file, call):
    step = file.plan.steps[call.i]
    file.need("relu")
    return f"relu({int(np.prod(step.shape))}, {step.Z}, {call.sources[0]}, {call.target});"


WRITERS = {"conv2d": _conv2d, "linear": _linear, "max_pool2d": _max_pool2d, "avg_pool2d": _avg_pool2d, "add": _add,
           "relu": _relu, "uneven_max_pool2d": _max_pool2d, "uneven_avg_pool2d": _avg_pool2d}
