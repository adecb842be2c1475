"""What the tests ask of your code: each function computes with your functions and returns arrays and numbers.

First the empty packages of this handout get the names that your files import. The layers are simple and slow here: they are
made of operations that are on the tape.
"""

from types import SimpleNamespace

import numpy as np
from tensor_operators import define, provide

from nnlite import nn
from nnlite.functional import choice, elementary, power, reduction, regression, shape
from nnlite.nn import lists
from nnlite.tensor import Operation, Tensor, record

nn.ModuleList = lists.ModuleList
provide(choice, "maximum", "where")
provide(elementary, "exp", "log", "sqrt")
provide(power, "power")
provide(reduction, "norm")
provide(regression, "mse_loss")
provide(shape, "flatten")
define("pow", power.power)
Tensor.norm, Tensor.flatten = reduction.norm, shape.flatten


class Windows(Operation):
    """x (N, C, H, W) -> (N, 1, C·kh·kw, H − kh + 1, W − kw + 1): the numbers below the kernel at each position."""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, x):
        kh, kw = self.kernel
        self.shape, (H, W) = x.shape, x.shape[2:]
        parts = [x[:, :, None, u : u + H - kh + 1, v : v + W - kw + 1] for u in range(kh) for v in range(kw)]
        return np.concatenate(parts, axis=2).reshape(len(x), 1, -1, H - kh + 1, W - kw + 1)

    def backward(self, dy):
        (kh, kw), (N, C, H, W) = self.kernel, self.shape
        dx, dy = np.zeros(self.shape, dy.dtype), dy.reshape(N, C, kh, kw, *dy.shape[3:])
        for u, v in np.ndindex(kh, kw):
            dx[:, :, u : u + H - kh + 1, v : v + W - kw + 1] += dy[:, :, u, v]
        return (dx,)


class Linear(nn.Module):
    """y = x wᵀ + b"""

    def __init__(self, in_features, out_features, bias=True, rng=None):
        rng = np.random.default_rng(rng)
        self.weight = nn.Parameter(rng.uniform(-1, 1, (out_features, in_features)) / np.sqrt(in_features))
        self.bias = nn.Parameter(rng.uniform(-1, 1, out_features) / np.sqrt(in_features))

    def forward(self, x):
        return (shape.reshape(x, (len(x), 1, -1)) * self.weight).sum(dim=2) + self.bias


class Conv2d(nn.Module):
    """A convolution with stride 1, without padding."""

    def __init__(self, in_channels, out_channels, kernel_size, bias=True, rng=None):
        rng, (kh, kw) = np.random.default_rng(rng), np.broadcast_to(kernel_size, 2).tolist()
        bound = 1 / np.sqrt(in_channels * kh * kw)
        self.weight = nn.Parameter(bound * rng.uniform(-1, 1, (out_channels, in_channels, kh, kw)))
        self.bias = nn.Parameter(bound * rng.uniform(-1, 1, out_channels))

    def forward(self, x):
        w = self.weight.reshape(1, len(self.weight), -1, 1, 1)
        return (record(Windows(self.weight.shape[2:]), x) * w).sum(dim=2) + self.bias.reshape(1, -1, 1, 1)


class ReLU(nn.Module):
    """y = max(x, 0)"""

    def forward(self, x):
        return choice.maximum(x, np.zeros((), x.dtype))


class Sequential(lists.ModuleList):
    """The layers one after the other: Sequential(a, b), `append`, or `model.name = layer`."""

    def __init__(self, *layers):
        super().__init__(layers)

    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x


nn.Linear, nn.Conv2d, nn.ReLU, nn.Sequential = Linear, Conv2d, ReLU, Sequential
from nntransfer.distill import attention, hints  # noqa: E402  they import the names above


class Model(nn.Module):
    """Layers by name, one after the other: ("fc1", (4, 3)) is a Linear, ("conv1", (2, 3, 2, 2)) a Conv2d, ("relu1", ()) a ReLU.

    `seen` notes in which mode the model ran, and whether the tape recorded.
    """

    def __init__(self, layers, seed=0):
        kinds = {2: lambda s: Linear(*s, rng=seed), 4: lambda s: Conv2d(*s[:2], s[2:], rng=seed), 0: lambda s: ReLU()}
        self.seen, self.order = set(), [name for name, _ in layers]
        for name, sizes in layers:
            setattr(self, name, kinds[len(sizes)](sizes))

    def forward(self, x):
        x = Tensor(x)
        for name in self.order:
            x = getattr(self, name)(x)
        self.seen.add((self.training, (self.parameters()[0] * 1.0).requires_grad))
        return x


def hint_loss(r, u):
    """(the loss, dr, whether u has no gradient)"""
    r, u = Tensor(np.array(r), requires_grad=True), Tensor(np.array(u), requires_grad=True)
    loss = hints.hint_loss(r * 1.0, u * 1.0)
    loss.backward()
    return loss.data, r.grad, u.grad is None


def layer_outputs(layers, names, images):
    """(the names found, in the order of the alphabet, the arrays of the given names, whether the model trained and recorded
    meanwhile, and whether it trains afterwards and has no hook)"""
    model = Model(layers)
    found = hints.layer_outputs(model, list(names), images)
    (during,) = model.seen
    hooks = [hook for part in model.modules() for hook in vars(part).get("forward_hooks", ())]
    return tuple(sorted(found)), tuple(Tensor(found[name]).data for name in names), during, (model.training, not hooks)


def model_features(layers, names, images):
    """What the layers themselves give for the images: the features that `layer_outputs` has to find."""
    model, x, found = Model(layers), Tensor(images), {}
    for name in model.order:
        x = found[name] = getattr(model, name)(x)
    return tuple(found[name].data for name in names)


def regressor(v, u, seed=0):
    """(the kind of the layer, its weight, its bias) from features of shape v to features of shape u."""
    layer = hints._regressor("s", "t", tuple(v), tuple(u), seed)
    return type(layer).__name__, layer.weight.data, layer.bias.data


def made(pairs, student, teacher, images, seed=0):
    """The shapes of the regressors' Parameters, and these joined into one array."""
    parameters = hints.Hints(dict(pairs), Model(student), Model(teacher), images, seed).parameters()
    return tuple(p.shape for p in parameters), np.concatenate([p.data.ravel() for p in parameters])


def made_with_generator(pairs, student, teacher, images, seed):
    """The parameters of Hints that were made twice with one Generator."""
    rng = np.random.default_rng(seed)
    return tuple(np.concatenate([p.data.ravel() for p in hints.Hints(dict(pairs), Model(student), Model(teacher), images,
                                                                     rng).parameters()]) for _ in range(2))


def loss_of_hints(pairs, student, teacher, images, parameters, v, u):
    """The loss of Hints with these parameters on features v of the student and u of the teacher.

    -> (the loss, the gradients of the features, the gradients of the parameters)
    """
    made = hints.Hints(dict(pairs), Model(student), Model(teacher), images, 0)
    for parameter, array in zip(made.parameters(), parameters, strict=True):
        parameter.data = np.array(array)
    leaves = {name: Tensor(np.array(array), requires_grad=True) for name, array in v}
    view = SimpleNamespace(features={name: leaf * 1.0 for name, leaf in leaves.items()})
    loss = made(view, SimpleNamespace(features={name: np.array(array) for name, array in u}), None)
    loss.backward()
    return loss.data, tuple(leaf.grad for leaf in leaves.values()), tuple(p.grad for p in made.parameters())


def attention_map(A):
    return attention.attention_map(A).data


def attention_loss(student, teacher):
    """(the loss, the student's gradient, whether the teacher has none)"""
    A, B = Tensor(np.array(student), requires_grad=True), Tensor(np.array(teacher), requires_grad=True)
    loss = attention.attention_loss(A * 1.0, B * 1.0)
    loss.backward()
    return loss.data, A.grad, B.grad is None


def learn_hints(images, targets, weights, batches, rate):
    """Gradient descent on a student 64 → 12 with a ReLU and its regressor to `targets` -> (w, b), the losses."""
    sizes = (len(weights[0]), targets.shape[1])
    student = Model([("fc1", (images.shape[1], sizes[0])), ("relu1", ())])
    teacher = Model([("fc1", (images.shape[1], sizes[1])), ("relu1", ())])
    made = hints.Hints({"relu1": "relu1"}, student, teacher, images[:2], 0)
    student.fc1.weight.data, student.fc1.bias.data = (np.array(w) for w in weights)
    losses, learning = [], [*student.parameters(), *made.parameters()]
    for at in batches:
        for parameter in learning:
            parameter.grad = None
        features = {"relu1": student(images[at])}
        loss = made(SimpleNamespace(features=features), SimpleNamespace(features={"relu1": targets[at]}), None)
        loss.backward()
        for parameter in learning:
            parameter.data = parameter.data - rate * parameter.grad
        losses.append(float(loss.data))
    return student.fc1.weight.data, student.fc1.bias.data, np.array(losses)
