"""What several commands need: the data, a model that fits it, a training run, a measurement."""

import inspect
import math
import statistics
import time
from dataclasses import dataclass, replace

import numpy as np

import nncompress
import nnlite
from nncompress.pruning import Masks, nonzero_masks
from nnlite import checkpoint, data, models, optim, train
from nnlite.architecture import architecture_of
from nnlite.cli.inputs import is_nnz, stored_input
from nnlite.cli.own_model import build_own, check_own, is_own_model, read_model
from nnlite.data.input import check_same_input
from nnlite.files import check_ending, check_writable

CALIBRATION_IMAGES = 512
BATCH, REPEATS = 256, 7  # of test images, when a model is timed
FEWEST_STEPS = 200  # what a training takes by default, however few images there are


@dataclass
class Task:
    """A data set: its two parts, the transforms for every image, and the random transforms for training images."""

    train: data.Dataset
    test: data.Dataset
    preprocessing: list
    augmentation: list
    classes: list | None = None  # those chosen from a data set
    own: str | None = None  # --model my_net.py:Net, for files of the user's own models
    name: str = ""  # of the data set, as --data has it

    def loader(self, batch_size, seed):
        """Shuffled batches of the training part."""
        return data.DataLoader(self.train, batch_size, shuffle=True, seed=seed,
                               transform=[*self.augmentation, *self.preprocessing])

    def with_few_labels(self, per_class, seed):
        """The Task with only `per_class` training images of each class, drawn at random; None keeps all images."""
        return self if per_class is None else replace(self, train=self.train.few(per_class, np.random.default_rng(seed)))

    def plain_loader(self, batch_size):
        """The training part in its order, without random transforms."""
        return data.DataLoader(self.train, batch_size, transform=self.preprocessing)

    def test_loader(self):
        return data.DataLoader(self.test, 256, transform=self.preprocessing)

    def some(self, seed):
        """Some training images with their labels, drawn at random: a Dataset."""
        return self.train[np.random.default_rng(seed).permutation(len(self.train))[:CALIBRATION_IMAGES]]

    def calibration(self, seed):
        """The images of `some`, prepared as `quantize` takes them."""
        return self.prepared(self.some(seed).images)

    def example(self):
        """One image of zeros."""
        return np.zeros((1, *self.train.images.shape[1:]), np.float32)

    def for_plan(self, plan):
        """The Task with the images that a plan takes, normalized as its file says.

        Where the file does not say it: pixels ÷ 255, not normalized, if the plan's input has the scale 1/255. An int8 plan
        whose input has the zero point 0 knows no integer for a normalized pixel below 0.
        """
        if plan.input is not None:
            return self.normalized_as(plan.input)
        pixels = self.test.images.dtype == np.uint8 and takes_pixels(plan)
        return replace(self, preprocessing=[data.ToFloat()]) if pixels else self

    def for_file(self, path):
        """The Task with images normalized as a model's file says.   ValueError if the file is of other classes or images."""
        stored = stored_input(path)
        if stored is None:
            return self
        check_same_input(path, stored, self.input)
        return self.normalized_as(stored)

    def normalized_as(self, stored):
        """The Task with the normalization of an Input; this one where nothing changes."""
        return self if stored.normalizes_like(self.input) else replace(self, preprocessing=stored.preprocessing)

    @property
    def input(self):
        """What a model takes that is trained on this Task."""
        return replace(data.input_of(self.train, self.preprocessing), names=tuple(self.names()))

    def names(self):
        """The names of the classes; without names, their numbers in the whole data set as text."""
        return [str(name) for name in self.train.names or self.classes or range(self.train.classes)]

    def prepared(self, images):
        for transform in self.preprocessing:
            images = transform(images, None)
        return images


def load_task(arguments, *files):
    """The data set that --data, --data-dir and --classes name, normalized as these files of models say.

    Errors: ValueError where a file is of other classes or other images, or two files are normalized in two ways.
    """
    model = getattr(arguments, "model", None)
    task = replace(make_task(arguments.data, arguments.data_dir, arguments.classes), own=model if is_own_model(model) else None)
    tasks = [task.for_file(path) for path in files] or [task]
    for path, other in zip(files, tasks, strict=False):
        if not other.input.normalizes_like(tasks[0].input):
            raise ValueError(f"{files[0]} and {path} normalize images in two ways, by {tasks[0].preprocessing[-1]} and by "
                             f"{other.preprocessing[-1]}; together they cannot be trained")
    return tasks[0]


def make_task(name, data_dir=None, classes=None):
    """A data set; with `classes`, only these, numbered from 0 in this order."""
    parts = data.load(name, data_dir)
    preprocessing = data.preprocessing(name if name in data.NAMES else parts[0])
    if classes is not None:
        parts = [part.of_classes(classes) for part in parts]
    return Task(*parts, preprocessing, data.augmentation(name), classes, name=str(name))


def build_model(name, task, width=1.0, seed=0):
    """One of the models, or one of the user's own, for this task's images and classes."""
    model = build_for(name, task.train.images.shape[1:], task.train.classes, width, seed)
    if is_own_model(name):
        check_own(name, model, task.example())
    return model


def build_for(name, shape, classes, width, seed):
    """One of the models, or one of the user's own, for images of this shape and this number of classes.

    shape, classes: None for the usual values of the model.
    """
    fitting = {"classes": classes} if classes else {}
    if shape:
        channels, *size = shape
        fitting |= {"in_features": math.prod(shape), "in_channels": channels, "image_size": _short(size)}
    fitting |= {"width": width, "seed": seed}
    if is_own_model(name):
        return build_own(name, fitting)
    build = getattr(models, name.replace("-", "_"))
    expects = inspect.signature(build).parameters
    if shape and not size and "in_channels" in expects:
        raise ValueError(f"{name} takes images, the data has rows of {channels} numbers; mlp and lenet-300-100 take these")
    return build(**{key: fitting[key] for key in fitting if key in expects})


def _short(size):
    """[H, W] as one number where they are equal."""
    return size[0] if len(set(size)) == 1 else list(size)


@dataclass
class Recipe:
    """How long and how fast to train; a command's arguments have the same fields."""

    epochs: int
    lr: float
    batch_size: int = 64
    seed: int = 0


def with_epochs(arguments, task, least):
    """The Recipe of a command. Without --epochs it has `least` epochs, or more, so that there are FEWEST_STEPS steps."""
    epochs = arguments.epochs
    if epochs is None:
        epochs = max(least, math.ceil(FEWEST_STEPS / len(task.loader(arguments.batch_size, arguments.seed))))
    return Recipe(epochs, arguments.lr, arguments.batch_size, arguments.seed)


def make_training(params, loader, recipe, weight_decay=5e-4):
    """SGD with momentum; the learning rate rises for a tenth of the steps, then falls to 0 along a cosine."""
    optimizer = optim.SGD(params, lr=recipe.lr, momentum=0.9, weight_decay=weight_decay)
    steps = max(2, recipe.epochs * len(loader))
    warmup = max(1, steps // 10)
    falling = optim.CosineAnnealingLR(optimizer, steps - warmup)
    return optimizer, optim.LinearWarmup(optimizer, warmup, then=falling, start_factor=0.1)


def retrain(model, masks, task, recipe):
    """Train a pruned model further, with the removed weights kept at 0; returns the history."""
    loader = task.loader(recipe.batch_size, recipe.seed)
    optimizer, schedule = make_training(model.parameters(), loader, recipe)
    masks.apply()
    return train.fit(model, loader, optimizer, recipe.epochs, schedule=schedule, after_step=masks.apply)


def load_model(path, dense=False, own=None):
    """The model of an .npz file, and Masks of its removed weights; with `dense` the Masks are empty.

    own: --model my_net.py:Net, for a file of such a model.
    The removed weights are those that the file's masks remove, and those that are 0.
    Errors: ValueError for an .nnz file.
    """
    if is_nnz(path):
        raise ValueError(f"{path} holds integers, which can be trained or quantized no further; give the .npz file that it was "
                         "made from")
    model = read_model(path, own)
    return model, removed(model, checkpoint.load_state(path).masks, dense)


def removed(model, stored, dense=False):
    """Masks that remove the weights which the stored masks remove, and those that are 0; with `dense`, none."""
    masks = Masks(model, stored)
    masks.apply()
    kept = {} if dense else masks & nonzero_masks(model)
    return Masks(model, {name: mask for name, mask in kept.items() if not mask.all()})


def load_trained(path, task, dense=False):
    """As `load_model`, checked against the data."""
    model, masks = load_model(path, dense, task.own)
    compile_checked(path, model, task)
    return model, masks


def check_out(out, ending, files=()):
    """What --out names can be written, is not one of the `files` that are read, and does not end like another kind of file.

    Errors: OSError, ValueError.
    """
    check_writable(out)
    for path in files:
        if path.exists() and out.exists() and path.samefile(out):
            raise ValueError(f"--out {out} is the model that is read; it would be lost, name another file")
    check_ending(out, ending)


def takes_pixels(plan):
    """Whether a plan takes pixels ÷ 255, not normalized: an int8 plan whose input has the scale 1/255 and the zero point 0."""
    first = plan.steps[0]
    return isinstance(plan, nncompress.Int8Plan) and first.Z == 0 and first.S == np.float32(1 / 255)


def compile_checked(path, model, task):
    """The plan of a file's model.   ValueError if the model does not fit the data set."""
    plan = compile_for_images(path, model, task)
    check_fits(path, plan, task)
    return plan


def compile_for_images(path, model, task):
    """The plan of a file's model, of whatever classes.   ValueError if it does not take the data set's images."""
    try:
        return nnlite.compile(model, task.example())
    except ValueError as error:
        given = task.test.images.shape[1:]
        raise ValueError(f"{path} takes {expected_images(model)}, the data has {given}: {error}") from error


def expected_images(model):
    """The images that a model of nnlite.models takes, in words: "images of shape (1, 8, 8)"."""
    arguments = (architecture_of(model) or {}).get("arguments", {})
    if "in_features" in arguments:
        return f"images of {arguments['in_features']} numbers"
    if "in_channels" not in arguments:
        return "other images"
    size = arguments.get("image_size", ["H", "W"])
    H, W = size if isinstance(size, list) else (size, size)
    return f"images of shape ({arguments['in_channels']}, {H}, {W})"


def check_fits(path, plan, task):
    """ValueError unless the plan takes the data set's images and has its number of classes."""
    takes, tells, (_, *shape) = plan.steps[0].shape, plan.steps[-1].shape, task.test.images.shape
    if takes != tuple(shape):
        raise ValueError(f"{path} takes images of shape {takes}, the data has {tuple(shape)} (--data chooses it)")
    if tells != (task.test.classes,):
        raise ValueError(f"{path} tells {tells[0]} classes apart, the data has {task.test.classes} (--classes chooses some)")


def load_plan(path, task):
    """(plan, counts) of an .npz file (float32) or .nnz file (int8); counts: {"parameters", "nonzero", "macs"}."""
    if is_nnz(path):
        counts = plan = nncompress.load(path)
        check_fits(path, plan, task)
    else:
        model = read_model(path, task.own)
        plan, counts = compile_checked(path, model, task), nnlite.summary(model, task.example())
        plan.input = stored_input(path)
    if plan.input is not None:
        check_same_input(path, plan.input, task.input)
    return plan, {"parameters": counts.parameters, "nonzero": counts.nonzero, "macs": counts.macs}


def measure(path, task):
    """Accuracy on the test part, size and time of a file: what `nnlite evaluate` prints."""
    plan, counts = load_plan(path, task)
    task = task.for_plan(plan)
    plan(task.prepared(task.test.images[:2]))  # compiles the kernels before the clock runs
    scores = train.evaluate(plan, task.test_loader())
    if not np.isfinite(scores["loss"]):
        raise ValueError(f"{path} gives outputs that are NaN or infinite")
    arithmetic = "int8" if isinstance(plan, nncompress.Int8Plan) else "float32"
    return {"file": str(path), "data": task.name, "classes": task.classes, "arithmetic": arithmetic, "n": scores["n"],
            "errors": scores["errors"], "accuracy": round(scores["accuracy"], 6), "file_bytes": path.stat().st_size, **counts,
            "ms_per_image": round(milliseconds_per_image(plan, task), 6)}


def accuracy_of(model, task):
    """The share of the test images that a model, or a plan, gets right."""
    return round(train.evaluate(model, task.test_loader())["accuracy"], 6)


def compared(accuracies):
    """{name: accuracy} as lines that follow a measurement."""
    return "".join(f"\nfor comparison, {name}: {accuracy:.2%}" for name, accuracy in accuracies.items())


def note(epochs, what):
    """{"note": a sentence} for a result of --epochs 0, else {}.   what: what is in the file then."""
    return {} if epochs else {"note": f"--epochs 0: nothing was trained; {what}"}


def milliseconds_per_image(plan, task):
    """The median over some runs of one batch of test images."""
    images = task.prepared(task.test.images[:BATCH])
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        plan(images)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / len(images)


def named(data, classes):
    """A data set in words: "digits", or "digits, classes 1, 2"."""
    return f"{data}, classes {', '.join(map(str, classes))}" if classes else data


def describe(result):
    """A measurement as lines of text."""
    note = f"\n{result['note']}" if "note" in result else ""
    file_and_data = f"{result['file']} on {named(result['data'], result['classes'])}"
    return (f"{file_and_data}: {result['accuracy']:.2%} of {result['n']:,} test images right ({result['errors']:,} errors)\n"
            f"{result['arithmetic']}, {result['parameters']:,} parameters, {result['nonzero']:,} of them not 0, "
            f"{result['macs']:,} MACs, {result['file_bytes']:,} bytes on disk, "
            f"{1000 * result['ms_per_image']:,.1f} µs per image{note}")
