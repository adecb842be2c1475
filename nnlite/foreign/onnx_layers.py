"""Which layer of nnlite.nn an ONNX operator is.

    convert(node, constants, x)  ->  the layer; None for an operator that changes nothing at inference

Source: the ONNX operators' specification, opset 21.
"""

import numpy as np

from nnlite import nn
from nnlite.nn.module import cast

MOST_PADDING = 255


class Refused(ValueError):
    """An operator, or a use of it, that no layer computes."""


def weights(node, constants, i):
    """The i-th input of a node as a float32 array; None where it has none.   Errors: Refused where it is computed."""
    if i >= len(node.input) or not node.input[i]:
        return None
    if node.input[i] not in constants:
        raise Refused("its weights are computed from the input")
    return cast("its constant", constants[node.input[i]], np.dtype(np.float32))


def with_arrays(layer, **arrays):
    """The layer with these arrays as its parameters and buffers."""
    for name, array in arrays.items():
        if array is not None:
            getattr(layer, name).data = np.ascontiguousarray(array)
    return layer


def linear(w, b):
    """A Linear with weights (O, I) and biases (O,) or None."""
    if w.ndim != 2 or 0 in w.shape or b is not None and b.shape != w.shape[:1]:
        raise Refused(f"its weights are {w.shape}, its biases {None if b is None else b.shape}; expected (O, I) and (O,)")
    return with_arrays(nn.Linear(w.shape[1], w.shape[0], bias=b is not None, rng=0), weight=w, bias=b)


def _gemm(node, o, constants, x):
    if o.get("transA", 0):
        raise Refused("it transposes its input")
    w, b = weights(node, constants, 1), weights(node, constants, 2)
    w = np.float32(o.get("alpha", 1.0)) * (w if o.get("transB", 0) else w.T)
    if b is not None:
        b = np.float32(o.get("beta", 1.0)) * np.broadcast_to(b.reshape(-1), w.shape[:1])
    return linear(w, b)


def _matmul(node, o, constants, x):
    return linear(weights(node, constants, 1).T, None)


def _conv(node, o, constants, x):
    w, b = weights(node, constants, 1), weights(node, constants, 2)
    if w.ndim != 4:
        raise Refused(f"its weights have shape {w.shape}, only convolutions of images can be read")
    if tuple(o.get("kernel_shape", w.shape[2:])) != w.shape[2:]:
        raise Refused(f"its kernel_shape is {o['kernel_shape']}, its weights have shape {w.shape}")
    options = {"stride": _pair(o, "strides", 1), "padding": _padding(o), "dilation": _pair(o, "dilations", 1)}
    groups = o.get("group", 1)
    layer = nn.Conv2d(w.shape[1] * groups, w.shape[0], w.shape[2:], groups=groups, bias=b is not None, rng=0, **options)
    if b is not None and b.shape != w.shape[:1]:
        raise Refused(f"its biases have shape {b.shape}, its weights {w.shape}")
    return with_arrays(layer, weight=w, bias=b)


def _pair(o, name, usual):
    """Two numbers of an operator for images."""
    pair = tuple(o.get(name, (usual, usual)))
    if len(pair) != 2:
        raise Refused(f"its {name} are {list(pair)}, only those of images can be read")
    return pair


def _padding(o):
    """(vertical, horizontal) of the same padding on both sides."""
    named = _text(o.get("auto_pad", "NOTSET"))
    if named not in ("NOTSET", "VALID"):
        raise Refused(f"its auto_pad is {named}, only explicit pads can be read")
    pads = tuple(o.get("pads", (0, 0, 0, 0)))
    if len(pads) != 4 or pads[:2] != pads[2:]:
        raise Refused(f"its pads are {list(pads)}; above and below, and left and right, they have to be the same")
    if max(pads) > MOST_PADDING:
        raise Refused(f"its pads are {list(pads)}, at most {MOST_PADDING} are read")
    return pads[:2]


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _window(o):
    if "kernel_shape" not in o:
        raise Refused("it has no kernel_shape")
    if _pair(o, "dilations", 1) != (1, 1):
        raise Refused(f"its dilations are {list(o['dilations'])}")
    return {"kernel_size": _pair(o, "kernel_shape", 1), "stride": _pair(o, "strides", 1), "padding": _padding(o),
            "ceil_mode": bool(o.get("ceil_mode", 0))}


def _max_pool(node, o, constants, x):
    return nn.MaxPool2d(**_window(o))


def _avg_pool(node, o, constants, x):
    return nn.AvgPool2d(**_window(o), count_include_pad=bool(o.get("count_include_pad", 0)))


def _batch_norm(node, o, constants, x):
    if o.get("training_mode", 0):
        raise Refused("it is in training mode")
    gamma, beta, mean, var = (weights(node, constants, i) for i in range(1, 5))
    if not gamma.shape == beta.shape == mean.shape == var.shape == (gamma.size,):
        raise Refused("its four arrays have different shapes")
    kind = nn.BatchNorm1d if x == 2 else nn.BatchNorm2d
    layer = kind(gamma.size, eps=o.get("epsilon", 1e-5), momentum=1 - o.get("momentum", 0.9))
    return with_arrays(layer, weight=gamma, bias=beta, running_mean=mean, running_var=var)


def _flatten(node, o, constants, x):
    if o.get("axis", 1) != 1:
        raise Refused(f"its axis is {o['axis']}, expected 1")
    return nn.Flatten()


def _reshape(node, o, constants, x):
    """A reshape to (N, −1): its sizes are constant, or N is computed and the last is −1."""
    sizes = constants.get(node.input[1] if len(node.input) > 1 else "", None)
    if sizes is None or sizes.shape != (2,):
        raise Refused(f"it makes {None if sizes is None else sizes.tolist()} of its input, not (N, all the rest)")
    return nn.Flatten()


def _mean(node, o, constants, x):
    axes = constants.get(node.input[1]) if len(node.input) > 1 else o.get("axes")
    if x != 4 or axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        raise Refused("it is not the mean over height and width")
    pool = nn.AdaptiveAvgPool2d(1)
    return pool if o.get("keepdims", 1) else nn.Sequential(pool, nn.Flatten())


def _squeeze(node, o, constants, x):
    axes = constants.get(node.input[1]) if len(node.input) > 1 else o.get("axes")
    if axes is None or sorted(int(axis) % x for axis in axes) != list(range(2, x)):
        raise Refused("it takes out other axes than height and width")
    return nn.Flatten()


def _cast(node, o, constants, x):
    if o.get("to", 1) not in (1, 11):
        raise Refused("it makes other numbers than floats")
    return None


def _soft(kind):
    def convert(node, o, constants, x):
        if o.get("axis", -1) not in (-1, x - 1):
            raise Refused(f"its axis is {o['axis']}, expected the last one")
        if "axis" not in o and x > 2:  # before opset 13 this meant axis 1
            raise Refused("it does not say its axis")
        return kind(-1)

    return convert


def _plain(make):
    return lambda node, o, constants, x: make(o)


# operator -> function(node, its attributes, constants, the number of axes of its input)
LAYERS = {
    "Conv": _conv, "Gemm": _gemm, "MatMul": _matmul, "BatchNormalization": _batch_norm, "MaxPool": _max_pool,
    "AveragePool": _avg_pool, "Flatten": _flatten, "Reshape": _reshape, "ReduceMean": _mean, "Squeeze": _squeeze, "Cast": _cast,
    "Softmax": _soft(nn.Softmax), "LogSoftmax": _soft(nn.LogSoftmax),
    "GlobalAveragePool": _plain(lambda o: nn.AdaptiveAvgPool2d(1)), "Relu": _plain(lambda o: nn.ReLU()),
    "LeakyRelu": _plain(lambda o: nn.LeakyReLU(float(np.float32(o.get("alpha", 0.01))))),
    "Sigmoid": _plain(lambda o: nn.Sigmoid()), "Tanh": _plain(lambda o: nn.Tanh()), "Softplus": _plain(lambda o: nn.Softplus()),
    "Gelu": _plain(lambda o: nn.GELU(_text(o.get("approximate", "none")))),
    "Identity": _plain(lambda o: None), "Dropout": _plain(lambda o: None),
}
NAMES = {  # of the layers, as `nnlite.models` calls them
    nn.Conv2d: "conv", nn.Linear: "fc", nn.BatchNorm1d: "bn", nn.BatchNorm2d: "bn", nn.MaxPool2d: "pool", nn.AvgPool2d: "pool",
    nn.AdaptiveAvgPool2d: "pool", nn.Flatten: "flatten", nn.ReLU: "relu", nn.Residual: "block",
}


def axes_after(layer, x):
    """The number of axes of a layer's result, from that of its input."""
    flat = isinstance(layer, (nn.Flatten, nn.Linear)) or isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.Flatten)
    return 2 if flat else x


def named(layers):
    """A Sequential of the layers, called conv1, relu1, …"""
    model, counts = nn.Sequential(), {}
    for layer in layers:
        name = NAMES.get(type(layer), type(layer).__name__.lower())
        counts[name] = counts.get(name, 0) + 1
        setattr(model, f"{name}{counts[name]}", layer)
    return model
