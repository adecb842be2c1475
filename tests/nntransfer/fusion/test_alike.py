import numpy as np
import pytest

from nnlite import models, nn
from nntransfer.fusion.alike import check_alike


def mlp(**arguments):
    return models.mlp(in_features=4, hidden=3, classes=2, **arguments)


def test_models_of_one_architecture_pass_whatever_their_weights_and_dropout_rates():
    both = [mlp(seed=0, dropout=0.1), mlp(seed=1, dropout=0.5)]
    assert check_alike("fuse", iter(both)) == both


@pytest.mark.parametrize("other, sentence", [
    (models.mlp(in_features=4, hidden=5, classes=2),
     "fc1: Linear(in_features=4, out_features=3, bias=True) in the first, fc1: Linear(in_features=4, out_features=5,"),
    (models.mlp(in_features=4, hidden=[3, 3], classes=2), "fc2: Linear(in_features=3, out_features=2, bias=True) in the first"),
    (nn.Sequential({"flatten": nn.Flatten(), "fc1": nn.Linear(4, 3), "relu1": nn.GELU(), "fc2": nn.Linear(3, 2)}),
     "relu1: ReLU() in the first, relu1: GELU(approximate='none') in the other"),
    (nn.Sequential({"flatten": nn.Flatten(), "fc1": nn.Linear(4, 3), "relu1": nn.ReLU()}),
     "fc2: Linear(in_features=3, out_features=2, bias=True) in the first, no further layer in the other"),
])
def test_the_first_difference_is_named(other, sentence):
    with pytest.raises(ValueError) as error:
        check_alike("fuse", [mlp(), mlp(), other])
    assert str(error.value).startswith("fuse: models 0 and 2 are not alike: ") and sentence in str(error.value)


def test_what_is_not_a_model_and_no_model_are_refused():
    with pytest.raises(ValueError, match="fuse: expects one model or more, got none"):
        check_alike("fuse", [])
    with pytest.raises(TypeError, match="fuse: expects Modules, got a ndarray"):
        check_alike("fuse", [mlp(), np.zeros(3)])
    with pytest.raises(TypeError, match="fuse: expects a list of models, got one Sequential"):
        check_alike("fuse", nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
