"""nnlite train: train a model and write it to a file."""

from nnlite import checkpoint, train
from nnlite.cli.common import build_model, describe, load_task, make_training, measure
from nnlite.files import check_writable


def run(arguments):
    check_writable(arguments.out)
    task = load_task(arguments)
    model = build_model(arguments.model, task, arguments.width, arguments.seed)
    loader = task.loader(arguments.batch_size, arguments.seed)
    optimizer, schedule = make_training(model.parameters(), loader, arguments)
    history = []
    if arguments.resume and arguments.out.exists():
        if checkpoint.load_state(arguments.out).optimizer is None:
            raise ValueError(f"{arguments.out} holds a finished model, there is no training to resume")
        history = checkpoint.resume(arguments.out, model, optimizer, schedule, loader)
    history = train.fit(model, loader, optimizer, arguments.epochs, schedule=schedule, history=history,
                        checkpoint=arguments.out)
    # a finished file is a model alone: without momentum and the like it is half as large
    checkpoint.save(arguments.out, model, history=history, metadata={"data": arguments.data})
    result = measure(arguments.out, task)
    return result, describe(result)
