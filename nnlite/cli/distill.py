"""nnlite distill: train a small model on the outputs of a large one, on its features, or together with it."""

from dataclasses import replace

import numpy as np

import nnlite
from nncompress.pruning import Masks
from nnlite import data, plot, train
from nnlite.cli.common import (
    accuracy_of,
    build_model,
    check_out,
    compared,
    describe,
    is_nnz,
    load_plan,
    load_task,
    load_trained,
    make_training,
    measure,
    note,
)
from nnlite.cli.origin import made_by
from nnlite.cli.own_model import is_own_model, read_model
from nntransfer.distill import (
    Cohort,
    Decoupled,
    Hints,
    Labels,
    OnFeatures,
    OnLogits,
    SoftTargets,
    Unlabelled,
    angle_loss,
    attention_loss,
    distance_loss,
    mutual_loss,
    noise,
    without_classes,
)
from nntransfer.distill import distill as train_student

WEIGHT = {"attention": 10.0, "relational": 25.0}  # of what is added to Hinton's loss
LAYERED = ("hints", *WEIGHT)
TOLD = ("loss", "temperature", "alpha", "layers", "weight", "transfer_set", "without", "epochs", "seed")  # kept in the file


def run(arguments):
    check_out(arguments.out, ".npz", [arguments.file])
    check_options(arguments)
    files = [arguments.file, *([arguments.student] if arguments.student else [])]
    task = load_task(arguments, *files)
    teacher = load_teacher(arguments, task)
    if arguments.loss != "mutual":
        arguments.temperature = 4.0 if arguments.temperature is None else arguments.temperature
        arguments.alpha = (1.0 if arguments.transfer_set else 0.9) if arguments.alpha is None else arguments.alpha
    shown = replace(task, train=transfer_set(arguments, task))
    accuracies = {"the teacher": accuracy_of(teacher, task)}
    if arguments.student is None:
        student = build_model(arguments.model or "cnn", task, arguments.width or 0.25, arguments.seed)
        masks = Masks(student, {})
    else:
        student, masks = load_trained(arguments.student, task, arguments.dense)
    if arguments.loss == "mutual":
        history = together(student, teacher, shown, arguments, masks.apply)
    else:
        if arguments.loss == "hints":
            follow_hints(student, teacher, shown, arguments, masks.apply)
        history = with_losses(student, teacher, shown, arguments, losses_of(arguments), masks.apply)
    metadata = {"data": arguments.data, "input": task.input.as_dict(),
                "made": made_by("distill", files, arguments, TOLD, accuracies)}
    nnlite.save(arguments.out, student, history=history, masks=masks, metadata=metadata)
    if arguments.picture:
        plot.training_curves(history, arguments.picture)
    result = measure(arguments.out, task) | note(arguments.epochs, "the student has its first weights")
    result |= {"method": arguments.loss, "accuracies": accuracies}
    return result, describe(result) + compared(accuracies)


def check_options(arguments):
    """ValueError for options that do not go together."""
    if arguments.student is not None and (arguments.model and not is_own_model(arguments.model) or arguments.width):
        raise ValueError("--student names a model; --model and --width would make another")
    if arguments.dense and arguments.student is None:
        raise ValueError("--dense needs --student: it says how the weights of that model are trained")
    if arguments.layers and arguments.loss not in LAYERED:
        raise ValueError(f"--layers is for --loss {', '.join(LAYERED)}; --loss {arguments.loss} looks at no layer")
    if arguments.loss in ("hints", "attention") and not arguments.layers:
        raise ValueError(f"--loss {arguments.loss} needs --layers, such as relu2:relu2, the student's layer first")
    if arguments.weight is not None and arguments.loss not in WEIGHT:
        raise ValueError(f"--weight is for --loss {', '.join(WEIGHT)}, which add a part to Hinton's loss")
    for option in ("temperature", "alpha"):
        if getattr(arguments, option) is not None and arguments.loss == "mutual":
            raise ValueError(f"--{option} is about what a teacher says; in --loss mutual both models learn alike, without it")
    if arguments.transfer_set and arguments.without:
        raise ValueError("--without chooses by label, and the images of --transfer-set have none")
    if arguments.transfer_set and arguments.loss in ("mutual", "decoupled"):
        raise ValueError(f"--loss {arguments.loss} needs labels, and the images of --transfer-set have none")
    if arguments.transfer_set and arguments.alpha not in (None, 1):
        raise ValueError(f"--alpha {arguments.alpha:g} gives labels a share of the loss, and the images of --transfer-set have "
                         "none")
    if arguments.picture:
        plot.picture_kind(arguments.picture)
        if arguments.epochs == 0:
            raise ValueError("--picture draws the training, and with --epochs 0 there is none")


def transfer_set(arguments, task):
    """The images that the student learns from.   ValueError for images that the models do not take."""
    own = task.train
    if arguments.without:
        return without_classes(own, arguments.without)
    if not arguments.transfer_set:
        return own
    if arguments.transfer_set == "noise":
        if own.images.dtype != np.uint8:
            raise ValueError(f"--transfer-set noise is made of bytes, the images of {arguments.data} are {own.images.dtype}")
        return noise(len(own), own.images.shape[1:], arguments.seed, own.classes)
    other, _ = data.load(arguments.transfer_set)
    if (other.images.shape[1:], other.images.dtype) != (own.images.shape[1:], own.images.dtype):
        raise ValueError(f"--transfer-set {arguments.transfer_set} has images of shape {other.images.shape[1:]}, "
                         f"{other.images.dtype}, the models take {own.images.shape[1:]}, {own.images.dtype}")
    return Unlabelled(other.images, own.classes)


def load_teacher(arguments, task):
    """A plan, which is quick; a Module where its features are looked at, or where it trains, too."""
    plan, _ = load_plan(arguments.file, replace(task, own=arguments.teacher_model))
    if task.for_plan(plan) is not task:
        raise ValueError(f"{arguments.file} takes pixels that are not normalized, the student gets normalized ones; give the "
                         ".npz of a teacher")
    if not arguments.layers and arguments.loss != "mutual":
        return plan
    if is_nnz(arguments.file):
        raise ValueError(f"--loss {arguments.loss} looks into the teacher, and {arguments.file} has only outputs; give the "
                         ".npz that it was made from")
    return read_model(arguments.file, arguments.teacher_model)


def losses_of(arguments):
    """The weighted losses that --loss, --temperature, --alpha, --weight and --layers name."""
    T, alpha = arguments.temperature, arguments.alpha
    taught = Decoupled(T) if arguments.loss == "decoupled" else SoftTargets(T)
    losses = [(alpha, taught)] if arguments.transfer_set else [(1 - alpha, Labels()), (alpha, taught)]
    weight = WEIGHT.get(arguments.loss) if arguments.weight is None else arguments.weight
    if arguments.loss == "attention":
        losses.append((weight, OnFeatures(attention_loss, arguments.layers)))
    if arguments.loss == "relational":  # the paper has twice the weight on angles
        losses += [(share * weight, OnFeatures(function, arguments.layers) if arguments.layers else OnLogits(function))
                   for share, function in ((1, distance_loss), (2, angle_loss))]
    return losses


def distill(student, teacher, task, recipe, temperature, alpha, after_step=None):
    """Train the student on labels and the teacher's outputs, with `after_step` after each step; returns the history."""
    losses = [(1 - alpha, Labels()), (alpha, SoftTargets(temperature))]
    return with_losses(student, teacher, task, recipe, losses, after_step)


def with_losses(student, teacher, task, recipe, losses, after_step=None):
    """Train the student on weighted losses; returns the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(student.parameters(), loader, recipe)
    return train_student(student, teacher, loader, optimizer, recipe.epochs, losses, schedule=schedule, after_step=after_step)


def follow_hints(student, teacher, task, arguments, after_step):
    """The first stage of FitNets: a quarter as many epochs on the hints alone."""
    hints = Hints(arguments.layers, student, teacher, task.example(), arguments.seed)
    epochs = -(-arguments.epochs // 4)
    loader = task.loader(arguments.batch_size, arguments.seed)
    optimizer = nnlite.optim.Adam([*student.parameters(), *hints.parameters()])
    train_student(student, teacher, loader, optimizer, epochs, [(1, hints)], after_step=after_step)


def together(student, peer, task, recipe, after_step):
    """Mutual learning: both models train; returns the history, which counts what the student gets right."""
    cohort, loader = Cohort([student, peer]), task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(cohort.parameters(), loader, recipe)
    return train.fit(cohort, loader, optimizer, recipe.epochs, mutual_loss, schedule=schedule, after_step=after_step)
