"""What the tests ask of your code: each function computes with your functions and returns arrays and numbers.

First the empty packages of this handout get the names that your file imports.
"""

import numpy as np

import nnlite
from nnlite import functional
from nnlite.functional import classification, divergence, elementary, elementwise, reduction, softmax
from nnlite.nn.module import Module, Parameter
from nnlite.tensor import Tensor

nnlite.Tensor = Tensor
for module, names in ((classification, ["cross_entropy", "nll_loss"]), (divergence, ["kl_div"]), (elementary, ["exp", "log"]),
                      (elementwise, ["add", "subtract", "multiply", "divide", "negative"]), (reduction, ["sum", "mean"]),
                      (softmax, ["softmax", "log_softmax", "logsumexp"])):
    for name in names:
        setattr(functional, name, getattr(module, name))
for name, function in (("add", elementwise.add), ("sub", elementwise.subtract), ("mul", elementwise.multiply),
                       ("truediv", elementwise.divide)):
    setattr(Tensor, f"__{name}__", lambda x, y, function=function: function(x, y))
    setattr(Tensor, f"__r{name}__", lambda x, y, function=function: function(y, x))
Tensor.__neg__, Tensor.sum, Tensor.mean = elementwise.negative, reduction.sum, reduction.mean

from nntransfer.distill import logits  # noqa: E402  it imports the names above


def distillation_loss(z_s, z_t, target, temperature, alpha):
    """(the loss, dz_s)"""
    z_s = Tensor(np.array(z_s), requires_grad=True)
    loss = logits.distillation_loss(z_s, z_t, target, temperature=temperature, alpha=alpha)
    loss.backward()
    return loss.data, z_s.grad


def check_options(temperature, alpha):
    logits.check_options("the test", temperature, alpha)


def check_logits(z_s, z_t):
    """The arrays of what `check_logits` returns for two arrays."""
    return tuple(z.data for z in logits.check_logits("the test", z_s, z_t))


def from_tensors(z_s, z_t, target):
    """What becomes of Tensors that are both on a tape.

    (whether check_logits gives the student's Tensor itself, whether its teacher requires a gradient, whether the teacher has
    one after backward)
    """
    student, teacher = Tensor(np.array(z_s), requires_grad=True), Tensor(np.array(z_t), requires_grad=True)
    z_s, z_t = elementwise.multiply(student, 2.0), elementwise.multiply(teacher, 2.0)
    checked_s, checked_t = logits.check_logits("the test", z_s, z_t)
    itself, requires = checked_s is z_s, checked_t.requires_grad
    logits.distillation_loss(z_s, z_t, target, temperature=2.0, alpha=0.5).backward()
    return itself, requires, teacher.grad is not None


def from_arrays(z_s, z_t, target, temperature, alpha):
    """The loss of two arrays, and the inputs afterwards."""
    return logits.distillation_loss(z_s, z_t, target, temperature=temperature, alpha=alpha).data, z_s, z_t, target


def batches_with_function(images, labels, w):
    """The batches of a loader with three batches, beside a teacher that is a function of arrays."""
    loader = [(images[i::3], labels[i::3]) for i in range(3)]
    return tuple(tuple(batch) for batch in logits.WithTeacher(loader, lambda x: x @ w))


class Scale(Module):
    """z = w x, and 0 while it trains. It notes what it sees."""

    def __init__(self, w):
        self.w, self.inner, self.on_tape = Parameter(w), Module(), 0

    def forward(self, x):
        z = elementwise.multiply(self.w, x)
        self.on_tape += z.requires_grad
        return elementwise.multiply(z, 0.0) if self.training or self.inner.training else z


def batches_with_module(images, labels, w):
    """Two batches beside a teacher that is a Module.

    (the batches' logits, whether they are arrays, calls on the tape, and for each batch and afterwards: whether
    teacher.training is as it was, whether the inner module's is, whether a gradient is recorded)
    """
    teacher = Scale(w)
    teacher.inner.training = False
    found, seen = [], []

    def look():
        recorded = elementwise.multiply(Tensor(np.ones(2), requires_grad=True), 2.0).requires_grad
        seen.append((teacher.training, not teacher.inner.training, recorded))

    loader = [(images[i::2], labels[i::2]) for i in range(2)]
    for _, _, z_t in logits.WithTeacher(loader, teacher):
        found.append(z_t)
        look()
    look()
    are_arrays = tuple(isinstance(z_t, np.ndarray) for z_t in found)
    return tuple(Tensor(z).data for z in found), are_arrays, teacher.on_tape, tuple(seen)


def train(images, teacher_logits, labels, weights, batches, rate, temperature, alpha):
    """Gradient descent on a student 64 → 10 with your loss -> the trained weights (w, b)."""
    w, b = (np.array(v) for v in weights)
    for at in batches:
        x = images[at]
        _, dz = distillation_loss(x @ w.T + b, teacher_logits[at], labels[at], temperature, alpha)
        w, b = w - rate * dz.T @ x, b - rate * dz.sum(0)
    return w, b
