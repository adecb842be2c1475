"""Random networks out of every public operation and layer, with every option.

FUNCTIONS and LAYERS have, for each public name of `nnlite.functional` and `nnlite.nn`, a function(rng, shape): what may be
applied to an input of that shape, a function of one Tensor or a layer, with random options; None where nothing may. LEFT_OUT
has the others, and why. `network(name, seed)` puts random ones before and after that of a name.
"""

from functools import partial

import numpy as np

from nnlite import Tensor, nn
from nnlite import functional as F
from nnlite.functional import fused
from nnlite.tensor import no_grad

LARGEST = 1e4  # of a result: what grows beyond it is left out


class Chain(nn.Module):
    """Functions and layers, one after the other."""

    def __init__(self, parts):
        self.layers = nn.ModuleList([part for part in parts if isinstance(part, nn.Module)])
        layers = iter(range(len(parts)))
        self.parts = [next(layers) if isinstance(part, nn.Module) else part for part in parts]

    def forward(self, x):
        for part in self.parts:
            x = self.layers[part](x) if isinstance(part, int) else part(x)
        return x


def network(name, seed):
    """(model in inference mode, images float32) with the function or layer of this name in it; None where it fits nowhere."""
    rng, parts = np.random.default_rng(seed), {**FUNCTIONS, **LAYERS}
    shape = (int(rng.integers(2, 5)), *map(int, rng.integers(1, 8, 3))) if rng.random() < 0.7 else (3, int(rng.integers(1, 12)))
    x = rng.standard_normal(shape).astype(np.float32)
    chosen = [*rng.choice(list(parts), rng.integers(0, 3)), name, *rng.choice(list(parts), rng.integers(0, 4))]
    model, y, found = [], Tensor(x), False
    with no_grad():
        for each in chosen:
            part = parts[each](rng, y.shape)
            if part is None:
                continue
            result = part.eval()(y) if isinstance(part, nn.Module) else part(y)
            if result.size and result.dtype.kind == "f" and np.isfinite(result.data).all() and abs(result.data).max() < LARGEST:
                model, y, found = [*model, part], result, found or each == name
    return (Chain(model).eval(), x) if found else None


def images(make):
    return lambda rng, shape: make(rng, shape) if len(shape) == 4 else None


def rows(make):
    """For inputs with at least one axis after N."""
    return lambda rng, shape: make(rng, shape) if len(shape) >= 2 else None


def simple(function):
    return lambda rng, shape: function


def array(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def other(rng, shape):
    """A second operand: a number, a constant that broadcasts, or another function of x."""
    constant = array(rng, *(size if rng.random() < 0.5 else 1 for size in shape[1:]))
    choices = [lambda x: float(constant.flat[0]), lambda x: constant, F.tanh, lambda x: x]
    return choices[rng.integers(4)]


def binary(function):
    def make(rng, shape):
        y = other(rng, shape)
        return (lambda x: function(x, y(x))) if rng.random() < 0.7 else (lambda x: function(y(x), x))
    return make


def dims(rng, shape, least=0):
    """Some axes of x from `least` on, positive or negative, or None for all."""
    if len(shape) <= least or least == 0 and rng.random() < 0.2:
        return None
    axes = rng.permutation(np.arange(least, len(shape)))[: rng.integers(1, len(shape) - least + 1)]
    return tuple(int(axis) - len(shape) * int(rng.integers(2)) for axis in axes) if rng.random() < 0.5 else int(axes[0])


def reduction(function, **options):
    def make(rng, shape):
        dim, keepdim = dims(rng, shape, least=int(rng.random() < 0.8)), bool(rng.integers(2))
        given = {option: values[rng.integers(len(values))] for option, values in options.items()}
        return partial(function, dim=dim, keepdim=keepdim, **given)
    return make


def pair(rng, low, high):
    """One number, or two."""
    a, b = (int(n) for n in rng.integers(low, high, 2))
    return a if rng.random() < 0.5 else (a, b)


def conv_options(rng, shape):
    groups = int(rng.choice([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]))
    kernel, dilation = tuple(int(k) for k in rng.integers(1, 4, 2)), pair(rng, 1, 3)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, np.broadcast_to(dilation, 2), strict=True)]
    padding = [int(max(rng.integers(0, 3), (r - n + 1) // 2)) for r, n in zip(reach, shape[2:], strict=True)]
    stride, choice = pair(rng, 1, 3), rng.integers(5)
    if choice == 0:
        stride, padding = 1, "same"
    elif choice == 1 and all(r <= n for r, n in zip(reach, shape[2:], strict=True)):
        padding = "valid"
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return groups * int(rng.integers(1, 6)), kernel, options


def conv2d(function):
    def make(rng, shape):
        O, kernel, options = conv_options(rng, shape)
        w, b = array(rng, O, shape[1] // options["groups"], *kernel), array(rng, O) if rng.random() < 0.5 else None
        return lambda x: function(x, w, b, **options)
    return images(make)


def conv_layer(rng, shape):
    O, kernel, options = conv_options(rng, shape)
    return followed(rng, nn.Conv2d(shape[1], O, kernel, bias=bool(rng.integers(2)), rng=rng, **options))


def followed(rng, layer):
    """A layer, and perhaps what is fused or folded with it."""
    followers = [nn.ReLU()] if rng.random() < 0.5 else []
    return nn.Sequential(layer, *followers) if rng.random() < 0.7 else layer


def pool_options(rng, shape):
    kernel = tuple(int(rng.integers(1, min(4, n + 1))) for n in shape[2:])
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    return kernel, pair(rng, 1, 4) if rng.random() < 0.7 else None, padding, bool(rng.integers(2))


def max_pool(make):
    def call(rng, shape):
        *options, ceil = pool_options(rng, shape)
        return make(*options, ceil_mode=ceil)
    return images(call)


def avg_pool(make):
    return images(lambda rng, shape: make(*pool_options(rng, shape), bool(rng.integers(2))))


def adaptive(make):
    def call(rng, shape):
        size = tuple(None if rng.random() < 0.1 else int(rng.integers(1, n + 2)) for n in shape[2:])
        return make([1, size, size[0] or 1][rng.integers(3)])
    return images(call)


def linear(rng, shape):
    O = int(rng.integers(1, 9))
    w, b = array(rng, O, shape[-1]), array(rng, O) if rng.random() < 0.5 else None
    function = F.linear if rng.random() < 0.8 else fused.linear_relu
    return lambda x: function(x, w, b)


def statistics(rng, C):
    return array(rng, C), rng.uniform(0.5, 2, C).astype(np.float32), array(rng, C), array(rng, C)


def batch_norm(rng, shape):
    if len(shape) not in (2, 4):
        return None
    mean, var, gamma, beta = statistics(rng, shape[1])
    if rng.random() < 0.2 and int(np.prod(shape)) // shape[1] > 1:
        return lambda x: F.batch_norm(x, None, None, gamma, beta, training=True, eps=0.1)
    if rng.random() < 0.3:
        gamma = beta = None
    eps = float(rng.choice([1e-5, 0.1]))
    return lambda x: F.batch_norm(x, mean, var, gamma, beta, eps=eps)


def batch_norm_layer(kind, ndim):
    def make(rng, shape):
        if len(shape) != ndim:
            return None
        layer = kind(shape[1], momentum=[0.1, None][rng.integers(2)])
        mean, var, gamma, beta = statistics(rng, shape[1])
        layer.running_mean.data, layer.running_var.data, layer.weight.data, layer.bias.data = mean, var, gamma, beta
        before = {2: nn.Linear, 4: lambda *sizes, rng: nn.Conv2d(*sizes, 1, rng=rng)}[ndim](shape[1], shape[1], rng=rng)
        return nn.Sequential(before, layer) if rng.random() < 0.5 else layer
    return make


def layer_norm(rng, shape):
    features = shape[-int(rng.integers(1, len(shape))):]
    gamma, beta = (array(rng, *features) if rng.random() < 0.7 else None for _ in range(2))
    return lambda x: F.layer_norm(x, features, gamma, beta, eps=0.1)


def norm_layer(rng, shape):
    return nn.LayerNorm(shape[-int(rng.integers(1, len(shape))):], eps=0.1)


def index(rng, shape):
    every, choice = slice(None), int(rng.integers(5))
    places = [(every, slice(None, None, 2)), (every, rng.integers(0, shape[1], 3)), (Ellipsis, 0), (every, -1), (every, None)]
    return lambda x: F.index(x, places[choice])


def pad(rng, shape):
    widths = tuple(int(n) for n in rng.integers(0, 3, 2 * int(rng.integers(1, len(shape)))))
    value = float(rng.integers(2))
    return lambda x: F.pad(x, widths, value=value)


def reshape(rng, shape):
    size = int(np.prod(shape[1:]))
    to = [(-1, size), (-1, 1, size), (shape[0], -1), (-1, *shape[:0:-1])][rng.integers(4)]
    return lambda x: F.reshape(x, *to)


def permute(rng, shape):
    order = (0, *(int(axis) for axis in 1 + rng.permutation(len(shape) - 1)))
    return lambda x: F.permute(x, order)


def transpose(rng, shape):
    a, b = (int(axis) for axis in rng.integers(1, len(shape), 2))
    return lambda x: F.transpose(x, a, b)


def flatten(rng, shape):
    start = int(rng.integers(1, len(shape)))
    end = int(rng.integers(start, len(shape))) if rng.random() < 0.5 else -1
    return lambda x: F.flatten(x, start, end)


def matmul(rng, shape):
    w = array(rng, shape[-1], 4) if rng.random() < 0.7 else array(rng, shape[-1])
    return lambda x: F.matmul(x, w)


def along(function):
    def make(rng, shape):
        dim = int(rng.integers(1, len(shape))) if rng.random() < 0.7 else -1
        return lambda x: function(x, dim)
    return rows(make)


def kinked(x, c):
    """Continuous, so that the rounding of x makes no difference to which side is taken."""
    return F.where(x > c, x - c, 0.1 * x - 0.1 * c)


def residual(rng, shape):
    if len(shape) != 4:
        return None
    block = nn.Conv2d(shape[1], shape[1], 3, padding=1, rng=rng)
    shortcut = nn.Conv2d(shape[1], shape[1], 1, rng=rng) if rng.random() < 0.5 else None
    return nn.Residual(nn.Sequential(block), shortcut)


FUNCTIONS = {
    "absolute": simple(F.absolute), "adaptive_avg_pool2d": adaptive(lambda size: lambda x: F.adaptive_avg_pool2d(x, size)),
    "add": binary(F.add), "avg_pool2d": avg_pool(lambda *o: lambda x: F.avg_pool2d(x, *o)), "batch_norm": batch_norm,
    "clamp": lambda rng, shape: partial(F.clamp, **{["min", "max"][rng.integers(2)]: float(rng.normal())}),
    "clone": simple(F.clone),
    "concatenate": rows(lambda rng, shape: lambda x: F.concatenate([x, F.tanh(x)], dim=1)),
    "conv2d": conv2d(F.conv2d),
    "cosine_similarity": rows(lambda rng, shape: lambda x: F.cosine_similarity(x, F.tanh(x) + 1.0, dim=1)),
    "divide": lambda rng, shape: binary(lambda x, y: F.divide(x, F.absolute(y) + 1.0))(rng, shape),
    "exp": simple(F.exp), "flatten": rows(flatten),
    "gelu": lambda rng, shape: partial(F.gelu, approximate=["none", "tanh"][rng.integers(2)]),
    "index": rows(index), "layer_norm": rows(layer_norm),
    "leaky_relu": lambda rng, shape: partial(F.leaky_relu, negative_slope=float(rng.uniform(0, 0.5))),
    "linear": rows(linear), "log": simple(lambda x: F.log(x * x + 0.5)), "log1p": simple(lambda x: F.log1p(F.absolute(x))),
    "log_softmax": along(F.log_softmax), "logsumexp": along(F.logsumexp), "matmul": rows(matmul), "max": reduction(F.max),
    "max_pool2d": max_pool(lambda *o, **n: lambda x: F.max_pool2d(x, *o, **n)), "maximum": binary(F.maximum),
    "mean": reduction(F.mean), "min": reduction(F.min), "minimum": binary(F.minimum), "multiply": binary(F.multiply),
    "negative": simple(F.negative), "norm": reduction(F.norm, p=[1, 2, np.inf]), "pad": rows(pad), "permute": rows(permute),
    "power": lambda rng, shape: (lambda p: lambda x: F.power(x, p))(int(rng.integers(1, 4))), "relu": simple(F.relu),
    "reshape": rows(reshape), "round": simple(lambda x: F.absolute(x - F.round(x))),  # continuous, as `kinked` is
    "sigmoid": simple(F.sigmoid), "sign": simple(lambda x: F.multiply(x, F.sign(x))), "softmax": along(F.softmax),
    "softplus": lambda rng, shape: partial(F.softplus, beta=float(rng.uniform(0.5, 2))),
    "sqrt": simple(lambda x: F.sqrt(F.absolute(x) + 0.1)),
    "stack": rows(lambda rng, shape: lambda x: F.stack([x, F.tanh(x)], 1)),
    "std": reduction(lambda x, **o: F.std(x + 0.0, correction=0, **o)),
    "straight_through": simple(lambda x: F.straight_through(x, F.tanh(x))), "subtract": binary(F.subtract),
    "sum": reduction(F.sum),
    "tanh": simple(F.tanh), "transpose": rows(transpose), "var": reduction(F.var, correction=[0]),
    "where": lambda rng, shape: partial(kinked, c=float(rng.normal())),
}
LAYERS = {
    "AdaptiveAvgPool2d": adaptive(nn.AdaptiveAvgPool2d), "AvgPool2d": avg_pool(nn.AvgPool2d),
    "BatchNorm1d": batch_norm_layer(nn.BatchNorm1d, 2), "BatchNorm2d": batch_norm_layer(nn.BatchNorm2d, 4),
    "Conv2d": images(conv_layer), "Dropout": simple(nn.Dropout(0.5)), "Flatten": rows(lambda rng, shape: nn.Flatten()),
    "GELU": lambda rng, shape: nn.GELU(), "Identity": lambda rng, shape: nn.Identity(), "LayerNorm": rows(norm_layer),
    "LeakyReLU": lambda rng, shape: nn.LeakyReLU(float(rng.uniform(0, 0.5))),
    "Linear": rows(lambda rng, shape: followed(rng, nn.Linear(shape[-1], int(rng.integers(1, 70)), rng=rng))),
    "LogSoftmax": rows(lambda rng, shape: nn.LogSoftmax(1)), "MaxPool2d": max_pool(nn.MaxPool2d),
    "ReLU": lambda rng, shape: nn.ReLU(), "Residual": residual, "Sigmoid": lambda rng, shape: nn.Sigmoid(),
    "Softplus": lambda rng, shape: nn.Softplus(float(rng.uniform(0.5, 2))),
    "Softmax": rows(lambda rng, shape: nn.Softmax(1)), "Tanh": lambda rng, shape: nn.Tanh(),
}
LEFT_OUT = {
    **dict.fromkeys(["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div",
                     "l1_loss", "mse_loss", "nll_loss", "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss",
                     "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss"], "a loss reads targets, which a plan does not have"),
    **dict.fromkeys(["embedding", "Embedding"], "reads whole numbers, where a plan takes floats"),
    "dropout": "draws random numbers unless training=False, and then does nothing",
    **dict.fromkeys(["Buffer", "Module", "ModuleDict", "ModuleList", "Parameter", "ParameterList", "Sequential"],
                    "is no layer but what layers are made of"),
    **dict.fromkeys(["register_parametrization", "remove_parametrization"], "changes a layer"),
}
