"""nnlite compress: the smallest file within a budget, or a file pruned and quantized as the options say."""

import math
from dataclasses import replace
from glob import escape

import nncompress
from nncompress.pruning import magnitude_masks
from nncompress.search import Budget, Settings
from nnlite import data
from nnlite import functional as F
from nnlite.cli.common import Recipe, check_out, describe, load_task, load_trained, measure, note, retrain
from nntransfer import WithCachedTeacher, cached_logits, softened

SEARCH_STEPS, FEWEST_EPOCHS = 3000, 20  # of a search, by default
HELD_OUT = 0.1  # of the training images: they measure a search
LARGE, SHIFT = 16, 1  # with a teacher, images of this side and up are shifted by up to so many pixels


def run(arguments):
    check_out(arguments.out, ".nnz", [arguments.file, *(arguments.teacher or [])])
    budget = {"bytes": arguments.target_bytes, "ratio": arguments.target_ratio, "drop": arguments.max_drop}
    if any(value is not None for value in budget.values()):
        _refuse(arguments, "with a target, the search chooses it", "sparsity", "bits", "dense")
        return _search(arguments, Budget(**budget))
    _refuse(arguments, "only a search has it: give --target-bytes, --target-ratio or --max-drop", "teacher", "resume")
    return _by_numbers(arguments)


def _refuse(arguments, why, *names):
    """ValueError for an option that does not go with the others."""
    for name in names:
        if getattr(arguments, name) not in (None, False):
            raise ValueError(f"--{name}: {why}")


def _by_numbers(arguments):
    """Prune to --sparsity, retrain, quantize to --bits."""
    task = load_task(arguments, arguments.file)
    model, masks = load_trained(arguments.file, task, arguments.dense)
    before = arguments.file.stat().st_size
    recipe = Recipe(5 if arguments.epochs is None else arguments.epochs, arguments.lr or 0.02, arguments.batch_size,
                    arguments.seed)
    sparsity = 0.9 if arguments.sparsity is None else arguments.sparsity
    retrain(model, magnitude_masks(model, sparsity) & masks, task, recipe)
    plan = nncompress.quantize(model, task.calibration(arguments.seed), bits=arguments.bits or 6, law=arguments.law)
    plan.input = None if arguments.no_names else task.input
    nncompress.save(arguments.out, plan)
    result = measure(arguments.out, task) | note(recipe.epochs, "the pruned model was not retrained")
    result["times_smaller"] = round(4 * plan.parameters / arguments.out.stat().st_size, 2)
    return result, (f"{describe(result)}\n{arguments.file} has {before:,} bytes; the parameters in float32 would take "
                    f"{4 * plan.parameters:,}, {result['times_smaller']:.1f} times as many as the new file")


def _search(arguments, budget):
    """`nncompress.compress` on nine tenths of the training images; the others choose, the test images measure the result.

    Where FILE was trained on all training images, its accuracy on the held-out ones is too high, and so is a drop from it.
    """
    if arguments.epochs == 0:
        raise ValueError("--epochs 0: a search trains the network, so it needs at least one epoch")
    kept = arguments.out.with_suffix(".run.npz")
    for path in (arguments.file, *(arguments.teacher or [])):
        if path.resolve() in (state.resolve() for state in _states(kept)):
            raise ValueError(f"--out {arguments.out}: the search keeps its state in {path} and removes it at the end, but "
                             f"{path} is a model that is read; name another file")
    task = load_task(arguments, arguments.file, *(arguments.teacher or []))
    model, _ = load_trained(arguments.file, task)
    before = sum(p.size for p in model.parameters())
    training, held_out = task.train.split(1 - HELD_OUT, arguments.seed)
    loader, loss = _training(arguments, replace(task, train=training))
    epochs = arguments.epochs or max(FEWEST_EPOCHS, math.ceil(SEARCH_STEPS / len(loader)))
    if not arguments.resume:
        _forget(kept)
    found = nncompress.compress(model, (loader, data.DataLoader(held_out, 256, transform=task.preprocessing)), budget,
                                loss=loss, settings=Settings(epochs=epochs, lr=arguments.lr or 2e-3), law=arguments.law,
                                checkpoint=kept, input=None if arguments.no_names else task.input)
    nncompress.save(arguments.out, found.plan)
    _forget(kept)
    result = measure(arguments.out, task)
    result |= {"times_smaller": round(4 * before / result["file_bytes"], 2), "report": found.report.as_dict()}
    return result, (f"{found.report}\n{describe(result)}\nthe parameters in float32 take {4 * before:,} bytes, "
                    f"{result['times_smaller']:.1f} times as many as the new file")


def _states(kept):
    """The files in which a search keeps its state, as far as they are known: one, or one for each run of --max-drop."""
    of_a_run = kept.parent.glob(f"{escape(kept.stem)}-[0-9]*.npz")
    return [kept, *(path for path in of_a_run if path.stem.removeprefix(f"{kept.stem}-").isdecimal())]


def _forget(kept):
    """Remove what a search has kept."""
    for state in _states(kept):
        state.unlink(missing_ok=True)


def _training(arguments, task):
    """(loader, loss) of a search: labels, or what the teachers say to shifted images."""
    if not arguments.teacher:
        return task.loader(arguments.batch_size, arguments.seed), F.cross_entropy
    if task.augmentation:
        raise ValueError(f"--teacher: the logits are kept for shifts, and {arguments.data} is augmented by other transforms")
    teachers = [load_trained(path, task)[0] for path in arguments.teacher]
    pixels = SHIFT if min(task.train.images.shape[2:]) >= LARGE else 0
    cached = cached_logits(arguments.out.with_suffix(".logits.npz"), teachers, task.train, pixels, task.preprocessing)
    loader = data.DataLoader(task.train, arguments.batch_size, shuffle=True, seed=arguments.seed, indices=True,
                             shift=data.RandomShift(pixels), transform=task.preprocessing)
    return WithCachedTeacher(loader, cached), softened(temperature=2.0)
