"""Every function, forward and backward, beside PyTorch's in float64."""

import numpy as np
import pytest
from support import positive, sample, samples, value_and_gradients

from nnlite import functional as F

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")]
P = torch.nn.functional

IMAGES = (2, 4, 7, 8)
MASK = np.random.default_rng(0).random((2, 3)) < 0.5
INDICES = np.array([2, 0, 1, 2])
LABELS = np.random.default_rng(1).uniform(0, 1, (4, 3))
PROBABILITIES = LABELS / LABELS.sum(axis=1, keepdims=True)
WEIGHT = np.array([0.5, 2.0, 1.25])
PLACES = [  # logits of other shapes than (N, C), with a target of each form
    ("one example by index", (3,), np.array(2)),
    ("one example by probabilities", (3,), PROBABILITIES[0]),
    ("pixels by index", (2, 3, 2, 5), np.random.default_rng(3).integers(0, 3, (2, 2, 5))),
    ("pixels by probabilities", (4, 3, 1), PROBABILITIES[..., None]),
]
TIES = np.random.default_rng(2).integers(-1, 2, IMAGES).astype(np.float64)
T = torch.tensor

CASES = {  # "name in F, variant": ours, PyTorch's, inputs
    "add": (F.add, torch.add, [(2, 1, 3), (4, 1)]),
    "subtract": (F.subtract, torch.subtract, [(2, 1, 3), (4, 1)]),
    "multiply": (F.multiply, torch.multiply, [(2, 1, 3), (4, 1)]),
    "divide": (F.divide, torch.divide, [(2, 1, 3), (4, 1)]),
    "power": (lambda x: F.power(x, 3), lambda x: x**3, [(2, 3)]),
    "power of two tensors": (F.power, torch.pow, [positive((2, 3)), (3,)]),
    "power of two tensors at 0": (F.power, torch.pow, [np.array([0.0, 0, 0, 2]), np.array([0.0, 1, 3, 0])]),
    "power of negative numbers": (lambda x: F.power(x, np.array([2.0, 3, 0])), lambda x: torch.pow(x, T([2.0, 3, 0])),
                                  [np.array([-2.0, -3, -4])]),
    "maximum": (F.maximum, torch.maximum, [np.array([[1.0, 2, 3]]), np.array([[2.0], [1.0]])]),
    "minimum": (F.minimum, torch.minimum, [np.array([[1.0, 2, 3]]), np.array([[2.0], [1.0]])]),
    "negative": (F.negative, torch.negative, [(2, 3)]),
    "exp": (F.exp, torch.exp, [(2, 3)]),
    "log": (F.log, torch.log, [positive((2, 3))]),
    "log1p": (F.log1p, torch.log1p, [positive((2, 3))]),
    "sqrt": (F.sqrt, torch.sqrt, [positive((2, 3))]),
    "absolute": (F.absolute, torch.absolute, [np.array([-1.5, 0, 2])]),
    "round": (F.round, torch.round, [np.array([-2.5, -0.5, 0.5, 1.5, 1.6])]),
    "sign": (F.sign, torch.sign, [np.array([-1.5, 0, 2])]),
    "straight_through": (lambda x: F.straight_through(x, F.round(x)), lambda x: x + (torch.round(x) - x).detach(), [(2, 3)]),
    "clamp": (lambda x: F.clamp(x, -1, 1), lambda x: torch.clamp(x, -1, 1), [np.array([-2.0, -1, 0, 1, 3])]),
    "clamp below": (lambda x: F.clamp(x, 0.5), lambda x: torch.clamp(x, 0.5), [(2, 3)]),
    "where": (lambda x, y: F.where(MASK, x, y), lambda x, y: torch.where(T(MASK), x, y), [(2, 3), (3,)]),
    "sum": (F.sum, torch.sum, [(2, 3)]),
    "sum dims": (lambda x: F.sum(x, (0, 2), True), lambda x: torch.sum(x, (0, 2), True), [(2, 3, 4)]),
    "mean": (lambda x: F.mean(x, 1), lambda x: torch.mean(x, 1), [(2, 3, 4)]),
    "max": (lambda x: F.max(x, (1, 3)), lambda x: torch.amax(x, (1, 3)), [TIES]),
    "min": (lambda x: F.min(x, (1, 3)), lambda x: torch.amin(x, (1, 3)), [TIES]),
    "std": (lambda x: F.std(x, 1), lambda x: torch.std(x, 1), [(2, 3, 4)]),
    "std of equal numbers": (F.std, torch.std, [np.ones(3)]),
    "norm": (F.norm, torch.norm, [(2, 3)]),
    "norm 1": (lambda x: F.norm(x, 1, 1), lambda x: torch.norm(x, 1, 1), [np.array([[-1.5, 0, 2], [0, 0, 0]])]),
    "norm 3": (lambda x: F.norm(x, 3, 0, True), lambda x: torch.norm(x, 3, 0, True), [(2, 3)]),
    "norm inf": (lambda x: F.norm(x, np.inf, 1), lambda x: torch.norm(x, np.inf, 1), [np.array([[-2.0, 2, 1], [0, -3, 1]])]),
    "norm of zeros": (F.norm, torch.norm, [np.zeros(3)]),
    "var": (lambda x: F.var(x, 1), lambda x: torch.var(x, 1), [(2, 3, 4)]),
    "var with correction": (lambda x: F.var(x, (0, 2), True, 0), lambda x: torch.var(x, (0, 2), correction=0, keepdim=True),
                            [(2, 3, 4)]),
    "reshape": (lambda x: F.reshape(x, 4, -1), lambda x: x.reshape(4, -1), [(2, 3, 4)]),
    "flatten": (lambda x: F.flatten(x, 1), lambda x: torch.flatten(x, 1), [(2, 3, 4)]),
    "flatten with end_dim": (lambda x: F.flatten(x, 0, 1), lambda x: torch.flatten(x, 0, 1), [(2, 3, 4)]),
    "clone": (F.clone, torch.clone, [(2, 3)]),
    "stack": (lambda x, y: F.stack([x, y], 1), lambda x, y: torch.stack([x, y], 1), [(2, 3), (2, 3)]),
    "permute": (lambda x: F.permute(x, 2, 0, 1), lambda x: x.permute(2, 0, 1), [(2, 3, 4)]),
    "transpose": (lambda x: F.transpose(x, 0, -1), lambda x: x.transpose(0, -1), [(2, 3, 4)]),
    "index": (lambda x: F.index(x, (INDICES, slice(1, 3))), lambda x: x[T(INDICES), 1:3], [(3, 4)]),
    "index with a number and an array": (lambda x: F.index(x, (0, slice(None), [0, 1, 1])), lambda x: x[0, :, [0, 1, 1]],
                                         [(2, 3, 4)]),
    "index with arrays apart": (lambda x: F.index(x, ([0, 1, 1], slice(None), [0, 1, 1])), lambda x: x[[0, 1, 1], :, [0, 1, 1]],
                                [(2, 3, 4)]),
    "concatenate": (lambda x, y: F.concatenate([x, y], 1), lambda x, y: torch.cat([x, y], 1), [(2, 3), (2, 1)]),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 3), 0.5), lambda x: P.pad(x, (1, 2, 0, 3), value=0.5), [(2, 3, 4)]),
    "matmul": (F.matmul, torch.matmul, [(2, 1, 3, 4), (5, 4, 2)]),
    "matmul of a matrix and a vector": (F.matmul, torch.matmul, [(5, 4, 3), (3,)]),
    "matmul of a vector and a matrix": (F.matmul, torch.matmul, [(4,), (5, 4, 3)]),
    "matmul of two vectors": (F.matmul, torch.matmul, [(4,), (4,)]),
    "linear": (F.linear, P.linear, [(2, 5, 7), (3, 7), (3,)]),
    "embedding": (lambda w: F.embedding(INDICES, w), lambda w: P.embedding(T(INDICES), w), [(3, 4)]),
    "relu": (F.relu, P.relu, [np.array([-1.5, 0, 2])]),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x: P.leaky_relu(x, 0.2), [np.array([-1.5, 0, 2])]),
    "sigmoid": (F.sigmoid, torch.sigmoid, [np.array([-50.0, -1, 0, 2, 50])]),
    "tanh": (F.tanh, torch.tanh, [(2, 3)]),
    "gelu": (F.gelu, P.gelu, [np.array([-9.0, -1, 0, 2, 9])]),
    "gelu with tanh": (lambda x: F.gelu(x, "tanh"), lambda x: P.gelu(x, approximate="tanh"), [np.array([-9.0, -1, 0, 2, 9])]),
    "softplus": (F.softplus, P.softplus, [np.array([-50.0, -1, 0, 2, 50])]),
    "softplus with beta": (lambda x: F.softplus(x, 2.5), lambda x: P.softplus(x, 2.5, threshold=1000), [(2, 3)]),
    "logsumexp": (lambda x: F.logsumexp(x, (0, 2)), lambda x: torch.logsumexp(x, (0, 2)), [(2, 3, 4)]),
    "logsumexp of minus infinity": (lambda x: F.logsumexp(x, 1, True), lambda x: torch.logsumexp(x, 1, True),
                                    [np.array([[-np.inf, 1, 2]])]),
    "cosine_similarity": (F.cosine_similarity, P.cosine_similarity, [(2, 3, 4), (3, 4)]),
    "cosine_similarity along 0": (lambda x, y: F.cosine_similarity(x, y, 0), lambda x, y: P.cosine_similarity(x, y, 0),
                                  [(3,), (3,)]),
    "softmax": (lambda z: F.softmax(z, 1), lambda z: P.softmax(z, 1), [(2, 3, 4)]),
    "log_softmax": (lambda z: F.log_softmax(z, 1), lambda z: P.log_softmax(z, 1), [(2, 3, 4)]),
    "adaptive_avg_pool2d": (F.adaptive_avg_pool2d, lambda x: P.adaptive_avg_pool2d(x, 1), [IMAGES]),
    "layer_norm": (lambda x, g, b: F.layer_norm(x, (3, 4), g, b), lambda x, g, b: P.layer_norm(x, (3, 4), g, b),
                   [(2, 3, 4), (3, 4), (3, 4)]),
}
for name, (stride, padding, dilation, groups) in {
    "plain": (1, 0, 1, 1), "with options": ((2, 1), (1, 2), (1, 2), 1), "in groups": (2, 1, 1, 2), "depthwise": (1, 1, 2, 4),
}.items():
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    CASES[f"conv2d {name}"] = (
        lambda x, w, b, options=options: F.conv2d(x, w, b, **options),
        lambda x, w, b, options=options: P.conv2d(x, w, b, **options), [IMAGES, (8, 4 // groups, 3, 2), (8,)])
for options in [(2,), (3, 2, 1), ((2, 3), (1, 2), (0, 1))]:
    for name, images in (("of different numbers", IMAGES), ("with ties", TIES)):
        CASES[f"max_pool2d {options} {name}"] = (
            lambda x, options=options: F.max_pool2d(x, *options),
            lambda x, options=options: P.max_pool2d(x, *options), [images])
    CASES[f"avg_pool2d {options}"] = (
        lambda x, options=options: F.avg_pool2d(x, *options), lambda x, options=options: P.avg_pool2d(x, *options), [IMAGES])
for i, options in enumerate([(2, 2, 0), (3, 2, 1), ((2, 3), (3, 2), (1, 1))]):
    CASES[f"max_pool2d ceil_mode {i}"] = (lambda x, o=options: F.max_pool2d(x, *o, ceil_mode=True),
                                          lambda x, o=options: P.max_pool2d(x, *o, ceil_mode=True), [IMAGES])
    for flags in [(True, True), (True, False), (False, False)]:
        CASES[f"avg_pool2d {options} {flags}"] = (lambda x, o=(*options, *flags): F.avg_pool2d(x, *o),
                                                  lambda x, o=(*options, *flags): P.avg_pool2d(x, *o), [IMAGES])
for size in [(3, 2), 7, (1, 8), (9, 5), (None, 3)]:
    CASES[f"adaptive_avg_pool2d {size}"] = (lambda x, size=size: F.adaptive_avg_pool2d(x, size),
                                            lambda x, size=size: P.adaptive_avg_pool2d(x, size), [IMAGES])
for padding, dilation in [("same", 1), ("same", (1, 2)), ("same", (3, 1)), ("valid", 1)]:
    CASES[f"conv2d {padding} {dilation}"] = (
        lambda x, w, o=(1, padding, dilation): F.conv2d(x, w, None, *o),
        lambda x, w, o=(1, padding, dilation): P.conv2d(x, w, None, *o), [IMAGES, (8, 4, 2, 3)])
for name in ("mse_loss", "l1_loss", "huber_loss"):
    for reduction in ("mean", "sum", "none"):
        CASES[f"{name} {reduction}"] = (
            lambda x, y, name=name, reduction=reduction: getattr(F, name)(x, y, reduction=reduction),
            lambda x, y, name=name, reduction=reduction: getattr(P, name)(x, y, reduction=reduction), [(4, 3), (4, 3)])
for reduction in ("mean", "sum", "none"):
    CASES[f"huber_loss {reduction} with delta"] = (
        lambda x, y, reduction=reduction: F.huber_loss(x, y, reduction=reduction, delta=0.4),
        lambda x, y, reduction=reduction: P.huber_loss(x, y, reduction=reduction, delta=0.4), [(4, 3), (4, 3)])
    for name, x in (("binary_cross_entropy", PROBABILITIES), ("binary_cross_entropy_with_logits", (4, 3))):
        CASES[f"{name} {reduction}"] = (
            lambda x, name=name, reduction=reduction: getattr(F, name)(x, LABELS, reduction=reduction),
            lambda x, name=name, reduction=reduction: getattr(P, name)(x, T(LABELS), reduction=reduction), [x])
for reduction in ("sum", "none", "batchmean"):  # PyTorch warns that its "mean" will change
    for name, target, log_target in (("", PROBABILITIES, False), ("of logarithms", np.log(PROBABILITIES), True)):
        CASES[f"kl_div {reduction} {name}"] = (
            lambda q, reduction=reduction, target=target, log_target=log_target: F.kl_div(
                q, target, reduction=reduction, log_target=log_target),
            lambda q, reduction=reduction, target=target, log_target=log_target: P.kl_div(
                q, T(target), reduction=reduction, log_target=log_target), [(4, 3)])
for reduction in ("mean", "sum", "none"):
    for weight in (None, WEIGHT):
        torch_weight = None if weight is None else T(weight)
        CASES[f"nll_loss {reduction} {weight}"] = (
            lambda z, w=weight, reduction=reduction: F.nll_loss(z, INDICES, weight=w, reduction=reduction),
            lambda z, w=torch_weight, reduction=reduction: P.nll_loss(z, T(INDICES), w, reduction=reduction), [(4, 3)])
        for smoothing in (0.0, 0.3):
            for name, target in (("indices", INDICES), ("probabilities", PROBABILITIES)):
                CASES[f"cross_entropy {reduction} {weight} {smoothing} {name}"] = (
                    lambda z, w=weight, target=target, reduction=reduction, smoothing=smoothing: F.cross_entropy(
                        z, target, weight=w, reduction=reduction, label_smoothing=smoothing),
                    lambda z, w=torch_weight, target=target, reduction=reduction, smoothing=smoothing: P.cross_entropy(
                        z, T(target), w, reduction=reduction, label_smoothing=smoothing), [(4, 3)])

for reduction in ("mean", "sum", "none"):
    CASES[f"binary_cross_entropy_with_logits {reduction} with pos_weight"] = (
        lambda x, reduction=reduction: F.binary_cross_entropy_with_logits(x, LABELS, pos_weight=WEIGHT, reduction=reduction),
        lambda x, reduction=reduction: P.binary_cross_entropy_with_logits(
            x, T(LABELS), pos_weight=T(WEIGHT), reduction=reduction), [(4, 3)])
    for name, z, target in PLACES:
        for weight in (None, WEIGHT):
            for smoothing in (0.0, 0.3):
                options = {"ignore_index": 1} if target.dtype.kind == "i" else {}
                CASES[f"cross_entropy of {name} {reduction} {weight} {smoothing}"] = (
                    lambda z, t=target, w=weight, o=options | {"reduction": reduction, "label_smoothing": smoothing}:
                        F.cross_entropy(z, t, weight=w, **o),
                    lambda z, t=target, w=weight, o=options | {"reduction": reduction, "label_smoothing": smoothing}:
                        P.cross_entropy(z, T(t), None if w is None else T(w), **o), [z])


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_equal_pytorchs(name):
    ours, theirs, inputs = CASES[name]
    inputs = samples(inputs)
    y, dy, gradients = value_and_gradients(ours, inputs)
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    their_y = theirs(*tensors)
    their_y.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, their_y.detach().numpy(), rtol=1e-10, atol=1e-10)
    for x, dx in zip(tensors, gradients, strict=True):
        np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_binary_cross_entropy_at_0_and_1_equals_pytorchs():
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    ours, dy, (dp,) = value_and_gradients(lambda p: F.binary_cross_entropy(p, y, reduction="none"), [p])
    tensor = torch.tensor(p, requires_grad=True)
    theirs = P.binary_cross_entropy(tensor, T(y), reduction="none")
    theirs.backward(torch.tensor(dy))
    np.testing.assert_array_equal(ours, theirs.detach().numpy())
    np.testing.assert_allclose(dp, tensor.grad.numpy(), rtol=np.finfo(np.float32).eps)  # their limit 10⁻¹² is a float32


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_and_its_running_statistics_equal_pytorchs(training, shape):
    mean, var = sample((3,), 5), positive((3,), 6)
    their_mean, their_var = torch.tensor(mean), torch.tensor(var)
    inputs = samples([shape, (3,), (3,)])
    y, dy, gradients = value_and_gradients(lambda x, g, b: F.batch_norm(x, mean, var, g, b, training, 0.2, 1e-3), inputs)
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    their_y = P.batch_norm(tensors[0], their_mean, their_var, *tensors[1:], training, 0.2, 1e-3)
    their_y.backward(torch.tensor(dy))
    pairs = [(y, their_y.detach()), (mean, their_mean), (var, their_var)]
    for a, b in [*pairs, *((dx, x.grad) for x, dx in zip(tensors, gradients, strict=True))]:
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-10, atol=1e-10)


def test_batch_norm_without_running_statistics_equals_pytorchs():
    x = sample((6, 3))
    ours = F.batch_norm(x, None, None, training=True).data
    np.testing.assert_allclose(ours, P.batch_norm(T(x), None, None, training=True).numpy(), rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="running_mean"):
        F.batch_norm(x, None, None)
    with pytest.raises(RuntimeError, match="running_mean"):
        P.batch_norm(T(x), None, None)


def test_every_function_is_compared():
    compared = {name.split()[0] for name in CASES} | {"batch_norm"}
    assert compared == set(F.__all__) - {"dropout"}  # whose random numbers are its own
