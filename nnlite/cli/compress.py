"""nnlite compress: prune, retrain, quantize and code a model into the smallest file."""

import nncompress
from nncompress.pruning import magnitude_masks
from nnlite.cli.common import check_out, describe, load_task, load_trained, measure, note, retrain


def run(arguments):
    check_out(arguments.out, ".nnz", [arguments.file])
    task = load_task(arguments)
    model, masks = load_trained(arguments.file, task, arguments.dense)
    before = arguments.file.stat().st_size
    retrain(model, magnitude_masks(model, arguments.sparsity) & masks, task, arguments)
    plan = nncompress.quantize(model, task.calibration(arguments.seed), bits=arguments.bits, law=arguments.law)
    nncompress.save(arguments.out, plan)
    result = measure(arguments.out, task) | note(arguments.epochs, "the pruned model was not retrained")
    result["times_smaller"] = round(4 * plan.parameters / arguments.out.stat().st_size, 2)
    return result, (f"{describe(result)}\n{arguments.file} has {before:,} bytes; the parameters in float32 would take "
                    f"{4 * plan.parameters:,}, {result['times_smaller']:.1f} times as many as the new file")
