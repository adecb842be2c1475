"""nnlite compress: prune, retrain, quantize and code a model into the smallest file."""

import nncompress
from nncompress.pruning import apply_masks, magnitude_masks, nonzero_masks
from nnlite.cli.common import describe, load_task, load_trained, measure, retrain
from nnlite.files import check_writable


def run(arguments):
    check_writable(arguments.out)
    task = load_task(arguments)
    model = load_trained(arguments.file, task)
    before = arguments.file.stat().st_size
    apply_masks(model, magnitude_masks(model, arguments.sparsity))
    retrain(model, nonzero_masks(model), task, arguments)  # what was 0 before stays 0, too
    plan = nncompress.quantize(model, task.calibration(), bits=arguments.bits, law=arguments.law)
    nncompress.save(arguments.out, plan)
    result = measure(arguments.out, task) | {"times_smaller": round(4 * plan.parameters / arguments.out.stat().st_size, 2)}
    return result, (f"{describe(result)}\n{arguments.file} has {before:,} bytes; the parameters in float32 would take "
                    f"{4 * plan.parameters:,}, {result['times_smaller']:.1f} times as many as the new file")
