import pytest

from nncompress.layers import exchange_layers, weighted_layers
from nnlite import models, nn


def test_a_layer_is_exchanged_wherever_it_stands_and_all_others_stay():
    layer, other = nn.Linear(3, 3, rng=0), nn.ReLU()
    model = nn.Sequential(layer, nn.Residual(nn.Sequential(layer, other)), nn.ModuleList([layer]))
    new = nn.Identity()
    assert exchange_layers(model, {"0": new}) is model
    assert model[0] is model[1].block[0] is model[2][0] is new and model[1].block[1] is other


def test_the_order_of_the_layers_stays():
    model = models.lenet_5()
    names = [name for name, _ in model.named_modules()]
    exchange_layers(model, {"conv2": nn.Identity()})
    assert [name for name, _ in model.named_modules()] == names


def test_convolutions_and_linear_layers_are_found_below_the_model():
    assert list(weighted_layers(models.resnet())) == [name for name, module in models.resnet().named_modules()
                                                      if type(module).__name__ in ("Conv2d", "Linear")]
    assert weighted_layers(nn.Linear(2, 2, rng=0)) == {}


def test_a_layer_that_is_not_there_is_refused_and_nothing_changes():
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    for name in ("2", ""):
        with pytest.raises(ValueError, match=rf"exchange_layers: the model has no layer \['{name}'\] below it"):
            exchange_layers(model, {"0": nn.Identity(), name: nn.Identity()})
    assert isinstance(model[0], nn.ReLU)
