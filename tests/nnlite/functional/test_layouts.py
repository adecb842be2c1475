"""Every function of nnlite.functional on arrays with any strides: the same as on C-contiguous copies, forward and backward."""

import numpy as np
import pytest
from support import positive, sample

from nnlite import Tensor
from nnlite import functional as F
from nnlite.functional.fused import conv2d_relu_pool, linear_relu

IMAGES, SMALL = (2, 3, 5, 6), (4, 3, 2)
INDICES = np.array([2, 0, 1, 2])
LABELS = np.random.default_rng(1).uniform(0, 1, (4, 3))
CONDITION = np.random.default_rng(2).random(SMALL) < 0.5
STATISTICS = positive((3,), 8), positive((3,), 9)

CASES = {  # "name in F, variant": function, shapes of its inputs
    **{name: (getattr(F, name), [SMALL, SMALL]) for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")},
    **{name: (getattr(F, name), [SMALL]) for name in (
        "negative", "exp", "absolute", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "clone", "flatten",
        "softmax", "log_softmax", "sum", "mean", "max", "min", "var", "std", "norm", "round", "sign")},
    **{f"{name} of images": (getattr(F, name), [IMAGES]) for name in ("relu", "gelu", "flatten", "clone")},
    "add, broadcast": (F.add, [SMALL, (3, 1)]),
    "straight_through": (lambda x: F.straight_through(x, F.round(x)), [SMALL]),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), [SMALL]),
    "log": (lambda x: F.log(F.exp(x)), [SMALL]),
    "log1p": (lambda x: F.log1p(F.exp(x)), [SMALL]),
    "sqrt": (lambda x: F.sqrt(F.exp(x)), [SMALL]),
    "power": (lambda x: F.power(x, 3), [SMALL]),
    "power of arrays": (lambda x, p: F.power(F.exp(x), p), [SMALL, SMALL]),
    "clamp": (lambda x: F.clamp(x, -1, 1), [SMALL]),
    "where": (lambda x, y: F.where(CONDITION, x, y), [SMALL, SMALL]),
    "flatten from 1": (lambda x: F.flatten(x, 1), [IMAGES]),
    "reshape": (lambda x: F.reshape(x, -1, 4), [SMALL]),
    "permute": (lambda x: F.permute(x, 2, 0, 1), [SMALL]),
    "transpose": (lambda x: F.transpose(x, 0, 2), [SMALL]),
    "index": (lambda x: F.index(x, (slice(1, None), slice(None, None, -2))), [SMALL]),
    "index with rows": (lambda x: F.index(x, INDICES), [SMALL]),
    "index with pairs": (lambda x: F.index(x, (INDICES, [0, 1, 2, 0])), [SMALL]),
    "concatenate": (lambda x, y: F.concatenate([x, y], 1), [SMALL, SMALL]),
    "stack": (lambda x, y: F.stack([x, y], 1), [SMALL, SMALL]),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), [SMALL]),
    "logsumexp": (lambda x: F.logsumexp(x, 1), [SMALL]),
    "cosine_similarity": (F.cosine_similarity, [SMALL, SMALL]),
    "matmul": (F.matmul, [(5, 4), (4, 7)]),
    "matmul, larger than a tile": (F.matmul, [(40, 30), (30, 70)]),
    "matmul, batched": (F.matmul, [(2, 5, 4), (4, 3)]),
    "matmul with a vector": (F.matmul, [(5, 4), (4,)]),
    "linear": (F.linear, [(4, 7), (5, 7), (5,)]),
    "linear, larger than a tile": (F.linear, [(40, 30), (70, 30), (70,)]),
    "embedding": (lambda w: F.embedding(INDICES, w), [(3, 4)]),
    "batch_norm": (lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), [IMAGES, (3,), (3,)]),
    "batch_norm of rows": (lambda x, g, b: F.batch_norm(x, *STATISTICS, g, b), [(4, 3), (3,), (3,)]),
    "layer_norm": (lambda x, g, b: F.layer_norm(x, (3, 2), g, b), [SMALL, (3, 2), (3, 2)]),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), [IMAGES, (4, 3, 3, 3), (4,)]),
    "conv2d with a stride": (lambda x, w: F.conv2d(x, w, stride=2), [IMAGES, (4, 3, 3, 3)]),
    "conv2d, depthwise": (lambda x, w: F.conv2d(x, w, padding=1, groups=3), [IMAGES, (3, 1, 3, 3)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), [IMAGES]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), [IMAGES]),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), [IMAGES]),
    "dropout": (lambda x: F.dropout(x, 0.5, rng=0), [SMALL]),
    **{name: (getattr(F, name), [SMALL, SMALL]) for name in ("mse_loss", "l1_loss", "huber_loss")},
    "mse_loss none": (lambda x, y: F.mse_loss(x, y, reduction="none"), [SMALL, SMALL]),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(F.sigmoid(x), LABELS), [(4, 3)]),
    "binary_cross_entropy_with_logits": (lambda x: F.binary_cross_entropy_with_logits(x, LABELS, reduction="none"), [(4, 3)]),
    "kl_div": (lambda x: F.kl_div(F.log_softmax(x), LABELS, reduction="none"), [(4, 3)]),
    "nll_loss": (lambda x: F.nll_loss(x, INDICES, reduction="none"), [(4, 3)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, INDICES), [(4, 3)]),
    "cross_entropy none": (lambda x: F.cross_entropy(x, LABELS / LABELS.sum(1, keepdims=True), reduction="none"), [(4, 3)]),
}

FUSED = {
    "linear_relu": (linear_relu, [(4, 7), (5, 7), (5,)]),
    "conv2d_relu": (lambda x, w, b: conv2d_relu_pool(x, w, b, padding=1), [IMAGES, (4, 3, 3, 3), (4,)]),
    "conv2d_relu_pool": (lambda x, w, b: conv2d_relu_pool(x, w, b, padding=1, pool=True), [IMAGES, (4, 3, 3, 3), (4,)]),
}


def every_other(x):
    large = np.full([2 * size for size in x.shape], np.nan, x.dtype)
    view = large[(..., *[slice(None, None, 2)] * x.ndim)]
    view[...] = x
    return view


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "broadcast along the first axis": lambda x: np.broadcast_to(x[:1], x.shape),
    "broadcast along the last axis": lambda x: np.broadcast_to(x[..., :1], x.shape),
    "one number": lambda x: np.broadcast_to(x.reshape(-1)[:1].reshape(()), x.shape),
    "reversed": lambda x: x[(..., *[slice(None, None, -1)] * x.ndim)],
    "the last axis reversed": lambda x: x[..., ::-1],
    "sliced": every_other,
    "transposed": lambda x: np.ascontiguousarray(np.moveaxis(x, 0, -1)).transpose(x.ndim - 1, *range(x.ndim - 1)),
    "channels last": lambda x: np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, -1, *range(1, x.ndim - 1))
    if x.ndim > 2 else x.T.copy().T,
    "in Fortran's order": np.asfortranarray,
    "read-only": read_only,
}


def run(function, inputs, layout_of_dy, dy):
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    y = function(*tensors)
    y.backward(layout_of_dy(dy[: y.size].reshape(y.shape)) if y.ndim else dy[0])
    return [y.data, *(x.grad for x in tensors)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [*CASES, *FUSED])
def test_a_view_gives_what_its_copy_gives(name, layout, dtype):
    function, shapes = (CASES | FUSED)[name]
    lay_out = LAYOUTS[layout]
    views = [lay_out(sample(shape, k).astype(dtype)) for k, shape in enumerate(shapes)]
    dy = sample((2800,), 11).astype(dtype)
    copies = [np.array(x, order="C") for x in views]
    expected = run(function, copies, lambda dy: np.array(lay_out(dy), order="C"), dy)
    for other, plain in zip(run(function, views, lay_out, dy), expected, strict=True):
        # The same numbers, summed in another order at most.
        np.testing.assert_allclose(other, plain, rtol=0, atol=200 * np.finfo(dtype).eps * np.abs(plain).max(initial=1))


def test_every_function_is_there():
    assert {name.split()[0].rstrip(",") for name in CASES} == set(F.__all__)


def test_another_byte_order_is_refused():
    with pytest.raises(TypeError, match=r"^Tensor: the numbers are in another byte order than this machine's \([<>]f4\)"):
        F.relu(np.ones(3, np.dtype(np.float32).newbyteorder()))


def test_relu_of_a_row_that_is_repeated():
    x = Tensor(np.broadcast_to(np.array([[-1.0, 2.0, 3.0]]), (4, 3)), requires_grad=True)
    y = F.relu(x)
    y.backward(np.ones((4, 3)))
    assert y.data.tolist() == [[0, 2, 3]] * 4 and x.grad.tolist() == [[0, 1, 1]] * 4
