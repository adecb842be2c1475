import numpy as np
import pytest

from nnlite import Tensor, models, nn, summary
from nnlite import functional as F
from nnlite.inference.cost import count_nonzero, count_parameters


def image(channels, size, n=1):
    return np.zeros((n, channels, size, size), np.float32)


def test_lenet_5_row_by_row():
    cost = summary(models.lenet_5(), image(1, 28))
    assert [tuple(row) for row in cost.rows] == [
        # name, kind, output, parameters, of these not 0, MACs, bytes
        ("conv1", "Conv2d", (20, 24, 24), 520, 520, 288_000, 2_080),
        ("conv2", "Conv2d", (50, 8, 8), 25_050, 25_050, 1_600_000, 100_200),
        ("fc1", "Linear", (500,), 400_500, 400_500, 400_000, 1_602_000),
        ("fc2", "Linear", (10,), 5_010, 5_010, 5_000, 20_040),
    ]
    assert (cost.parameters, cost.nonzero, cost.macs, cost.bytes) == (431_080, 431_080, 2_293_000, 1_724_320)


@pytest.mark.parametrize(
    "model, example, parameters, macs",
    [
        (models.mlp(), image(1, 28), 101_770, 101_632),
        (models.lenet_300_100(), image(1, 28), 266_610, 266_200),
        (models.cnn(), image(3, 32), 268_650, 1_885_440),
        (models.resnet(8), image(3, 32), 78_042, 12_501_632),
    ],
)
def test_the_totals_of_the_models(model, example, parameters, macs):
    cost = summary(model, example)
    assert (cost.parameters, cost.macs) == (parameters, macs)
    assert sum(row.parameters for row in cost.rows) == parameters
    assert sum(row.bytes for row in cost.rows) == cost.bytes
    assert count_parameters(model) == parameters


def test_running_statistics_are_bytes_but_no_parameters():
    model = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False, rng=0), nn.BatchNorm2d(16))
    conv, bn = summary(model, image(3, 8)).rows
    assert (conv.parameters, conv.bytes) == (432, 4 * 432)
    assert (bn.kind, bn.parameters, bn.nonzero, bn.macs) == ("BatchNorm", 32, 16, 0)  # γ = 1, β = 0
    assert bn.bytes == 4 * 4 * 16  # γ, β, mean, variance


def test_macs_and_shapes_are_those_of_one_image():
    one, five = (summary(models.cnn(), image(3, 32, n)) for n in (1, 5))
    assert one.rows == five.rows
    assert one.macs == five.macs


def test_a_mask_lowers_the_nonzero_count_only():
    model = models.lenet_300_100()
    before = summary(model, image(1, 28))
    model.fc1.weight.data[:, :392] = 0
    after = summary(model, image(1, 28))
    assert before.nonzero - after.nonzero == 300 * 392 == before.rows[0].nonzero - after.rows[0].nonzero
    assert (after.parameters, after.macs, after.bytes) == (before.parameters, before.macs, before.bytes)
    assert count_nonzero(model) == after.nonzero == 266_610 - 300 * 392


def test_smaller_arrays_lower_everything():
    model = models.mlp()
    model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data[:32], model.fc1.bias.data[:32]
    model.fc2.weight.data = model.fc2.weight.data[:, :32]
    cost = summary(model, image(1, 28))
    assert cost.parameters == cost.nonzero == 785 * 32 + 33 * 10
    assert (cost.macs, cost.bytes) == (784 * 32 + 32 * 10, 4 * (785 * 32 + 33 * 10))


class Twice(nn.Module):
    """One layer used twice, and a parameter that is never used."""

    def __init__(self):
        self.fc, self.unused = nn.Linear(3, 3, rng=0), nn.Parameter(np.ones(7, np.float32))

    def forward(self, x):
        return self.fc(F.relu(self.fc(x)))


def test_a_parameter_of_two_steps_counts_once_in_the_total_and_its_macs_twice():
    cost = summary(Twice(), np.ones((1, 3), np.float32))
    assert [(row.name, row.parameters, row.macs) for row in cost.rows] == [("fc", 12, 9), ("fc_1", 12, 9)]
    assert (cost.parameters, cost.bytes, cost.macs) == (12, 48, 18)


def test_a_parameter_under_two_names_is_counted_once():
    fc = nn.Linear(3, 3, rng=0)
    model = nn.Sequential(fc, nn.ReLU(), fc)
    assert count_parameters(model) == summary(model, np.ones((1, 3), np.float32)).parameters == 12


def test_float64_parameters_are_counted_as_the_float32_that_files_hold():
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    for p in model.parameters():
        p.data = p.data.astype(np.float64)
    assert summary(model, np.ones((1, 3))).bytes == 4 * 8


def test_a_model_without_parameters_costs_nothing():
    cost = summary(nn.Sequential(nn.ReLU()), np.ones((1, 3), np.float32))
    assert (cost.rows, cost.parameters, cost.nonzero, cost.macs, cost.bytes) == ([], 0, 0, 0, 0)
    assert str(cost).splitlines()[-1].split() == ["total", "0", "0", "0", "0"]


def test_the_table_is_aligned_and_grouped_in_thousands():
    model = nn.Sequential()
    model.conv = nn.Conv2d(1, 20, 5, rng=0)
    model.flatten = nn.Flatten()
    model.fc = nn.Linear(11_520, 10, rng=0)
    model.fc.weight.data[0] = 0
    model.conv.bias.data[:], model.fc.bias.data[:] = 1, 1
    assert str(summary(model, image(1, 28))) == """\
layer  kind    output    parameters  non-zero     MACs    bytes
─────  ──────  ────────  ──────────  ────────  ───────  ───────
conv   Conv2d  20×24×24         520       520  288,000    2,080
fc     Linear  10           115,210   103,690  115,200  460,840
─────  ──────  ────────  ──────────  ────────  ───────  ───────
total                       115,730   104,210  403,200  462,920"""


def test_the_model_stays_in_its_mode():
    model = models.resnet(8).train()
    before = {name: array.tobytes() for name, array in model.state_dict().items()}
    summary(model, image(3, 32))
    assert model.training and model.bn1.training
    assert {name: array.tobytes() for name, array in model.state_dict().items()} == before


@pytest.mark.parametrize("example, shape", [(image(1, 28, 0), r"\(0, 1, 28, 28\)"), (np.float32(1), r"\(\)")])
def test_an_example_without_images_is_refused(example, shape):
    with pytest.raises(ValueError, match=rf"summary: the example has shape {shape}, expected \(N, …\) with at least one image"):
        summary(models.mlp(), example)


def test_the_example_may_be_a_tensor():
    assert summary(models.mlp(), Tensor(image(1, 28))).macs == 101_632
