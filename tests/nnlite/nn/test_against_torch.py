"""Containers, losses and the line of a layer, compared with those of torch.nn."""

from collections import OrderedDict

import numpy as np
import pytest

from nnlite import nn

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.peer

IMAGES = np.random.default_rng(0).standard_normal((4, 4, 8, 8)).astype(np.float32)
Z = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
CLASSES, WEIGHT = np.array([0, 2, 1, 2]), np.array([1, 0.5, 2], np.float32)


def network(nn):
    """The same network from either library's classes."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1, groups=4)])
            self.blocks.append(nn.Conv2d(4, 4, (3, 2), 2, (1, 0), bias=False))
            self.heads = nn.ModuleDict({"a": nn.Sequential(OrderedDict(flat=nn.Flatten(), fc=nn.Linear(64, 3)))})
            self.heads["b"] = nn.Tanh()
            self.blocks.append(nn.BatchNorm2d(4, eps=1e-3))
            self.heads["c"] = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.LeakyReLU(0.1))[1:]

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.heads["b"](self.heads["a"](self.heads["c"][-1](x)))

    return Net()


def test_a_network_has_torchs_names_and_gives_torchs_numbers():
    ours, theirs = network(nn).eval(), network(torch.nn).eval()
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert [name for name, _ in ours.named_children()] == [name for name, _ in theirs.named_children()]
    assert [type(m).__name__ for m in ours.modules()] == [type(m).__name__ for m in theirs.modules()]
    result = ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()}, strict=False)
    assert result == ([], [])
    expected = theirs(torch.from_numpy(IMAGES)).detach().numpy()
    np.testing.assert_allclose(ours(IMAGES).data, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [
    lambda nn: nn.Linear(3, 2), lambda nn: nn.Linear(3, 2, bias=False), lambda nn: nn.ReLU(), lambda nn: nn.Identity(),
    lambda nn: nn.Conv2d(4, 8, 3), lambda nn: nn.Conv2d(4, 8, (3, 1), 2, 1, 2, 4, bias=False), lambda nn: nn.Embedding(5, 2),
    lambda nn: nn.Conv2d(4, 8, 3, padding="same"), lambda nn: nn.LeakyReLU(0.2), lambda nn: nn.Softmax(dim=1),
    lambda nn: nn.GELU("tanh"), lambda nn: nn.Flatten(1, 2),
    lambda nn: nn.AdaptiveAvgPool2d(1), lambda nn: nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(3, 2)), nn.Tanh()),
    lambda nn: nn.ModuleDict({"a": nn.ModuleList([nn.Sigmoid(), nn.ReLU()])}),
])
def test_a_layer_is_shown_as_in_torch(make):
    assert repr(make(nn)) == repr(make(torch.nn))


@pytest.mark.parametrize(("make", "x", "y"), [
    (lambda nn, array: nn.MSELoss(reduction="sum"), Z, Z[::-1].copy()),
    (lambda nn, array: nn.L1Loss(), Z, Z[::-1].copy()),
    (lambda nn, array: nn.HuberLoss(delta=0.5), Z, Z[::-1].copy()),
    (lambda nn, array: nn.BCEWithLogitsLoss(), Z, (Z > 0).astype(np.float32)),
    (lambda nn, array: nn.KLDivLoss(reduction="batchmean"), Z, np.abs(Z)),
    (lambda nn, array: nn.NLLLoss(array(WEIGHT)), Z, CLASSES),
    (lambda nn, array: nn.CrossEntropyLoss(array(WEIGHT), label_smoothing=0.1), Z, CLASSES),
    (lambda nn, array: nn.CrossEntropyLoss(reduction="none"), Z, CLASSES),
])
def test_a_loss_has_torchs_value(make, x, y):
    ours, theirs = make(nn, np.asarray)(x, y), make(torch.nn, torch.from_numpy)(torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-5, atol=1e-6)
