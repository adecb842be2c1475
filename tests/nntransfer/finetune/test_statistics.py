import numpy as np
import pytest

from nnlite import functional as F
from nnlite import models, nn
from nntransfer import freeze
from nntransfer.finetune import reestimate_statistics


def batches(sizes, shape=(3,), seed=0, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    return [((rng.standard_normal((n, *shape)) * scale + shift).astype(np.float32), None) for n in sizes]


def test_the_mean_is_that_of_all_images_and_the_variance_the_mean_of_the_batches():
    model, loader = nn.Sequential(nn.BatchNorm1d(3)), batches([4, 8, 3], scale=2, shift=5)
    assert reestimate_statistics(model, loader) is model
    images = np.concatenate([x for x, _ in loader]).astype(np.float64)
    variance = sum(len(x) * x.astype(np.float64).var(axis=0, ddof=1) for x, _ in loader) / 15
    np.testing.assert_allclose(model[0].running_mean.data, images.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(model[0].running_var.data, variance, rtol=1e-5)


def test_one_batch_of_the_other_domain_makes_its_features_normal():
    model = models.resnet(in_channels=1, width=0.25)
    (images, _), = loader = batches([64], (1, 8, 8), scale=3, shift=-2)
    reestimate_statistics(model, loader)
    z = []
    model.bn1.register_forward_hook(lambda layer, inputs, y: z.append(y.data))
    model.eval()(images)
    np.testing.assert_allclose(z[0].mean(axis=(0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(z[0].var(axis=(0, 2, 3)), 1, atol=1e-2)


def test_what_was_before_does_not_matter_and_weights_modes_and_options_stay():
    first, second = (models.resnet(in_channels=1, width=0.25) for _ in range(2))
    images = batches([16], (1, 8, 8))[0][0]
    for _ in range(2):
        F.cross_entropy(first(images), np.zeros(16, np.int64)).backward()
    freeze(first, "block1_1")
    first.eval()
    weights = {name: p.data.copy() for name, p in first.named_parameters()}
    for model in (first, second):
        reestimate_statistics(model, batches([16, 16], (1, 8, 8), seed=1))
    for (name, a), (_, b) in zip(first.named_buffers(), second.named_buffers(), strict=True):
        assert a.data.tobytes() == b.data.tobytes(), name
    assert all(p.data.tobytes() == weights[name].tobytes() for name, p in first.named_parameters())
    assert not any(module.training for module in first.modules()) and all(module.training for module in second.modules())
    assert first.block1_1.block.bn1.frozen and not first.bn1.frozen and first.bn1.momentum == 0.1


def test_dropout_leaves_nothing_out():
    model, loader = nn.Sequential(nn.Dropout(0.9, rng=0), nn.BatchNorm1d(3)), batches([50])
    reestimate_statistics(model, loader)
    np.testing.assert_allclose(model[1].running_mean.data, loader[0][0].mean(axis=0), atol=1e-5)


def test_a_model_without_batch_norm_and_a_loader_without_a_batch_are_refused():
    with pytest.raises(ValueError, match="reestimate_statistics: there is no BatchNorm in this Sequential"):
        reestimate_statistics(models.cnn(), [])
    model = nn.Sequential(nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match="reestimate_statistics: the loader gives no batch"):
        reestimate_statistics(model, [])
    assert model[0].momentum == 0.1
