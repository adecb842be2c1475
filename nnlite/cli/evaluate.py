"""nnlite evaluate: measure a file."""

from nnlite.cli.common import describe, load_task, measure


def run(arguments):
    result = measure(arguments.file, load_task(arguments))
    return result, describe(result)
