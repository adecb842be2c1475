"""Distillation: a small student learns from a large teacher.

Read in this order:
    logits         Hinton's loss: from the teacher's outputs, beside the labels
    losses         the losses that the loop adds up: from labels, logits and features
    loop           the loop of all distillation
    cached         the teacher's logits for every image and every shift, computed once and kept on disk
    transfer_set   images that a student learns from: without one class, noise, without labels
    batches        labelled and unlabelled images side by side, two views of the same images

Further losses and methods, each in a file of its own:
    decoupled      the right class and the other classes weighted apart
    attention      where a layer is active
    relational     distances and angles between the examples of a batch
    hints          a layer in the middle of the student learns from one of the teacher
    mutual         students that teach each other
    generations    born again: each student has its teacher's architecture, and teaches the next student
    mean_teacher   the running average of the student is its teacher; most images have no label
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "attention": ["attention_loss", "attention_map"],
    "batches": ["InStep", "TwoViews"],
    "generations": ["born_again"],
    "cached": ["CachedLogits", "WithCachedTeacher", "cached_logits", "softened"],
    "decoupled": ["Decoupled", "decoupled_loss"],
    "hints": ["Hints", "hint_loss"],
    "logits": ["WithTeacher", "distillation", "distillation_loss"],
    "loop": ["distill"],
    "losses": ["Labels", "OnFeatures", "OnLogits", "SoftTargets", "View"],
    "mean_teacher": ["MeanTeacher", "consistency_loss", "ramp_up"],
    "mutual": ["Cohort", "mutual_loss"],
    "relational": ["angle_loss", "distance_loss"],
    "transfer_set": ["Unlabelled", "noise", "without_classes"],
})
