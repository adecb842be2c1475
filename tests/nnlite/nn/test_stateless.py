import math

import numpy as np
import pytest
from support import sample

from nnlite import nn

X = np.array([[-2.0, -0.5], [0.0, 1.5]])
IMAGE = np.arange(16.0).reshape(1, 1, 4, 4)


def each(function, x=X):
    """function applied number by number."""
    return np.array([function(number) for number in x.reshape(-1)]).reshape(x.shape)


def softmax_rows(x):
    return np.array([[math.exp(z) / sum(map(math.exp, row)) for z in row] for row in x])


CASES = {
    "ReLU": (nn.ReLU(), X, [[0, 0], [0, 1.5]]),
    "LeakyReLU": (nn.LeakyReLU(), X, [[-0.02, -0.005], [0, 1.5]]),
    "LeakyReLU with a slope": (nn.LeakyReLU(0.5), X, [[-1, -0.25], [0, 1.5]]),
    "Sigmoid": (nn.Sigmoid(), X, each(lambda z: 1 / (1 + math.exp(-z)))),
    "Tanh": (nn.Tanh(), X, each(math.tanh)),
    "GELU": (nn.GELU(), X, each(lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2)),
    "GELU by tanh": (nn.GELU("tanh"), X, each(
        lambda z: z / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))))),
    "Softplus": (nn.Softplus(), X, each(lambda z: math.log1p(math.exp(z)))),
    "Softplus with beta": (nn.Softplus(4.0), X, each(lambda z: math.log1p(math.exp(4 * z)) / 4)),
    "Softmax": (nn.Softmax(), X, softmax_rows(X)),
    "Softmax along dim 0": (nn.Softmax(0), X, softmax_rows(X.T).T),
    "LogSoftmax": (nn.LogSoftmax(), X, np.log(softmax_rows(X))),
    "LogSoftmax along dim 0": (nn.LogSoftmax(dim=0), X, np.log(softmax_rows(X.T).T)),
    "Flatten": (nn.Flatten(), IMAGE.reshape(2, 2, 2, 2), np.arange(16.0).reshape(2, 8)),
    "Flatten of everything": (nn.Flatten(0), IMAGE, np.arange(16.0)),
    "Flatten of the middle": (nn.Flatten(1, 2), IMAGE.reshape(2, 2, 2, 2), np.arange(16.0).reshape(2, 4, 2)),
    "MaxPool2d": (nn.MaxPool2d(2), IMAGE, [[[[5, 7], [13, 15]]]]),
    "MaxPool2d with stride 1": (nn.MaxPool2d(3, 1), IMAGE, [[[[10, 11], [14, 15]]]]),
    "MaxPool2d with padding": (nn.MaxPool2d(2, 2, 1), -IMAGE, [[[[0, -1, -3], [-4, -5, -7], [-12, -13, -15]]]]),
    "AvgPool2d": (nn.AvgPool2d(2), IMAGE, [[[[2.5, 4.5], [10.5, 12.5]]]]),
    "AvgPool2d with another stride": (nn.AvgPool2d((2, 4), (1, 4)), IMAGE, [[[[3.5], [7.5], [11.5]]]]),
    "AvgPool2d with padding": (nn.AvgPool2d(2, 3, 1), IMAGE, [[[[0, 5 / 4], [20 / 4, 50 / 4]]]]),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d(1), IMAGE, [[[[7.5]]]]),
    "AdaptiveAvgPool2d to 2×2": (nn.AdaptiveAvgPool2d(2), IMAGE, [[[[2.5, 4.5], [10.5, 12.5]]]]),
    "MaxPool2d rounded up": (nn.MaxPool2d(3, ceil_mode=True), IMAGE, [[[[10, 11], [14, 15]]]]),
    "AvgPool2d of the image alone": (nn.AvgPool2d(2, 3, 1, count_include_pad=False), IMAGE, [[[[0, 2.5], [10, 12.5]]]]),
    "Identity": (nn.Identity(), X, X),
    "Dropout in inference": (nn.Dropout(0.9).eval(), X, X),
}


@pytest.mark.parametrize("layer, x, expected", CASES.values(), ids=CASES.keys())
def test_the_layer_computes_its_formula(layer, x, expected):
    y = layer(x)
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y.data, expected, rtol=1e-14)


@pytest.mark.parametrize("layer, x, expected", CASES.values(), ids=CASES.keys())
def test_the_layer_has_the_gradient_of_central_differences(layer, x, expected, check_layer_gradients):
    check_layer_gradients(layer, sample(x.shape))


@pytest.mark.parametrize("layer, x, expected", CASES.values(), ids=CASES.keys())
def test_the_layer_has_no_parameters_and_keeps_float32(layer, x, expected):
    assert layer.state_dict() == {}
    assert layer(x.astype(np.float32)).dtype == np.float32


def test_dropout_keeps_the_expected_value_and_passes_the_same_gradient():
    x = np.ones((300, 400), np.float32)
    layer = nn.Dropout(0.25, rng=0)
    y = layer(x).data
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / y.size)


def test_dropout_draws_by_its_own_generator():
    x = np.ones((5, 7), np.float32)
    first, second, other = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=4)
    draws = [first(x).data.tobytes() for _ in range(3)]
    assert draws == [second(x).data.tobytes() for _ in range(3)]
    assert len(set(draws)) == 3
    assert other(x).data.tobytes() != draws[0]


def test_dropout_goes_on_from_a_generator_state_that_was_kept():
    x = np.ones((5, 7), np.float32)
    layer = nn.Dropout(0.5, rng=0)
    layer(x)
    (generator,) = layer.generators()
    state = generator.bit_generator.state
    after = layer(x).data.tobytes()
    generator.bit_generator.state = state
    assert layer(x).data.tobytes() == after


def test_dropout_gradients_with_the_same_draw(check_layer_gradients):
    class SameDraw(nn.Dropout):
        def forward(self, x):
            self.rng = np.random.default_rng(0)
            return super().forward(x)

    check_layer_gradients(SameDraw(0.5), (4, 5))


@pytest.mark.parametrize("p", [-0.1, 1, 1.5])
def test_dropout_refuses_what_is_no_probability_below_1(p):
    with pytest.raises(ValueError, match=rf"Dropout: the probability has to be in \[0, 1\), got {p}"):
        nn.Dropout(p)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size has to be a whole number ≥ 1"),
    (lambda: nn.MaxPool2d(2, 0), "MaxPool2d: stride has to be"),
    (lambda: nn.MaxPool2d(2, padding=2), r"MaxPool2d: padding \(2, 2\) is more than half of the window"),
    (lambda: nn.GELU("erf"), 'GELU: approximate has to be "none" or "tanh", got'),
    (lambda: nn.Softplus(0), "Softplus: beta has to be above 0, got 0"),
    (lambda: nn.AvgPool2d(2.5), "AvgPool2d: kernel_size has to be"),
])
def test_options_that_do_not_fit_are_refused_when_it_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()
