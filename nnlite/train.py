"""Training: the loop, the checkpoints on its way, and what a model scores.

    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=20 * len(loader))          # a schedule counts batches
    history = train.fit(model, loader, optimizer, epochs=20, schedule=schedule, validation=test, checkpoint="run.npz")

To go on after a crash, make model, optimizer, schedule and loader in the same way, and give `fit` the history of the epochs
that are done; it ends with the same bits as a run that nothing has stopped:

    history = checkpoint.resume("run.npz", model, optimizer, schedule, loader)
    history = train.fit(model, loader, optimizer, epochs=20, …, checkpoint="run.npz", history=history)
"""

import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nnlite import functional as F
from nnlite.checkpoint import save
from nnlite.files import check_writable
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
    logits, labels = _logits(model, loader)
    return logits.argmax(axis=1), labels


def evaluate(model, loader):
    """What a model scores on all images of a loader -> {"n", "errors", "accuracy", "loss"}.

        accuracy = (n − errors)/n       loss = −1/n Σ_i ln softmax(z_i)_{y_i}, in float64

    model: a Module (run in inference mode, its mode is put back), or a float or int8 plan or any other function,
    images (n, C, H, W) -> logits z (n, classes).   loader: yields (images, labels) batches.
    Errors: ValueError for a loader without a batch, and for a label that is no class.
    """
    logits, labels = _logits(model, loader)
    errors = int((logits.argmax(axis=1) != labels).sum())
    loss = F.cross_entropy(logits.astype(np.float64), labels).item()
    return {"n": len(labels), "errors": errors, "accuracy": (len(labels) - errors) / len(labels), "loss": loss}


def _logits(model, loader):
    logits, labels = [], []
    with inference_mode(model):
        for batch_images, batch_labels, *_ in loader:
            z = model(batch_images)
            logits.append(z.data if isinstance(z, Tensor) else z)
            labels.append(batch_labels)
    if not logits:
        raise ValueError("evaluate: the loader gives no batch")
    return np.concatenate(logits), np.concatenate(labels)


@np.errstate(over="ignore", invalid="ignore")  # a run that diverges ends with one sentence, not with NumPy's warnings
def fit(model, loader, optimizer, epochs, loss=F.cross_entropy, *, schedule=None, clip=None, after_step=None,
        validation=None, patience=None, checkpoint=None, metadata=None, masks=None, history=None, progress=True):
    """Train a model for `epochs` passes through a loader; the model changes in place, the history is returned.

    loader        yields batches (images, labels), labels (n,) class indices, anew each time: a DataLoader, for example
    loss          loss(logits, labels) -> a Tensor with one number. What a loader yields beyond the labels goes to the loss too:
                  with batches (images, labels, teacher_logits) it is called as loss(logits, labels, teacher_logits)
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

    Errors: FloatingPointError with epoch and batch when the loss or a weight becomes NaN or infinite; ValueError for a
    loader without a batch, or patience without validation. After any error, or Ctrl-C, the checkpoint is that of the last
    whole epoch.
    """
    _check_arguments(validation, patience, checkpoint)
    history = [] if history is None else history
    for epoch in range(len(history) + 1, epochs + 1):
        if patience is not None and epochs_since_best(history) >= patience:
            break
        row = {"epoch": epoch, "lr": optimizer.param_groups[0]["lr"]}
        started, seen, correct, loss_sum = time.perf_counter(), 0, 0, 0.0
        model.train()
        with tqdm(loader, f"epoch {epoch}/{epochs}", leave=False, disable=None if progress else True) as batches:
            for batch, (images, *targets) in enumerate(batches, 1):
                optimizer.zero_grad()
                logits = model(images)
                batch_loss = loss(logits, *targets)
                _check_finite("the loss", batch_loss.data, optimizer, epoch, batch)
                batch_loss.backward()
                if clip is not None:
                    clip_grad_norm_(optimizer.parameters(), clip)
                optimizer.step()
                if after_step is not None:
                    after_step()
                if schedule is not None:
                    schedule.step()

                seen += len(images)
                correct += int((logits.data.argmax(axis=1) == targets[0]).sum())
                loss_sum += batch_loss.item() * len(images)
                batches.set_postfix(loss=f"{loss_sum / seen:.4f}", accuracy=f"{correct / seen:.4f}", refresh=False)

        if seen == 0:
            raise ValueError(f"fit: the loader gives no batch in epoch {epoch}; it has to start anew each time it is iterated")
        for name, array in model.state_dict().items():
            _check_finite(name, array, optimizer, epoch, batch)
        row |= {"loss": loss_sum / seen, "accuracy": correct / seen}
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


def _check_arguments(validation, patience, checkpoint):
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
