"""What `print(model)` shows."""

import pytest

from nnlite import models, nn

LAYERS = {
    "Linear(in_features=3, out_features=2, bias=True)": nn.Linear(3, 2, rng=0),
    "Linear(in_features=3, out_features=2, bias=False)": nn.Linear(3, 2, bias=False, rng=0),
    "Embedding(5, 2)": nn.Embedding(5, 2, rng=0),
    "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))": nn.Conv2d(3, 8, 3, rng=0),
    "Conv2d(4, 8, kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), dilation=(2, 2), groups=4, bias=False)":
        nn.Conv2d(4, 8, (3, 2), (2, 1), 1, 2, 4, bias=False, rng=0),
    "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)": nn.Conv2d(3, 8, 3, padding="same", rng=0),
    "ReLU()": nn.ReLU(),
    "LeakyReLU(negative_slope=0.2)": nn.LeakyReLU(0.2),
    "GELU(approximate='tanh')": nn.GELU("tanh"),
    "Softplus(beta=2.0)": nn.Softplus(2.0),
    "Softmax(dim=1)": nn.Softmax(1),
    "LogSoftmax(dim=-1)": nn.LogSoftmax(),
    "MaxPool2d(kernel_size=2, stride=2, padding=0, ceil_mode=False)": nn.MaxPool2d(2),
    "AvgPool2d(kernel_size=(2, 3), stride=1, padding=1, ceil_mode=True, count_include_pad=False)":
        nn.AvgPool2d((2, 3), 1, 1, True, False),
    "AdaptiveAvgPool2d(output_size=1)": nn.AdaptiveAvgPool2d(),
    "Dropout(p=0.25)": nn.Dropout(0.25),
    "BatchNorm2d(4, eps=1e-05, momentum=0.1)": nn.BatchNorm2d(4),
    "LayerNorm((2, 3), eps=1e-05)": nn.LayerNorm((2, 3)),
    "HuberLoss(reduction='sum', delta=2.0)": nn.HuberLoss(reduction="sum", delta=2.0),
    "CrossEntropyLoss(reduction='mean', label_smoothing=0.1)": nn.CrossEntropyLoss(label_smoothing=0.1),
    "ModuleList()": nn.ModuleList(),
}


@pytest.mark.parametrize(("expected", "layer"), LAYERS.items())
def test_a_layer_is_shown_with_its_options(expected, layer):
    assert repr(layer) == expected


def test_a_model_lists_its_layers_indented():
    assert repr(models.mlp(in_features=4, hidden=3, classes=2)) == """\
Sequential(
  (flatten): Flatten(start_dim=1, end_dim=-1)
  (fc1): Linear(in_features=4, out_features=3, bias=True)
  (relu1): ReLU()
  (fc2): Linear(in_features=3, out_features=2, bias=True)
)"""


def test_modules_in_modules_are_indented_further():
    assert repr(nn.Residual(nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU()), nn.Identity())) == """\
Residual(
  (block): Sequential(
    (0): Linear(in_features=2, out_features=2, bias=True)
    (1): ReLU()
  )
  (shortcut): Identity()
)"""


def test_a_smaller_layer_is_shown_with_the_sizes_that_it_has_now():
    layer = nn.Conv2d(8, 8, 3, groups=8, rng=0)
    layer.weight.data = layer.weight.data[:5]
    assert repr(layer) == "Conv2d(5, 5, kernel_size=(3, 3), stride=(1, 1), groups=5)"
