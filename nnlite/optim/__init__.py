"""Optimizers, gradient clipping and learning-rate schedules, with PyTorch's names and semantics.

The order in a training loop: zero_grad, forward, backward, clip, optimizer.step, schedule.step.
"""

from nnlite.optim.adam import Adam, AdamW
from nnlite.optim.clip import clip_grad_norm_, clip_grad_value_
from nnlite.optim.optimizer import Optimizer
from nnlite.optim.rmsprop import RMSprop
from nnlite.optim.schedules import CosineAnnealingLR, ExponentialLR, LinearWarmup, MultiStepLR, OneCycle, StepLR
from nnlite.optim.sgd import SGD

OneCycleLR = OneCycle  # PyTorch's name of it

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearWarmup",
    "MultiStepLR",
    "OneCycle",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
