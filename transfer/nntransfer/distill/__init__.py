"""Distillation: a small student learns from a large teacher.

    logits   from the teacher's outputs, beside the labels
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {"logits": ["WithTeacher", "distillation", "distillation_loss"]})
