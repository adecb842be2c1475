"""Post-training quantization: a trained float32 model becomes an int8 plan, with a few inputs to calibrate it.

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.4; Krishnamoorthi 2018 (arXiv 1806.08342), §3.1.
"""

import numpy as np

from nncompress.int8.plan import LAWS, Int8Plan
from nncompress.int8.steps import RUNNERS, Int8Step
from nncompress.quantization.affine import affine_parameters, check_finite
from nncompress.quantization.bias_correction import corrected_bias
from nncompress.quantization.calibration import calibration_batches, watch
from nncompress.quantization.input_moments import InputMoments
from nncompress.quantization.observers import MinMax
from nncompress.quantization.rounding import Layer, round_nearest
from nncompress.quantization.weights import BIAS_LIMIT, checked_scales, largest_integer, quantize_bias, weight_scales
from nnlite.inference.kinds import KINDS
from nnlite.inference.lowering import lower
from nnlite.inference.plan import Plan

LARGEST_K = (2**31 - 1 - BIAS_LIMIT) // (255 * 127)
PER = ("channel", "layer")


def quantize(model, calibration, bits=8, law="fixed", *, per="channel", steps=None, input_scale=None, observer=MinMax,
             rounding=round_nearest, correct_bias=False):
    """An int8 plan of a model: integers from input to logits.

        q = clamp(round(r/S) + Z, qmin, qmax)      weights: Z = 0, one S per output channel or layer, |q| < 2^(bits−1)
                                                   activations: uint8, [low, high] by the observer
        b_q = round(b / (S_in S_w))                int32

    model: a module, or a float32 plan, as `equalize` gives one.
    calibration: inputs that look like those to come: an array or Tensor (N, C, H, W), a Dataset of floats, or an iterable of
    batches, each an array, a Tensor or (images, labels, …), as a DataLoader gives them; some hundred images do. Batches
    without images are left out.   bits: of the weights, 2 to 8, for all layers or {name of a layer: bits}; 8 for the others.
    law: "fixed" (in integers, rounded twice, gemmlowp's), "once" (in integers, rounded once) or "float" (ONNX Runtime's), see
    `requantize`.
    per: "channel", or "layer": one S_w for all channels of a layer. If its weights already lie on a grid, w = k s with
    |k| < 2^(bits−1), the layer keeps exactly these integers: q = k and S_w = s (see `grid_step`).
    steps: {name of a layer: s}, the S_w of these layers, which is then not searched for.
    observer: a class or function that makes an observer for each activation, which chooses its range (see `observers`).
    rounding: a function that chooses the integers of each layer's weights (see `rounding`).
    correct_bias: whether the biases make up for the mean error of the rounded weights (see `corrected_bias`). This and a
    rounding other than the nearest integer need the inputs of each layer in the float32 model, on the calibration images.
    input_scale: the S of the input, with Z = 0: for images x = k/255, input_scale=1/255 makes the integers the pixels k.
    -> Int8Plan, callable on float32 (N, C, H, W) -> logits float32 (N, classes).
    Errors: ValueError for NaN or infinite weights or inputs, for no images or integers to calibrate with, for other bits, law
    or per, for operations without an integer form, with their names, for steps or bits of layers that are not there, and for
    an input outside 0 … 255 input_scale.
    Source: Jacob et al. 2018 (arXiv 1712.05877), §2 and §3; per channel: Krishnamoorthi 2018 (arXiv 1806.08342), §2.6, §3.1.
    """
    if law not in LAWS:
        raise ValueError(f"quantize: the requantization law has to be one of {', '.join(LAWS)}, got {law!r}")
    if per not in PER:
        raise ValueError(f"quantize: per has to be one of {', '.join(PER)}, got {per!r}")
    _check_bits(bits)
    batches = calibration_batches(calibration)
    lowered = model.steps if isinstance(model, Plan) else lower(model, batches[0][:2])
    _check(lowered)
    steps, bits = _of_layers("steps", steps or {}, None, lowered), _of_layers("bits", bits, 8, lowered)
    observers = [None if KINDS[step.kind].moves else observer() for step in lowered]
    looks = correct_bias or rounding is not round_nearest
    moments = [InputMoments(step) if looks and step.arrays else None for step in lowered]
    watch(Plan(lowered), batches, observers, moments)
    plan = []
    for step, seen, inputs in zip(lowered, observers, moments, strict=True):
        result = Int8Step(step.kind, step.name, step.inputs, step.shape, *_scale(step, seen, plan), step.options, step.relu)
        if step.kind == "input" and input_scale is not None:
            result.S, result.Z = _fixed_scale(input_scale, *seen.range()), 0
        if step.arrays:
            result.bits = bits[step.name]
            _quantize_layer(result, step.arrays, plan[step.inputs[0]].S, steps[step.name], per, rounding, inputs, correct_bias)
        plan.append(result)
    return Int8Plan(plan, law)


def _check_bits(bits):
    for one in bits.values() if isinstance(bits, dict) else [bits]:
        if not isinstance(one, (int, np.integer)) or not 2 <= one <= 8:
            raise ValueError(f"quantize: bits has to be a whole number from 2 to 8, got {one}")


def _check(steps):
    if len(steps) == 1:
        raise ValueError("quantize: in inference this model returns its input; there is nothing to compute in integers")
    for step in steps[1:]:
        if step.kind not in RUNNERS:
            operation = type(step.options["op"]).__name__ if step.kind == "operation" else step.kind
            raise ValueError(f"quantize: {step.name} ({operation}) has no integer form here: "
                             f"{step.options.get('reason', 'this kind of step has none')}. There are {', '.join(RUNNERS)}, and "
                             "BatchNorm after a layer or of images")
        for letter, array in step.arrays.items():
            check_finite(f"quantize: {step.name}, {letter}", array)
        K = step.arrays["w"][0].size if step.arrays else 0
        if K > LARGEST_K:
            raise ValueError(f"quantize: {step.name} adds up {K} products; int32 is safe up to {LARGEST_K}")


def _of_layers(option, given, default, steps):
    """{name: value} for all layers, from one value or a dict.   ValueError for a name that no layer has."""
    layers = [step.name for step in steps if step.arrays]
    for name in given if isinstance(given, dict) else ():
        if name not in layers:
            raise ValueError(f"quantize: {option} has an entry for {name!r}; the layers are {', '.join(layers)}")
    return {name: given.get(name, default) if isinstance(given, dict) else given for name in layers}


def _fixed_scale(S, low, high):
    """The input's scale with Z = 0.   ValueError where calibration has inputs that no integer from 0 to 255 stands for."""
    if not (np.isfinite(S) and np.float32(S) >= np.finfo(np.float32).tiny):
        raise ValueError(f"quantize: input_scale has to be finite and positive, got {S}")
    if low < 0 or high > 255.5 * S:
        raise ValueError(f"quantize: input_scale {S:.6g} stands for inputs from 0 to {255 * S:.6g}, calibration has "
                         f"inputs from {low:.6g} to {high:.6g}")
    return np.float32(S)


def _scale(step, seen, earlier):
    """S and Z of a step's result."""
    if KINDS[step.kind].moves:  # integers keep their meaning
        return earlier[step.inputs[0]].S, earlier[step.inputs[0]].Z
    low, high = seen.range()
    if step.kind == "add":  # `add_fixed` reckons in steps of 2^−19 of the larger S: a result cannot be finer
        high = max(high, low + 255 * 2.0**-18 * max(earlier[i].S for i in step.inputs))
    return affine_parameters(low, high, 0, 255)


def _quantize_layer(result, arrays, S1, S_w, per, rounding, inputs, correct_bias):
    """Fill in w, b and w_scale of an Int8Step.   arrays: the float w and b; S_w: as `steps` gives it, or None."""
    w, b = arrays["w"], arrays["b"]
    try:
        S_w = weight_scales(w, b, S1, result.bits, per) if S_w is None else checked_scales(S_w, len(w))
        layer = Layer(result.name, w.reshape(len(w), -1), S_w, largest_integer(result.bits), inputs)
        q = rounding(layer)
        if correct_bias:
            b = corrected_bias(b, layer.w, S_w[:, None].astype(np.float64) * q, inputs.mean)
        result.w, result.b, result.w_scale = q.reshape(w.shape), quantize_bias(b, S1, S_w), S_w
    except ValueError as error:
        raise ValueError(f"quantize: {result.name}: {error}") from None
