"""nnlite fuse: make one model out of several of the same architecture."""

import copy

from tqdm import tqdm

import nnlite
from nnlite import data, plot, train
from nnlite.cli.common import (
    Recipe,
    accuracy_of,
    check_out,
    compared,
    compile_checked,
    describe,
    load_model,
    load_task,
    make_training,
    measure,
    note,
    removed,
)
from nnlite.cli.origin import made_by
from nnlite.files import check_writable
from nntransfer.distill import WithTeacher, distillation
from nntransfer.fusion import Ensemble, add_task_vectors, align, average_weights, greedy_soup, task_vector

HELD_OUT = 10  # greedy: every tenth training image chooses


def run(arguments):
    check_options(arguments)
    if arguments.method == "task" and arguments.scale is None:
        arguments.scale = 1.0
    task, models = load_task(arguments, *arguments.files), []
    for path in tqdm(arguments.files, "read", leave=False, disable=None):
        model, _ = load_model(path, own=task.own)
        models.append((compile_checked(path, model, task), model.eval()))
    accuracies = {str(path): accuracy_of(plan, task) for path, (plan, _) in zip(arguments.files, models, strict=True)}
    models = [model for _, model in models]
    accuracies["their ensemble"] = accuracy_of(Ensemble(models), task)
    fused, history, names = METHODS[arguments.method](models, task, arguments)
    masks = removed(fused, {})
    made = made_by("fuse", arguments.files, arguments, ("method", "pretrained", "epochs", "scale"), accuracies)
    metadata = {"data": arguments.data, "input": task.input.as_dict(), "made": made}
    nnlite.save(arguments.out, fused, history=history, masks=masks, metadata=metadata)
    result = measure(arguments.out, task)
    if arguments.method == "ensemble":
        result |= note(len(history), "the model is the first of the files")
    result |= {"method": arguments.method, "accuracies": accuracies} | names
    if arguments.picture is not None:
        draw(result, arguments.picture)
    averaged = f"\nthe mean of {', '.join(names['averaged'])}" if "averaged" in names else ""
    return result, describe(result) + averaged + compared(accuracies)


def check_options(arguments):
    """Errors: OSError for a file that cannot be written, ValueError for options that do not go together."""
    check_out(arguments.out, ".npz", arguments.files)
    if len(arguments.files) < 2:
        raise ValueError(f"fuse makes one model out of several; got {arguments.files[0]} alone")
    if (arguments.pretrained is not None) != (arguments.method == "task"):
        raise ValueError("--pretrained names the model that the files were fine-tuned from; --method task needs it, and no "
                         f"other method reads it, got --method {arguments.method}")
    for option in ("epochs", "lr"):
        if getattr(arguments, option) is not None and arguments.method != "ensemble":
            raise ValueError(f"--{option} is for --method ensemble; --method {arguments.method} trains nothing")
    if arguments.scale is not None and arguments.method != "task":
        raise ValueError(f"--scale is for --method task; --method {arguments.method} takes means")
    if arguments.picture is not None:
        plot.picture_kind(arguments.picture)
        check_writable(arguments.picture)


def average(models, task, arguments):
    """The mean of all weights."""
    return average_weights(models, loader=task.loader(arguments.batch_size, arguments.seed)), [], {}


def rebasin(models, task, arguments):
    """The mean of all weights, after the neurons of each model were put in the order of the first one's."""
    first, *others = models
    others = tqdm(others, "put in order", leave=False, disable=None)
    return average([first, *(align(first, model, task.example(), arguments.seed) for model in others)], task, arguments)


def greedy(models, task, arguments):
    """The mean of those models that do no harm on held-out images."""
    held_out = data.DataLoader(task.train[::HELD_OUT], 256, transform=task.preprocessing)
    loader = task.loader(arguments.batch_size, arguments.seed)
    soup, kept, _ = greedy_soup(models, lambda model: train.evaluate(model, held_out)["accuracy"], loader)
    return soup, [], {"averaged": [str(arguments.files[m]) for m in kept]}


def task_sum(models, task, arguments):
    """The pretrained model, moved by the sum of what the fine-tunings have changed."""
    pretrained, _ = load_model(arguments.pretrained, own=task.own)
    vectors = [task_vector(pretrained, model) for model in models]
    loader = task.loader(arguments.batch_size, arguments.seed)
    return add_task_vectors(pretrained, vectors, arguments.scale, loader), [], {"scale": arguments.scale}


def ensemble(models, task, arguments):
    """One model, trained on from the first one by what all of them say together."""
    student, epochs = copy.deepcopy(models[0]), 5 if arguments.epochs is None else arguments.epochs
    masks, loader = removed(student, {}), task.loader(arguments.batch_size, arguments.seed)
    recipe = Recipe(epochs, 0.01 if arguments.lr is None else arguments.lr, arguments.batch_size, arguments.seed)
    optimizer, schedule = make_training(student.parameters(), loader, recipe)
    history = train.fit(student, WithTeacher(loader, Ensemble(models)), optimizer, epochs, schedule=schedule,
                        loss=distillation(temperature=4, alpha=1), after_step=masks.apply)
    return student, history, {}


METHODS = {"average": average, "rebasin": rebasin, "greedy": greedy, "task": task_sum, "ensemble": ensemble}


def draw(result, path):
    accuracies = {result["method"]: result["accuracy"]} | result["accuracies"]
    plot.horizontal_bars({name: 100 * accuracy for name, accuracy in accuracies.items()}, "Accuracy on test images",
                         "test accuracy (%)", path)
