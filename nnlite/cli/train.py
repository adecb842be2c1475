"""nnlite train: train a model and write it to a file."""

from nncompress.pruning import Masks
from nnlite import checkpoint, train
from nnlite.architecture import architecture_of
from nnlite.cli.common import build_model, check_out, describe, load_task, make_training, measure, note, removed, with_epochs
from nnlite.cli.own_model import same_architecture

OPTIONS = ("model", "width", "data", "classes", "labels_per_class", "seed", "batch_size", "lr")  # what a run is begun with


def run(arguments):
    check_out(arguments.out, ".npz")
    if arguments.dense and not arguments.resume:
        raise ValueError("--dense needs --resume: it says how the pruned weights of that file are trained")
    saved = resumable(arguments) if arguments.resume and arguments.out.exists() else None
    task = load_task(arguments, *([arguments.out] if saved else []))
    task = task.with_few_labels(arguments.labels_per_class, arguments.seed)
    recipe = with_epochs(arguments, task, least=20)
    model = build_model(arguments.model, task, arguments.width, arguments.seed)
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(model.parameters(), loader, recipe)
    history, masks = [], Masks(model, {})
    if saved:
        check_epochs(arguments, saved, recipe.epochs)
        history = checkpoint.resume(arguments.out, model, optimizer, schedule, loader)
        check_model_and_rate(arguments, saved, model)
        masks = removed(model, saved.masks, arguments.dense)
    options = {name: getattr(arguments, name) for name in OPTIONS}
    metadata = {"data": arguments.data, "input": task.input.as_dict()}
    history = train.fit(model, loader, optimizer, recipe.epochs, schedule=schedule, history=history, after_step=masks.apply,
                        checkpoint=arguments.out, masks=masks, metadata={**metadata, "options": options})
    # a finished file is a model alone: without momentum and the like it is half as large
    checkpoint.save(arguments.out, model, history=history, masks=masks, metadata=metadata)
    result = measure(arguments.out, task) | note(len(history), "the weights are those that --seed drew")
    return result, describe(result)


def resumable(arguments):
    """The state in --out.   ValueError unless it is an unfinished run that was begun with the same options."""
    path, state = arguments.out, checkpoint.load_state(arguments.out)
    if state.optimizer is None:
        raise ValueError(f"{path} holds a finished model, there is no training to resume")
    options = state.metadata.get("options") or {}
    if not isinstance(options, dict):
        raise ValueError(f"{path}: the options of its run are {options!r}, expects a name and a value for each")
    for name in OPTIONS:
        if options.get(name, getattr(arguments, name)) != getattr(arguments, name):
            raise ValueError(f"{path} was begun with --{name.replace('_', '-')} {_shown(options[name])}, this run has "
                             f"{_shown(getattr(arguments, name))}; give the same options, or train anew without --resume")
    return state


def check_epochs(arguments, state, epochs):
    """ValueError if the file has more epochs than this run."""
    if len(state.history) > epochs:
        raise ValueError(f"{arguments.out} has {len(state.history)} epochs done, --epochs {epochs} asks for fewer")


def check_model_and_rate(arguments, state, model):
    """ValueError unless model and learning rate are those of the file, which a run in Python wrote without its options."""
    if not same_architecture(state.architecture, model):
        raise ValueError(f"{arguments.out} holds the model {state.architecture}, this run has {architecture_of(model)}")
    for group in state.optimizer["param_groups"]:
        rate = group.get("initial_lr", group.get("lr"))
        if rate != arguments.lr:
            raise ValueError(f"{arguments.out} was begun with a learning rate of {rate}, this run has --lr {arguments.lr}")


def _shown(value):
    """An option's value as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, list) else "all" if value is None else value
