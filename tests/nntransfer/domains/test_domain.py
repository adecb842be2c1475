import numpy as np
import pytest

from nnlite import Tensor, data, models
from nntransfer.domains import Domain, features_of

rng = np.random.default_rng(3)
DIGITS = data.load("digits")[1][:50]


def a_model():
    return models.cnn(in_channels=1, image_size=8, width=0.25, seed=1)


def a_loader(batch=20):
    return data.DataLoader(DIGITS, batch, transform=data.preprocessing("digits"))


def test_mean_and_covariance_are_numpys_in_float64():
    x = rng.standard_normal((9, 4)).astype(np.float32)
    domain = Domain(x)
    np.testing.assert_allclose(domain.mean, np.mean(x.astype(float), axis=0), rtol=1e-12)
    np.testing.assert_allclose(domain.covariance, np.cov(x.astype(float), rowvar=False), rtol=1e-12)
    assert domain.mean.dtype == domain.covariance.dtype == np.float64 and domain.features.dtype == np.float32
    assert (domain.n, domain.d, repr(domain)) == (9, 4, "Domain(9 samples of 4 features)")


def test_images_of_features_are_flattened():
    assert Domain(np.zeros((3, 2, 4, 5))).d == 40
    assert Domain(Tensor(np.zeros((3, 2)))).d == 2


@pytest.mark.parametrize(("features", "labels", "message"), [
    (np.zeros((1, 3)), None, "Domain: a domain of 1 sample, at least 2 are needed"),
    (np.zeros((0, 3)), None, "Domain: a domain of 0 samples, at least 2 are needed"),
    (np.zeros(3), None, r"Domain: features have shape \(3,\), expected \(n, d\)"),
    (np.array([[0.0, 1.0], [2.0, np.nan]]), None, "Domain: feature 1 of sample 1 is nan"),
    (np.zeros((3, 2)), [0, 1], r"Domain: 3 samples, labels of shape \(2,\)")])
def test_what_is_no_domain_is_refused(features, labels, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Domain(features, labels)


def test_features_are_those_of_one_pass_in_inference_in_the_loaders_order():
    model = a_model().train()
    features, labels = features_of(model, a_loader(), ["conv1", "fc1"])
    y = model.eval().conv1(data.prepare(DIGITS, "digits"))
    np.testing.assert_array_equal(features["conv1"], y.data.reshape(50, -1))
    assert features["fc1"].shape[0] == 50
    np.testing.assert_array_equal(labels, DIGITS.labels)
    assert a_model().train().training and features["conv1"].dtype == np.float32


def test_the_model_keeps_its_mode_and_loses_its_hooks():
    model = a_model().train()
    domain = Domain.of(model, a_loader(7), "fc1")
    assert model.training and (domain.n, len(domain.labels)) == (50, 50)
    assert not [name for name, module in model.named_modules() if "forward_hooks" in vars(module)]


def test_a_loader_without_a_batch_is_refused():
    with pytest.raises(ValueError, match="^features_of: the loader gives no batch$"):
        features_of(a_model(), [], ["fc1"])
