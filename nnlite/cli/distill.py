"""nnlite distill: train a small model on the outputs of a large one."""

import nnlite
from nnlite import train
from nnlite.cli.common import build_model, describe, load_plan, load_task, make_training, measure
from nnlite.files import check_writable
from nntransfer import WithTeacher, distillation


def run(arguments):
    check_writable(arguments.out)
    task = load_task(arguments)
    teacher, _ = load_plan(arguments.file, task)
    student = build_model(arguments.model, task, arguments.width, arguments.seed)
    history = distill(student, teacher, task, arguments, arguments.temperature, arguments.alpha)
    nnlite.save(arguments.out, student, history=history, metadata={"data": arguments.data})
    result = measure(arguments.out, task)
    return result, describe(result)


def distill(student, teacher, task, recipe, temperature, alpha):
    """Train the student on labels and the teacher's outputs; returns the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(student.parameters(), loader, recipe)
    return train.fit(student, WithTeacher(loader, teacher), optimizer, recipe.epochs, schedule=schedule,
                     loss=distillation(temperature, alpha))
