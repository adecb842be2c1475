"""Fine-tuning: a pretrained model goes on with another task.

    layers   a new head, layers that are frozen, a learning rate for each layer
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "layers": ["discriminative_groups", "freeze", "layer_groups", "replace_head", "thaw", "unfreeze"],
})
