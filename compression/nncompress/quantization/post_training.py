"""Post-training quantization: a trained float32 model becomes an int8 plan, with a few inputs to calibrate it.

Source: Jacob et al. 2018 (arXiv 1712.05877), §2.4; Krishnamoorthi 2018 (arXiv 1806.08342), §3.1.
"""

import numpy as np

from nncompress.int8.plan import LAWS, Int8Plan
from nncompress.int8.steps import RUNNERS, Int8Step
from nncompress.quantization.affine import check_finite, quantize_affine, usable_scale
from nncompress.quantization.calibration import MinMax, activation_parameters
from nnlite.data.dataset import Dataset
from nnlite.inference.kinds import KINDS
from nnlite.inference.lowering import lower
from nnlite.inference.plan import Plan
from nnlite.tensor import Tensor

BIAS_LIMIT = 2**30  # half of int32 for the bias, half for the sum of products
LARGEST_K = (2**31 - 1 - BIAS_LIMIT) // (255 * 127)


def quantize(model, calibration, bits=8, law="fixed"):
    """An int8 plan of a model: integers from input to logits.

        q = clamp(round(r/S) + Z, qmin, qmax)      weights: Z = 0, one S per output channel, |q| < 2^(bits−1)
                                                   activations: uint8, [low, high] as seen in calibration
        b_q = round(b / (S_in S_w))                int32

    calibration: inputs that look like those to come: an array or Tensor (N, C, H, W), a Dataset of floats, or an iterable of
    batches, each an array, a Tensor or (images, labels, …), as a DataLoader gives them; some hundred images do. Batches
    without images are left out.   bits: of the weights, 2 to 8.
    law: "fixed" (integers only, gemmlowp's) or "float" (ONNX Runtime's), see `requantize`.
    -> Int8Plan, callable on float32 (N, C, H, W) -> logits float32 (N, classes).
    Errors: ValueError for NaN or infinite weights or inputs, no images or integers to calibrate with, bits, law, operations
    without an integer form.
    Source: Jacob et al. 2018 (arXiv 1712.05877), §2 and §3; per channel: Krishnamoorthi 2018 (arXiv 1806.08342), §3.1.
    """
    if not isinstance(bits, (int, np.integer)) or not 2 <= bits <= 8:
        raise ValueError(f"quantize: bits has to be a whole number from 2 to 8, got {bits}")
    if law not in LAWS:
        raise ValueError(f"quantize: the requantization law has to be one of {', '.join(LAWS)}, got {law!r}")
    batches = list(_batches(calibration))
    if not batches:
        raise ValueError("quantize: calibration holds no images; some hundred training images do")
    steps = lower(model, batches[0][:2])
    _check(steps)
    seen = _calibrate(steps, batches)
    quantized = []
    for step, range_seen in zip(steps, seen, strict=True):
        quantized.append(_quantize_step(step, range_seen, quantized, bits))
    return Int8Plan(quantized, law)


def _batches(calibration):
    """The calibration's images, batch by batch, as float32; batches without images are left out."""
    if isinstance(calibration, Dataset):
        calibration = calibration.images
    if isinstance(calibration, (np.ndarray, Tensor)):
        images = _array(calibration)
        calibration = [images[i : i + 256] for i in range(0, len(images), 256)]
    shape = None
    for batch in calibration:
        images = _array(batch[0] if isinstance(batch, (tuple, list)) else batch)
        if images.dtype.kind != "f":
            raise ValueError(f"quantize: calibration holds {images.dtype}, expects floats as the model takes them")
        shape = images.shape[1:] if shape is None else shape
        if images.shape[1:] != shape:
            raise ValueError(f"quantize: a calibration batch has images of shape {images.shape[1:]}, the first one {shape}")
        if len(images):
            yield images.astype(np.float32, copy=False)


def _array(images):
    return images.data if isinstance(images, Tensor) else np.asarray(images)


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


def _calibrate(steps, batches):
    """The range of every step's result over all batches."""
    plan, seen = Plan(steps), [MinMax() for _ in steps]
    for batch in batches:
        check_finite("quantize: calibration", batch)
        for range_seen, result in zip(seen, plan.run(batch), strict=True):
            range_seen.observe(result)
    return seen


def _quantize_step(step, seen, earlier, bits):
    if KINDS[step.kind].moves:  # integers keep their meaning
        S, Z = earlier[step.inputs[0]].S, earlier[step.inputs[0]].Z
    else:
        if step.kind == "add":  # `add_fixed` reckons in steps of 2^−19 of the larger S: a result cannot be finer
            seen.observe(seen.low + 255 * 2.0**-18 * max(earlier[i].S for i in step.inputs))
        S, Z = activation_parameters(seen)
    result = Int8Step(step.kind, step.name, step.inputs, step.shape, S, Z, step.options, step.relu)
    if step.arrays:
        S1 = earlier[step.inputs[0]].S
        result.w, result.b, result.w_scale = quantize_weights(step.arrays["w"], step.arrays["b"], S1, bits)
        result.bits = bits
    return result


def quantize_weights(w, b, S1, bits):
    """w (O, …), b (O,) float -> w int8, b int32 in steps of S1 S_w, and S_w (O,) float32.

        S_w = max(max |w| / qmax, |b| / (S1 2^30))      qmax = 2^(bits−1) − 1

    Where the weights of a channel are tiny beside its bias, or all zero, the bias decides: it then fits into int32, and
    keeps its digits.
    """
    top = 2 ** (bits - 1) - 1
    largest = np.abs(w).reshape(len(w), -1).max(axis=1, initial=0)
    with np.errstate(over="ignore"):
        scale = usable_scale(np.maximum(largest / top, np.abs(b) / (np.float64(S1) * BIAS_LIMIT)))
    check_finite("quantize: the scales of the weights", scale)
    q = quantize_affine(w, scale, 0, -top, top, np.int8)
    b = np.clip(np.rint(b / (np.float64(S1) * scale)), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)
    return q, b, scale
