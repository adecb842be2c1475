import numpy as np
import pytest

from nncompress.pruning import collect, dependency_groups, shrink, shrink_by_reconstruction
from nncompress.pruning.thinet import cheapest_channels, contributions
from nnlite import models, nn, optim


def test_contributions_are_mean_products_of_what_channels_add():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(9, 6)), rng.normal(size=(4, 6))                 # three channels of two inputs
    G = contributions(w, x.T @ x / 9, 3)
    z = [x[:, 2 * c : 2 * c + 2] @ w[:, 2 * c : 2 * c + 2].T for c in range(3)]
    for c, d in np.ndindex(3, 3):
        assert G[c, d] == pytest.approx((z[c] * z[d]).sum() / 9)


def test_channels_are_chosen_one_by_one_and_two_that_cancel_go_together():
    z = np.array([[3.0, 0], [0, 2], [-3, 0.5], [1, 1]])
    G = z @ z.T
    first = min(range(4), key=lambda c: z[c] @ z[c])
    assert cheapest_channels(G, 1) == [first] == [3]
    for count in (2, 3):                                                    # each choice is the best that follows
        chosen = cheapest_channels(G, count)
        errors = {c: np.square(z[[*chosen[:-1], c]].sum(axis=0)).sum() for c in set(range(4)) - set(chosen[:-1])}
        assert errors[chosen[-1]] == min(errors.values())
    cancel = np.array([[1.0, 0], [-1.5, 0], [0, 1.2]])                      # 0 and 1 together change 0.25, 0 alone 1
    assert cheapest_channels(cancel @ cancel.T, 2) == [0, 1]


def network(seed=0):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, rng=rng), nn.ReLU(), nn.Conv2d(6, 5, 3, bias=False, rng=rng), nn.ReLU(),
                          nn.Flatten(), nn.Linear(20, 4, rng=rng))
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return model, rng.normal(size=(40, 2, 4, 4))


@pytest.mark.parametrize("name, reader", [("0", 2), ("2", 5)], ids=["into a convolution", "through flatten"])
def test_the_reader_is_the_least_squares_fit_of_its_old_outputs_to_the_channels_that_are_left(name, reader):
    model, x = network()
    inside = nn.Sequential(*(model[i] for i in range(reader + 1)))
    before = inside(x).data
    evidence = collect(model, [(x, None)], what=["input_moments"])
    keep = shrink_by_reconstruction(model, x[:1], {name: 0.5}, evidence, damping=0)
    assert len(keep[name]) == 3                                             # of 6, and of 5: round(2.5) = 2 go
    after = inside(x).data
    error = np.mean((after - before) ** 2)
    for seed in range(4):                                                   # no other weights do better
        w = model[reader].weight
        w.data = w.data + 1e-3 * np.random.default_rng(seed).normal(size=w.shape)
        assert np.mean((inside(x).data - before) ** 2) > error
    plain, _ = network()
    shrink(plain, x[:1], {name: 0.5})
    assert error < np.mean((nn.Sequential(*(plain[i] for i in range(reader + 1)))(x).data - before) ** 2)


def test_groups_that_several_layers_read_are_refused_by_name():
    model = models.resnet(8, in_channels=1, width=0.25)
    x = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)
    evidence = collect(model, [(x, None)], what=["input_moments"])
    with pytest.raises(ValueError, match="the channels of conv1 are read by block1_1.block.conv1.weight, block2_1"):
        shrink_by_reconstruction(model, x[:1], {"conv1": 0.5}, evidence)
    keep = shrink_by_reconstruction(model, x[:1], 0.5, evidence)            # those that one layer reads
    readers = {g.name: sum(m.axis == 1 for m in g.members) for g in dependency_groups(model, x[:1])}
    assert set(keep) == {name for name, count in readers.items() if count == 1}
    assert model(x).shape == (4, 10)


def test_missing_evidence_changes_nothing_and_the_optimizer_shrinks_along():
    model, x = network()
    before = model.state_dict()
    with pytest.raises(ValueError, match="shrink_by_reconstruction: needs the input_moments of the weight"):
        shrink_by_reconstruction(model, x[:1], 0.5, {})
    assert all((array == before[name]).all() for name, array in model.state_dict().items())
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    evidence = collect(model, [(x, None)], what=["input_moments"])
    for _ in range(2):
        optimizer.zero_grad()
        (model(x) ** 2).sum().backward()
        optimizer.step()
        if model[0].out_channels == 6:
            shrink_by_reconstruction(model, x[:1], 0.5, evidence, optimizer=optimizer)
    assert optimizer.state[0]["momentum_buffer"].shape == (3, 2, 3, 3)
