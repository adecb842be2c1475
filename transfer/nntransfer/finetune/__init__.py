"""Fine-tuning: a pretrained model is trained on another task.

Read in this order:
    layers       a new head, layers that are frozen, a learning rate for each layer
    overview     a table: what trains, and how fast
    features     the output of the frozen part is computed once
    statistics   BatchNorm's statistics from other images (AdaBN)
    l2sp         weights that are pulled towards their pretrained values
    lora         small adapters beside frozen weights, of floats or of 8-bit integers
    strategies   all these methods by name, and linear probing followed by fine-tuning
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "features": ["FeatureLoader", "features_once", "head_inputs", "split_model"],
    "l2sp": ["StartPointLoss"],
    "layers": ["discriminative_groups", "freeze", "layer_groups", "replace_head", "thaw", "unfreeze"],
    "lora": ["LowRank", "LowRankOnInt8", "add_lora", "merge_lora"],
    "overview": ["what_trains"],
    "statistics": ["reestimate_statistics"],
    "strategies": ["STRATEGIES", "Tuning", "fine_tune"],
})
