from nnlite import models, optim
from nntransfer import discriminative_groups, freeze
from nntransfer.finetune import what_trains


def test_each_layer_has_its_parameters_and_rates():
    model = models.mlp(in_features=6, hidden=4, classes=3)
    freeze(model, "fc1.bias")
    overview = what_trains(model, optim.SGD(discriminative_groups(model, lr=0.4, decay=0.5), lr=1))
    assert [tuple(row) for row in overview.rows] == [("fc1", 28, 24, [0.2]), ("fc2", 15, 15, [0.4])]


def test_a_layer_that_no_optimizer_has_is_said_to_be_missing():
    model = models.mlp(in_features=6, hidden=4, classes=3)
    overview = what_trains(model, optim.SGD(model.fc2.parameters(), lr=0.1))
    assert str(overview).splitlines()[1].split() == ["fc1", "28", "28", "not", "in", "the", "optimizer"]
    assert str(overview).splitlines()[-1].split() == ["all", "43", "43", "100.0%"]
