import numpy as np
import pytest

from nncompress.pruning.criteria.bits import place_bits
from nncompress.search.ranking import best_masks


class Curvature:
    """h from a dict."""

    def __init__(self, h):
        self.h = h

    def of(self, name, shape):
        return self.h[name]


def test_exactly_the_k_best_of_all_layers_stay():
    rng = np.random.default_rng(0)
    shapes, maps = {"a.weight": (4, 6), "a.bias": (4,), "b.weight": (3, 4)}, {"a.weight": (6, 1, 1), "b.weight": (4, 1, 1)}
    latents = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    masks = {name: rng.random(shape) < 0.7 for name, shape in shapes.items()}
    h = {name: rng.random(shape) for name, shape in shapes.items()}
    found = best_masks(latents, masks, Curvature(h), maps, 9, gamma=2.0)
    scores = {name: latents[name]**2 * h[name] / (place_bits(masks[name], maps[name]) if name in maps else 4.0)**2
              for name in shapes}
    limit = sorted(np.concatenate([s.ravel() for s in scores.values()]))[-9]
    for name in shapes:
        np.testing.assert_array_equal(found[name], scores[name] >= limit)


def test_what_is_worth_nothing_goes_even_where_there_is_room():
    latents = {"a.weight": np.array([[1.0, 2.0, 3.0]])}
    found = best_masks(latents, {"a.weight": np.ones((1, 3), bool)}, Curvature({"a.weight": np.array([[1.0, 0.0, 1.0]])}),
                       {"a.weight": (3, 1, 1)}, 100, 1.0)
    assert found["a.weight"].tolist() == [[True, False, True]]


def test_an_empty_layer_is_refused():
    latents = {"a.weight": np.ones((2, 2)), "b.weight": 1e-3 * np.ones((2, 2))}
    h, masks = {name: np.ones((2, 2)) for name in latents}, {name: np.ones((2, 2), bool) for name in latents}
    with pytest.raises(ValueError, match="b.weight loses all its 4 weights when 3 numbers of the network stay"):
        best_masks(latents, masks, Curvature(h), {name: (2, 1, 1) for name in latents}, 3, 1.0)
