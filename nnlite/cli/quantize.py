"""nnlite quantize: turn a model into one that computes in 8-bit integers."""

import nncompress
from nnlite.cli.common import check_out, describe, load_task, load_trained, measure


def run(arguments):
    check_out(arguments.out, ".nnz", [arguments.file])
    task = load_task(arguments)
    model, _ = load_trained(arguments.file, task)
    plan = nncompress.quantize(model, task.calibration(arguments.seed), bits=arguments.bits, law=arguments.law)
    nncompress.save(arguments.out, plan)
    result = measure(arguments.out, task)
    return result, describe(result)
