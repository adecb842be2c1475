"""The int8 plan written in NumPy, with integers of 64 bits: slow, short, and equal to the kernels bit for bit.

A uint8 number q stands for the real number S (q − Z), with the scale S and the zero point Z of the step that computed it. A
weight w[o, k] of a layer stands for S_w[o] w[o, k]; its zero point is 0. A sum of products of such numbers, over k, is

    Σ_k S1 (q[k] − Z1) S_w[o] w[o, k] = S1 S2 acc[o]           acc[o] = Σ_k (q[k] − Z1) w[o, k],   S2 = S_w[o]

and the step's result q3, for which S3 (q3 − Z3) = S1 S2 acc, is

    q3[o] = clamp(Z3 + M[o] acc[o], low, high)                  M[o] = S1 S2 / S3

    S1, Z1      scale and zero point of the input; S3, Z3 (`step.S`, `step.Z`) those of the result
    S2          what acc is multiplied by besides S1: S_w[o] for a layer, 1/(kh·kw) for average pooling
    low         the smallest result: Z3 if a ReLU is fused, because Z3 stands for the real 0; else 0
    high        the largest result, 255 for activations of 8 bits
    law         how M acc is rounded: "fixed" or "once" in integers, "float" in float32 (`nnlite/kernels/loops/requantize.py`)
    ends_in_sums    the last step is a layer: its logits are S1 S2 acc in float32, without q3

Test: `test_the_plan_of_a_random_network_equals_its_integer_reference_bit_for_bit` in `tests/nncompress/int8/test_plan.py`.

Source: Jacob et al. 2018 (arXiv 1712.05877), eq. 1 to 5 and §2.4.
"""

import numpy as np

from nncompress.int8.requantize import add_fixed_parameters, multiplier, quantize_multiplier
from nncompress.quantization.affine import dequantize, quantize_affine
from nnlite.kernels.loops.convolution import Walk, conv2d_formula
from nnlite.kernels.loops.pooling import Window, windows
from nnlite.kernels.loops.requantize import (
    add_fixed_formula,
    add_float_formula,
    requantize_fixed_formula,
    requantize_float_formula,
)


def run_reference(plan, images):
    """The logits of an Int8Plan by the formulas: every activation minus its zero point, products and sums in int64.

    images: as the plan takes them -> the logits, equal to plan(images) bit for bit.   Errors: those of the plan's call.
    """
    first = plan.steps[0]
    x = plan.check(images)
    x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    results = [quantize_affine(x, first.S, first.Z, 0, first.high, np.uint8)]
    for step in plan.steps[1:]:
        results.append(FORMULAS[step.kind](plan, step, *(results[i] for i in step.inputs)))
    if plan.ends_in_sums:
        return results[-1]
    return dequantize(results[-1].transpose(0, 3, 1, 2) if results[-1].ndim == 4 else results[-1], plan.steps[-1].S,
                      plan.steps[-1].Z)


def _centred(plan, step, x, i=0):
    """q − Z of the step's i-th input: here the integer 0 stands for the real 0."""
    return x.astype(np.int64) - plan.steps[step.inputs[i]].Z


def _finish(plan, step, acc, S2):
    """From the sums to the result: the logits S1 S2 acc at the end, else q3 by the plan's law."""
    S1 = plan.steps[step.inputs[0]].S
    if step is plan.steps[-1] and plan.ends_in_sums:
        logits = acc.astype(np.float32) * (S1 * S2)
        return logits.transpose(0, 3, 1, 2) if logits.ndim == 4 else logits
    if plan.law != "float":
        M0, shift = quantize_multiplier(multiplier(S1, S2, step.S, np.float64))
        return requantize_fixed_formula(acc, M0, shift, step.Z, step.low, step.high, plan.law).astype(np.uint8)
    M = multiplier(S1, S2, step.S, np.float32)
    return requantize_float_formula(acc, M, step.Z, step.low, step.high).astype(np.uint8)


def _conv2d(plan, step, x):
    (O, c, kh, kw), o = step.w.shape, step.options
    (top, left), G = o["padding"], o["groups"]
    x = np.pad(_centred(plan, step, x), ((0, 0), (top, top), (left, left), (0, 0)))
    w = step.w.astype(np.int64).reshape(G, O // G, c, kh, kw).transpose(0, 3, 4, 2, 1)
    return _finish(plan, step, conv2d_formula(x, w, Walk(o["stride"], o["dilation"])) + step.b, step.w_scale)


def _linear(plan, step, x):
    return _finish(plan, step, _centred(plan, step, x) @ step.w.T.astype(np.int64) + step.b, step.w_scale)


def _max_pool2d(plan, step, x):
    o = step.options
    return windows(x, Window(*o["kernel"], *o["stride"], *o["padding"]), 0).max(axis=(-2, -1))


def _avg_pool2d(plan, step, x):
    o = step.options
    acc = windows(_centred(plan, step, x), Window(*o["kernel"], *o["stride"], *o["padding"]), 0).sum(axis=(-2, -1))
    return _finish(plan, step, acc, np.float32(1 / (o["kernel"][0] * o["kernel"][1])))


def _all_windows(step, x, padding):
    """Every window of x with a border of `padding`; below and on the right, zeros follow until the last window fits."""
    o, rows_columns = step.options, x.shape[1:3]
    (top, left) = o["padding"]
    below, right = (max(0, (out - 1) * s + k - n - 2 * p) for out, s, k, n, p in
                    zip(step.shape[1:], o["stride"], o["kernel"], rows_columns, o["padding"], strict=True))
    x = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=padding)
    return windows(np.pad(x, ((0, 0), (0, below), (0, right), (0, 0))), Window(*o["kernel"], *o["stride"], 0, 0), 0)


def _uneven_max_pool2d(plan, step, x):
    return _all_windows(step, x, 0).max(axis=(-2, -1))


def _uneven_avg_pool2d(plan, step, x):
    """As `_avg_pool2d`, but divided by the places that count: the sum of each window in an image of ones."""
    acc = _all_windows(step, _centred(plan, step, x), 0).sum(axis=(-2, -1))
    ones = np.ones((1, *x.shape[1:3], 1))
    count = _all_windows(step, ones, step.options["count_include_pad"]).sum(axis=(-2, -1))
    return _finish(plan, step, acc, (1 / count).astype(np.float32))


def _add(plan, step, x, y):
    one, two = (plan.steps[i] for i in step.inputs)
    if plan.law != "float":
        M0, shift = add_fixed_parameters(one.S, two.S, step.S)
        q = add_fixed_formula(x, y, one.Z, two.Z, M0, shift, step.Z, step.low, step.high, plan.law)
    else:
        M1, M2 = (multiplier(s.S, 1, step.S, np.float32) for s in (one, two))
        q = add_float_formula(x, y, one.Z, two.Z, M1, M2, step.Z, step.low, step.high)
    return q.astype(np.uint8)


FORMULAS = {
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "add": _add,
    "relu": lambda plan, step, x: np.maximum(x, step.Z).astype(np.uint8),
    "flatten": lambda plan, step, x: (x.transpose(0, 3, 1, 2) if x.ndim == 4 else x).reshape(len(x), -1),
    "uneven_max_pool2d": _uneven_max_pool2d,
    "uneven_avg_pool2d": _uneven_avg_pool2d,
}
