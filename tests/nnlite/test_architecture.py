import numpy as np
import pytest

from nncompress.lowrank import factorize
from nncompress.pruning import drop_blocks
from nnlite import load, models, nn, save
from nnlite.architecture import BUILDERS, architecture_of
from nntransfer.finetune import add_lora, merge_lora, replace_head

X = np.random.default_rng(0).normal(size=(2, 1, 12, 12)).astype(np.float32)
WHOLE = {
    "mlp": lambda: models.mlp(144, (6, 5), dropout=0.5), "lenet_300_100": lambda: models.lenet_300_100(144, width=0.1),
    "lenet_5": lambda: models.lenet_5(width=0.2), "cnn": lambda: models.cnn(1, 12, width=0.2),
    "resnet": lambda: models.resnet(in_channels=1, width=0.2),
}
CHANGES = {
    "factorize": lambda model: factorize(model, {"fc1": 2}),
    "drop_blocks": lambda model: drop_blocks(model, ["fc2"], X),
    "add_lora": lambda model: add_lora(model, 2),
    "a parametrization": lambda model: nn.register_parametrization(model.fc1, "weight", nn.Sequential()),
    "another layer in its place": lambda model: setattr(model, "relu1", nn.Tanh()),
    "a layer more": lambda model: model.append(nn.ReLU()),
}


@pytest.mark.parametrize("name", WHOLE)
def test_every_function_is_named_by_what_it_builds(name):
    assert set(WHOLE) == set(BUILDERS)
    assert architecture_of(WHOLE[name]())["name"] == name


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_with_other_layers_is_never_built_as_it_was_before(change, tmp_path):
    model = models.mlp(144, (5, 5, 5))
    CHANGES[change](model)
    save(tmp_path / "m.npz", model)
    if change in ("add_lora", "a parametrization"):
        with pytest.raises(ValueError, match="because no function of nnlite.models builds it; build it yourself and call load"):
            load(tmp_path / "m.npz")
    else:
        np.testing.assert_array_equal(load(tmp_path / "m.npz").eval()(X).data, model.eval()(X).data)
    again = models.mlp(144, (5, 5, 5), seed=1)
    CHANGES[change](again)
    np.testing.assert_array_equal(load(tmp_path / "m.npz", again).eval()(X).data, model.eval()(X).data)


def test_a_model_is_built_again_from_its_file_once_its_layers_are_the_old_ones(tmp_path):
    model = models.mlp(144, (5, 5))
    add_lora(model, 2)
    merge_lora(model)
    replace_head(model, 3, rng=0)
    save(tmp_path / "m.npz", model)
    np.testing.assert_array_equal(load(tmp_path / "m.npz").eval()(X).data, model.eval()(X).data)


def test_numbers_of_neurons_are_not_compared():
    model = models.mlp(144, (6, 5))
    model.fc1.weight.data, model.fc1.bias.data = model.fc1.weight.data[:2], model.fc1.bias.data[:2]
    model.fc2.weight.data = model.fc2.weight.data[:, :2]
    assert architecture_of(model)["name"] == "mlp"


class Twice(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(2, 2, rng=0)

    def forward(self, x):
        return self.fc(self.fc(x))


def test_a_model_that_nobody_here_has_built_has_no_architecture():
    model = Twice()
    assert architecture_of(model) is None
    model.architecture = "two by two"
    assert architecture_of(model) is None
