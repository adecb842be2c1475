import numpy as np
import pytest

import nnlite
from nncompress import quantize
from nncompress.quantization.bias_correction import corrected_bias
from nncompress.quantization.input_moments import InputMoments
from nnlite import nn


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Conv2d(4, 6, 3, padding=1, groups=2)])
def test_the_mean_output_becomes_that_of_the_original_weights(layer):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((20, 5) if isinstance(layer, nn.Linear) else (20, 4, 6, 6)) + 1).astype(np.float32)
    plan = nnlite.compile(nn.Sequential(layer), x)
    moments = InputMoments(plan.steps[1])
    moments.observe(plan.run(x)[0])
    axes = (0, 2, 3)[: 1 if x.ndim == 2 else 3]
    before, w = layer(x).data.mean(axis=axes), layer.weight.data.copy()
    layer.weight.data = np.float32(np.rint(w * 4) / 4)
    assert np.abs(layer(x).data.mean(axis=axes) - before).max() > 0.05
    O = len(w)
    layer.bias.data = corrected_bias(layer.bias.data, w.reshape(O, -1), layer.weight.data.reshape(O, -1), moments.mean)
    assert layer.bias.data.dtype == np.float32
    np.testing.assert_allclose(layer(x).data.mean(axis=axes), before, atol=1e-5)


def test_a_plan_of_few_bits_gets_its_mean_right():
    rng = np.random.default_rng(0)
    model, x = nn.Sequential(nn.Linear(50, 8, rng=rng)), (rng.standard_normal((400, 50)) + 2).astype(np.float32)
    y = model(x).data
    plain, corrected = (quantize(model, x, bits=3, correct_bias=yes)(x) - y for yes in (False, True))
    assert np.abs(plain.mean(axis=0)).max() > 0.1
    assert np.abs(corrected.mean(axis=0)).max() < 0.01
