"""Strategies of fine-tuning by name: which layers train, when, and how fast.

    replace_head(model, classes=5, rng=0)
    history = fine_tune(model, "lp-ft", Tuning(loader, epochs=20, lr=0.02))

    head        the new head alone
    features    the new head alone; each image passes through the frozen part once, so random transforms give it one view only
    all         all layers at one rate (or, with decay, each slower than the one above it)
    rates       all layers, each 2.6 times slower than the one above it
    gradual     the head first, then one more layer in each epoch
    l2sp        all layers, pulled towards the pretrained weights
    lora        adapters of low rank beside frozen weights, and the head; merged at the end
    lp-ft       the head alone for half of the epochs, then all layers
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from nnlite import optim, train
from nntransfer.finetune.features import FeatureLoader, features_once, split_model
from nntransfer.finetune.l2sp import StartPointLoss
from nntransfer.finetune.layers import discriminative_groups, freeze, name_of_head, thaw, unfreeze
from nntransfer.finetune.lora import add_lora, merge_lora


def sgd_with_cosine(params, loader, recipe):
    """(optimizer, schedule): SGD with momentum 0.9 whose rate falls from recipe.lr to 0 along a cosine, in recipe.epochs."""
    optimizer = optim.SGD(params, lr=recipe.lr, momentum=0.9)
    return optimizer, optim.CosineAnnealingLR(optimizer, max(1, recipe.epochs * len(loader)))


class Tuning(NamedTuple):
    """How long and how fast a strategy trains.

    loader      batches (images, labels) of the new task
    epochs      in all, for every strategy.   lr: of the head
    decay       learning rate of each layer ÷ that of the layer above it, where all layers train
    rank        of LoRA's adapters.   alpha: how strongly L2-SP pulls.   seed: of LoRA's first numbers
    make_training   (params, loader, recipe) -> (optimizer, schedule); recipe has the fields epochs and lr
    after_step  called after every step, as `fit` does it.   progress: whether to show bars
    """

    loader: Any
    epochs: int
    lr: float
    decay: float = 1.0
    rank: int = 4
    alpha: float = 0.1
    seed: int = 0
    make_training: Callable = sgd_with_cosine
    after_step: Callable | None = None
    progress: bool = True

    def train(self, model, params, history=(), **options):
        """Train for `epochs` more epochs, with a new optimizer and schedule -> the history, the given rows first."""
        optimizer, schedule = self.make_training(params, self.loader, self)
        return train.fit(model, self.loader, optimizer, len(history) + self.epochs, schedule=schedule, history=list(history),
                   after_step=self.after_step, progress=self.progress, **options)


def fine_tune(model, strategy, tuning):
    """Train a model on a new task by one of STRATEGIES -> the history of all epochs. At the end no layer is frozen.

    The model has its new head already (`replace_head`). Same seed, same bits.
    Errors: ValueError for an unknown strategy; those of `split_model`, `add_lora` and `StartPointLoss`, which strategies call.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"fine_tune: there is no strategy {strategy!r}, only {', '.join(STRATEGIES)}")
    try:
        return STRATEGIES[strategy](model, tuning)
    finally:
        unfreeze(model)


def _head(model, tuning):
    freeze(model)
    unfreeze(model, name_of_head("fine_tune", model))
    return tuning.train(model, _trainable(model))


def _features(model, tuning):
    below, above = split_model(model, name_of_head("fine_tune", model))
    loader = tuning.loader
    features, labels = features_once(below, loader)
    batches = FeatureLoader(features, labels, loader.batch_size, shuffle=True, seed=loader.rng)
    return tuning._replace(loader=batches).train(above, above.parameters())


def _all(model, tuning):
    return tuning.train(model, discriminative_groups(model, tuning.lr, tuning.decay))


def _rates(model, tuning):
    return tuning.train(model, discriminative_groups(model, tuning.lr))


def _gradual(model, tuning):
    optimizer, schedule = tuning.make_training(discriminative_groups(model, tuning.lr, tuning.decay), tuning.loader, tuning)
    history = []
    for epoch in range(tuning.epochs):
        thaw(model, epoch)
        history = train.fit(model, tuning.loader, optimizer, epoch + 1, schedule=schedule, history=history,
                            after_step=tuning.after_step, progress=tuning.progress)
    return history


def _l2sp(model, tuning):
    loss = StartPointLoss(model, tuning.alpha, new=[name_of_head("fine_tune", model)])
    return tuning.train(model, discriminative_groups(model, tuning.lr, tuning.decay), loss=loss)


def _lora(model, tuning):
    add_lora(model, tuning.rank, rng=tuning.seed)
    try:
        unfreeze(model, name_of_head("fine_tune", model))
        return tuning.train(model, _trainable(model))
    finally:
        merge_lora(model)


def _lp_ft(model, tuning):
    """Linear probing, then fine-tuning: when all layers begin to train, the head fits the features already.

    Source: Kumar et al. 2022 (arXiv 2202.10054), §3.4.
    """
    history = _head(model, tuning._replace(epochs=tuning.epochs // 2))
    unfreeze(model)
    groups = discriminative_groups(model, tuning.lr, tuning.decay)
    return tuning._replace(epochs=tuning.epochs - tuning.epochs // 2).train(model, groups, history)


def _trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


STRATEGIES = {"head": _head, "features": _features, "all": _all, "rates": _rates, "gradual": _gradual, "l2sp": _l2sp,
              "lora": _lora, "lp-ft": _lp_ft}
