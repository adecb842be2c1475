"""What the tests ask of your code: a network's arrays come in a tuple here, and go to your functions as a list."""

import variation
from variation import kept_at  # noqa: F401  the tests call it


def count_paths(masks):
    """The number as text: it may have hundreds of digits."""
    return str(variation.count_paths(list(masks)))


def flow_shares(weights):
    return tuple(variation.flow_shares(list(weights)))


def keep_most(scores, count):
    return tuple(variation.keep_most(list(scores), count))


def prune_by_flow(weights, final, steps):
    """(the masks, the weights afterwards)"""
    weights = list(weights)
    return tuple(variation.prune_by_flow(weights, final, steps)), tuple(weights)


def on_a_path(masks):
    """(the masks, the given ones afterwards)"""
    masks = list(masks)
    return tuple(variation.on_a_path(masks)), tuple(masks)
