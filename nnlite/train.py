"""Training: the loop `fit`, which also writes checkpoints, and the scores of a model.

    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=20 * len(loader))          # a schedule counts batches
    history = train.fit(model, loader, optimizer, epochs=20, schedule=schedule, validation=test, checkpoint="run.npz")

To go on after a crash, make model, optimizer, schedule and loader in the same way, and give `fit` the history of the epochs
that are done; it ends with the same bits as a run that nothing has stopped:

    history = checkpoint.resume("run.npz", model, optimizer, schedule, loader)
    history = train.fit(model, loader, optimizer, epochs=20, …, checkpoint="run.npz", history=history)
"""

import time
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nnlite import functional as F
from nnlite.checkpoint import save
from nnlite.data.dataset import Dataset
from nnlite.files import check_writable
from nnlite.nn.loss import CrossEntropyLoss, NLLLoss
from nnlite.nn.module import inference_mode
from nnlite.optim import clip_grad_norm_
from nnlite.tensor import Tensor


def best_path(checkpoint):
    """Where `fit` keeps the best epoch's model: run.npz -> run.best.npz, and lr0.1 -> lr0.1.best."""
    path = Path(checkpoint)
    end = ".npz" if path.suffix == ".npz" else ""
    return path.with_name(f"{path.name.removesuffix(end)}.best{end}")


def epochs_since_best(history):
    """How many epochs ago the validation accuracy was best (the first time, of equals); 0 for an empty history.

    >>> epochs_since_best([{"validation_accuracy": a} for a in (0.5, 0.9, 0.8, 0.9)])
    2
    """
    accuracies = [row["validation_accuracy"] for row in history if "validation_accuracy" in row]
    return len(accuracies) - 1 - accuracies.index(max(accuracies)) if accuracies else 0


def predict(model, loader):
    """The class with the largest logit for each image -> predictions (N,), labels (N,).

    model, loader: as in `evaluate`.
    """
    z, labels = logits(model, loader)
    return z.argmax(axis=1), labels


def logits(model, loader):
    """The outputs of a model for all images of a loader, in the loader's order -> logits (N, classes), labels (N,).

    model, loader: as in `evaluate`. The labels are joined as they come, of whatever form.
    Errors: ValueError for a loader without a batch; TypeError for a Dataset in its place.
    """
    _check_loader("logits", loader)
    outputs, labels = [], []
    with inference_mode(model):
        for batch_images, batch_labels, *_ in loader:
            z = _logits_of(model(batch_images))
            outputs.append(z.data if isinstance(z, Tensor) else z)
            labels.append(batch_labels)
    if not outputs:
        raise ValueError("evaluate: the loader gives no batch")
    return np.concatenate(outputs), np.concatenate(labels)


def evaluate(model, loader):
    """The scores of a model on all images of a loader -> {"n", "errors", "accuracy", "loss"}.

        accuracy = (n − errors)/n       loss = −1/n Σ_i ln softmax(z_i)_{y_i}, in float64

    model: a Module (run in inference mode, its mode is put back), or a float or int8 plan or any other function,
    images (n, C, H, W) -> logits z (n, classes), or a tuple whose first part they are.
    loader: yields batches (images, labels, …), the labels of a form that `count_correct` knows.
    Errors: ValueError for a loader without a batch, and for a label that is not a class; TypeError for a Dataset in the
    loader's place. A warning where the outputs are probabilities, of which the loss is not the model's.
    Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.108.
    """
    z, labels = logits(model, loader)
    _warn_of_probabilities("evaluate", z)
    if labels.dtype.kind == "f" and labels.shape == z.shape and not _are_probabilities(labels):
        raise ValueError(f"evaluate: labels of floats {labels.shape} are neither class indices nor probabilities, which add up "
                         "to 1")
    loss = F.cross_entropy(z.astype(np.float64), labels).item()
    correct, n = count_correct(z, labels)
    return {"n": n, "errors": n - correct, "accuracy": correct / n, "loss": loss}


def count_correct(z, labels):
    """How many examples have their largest logit at the right class, and how many have a label -> (correct, n).

    z: logits (N, C) or (N, C, d…) with at least two classes.   labels: either form that `F.cross_entropy` takes. Class indices
    (N, d…) below 0 mean "no label" and do not count. Of probabilities, shaped like z, the largest is at the right class.
    Errors: ValueError for labels of another form.
    """
    labels = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    places = z.shape[:1] + z.shape[2:]
    if z.ndim > 1 and z.shape[1] > 1 and labels.dtype.kind in "iu" and labels.shape == places:
        return int((z.argmax(axis=1) == labels).sum()), int((labels >= 0).sum())
    if z.ndim > 1 and z.shape[1] > 1 and labels.dtype.kind in "fb" and labels.shape == z.shape:
        return int((z.argmax(axis=1) == labels.argmax(axis=1)).sum()), int(np.prod(places))
    raise ValueError(f"accuracy: labels {labels.dtype} {labels.shape} are neither class indices {places} nor probabilities "
                     f"{z.shape} for logits {z.shape} of two classes or more")


def _logits_of(outputs):
    """The logits, where a model returns them alone or first, as in (logits, features)."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _is_regression(loss, z, labels):
    """Whether the labels are floats of the outputs' shape but no probabilities, and the loss is not one of classification."""
    if loss in (F.cross_entropy, F.nll_loss) or isinstance(loss, CrossEntropyLoss | NLLLoss):
        return False
    labels = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    return labels.dtype.kind == "f" and labels.shape == z.shape and (z[:1].size == 1 or not _are_probabilities(labels))


def _are_probabilities(p):
    """Whether p (N, C, d…) is nowhere negative and its sums over the C classes are 1, up to rounding."""
    return p.ndim > 1 and p.shape[1] > 1 and bool((p >= 0).all()) and np.allclose(p.sum(axis=1), 1, atol=1e-3)


def _check_loader(name, loader):
    if isinstance(loader, Dataset):
        raise TypeError(f"{name}: the loader is a Dataset, which gives single images, expects batches: DataLoader(dataset)")


def _warn_of_probabilities(name, z):
    """A warning where each row of z looks like softmax's: cross_entropy would apply a second one."""
    if z.ndim == 2 and z.shape[0] > 0 and _are_probabilities(z):
        warnings.warn(f"{name}: the model's outputs are probabilities (each row sums to 1), and cross_entropy takes logits, "
                      "since it has a softmax of its own: leave out the softmax at the end of the model", stacklevel=3)


@np.errstate(over="ignore", invalid="ignore")  # a run that diverges ends with one sentence, not with NumPy's warnings
def fit(model, loader, optimizer, epochs, loss=F.cross_entropy, *, schedule=None, clip=None, after_step=None,
        validation=None, patience=None, checkpoint=None, metadata=None, masks=None, history=None, progress=True):
    """Train a model for `epochs` passes through a loader; the model changes in place, the history is returned.

    loader        yields batches (images, labels) anew each time, such as a DataLoader. labels: class indices or
                  probabilities, as `count_correct` takes them, or the numbers of a regression (below)
    loss          loss(outputs, labels) -> a Tensor with one number. outputs: what the model returns, logits (n, classes) or a
                  tuple that begins with them. What a loader yields beyond the labels goes to the loss, too: with batches
                  (images, labels, teacher_logits) it is called as loss(outputs, labels, teacher_logits)
    schedule      stepped after every batch: its step counts are batches, `len(loader)` to an epoch
    clip          the largest length of the whole gradient (`clip_grad_norm_`)
    after_step    called without arguments after every step, to keep pruned weights at 0, for example
    validation    a loader; after every epoch, `evaluate` is called on it
    patience      stop after so many epochs in a row without a better validation accuracy. The model stays as it is then;
                  the best epoch's is in the file `best_path(checkpoint)`
    checkpoint    path of the .npz that is written after every epoch, to load or resume from. With `validation`, the best
                  model so far is written to `best_path(checkpoint)`
    metadata, masks   written into the checkpoints, see `nnlite.save`
    history       of the epochs that are done, from `checkpoint.resume`: `fit` goes on to `epochs` in all
    progress      whether to show a bar on stderr, if it is a terminal

    The history has a row for each epoch: {"epoch" (1, 2, …), "loss", "accuracy" (means over the epoch, in training mode),
    "validation_loss", "validation_accuracy" (with `validation`), "lr" (of the first group, at the epoch's first batch),
    "seconds"}. The model is in training mode at the end.
    Regression: a loss such as `F.mse_loss`, and float labels of the outputs' shape, (n,) or (n, k), that are not probabilities
    (not negative, with a sum of 1 for each example). No answer is simply right or wrong then: the history has no accuracy, and
    `validation` is refused. The first batch of an epoch decides. If every label is −1 (no label), there is no accuracy
    either.
    With the loss cross_entropy, a warning where the outputs of the first batch are probabilities: the model ends with a
    softmax too many.

    Errors: FloatingPointError with epoch and batch when the loss or a weight becomes NaN or infinite; ValueError for a
    loader without a batch, labels of another form, patience without validation, or validation of a regression; TypeError for
    a Dataset as the loader.
    After any error, or Ctrl-C, the checkpoint is that of the last whole epoch.
    """
    _check_arguments(loader, validation, patience, checkpoint)
    history = [] if history is None else history
    for epoch in range(len(history) + 1, epochs + 1):
        if patience is not None and epochs_since_best(history) >= patience:
            break
        row = {"epoch": epoch, "lr": optimizer.param_groups[0]["lr"]}
        started, seen, labelled, correct, loss_sum = time.perf_counter(), 0, 0, 0, 0.0
        model.train()
        with tqdm(loader, f"epoch {epoch}/{epochs}", leave=False, disable=None if progress else True) as batches:
            for batch, (images, *targets) in enumerate(batches, 1):
                optimizer.zero_grad()
                outputs = model(images)
                z = _logits_of(outputs).data
                if loss is F.cross_entropy and seen == 0 and not history:
                    _warn_of_probabilities("fit", z)
                batch_loss = loss(outputs, *targets)
                _check_finite("the loss", batch_loss.data, optimizer, epoch, batch)
                if seen == 0:
                    regression = _is_regression(loss, z, targets[0])
                if regression and validation is not None:
                    raise ValueError(f"fit: validation counts right classes, and outputs {z.shape} with floats as labels have "
                                     "no classes: leave it out, and compute the loss of other examples afterwards")
                hits, labels = (0, 0) if regression else count_correct(z, targets[0])
                batch_loss.backward()
                if clip is not None:
                    clip_grad_norm_(optimizer.parameters(), clip)
                optimizer.step()
                if after_step is not None:
                    after_step()
                if schedule is not None:
                    schedule.step()

                seen += len(images)
                correct, labelled = correct + hits, labelled + labels
                loss_sum += batch_loss.item() * len(images)
                means = {"loss": loss_sum / seen} | ({"accuracy": correct / labelled} if labelled else {})
                batches.set_postfix({name: f"{mean:.4f}" for name, mean in means.items()}, refresh=False)

        if seen == 0:
            raise ValueError(f"fit: the loader gives no batch in epoch {epoch}; it has to start anew each time it is iterated")
        for name, array in model.state_dict().items():
            _check_finite(name, array, optimizer, epoch, batch)
        row |= means
        if validation is not None:
            scores = evaluate(model, validation)
            row |= {"validation_loss": scores["loss"], "validation_accuracy": scores["accuracy"]}
        history.append(row | {"seconds": time.perf_counter() - started})
        if checkpoint is not None:
            if validation is not None and epochs_since_best(history) == 0:
                save(best_path(checkpoint), model, history=history, metadata=metadata, masks=masks)
            save(checkpoint, model, optimizer=optimizer, schedule=schedule, loader=loader, history=history,
                 metadata=metadata, masks=masks)
    return history


def _check_arguments(loader, validation, patience, checkpoint):
    _check_loader("fit", loader)
    _check_loader("fit", validation)
    if patience is not None and validation is None:
        raise ValueError(f"fit: patience={patience} is about the validation accuracy, and validation is None")
    if patience is not None and patience < 1:
        raise ValueError(f"fit: patience is a number of epochs from 1 up, got {patience}")
    if checkpoint is not None:
        check_writable(checkpoint)
        if validation is not None:
            check_writable(best_path(checkpoint))


def _check_finite(name, array, optimizer, epoch, batch):
    if not np.isfinite(array).all():
        value = array[~np.isfinite(array)][0]
        raise FloatingPointError(
            f"train: {name} became {value} in epoch {epoch}, batch {batch} (learning rate "
            f"{optimizer.param_groups[0]['lr']:.6g}); likely causes: a learning rate that is too high (try a tenth of it, a "
            "warm-up, or clip=1.0), images that are not normalized, a logarithm, root or division of 0 in the loss"
        )
