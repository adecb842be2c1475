import numpy as np

from nncompress.pruning.groups import Group, Member, dependency_groups
from nncompress.search.curvature import RankOneCurvature
from nncompress.search.latent import OnGrid
from nncompress.search.structures import channel_worth, most_worth, shrink_all, weight_maps, with_share
from nnlite import functional as F
from nnlite import models, optim


def test_a_channel_is_worth_what_enters_it_times_what_leaves_it():
    group = Group("a", 2, (Member("a", 0, 1), Member("bias", 0, 1), Member("b", 1, 2)))
    importance = {"a": np.array([[1.0, 2.0], [3.0, 4.0]]), "bias": np.array([9.0, 9.0]),
                  "b": np.array([[1.0, 1.0, 5.0, 0.0], [0.0, 1.0, 0.0, 0.0]])}
    assert channel_worth(group, importance).tolist() == [3 * 3, 7 * 5]
    del importance["b"]
    assert channel_worth(group, importance).tolist() == [3, 7]


def test_the_best_channels_stay_in_their_order():
    worth = np.array([5.0, 0.0, 7.0, 5.0])
    assert most_worth(worth, 2).tolist() == [0, 2]
    assert most_worth(worth, 0).tolist() == [2]
    assert with_share(worth, 12 / 17).tolist() == [0, 2]
    assert with_share(worth, 0.71).tolist() == [0, 2, 3]
    assert with_share(worth, 1.0).tolist() == [0, 2, 3]


def test_model_latents_averages_and_curvature_shrink_together():
    rng, model = np.random.default_rng(0), models.lenet_5(width=0.2)
    x, y = rng.random((4, 1, 28, 28), np.float32), rng.integers(0, 10, 4)
    curvature = RankOneCurvature(every=1)
    grid = OnGrid(model, lambda params: optim.Adam(params, lr=0.01))
    grid.watch = curvature

    def learn():
        grid.zero_grad()
        F.cross_entropy(model(x), y).backward()
        grid.step()

    learn()
    before, h = {name: t.data.copy() for name, t in grid.latents.items()}, curvature.of("fc1.weight", model.fc1.weight.shape)
    conv2, fc1 = np.array([0, 3, 7]), np.argsort(-h.sum(axis=1))[:2]
    shrink_all(model, x[:1], {"conv2": conv2, "fc1": fc1}, [grid, curvature])
    columns = (16 * conv2[:, None] + np.arange(16)).ravel()
    np.testing.assert_array_equal(grid.latents["fc1.weight"].data, before["fc1.weight"][fc1][:, columns])
    np.testing.assert_array_equal(model.conv2.weight.data, before["conv2.weight"][conv2])
    part, h = curvature.of("fc1.weight", (2, 48)), h[fc1][:, columns]
    np.testing.assert_allclose(part / part.sum(), h / h.sum())
    assert [g.size for g in dependency_groups(model, x[:1])] == [4, 3, 2]
    learn()  # everything has the new shapes


def test_the_maps_of_a_linear_layer_are_the_images_that_were_flattened():
    x = np.zeros((1, 1, 28, 28), np.float32)
    assert weight_maps(models.lenet_5(), x) == {"conv1.weight": (1, 5, 5), "conv2.weight": (20, 5, 5),
                                               "fc1.weight": (50, 4, 4), "fc2.weight": (500, 1, 1)}
    assert weight_maps(models.mlp(hidden=5), x) == {"fc1.weight": (1, 28, 28), "fc2.weight": (5, 1, 1)}
