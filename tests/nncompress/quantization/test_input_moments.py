import numpy as np
import pytest

import nnlite
from nncompress.quantization.input_moments import InputMoments
from nnlite import nn


@pytest.mark.parametrize("layer", [nn.Linear(6, 3), nn.Conv2d(4, 6, (2, 3), (2, 1), (1, 2), (1, 2), groups=2),
                                   nn.Conv2d(4, 4, 3, groups=4)])
def test_moments_give_the_mean_and_the_mean_square_of_the_layers_output(layer):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 6) if isinstance(layer, nn.Linear) else (7, 4, 6, 7)).astype(np.float32)
    layer.bias.data[:] = 0
    plan = nnlite.compile(nn.Sequential(layer), x)
    step = plan.steps[1]
    moments = InputMoments(step)
    for part in x[:3], x[3:]:
        moments.observe(plan.run(part)[0])
    G = step.options.get("groups", 1)
    w = step.arrays["w"].reshape(G, len(step.arrays["w"]) // G, -1).astype(np.float64)
    y = layer(x).data.swapaxes(0, 1).reshape(len(layer.weight), -1).astype(np.float64)
    np.testing.assert_allclose(np.einsum("gok,gk->go", w, moments.mean).ravel(), y.mean(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.einsum("gok,gkl,gol->go", w, moments.products, w).ravel(), (y**2).mean(axis=1), rtol=1e-4)
