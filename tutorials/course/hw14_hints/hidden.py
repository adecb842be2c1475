"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
MLP, MAPS, slope = visible["MLP"], visible["MAPS"], visible["slope"]


def teacher_is_cut_off(student, rng):
    a, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    for name in ("hint_loss", "attention_loss"):
        loss, gradient, cut = getattr(student, name)(a, b)
        assert cut, f"{name}: the teacher got a gradient"
        assert np.any(gradient), f"{name}: the student got none"


def a_model_as_it_was(student, rng):
    """Inference while the features are read; afterwards the mode and the hooks from before. A name that comes twice is one."""
    images = rng.normal(size=(3, 4))
    found, _, (trained, recorded), (training, no_hook) = student.layer_outputs(MLP, ("fc1", "relu1", "fc1"), images)
    assert found == ("fc1", "relu1"), f"features of {found}"
    assert not trained, "the model was in training mode while it ran"
    assert not recorded, "the tape recorded while the model ran"
    assert training and no_hook, "the model is not as it was before"


def relu_where_the_teacher_has_one(student, rng):
    """The regressor of a convolution: no number below 0 for a ReLU; what is below 0 stays elsewhere."""
    images, w, b = np.zeros((1, 2, 4, 4)), np.ones((3, 3, 1, 1)), np.zeros(3)
    v = rng.normal(size=(2, 3, 3, 3))
    y = np.einsum("nchw,oc->nohw", v, w[:, :, 0, 0])
    for layer, want in (("relu1", np.maximum(y, 0)), ("conv1", y)):
        loss, _, _ = student.loss_of_hints((("conv1", layer),), MAPS, MAPS, images, (w, b), (("conv1", v),),
                                           ((layer, np.zeros((2, 3, 3, 3))),))
        same(loss, (want**2).sum() / 4, within=1e-9)


def seeds(student, rng):
    """The same seed gives the same numbers; a Generator goes on."""
    pairs, images = (("relu1", "fc2"), ("fc1", "relu1")), rng.normal(size=(2, 4))
    _, first = student.made(pairs, MLP, MLP, images, 3)
    same(student.made(pairs, MLP, MLP, images, 3)[1], first)
    assert not np.array_equal(student.made(pairs, MLP, MLP, images, 4)[1], first), "another seed gives the same numbers"
    one, two = student.made_with_generator(pairs, MLP, MLP, images, 3)
    assert not np.array_equal(one, two), "a Generator gave the same numbers twice"


def no_activity(student, rng):
    """An image on which nothing is active has attention 0, and a gradient without NaN."""
    A = rng.normal(size=(2, 3, 2, 2))
    A[0] = 0
    same(student.attention_map(A)[0], np.zeros(4))
    B = rng.normal(size=(2, 3, 2, 2))
    loss, dA, _ = student.attention_loss(A, B)
    same(dA[0], np.zeros((3, 2, 2)))
    assert np.isfinite(loss) and np.isfinite(dA).all(), "a number is not finite"


def refusals(student, rng):
    mlp, maps = rng.normal(size=(1, 4)), rng.normal(size=(1, 2, 5, 6))
    same(student.hint_loss(np.ones((2, 3)), np.zeros((2, 3)))[0], 1.5, within=1e-12)     # to refuse everything is no solution
    refuses(student.hint_loss, np.ones((2, 3)), np.ones((2, 4)))
    refuses(student.hint_loss, np.ones((2, 3)), np.ones((2, 1)))
    refuses(student.made, (), MLP, MLP, mlp)
    refuses(student.made, (("relu7", "relu1"),), MLP, MLP, mlp)
    refuses(student.made, (("relu1", "fc9"),), MLP, MLP, mlp)
    refuses(student.made, (("conv2", "relu1"),), MAPS, MAPS, maps)                         # 4×3 pixels cannot become 4×5
    for v, u in (((3,), (3, 2, 2)), ((3, 2, 2), (3,)), ((2, 4), (2, 4)), ((3, 2, 4), (3, 3, 4)), ((3, 4, 2), (3, 4, 3))):
        refuses(student.regressor, v, u)
    refuses(student.attention_map, np.ones((2, 3)))
    refuses(student.attention_map, np.ones((2, 3, 4)))
    refuses(student.attention_loss, np.ones((2, 3, 2, 2)), np.ones((2, 3, 2, 1)))
    refuses(student.attention_loss, np.ones((2, 3, 2, 2)), np.ones((1, 3, 2, 2)))


def float32(student, rng):
    a, b = (rng.normal(size=(2, 3, 4, 5)).astype(np.float32) for _ in range(2))
    for name in ("hint_loss", "attention_loss"):
        for got in getattr(student, name)(a, b)[:2]:
            dtype(got, np.float32)
    dtype(student.attention_map(a), np.float32)
