import itertools

import numpy as np
import pytest

from nncompress import quantize
from nncompress.quantization.mixed import bit_sensitivity, bits_for_budget
from nnlite import models


def test_the_choice_is_the_best_of_all_that_fit():
    rng = np.random.default_rng(0)
    for _ in range(20):
        names = ["a", "b", "c"]
        increases = {name: {n: float(rng.choice([-0.1, 0, 0.25, 1, 2])) for n in (2, 3, 5, 8)} for name in names}
        sizes = {name: int(rng.integers(1, 60)) for name in names}
        least, most = (sum(-(-n * size // 8) for size in sizes.values()) for n in (2, 8))
        budget = int(rng.integers(least, most + 1))
        fitting = []
        for chosen in itertools.product((2, 3, 5, 8), repeat=3):
            used = sum(-(-n * sizes[name] // 8) for name, n in zip(names, chosen, strict=True))
            if used <= budget:
                fitting.append((sum(increases[name][n] for name, n in zip(names, chosen, strict=True)), used))
        bits = bits_for_budget(increases, sizes, budget)
        total = sum(increases[name][n] for name, n in bits.items())
        used = sum(-(-n * sizes[name] // 8) for name, n in bits.items())
        assert total == pytest.approx(min(fitting)[0])
        assert used == min(size for increase, size in fitting if increase <= total + 1e-12)


def test_the_sensitivity_is_the_loss_with_one_layer_in_few_bits():
    model, x = models.mlp(16, hidden=12, classes=3), np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    y = model(x).data

    def loss(plan):
        return float(((plan(x) - y) ** 2).mean())

    found = bit_sensitivity(model, x, loss, bits=(2, 4, 8), per="layer")
    assert list(found) == ["fc1", "fc2"] and all(list(each) == [2, 4, 8] for each in found.values())
    eight = loss(quantize(model, x, per="layer"))
    for name, increases in found.items():
        assert increases[8] == 0 and increases[2] > increases[4] > 0
        assert increases[2] == pytest.approx(loss(quantize(model, x, per="layer", bits={name: 2})) - eight)


def test_a_layer_that_matters_little_gets_fewer_bits_and_the_whole_loses_less():
    rng = np.random.default_rng(0)
    model, x = models.mlp(30, hidden=30, classes=3), rng.standard_normal((60, 30)).astype(np.float32)
    model.fc1.weight.data[3:] *= 0.001  # most of the first layer says nothing
    model.fc1.weight.data[:3] *= 5
    y = model(x).data

    def loss(plan):
        return float(((plan(x) - y) ** 2).mean())

    sizes = {"fc1": 900, "fc2": 90}
    bits = bits_for_budget(bit_sensitivity(model, x, loss), sizes, 990 * 4 // 8)
    assert sum(-(-bits[name] * sizes[name] // 8) for name in sizes) <= 495
    assert bits["fc2"] >= 4 >= bits["fc1"]
    assert loss(quantize(model, x, bits=bits)) <= loss(quantize(model, x, bits=4))


@pytest.mark.parametrize("sizes, budget, message", [
    ({"fc1": 80}, 19, "bits_for_budget: the fewest bits take 20 bytes, the budget is 19"),
    ({"fc2": 80}, 19, "bits_for_budget: sizes has no entry for fc1"),
])
def test_what_does_not_fit_is_refused(sizes, budget, message):
    with pytest.raises(ValueError, match=message):
        bits_for_budget({"fc1": {2: 0.5, 8: 0}}, sizes, budget)
