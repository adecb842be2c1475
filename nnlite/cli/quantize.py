"""nnlite quantize: turn a model into one that computes in 8-bit integers."""

from functools import partial

import numpy as np

import nncompress
from nncompress.quantization import bit_sensitivity, bits_for_budget, equalize
from nncompress.quantization.observers import Entropy, MinMax, MovingAverage, Percentile, SquaredError
from nncompress.quantization.rounding import adaround, round_nearest
from nnlite import functional as F
from nnlite.cli.common import check_out, describe, load_task, load_trained, measure

SMALL_BATCHES = 16  # that a moving average is taken over
OBSERVERS = {"minmax": MinMax, "average": partial(MovingAverage, rate=0.1), "percentile": Percentile, "mse": SquaredError,
             "kl": Entropy}
ROUNDINGS = {"nearest": round_nearest, "adaround": adaround}


def run(arguments):
    check_out(arguments.out, ".nnz", [arguments.file])
    if arguments.equalize and arguments.per == "channel":
        raise ValueError("--equalize makes the channels of a layer fit one step; with --per channel each has its own")
    task = load_task(arguments, arguments.file)
    model, _ = load_trained(arguments.file, task)
    images = task.calibration(arguments.seed)
    calibration = np.array_split(images, SMALL_BATCHES) if arguments.observer == "average" else images
    model = equalize(model, images[:1]) if arguments.equalize else model
    options = {"law": arguments.law, "per": arguments.per, "observer": OBSERVERS[arguments.observer],
               "correct_bias": arguments.bias_correction}
    bits = arguments.bits or 8
    if arguments.bits_for_budget is not None:
        bits = _bits_for_budget(model, calibration, task, arguments, options)
    plan = nncompress.quantize(model, calibration, bits, rounding=ROUNDINGS[arguments.rounding], **options)
    plan.input = None if arguments.no_names else task.input
    nncompress.save(arguments.out, plan)
    result = measure(arguments.out, task)
    if arguments.bits_for_budget is None:
        return result, describe(result)
    listed = ", ".join(f"{name} {n}" for name, n in bits.items())
    return result | {"bits": bits}, f"{describe(result)}\nbits: {listed}"


def _bits_for_budget(model, calibration, task, arguments, options):
    """{layer: bits}, from what the bits of each layer do to the loss on the calibration's images, all rounded to nearest."""
    x, y = task.calibration(arguments.seed), task.some(arguments.seed).labels
    sizes = {step.name: step.w.size for step in nncompress.quantize(model, calibration, **options).steps if step.w is not None}
    fewest = sum(-(-2 * size // 8) for size in sizes.values())
    if arguments.bits_for_budget < fewest:
        raise ValueError(f"--bits-for-budget {arguments.bits_for_budget}: the weights take {fewest} bytes with 2 bits each")
    increases = bit_sensitivity(model, calibration, lambda plan: float(F.cross_entropy(plan(x), y).data), **options)
    return bits_for_budget(increases, sizes, arguments.bits_for_budget)
