"""Transfer: what one model has learned, made use of in another.

Read in this order:
    distillation   a small student learns from a large teacher's outputs
    letter         the articles' own distillation losses, and what is off with them
    finetune       a pretrained model goes on with another task: new head, frozen layers, a rate for each layer
"""

from nntransfer.articles import cross_entropy_with_log_probabilities, log_loss
from nntransfer.distill.logits import WithTeacher, distillation, distillation_loss
from nntransfer.finetune.layers import discriminative_groups, freeze, layer_groups, replace_head, thaw, unfreeze

__all__ = [
    "WithTeacher", "cross_entropy_with_log_probabilities", "discriminative_groups", "distillation", "distillation_loss",
    "freeze", "layer_groups", "log_loss", "replace_head", "thaw", "unfreeze",
]
