"""Transfer: what one model has learned is used in another.

Rooms, in the order to read them:
    distill    a small student learns from a large teacher's outputs
    finetune   a pretrained model is trained on another task: new head, frozen layers, a rate for each layer, adapters
    fusion     several networks become one: ensembles, averages, soups, Git Re-Basin
    domains    how far two domains are apart, training for a domain without its labels, which pretrained model suits it
    taps       the features of named layers, for losses on features
    articles   the articles' own distillation losses, and what is wrong with them
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "articles": ["cross_entropy_with_log_probabilities", "log_loss"],
    "distill.cached": ["WithCachedTeacher", "cached_logits", "softened"],
    "distill.logits": ["WithTeacher", "distillation", "distillation_loss"],
    "domains.domain": ["Domain", "features_of"],
    "domains.loop": ["adapt"],
    "finetune.layers": ["discriminative_groups", "freeze", "layer_groups", "replace_head", "thaw", "unfreeze"],
    "finetune.strategies": ["Tuning", "fine_tune"],
    "taps": ["tap"],
}, rooms=("articles", "distill", "domains", "finetune", "fusion", "taps"))
