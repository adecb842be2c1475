"""Pruning in rounds: prune a little, retrain, prune a little more.

The weights that are left after a round are trained again before the next round ranks them.
The caller says how to retrain: by a function that gets the masks, keeps them, and returns the history.

    def retrain(masks):
        optimizer = optim.Adam(model.parameters(), lr=1e-4)                        # a new one: no averages from before
        return fit(model, loader, optimizer, epochs=3, after_step=masks.apply)

    rounds = prune_in_rounds(model, retrain, rounds=10, fraction=0.2)
    masks = rounds[-1].masks                                                        # about 0.8¹⁰ = 11 % of the weights are left
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.masks import Masks, prunable_weights
from nncompress.pruning.scores import check_fraction, per_name, remove_lowest, scores_of


class Round(NamedTuple):
    """One round of pruning: its number (from 1), its Masks, how many weights they keep, and the history of its training."""

    number: int
    masks: Masks
    kept: int
    history: list


def check_rounds(name, rounds):
    """ValueError unless rounds is a whole number from 1 up."""
    if not isinstance(rounds, Integral) or rounds < 1:
        raise ValueError(f"{name}: rounds has to be a whole number from 1 up, got {rounds!r}")


def prune_remaining(masks, fraction, criterion=magnitude_scores, evidence=None, scope="layer"):
    """Masks that keep less: of the weights that are left, the lowest-scored part goes too.

        n_new = n − round(p · n),   n the weights that `masks` keep

    A removed weight has no score and stays removed.

    masks       Masks of the model; all its Conv2d and Linear weights are pruned, or those that `fraction` names
    fraction    p from 0 to 1, or {parameter name: p} for the layers to prune, each by its own
    criterion, evidence   as in `criterion_masks`
    scope       "layer": p of each layer's weights; "global": p of all weights together

    -> Masks; the model and `masks` do not change.
    Errors: ValueError for a fraction outside [0, 1], another scope, one fraction a layer with scope "global", an unknown name,
    NaN scores, scores that are all 0, and for a layer that would lose its last weight.
    Source: Han et al. 2015 (arXiv 1506.02626), §3.4; counted as in Frankle & Carbin 2019 (arXiv 1803.03635), §1.

    >>> from nnlite import nn
    >>> model = nn.Linear(4, 1, rng=0)
    >>> model.weight.data = np.float32([[4, -3, 2, 1]])
    >>> masks = prune_remaining(Masks(model, {}), 0.5)
    >>> prune_remaining(masks, 0.5)["weight"]
    array([[ True, False, False, False]])
    """
    weights = prunable_weights(masks.model)
    fractions = per_name("prune", fraction, weights)
    for name, p in fractions.items():
        check_fraction(f"{name}: the fraction to remove", p)
    left = {name: masks.get(name, np.ones(weights[name].shape, bool)) for name in fractions}
    scores = {name: scores_of(name, weights[name], criterion, evidence)[left[name]] for name in fractions}
    if scope == "layer":
        kept = {name: remove_lowest(scores[name], round(fractions[name] * scores[name].size), name) for name in fractions}
    elif scope == "global" and not isinstance(fraction, dict):
        together = np.concatenate(list(scores.values()))
        ends = np.cumsum([s.size for s in scores.values()])[:-1]
        kept = dict(zip(scores, np.split(remove_lowest(together, round(fraction * together.size), "prune"), ends), strict=True))
    else:
        raise ValueError("prune: scope 'layer' takes one fraction or one a layer, 'global' takes one for all; got scope "
                         f"{scope!r} with {fraction}")
    return Masks(masks.model, {**masks, **{name: _narrowed(name, left[name], kept[name]) for name in fractions}})


def _narrowed(name, mask, kept):
    """The mask of which only `kept` of its True entries stay True."""
    if not kept.any():
        raise ValueError(f"prune: {name} would lose all of its {kept.size} remaining weights, and nothing would pass through "
                         "it any more; prune less, or give each layer its own fraction")
    narrowed = mask.copy()
    narrowed[mask] = kept
    return narrowed


def prune_in_rounds(model, retrain, *, rounds, fraction, criterion=magnitude_scores, evidence=None, scope="layer", masks=None):
    """Prune and retrain a trained model several times -> list of Round, one for each round.

        n_r = n_{r−1} − round(p · n_{r−1})   weights are left after round r; then the model is retrained

    model       trained; it ends with the weights of the last round
    retrain     retrain(masks) trains the model, keeps the masks, and returns a history
    rounds      how often, from 1 up
    fraction, criterion, scope   as in `prune_remaining`
    evidence    a function without arguments that gathers it in each round, `lambda: collect(model, loader)`; or None
    masks       Masks to begin with, such as those of the last round of an earlier call

    Errors: as `prune_remaining`; ValueError for rounds below 1.
    Source: Han et al. 2015 (arXiv 1506.02626), §3.4: on AlexNet 9 times fewer weights at the same accuracy, instead of 5 times
    in one shot.
    """
    check_rounds("prune_in_rounds", rounds)
    masks = Masks(model, masks or {})
    done = []
    for number in range(1, rounds + 1):
        masks = prune_remaining(masks, fraction, criterion, None if evidence is None else evidence(), scope)
        masks.apply()
        history = retrain(masks)
        masks.apply()
        done.append(Round(number, masks, masks.count, history))
    return done
