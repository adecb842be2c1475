"""The check of gradients for a layer: of its input and of every parameter."""

import pytest
from support import check_gradients, sample

from nnlite import Tensor, nn


def _check_layer_gradients(layer, x):
    """Central differences in float64, with parameters away from their defaults (a γ of 1 would hide a lost factor)."""
    modules, parameters = dict(layer.named_modules()), dict(layer.named_parameters())

    def function(x, *values):
        for name, value in zip(parameters, values, strict=True):
            owner, _, attribute = name.rpartition(".")
            vars(modules[owner])[attribute] = value if isinstance(value, Tensor) else nn.Parameter(value)  # past the check
        return layer(x)

    check_gradients(function, x, *(sample(p.shape, k) for k, p in enumerate(parameters.values(), 1)))


@pytest.fixture
def check_layer_gradients():
    """check_layer_gradients(layer, x): x an array or a shape. The layer's parameters are other ones afterwards."""
    return _check_layer_gradients
