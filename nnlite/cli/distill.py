"""nnlite distill: train a small model on the outputs of a large one."""

import nnlite
from nncompress.pruning import Masks
from nnlite import train
from nnlite.cli.common import build_model, check_out, describe, load_plan, load_task, load_trained, make_training, measure, note
from nntransfer import WithTeacher, distillation


def run(arguments):
    check_out(arguments.out, ".npz")
    if arguments.student is not None and (arguments.model or arguments.width):
        raise ValueError("--student names a model; --model and --width would make another")
    if arguments.dense and arguments.student is None:
        raise ValueError("--dense needs --student: it says how the weights of that model are trained")
    task = load_task(arguments)
    teacher, _ = load_plan(arguments.file, task)
    if task.for_plan(teacher) is not task:
        raise ValueError(f"{arguments.file} takes pixels that are not normalized, the student gets normalized ones; give the "
                         ".npz of a teacher")
    if arguments.student is None:
        student = build_model(arguments.model or "cnn", task, arguments.width or 0.25, arguments.seed)
        masks = Masks(student, {})
    else:
        student, masks = load_trained(arguments.student, task, arguments.dense)
    history = distill(student, teacher, task, arguments, arguments.temperature, arguments.alpha, masks.apply)
    nnlite.save(arguments.out, student, history=history, masks=masks, metadata={"data": arguments.data})
    result = measure(arguments.out, task) | note(arguments.epochs, "the student has its first weights")
    return result, describe(result)


def distill(student, teacher, task, recipe, temperature, alpha, after_step=None):
    """Train the student on labels and the teacher's outputs, with `after_step` after each step; returns the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(student.parameters(), loader, recipe)
    return train.fit(student, WithTeacher(loader, teacher), optimizer, recipe.epochs, schedule=schedule,
                     loss=distillation(temperature, alpha), after_step=after_step)
