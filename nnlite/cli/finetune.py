"""nnlite finetune: train a model on another task, with a new last layer."""

import numpy as np

import nnlite
from nnlite import train
from nnlite.cli.common import compile_checked, describe, load_model, load_task, make_training, measure
from nnlite.files import check_writable
from nntransfer import discriminative_groups, replace_head, thaw


def run(arguments):
    check_writable(arguments.out)
    task = load_task(arguments)
    model = load_model(arguments.file)
    replace_head(model, task.train.classes, rng=arguments.seed)
    compile_checked(arguments.file, model, task)
    if arguments.labels_per_class is not None:
        task.train = task.train.few(arguments.labels_per_class, np.random.default_rng(arguments.seed))
    history = finetune(model, task, arguments, arguments.freeze, arguments.decay)
    nnlite.save(arguments.out, model, history=history, metadata={"data": arguments.data, "classes": arguments.classes})
    result = measure(arguments.out, task)
    return result, describe(result)


def finetune(model, task, recipe, frozen="gradual", decay=1.0):
    """Train with the layers frozen as --freeze says, each layer at `decay` times the rate of the one above; the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(discriminative_groups(model, recipe.lr, decay), loader, recipe)
    history = []
    for epoch in range(recipe.epochs):
        if frozen != "none":
            thaw(model, epoch if frozen == "gradual" else 0)
        history = train.fit(model, loader, optimizer, epoch + 1, schedule=schedule, history=history)
    return history
