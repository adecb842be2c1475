"""nnlite finetune: train a model on another task, with a new last layer."""

from functools import partial

import nnlite
from nnlite import plot
from nnlite.architecture import BUILDERS
from nnlite.checkpoint import load_state
from nnlite.cli.common import (
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
    with_epochs,
)
from nnlite.cli.origin import made_by
from nnlite.files import check_writable
from nntransfer import Tuning, fine_tune, replace_head

TOLD = ("strategy", "decay", "rank", "labels_per_class", "epochs", "seed")  # options that are kept in the file
WHOLE = ("all", "gradual", "l2sp", "lp-ft")  # strategies that train all layers at rates which --decay may set


def run(arguments):
    check_options(arguments, [arguments.file])
    task = load_task(arguments).with_few_labels(arguments.labels_per_class, arguments.seed)
    result, history = tune(arguments.file, task, arguments)
    if arguments.picture is not None:
        draw(result, history, arguments.picture)
    return result, describe(result) + compared(result.get("baselines", {}))


def check_options(arguments, files):
    """files: of models, which --out must not replace.

    Errors: OSError for a file that cannot be written, ValueError for options that do not go together.
    """
    check_out(arguments.out, ".npz", files)
    if arguments.picture is not None:
        plot.picture_kind(arguments.picture)
        check_writable(arguments.picture)
    if arguments.decay is not None and arguments.strategy not in WHOLE:
        raise ValueError(f"--decay is about the layers below the new one, whose rates --strategy {arguments.strategy} sets "
                         f"itself or which it does not train; it goes with {', '.join(WHOLE)}")
    if arguments.rank is not None and arguments.strategy != "lora":
        raise ValueError(f"--rank is about the adapters of --strategy lora, not about {arguments.strategy}")


def tune(path, task, arguments, command="finetune", scores=None):
    """Fine-tune the model of a file and write --out -> (its measurement, with the baselines if asked for; the history).

    command, scores: for what the file says of its own making.
    """
    model, masks = load_model(path, arguments.dense, task.own)
    head = replace_head(model, task.train.classes, rng=arguments.seed)
    for name in (f"{head}.weight", f"{head}.bias"):
        masks.pop(name, None)  # the new layer is whole
    if masks and arguments.strategy == "lora":
        raise ValueError(f"{path} is pruned, and --strategy lora changes every weight; give --dense, or another strategy")
    compile_checked(path, model, task)
    recipe = with_epochs(arguments, task, least=10)
    given = {name: getattr(arguments, name) for name in ("decay", "rank") if getattr(arguments, name) is not None}
    history = finetune(model, task, recipe, arguments.strategy, after_step=masks.apply, **given)
    others = baselines(path, task, recipe, arguments) if arguments.baselines else {}
    made = made_by(command, [path], arguments, TOLD, others, scores)
    nnlite.save(arguments.out, model, history=history, masks=masks,
                metadata={"data": arguments.data, "input": task.input.as_dict(), "made": made})
    result = measure(arguments.out, task) | note(recipe.epochs, "the new last layer has the weights that --seed drew")
    result |= {"strategy": arguments.strategy} | ({"baselines": others} if others else {})
    return result, history


def finetune(model, task, recipe, strategy="gradual", **options):
    """Train a model that has its new last layer by one of `nntransfer.finetune.STRATEGIES` -> the history.

    options: decay, rank and after_step of `nntransfer.Tuning`.
    """
    # L2-SP's own decay is towards the pretrained weights
    training = partial(make_training, weight_decay=0.0) if strategy == "l2sp" else make_training
    loader = task.loader(recipe.batch_size, recipe.seed)
    tuning = Tuning(loader, recipe.epochs, recipe.lr, seed=recipe.seed, make_training=training, **options)
    return fine_tune(model, strategy, tuning)


def baselines(path, task, recipe, arguments):
    """{name: test accuracy} of what fine-tuning has to beat, with as many epochs at the same rate."""
    architecture = load_state(path).architecture or {}
    if architecture.get("name") not in BUILDERS:
        raise ValueError(f"--baselines trains a new model like that of {path} from scratch, and no function of nnlite.models "
                         "builds one")
    scratch = BUILDERS[architecture["name"]](**architecture["arguments"] | {"classes": task.train.classes,
                                                                            "seed": arguments.seed})
    finetune(scratch, task, recipe, "all")
    head, _ = load_model(path, arguments.dense, task.own)
    replace_head(head, task.train.classes, rng=arguments.seed)
    finetune(head, task, recipe, "head")
    return {name: accuracy_of(model, task) for name, model in (("scratch", scratch), ("head only", head))}


def draw(result, history, path):
    """The training curves; beside baselines, the accuracies as bars."""
    if "baselines" in result:
        accuracies = {result["strategy"]: result["accuracy"]} | result["baselines"]
        plot.horizontal_bars({name: 100 * accuracy for name, accuracy in accuracies.items()}, "Accuracy on test images",
                             "test accuracy (%)", path)
    elif history:
        plot.training_curves(history, path)
    else:
        raise ValueError("--picture shows the training, and --epochs 0 trains nothing")
