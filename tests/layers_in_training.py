"""The check of gradients for a layer that draws random numbers: they are the same in each call."""

import numpy as np

from nnlite import Tensor

STEP, RELATIVE = 1e-5, 1e-6  # as in `support`


def check_layer_gradients(layer, x, seed=0):
    """Compare ∂L/∂p of every parameter, and of x, with central differences along random directions of ±1; L = Σ dy · layer(x).

    layer: with parameters in float64 and a generator `rng`, which is set back before each call.
    """
    def y():
        layer.rng = np.random.default_rng(seed)
        return layer(x)

    x = Tensor(x, requires_grad=True)
    rng = np.random.default_rng(99)
    dy = rng.standard_normal(y().shape)
    y().backward(dy)
    for name, tensor in [("x", x), *layer.named_parameters()]:
        whole, dx = tensor.data.copy(), tensor.grad
        assert dx is not None and dx.any(), f"{name} got no gradient"
        for _ in range(3):
            v = rng.choice([-1.0, 1.0], whole.shape)
            ends = []
            for step in (STEP, -STEP):
                tensor.data = whole + step * v
                ends.append(np.sum(dy * y().data))
            tensor.data = whole
            numeric, analytic = (ends[0] - ends[1]) / (2 * STEP), np.sum(dx * v)
            allowed = RELATIVE * np.linalg.norm(dx) + 8 * np.finfo(float).eps * np.sum(np.abs(dy * y().data)) / STEP
            assert abs(numeric - analytic) <= allowed, f"{name}: numeric {numeric:.12g}, analytic {analytic:.12g}"


def in_float64(layer):
    """The layer with all parameters in float64."""
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return layer
