"""Distillation: a small student learns from a large teacher.

    logits   from the teacher's outputs, beside the labels
    cached   the outputs for every image and every shift, computed once and kept on disk
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "cached": ["CachedLogits", "WithCachedTeacher", "cached_logits", "softened"],
    "logits": ["WithTeacher", "distillation", "distillation_loss"],
})
