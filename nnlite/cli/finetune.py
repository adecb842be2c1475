"""nnlite finetune: train a model on another task, with a new last layer."""

import nnlite
from nnlite import train
from nnlite.cli.common import (
    check_out,
    compile_checked,
    describe,
    load_model,
    load_task,
    make_training,
    measure,
    note,
    with_epochs,
)
from nntransfer import discriminative_groups, replace_head, thaw


def run(arguments):
    check_out(arguments.out, ".npz")
    if arguments.freeze == "body" and arguments.decay is not None:
        raise ValueError("--decay is about the layers below the new one, which --freeze body does not train")
    task = load_task(arguments).with_few_labels(arguments.labels_per_class, arguments.seed)
    model, masks = load_model(arguments.file, arguments.dense)
    head = replace_head(model, task.train.classes, rng=arguments.seed)
    for name in (f"{head}.weight", f"{head}.bias"):
        masks.pop(name, None)  # the new layer is whole
    compile_checked(arguments.file, model, task)
    recipe = with_epochs(arguments, task, least=10)
    decay = 1.0 if arguments.decay is None else arguments.decay
    history = finetune(model, task, recipe, arguments.freeze or "gradual", decay, masks.apply)
    nnlite.save(arguments.out, model, history=history, masks=masks,
                metadata={"data": arguments.data, "classes": arguments.classes})
    result = measure(arguments.out, task) | note(recipe.epochs, "the new last layer has the weights that --seed drew")
    return result, describe(result)


def finetune(model, task, recipe, frozen="gradual", decay=1.0, after_step=None):
    """Train with the layers frozen as --freeze says, each layer at `decay` times the rate of the one above; the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(discriminative_groups(model, recipe.lr, decay), loader, recipe)
    history = []
    for epoch in range(recipe.epochs):
        if frozen != "none":
            thaw(model, epoch if frozen == "gradual" else 0)
        history = train.fit(model, loader, optimizer, epoch + 1, schedule=schedule, history=history, after_step=after_step)
    return history
