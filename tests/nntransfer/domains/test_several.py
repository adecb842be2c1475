import numpy as np
import pytest

from nntransfer.domains import Domain, fuse_features, pooled_statistics

rng = np.random.default_rng(9)


def test_pooled_statistics_are_those_of_all_samples_together():
    parts = [rng.standard_normal((n, 3)) + k for k, n in enumerate((5, 9, 4))]
    mean, covariance = pooled_statistics([Domain(part) for part in parts])
    together = np.concatenate(parts)
    np.testing.assert_allclose(mean, together.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(together, rowvar=False), rtol=1e-12)


def test_each_block_has_the_same_weight_whatever_its_size():
    x, y = rng.standard_normal((6, 2)), 1000 * rng.standard_normal((6, 5))
    z, (r, s) = fuse_features([x, y])
    np.testing.assert_allclose(z, np.concatenate([x / r, y / s], axis=1), rtol=1e-12)
    for block in (z[:, :2], z[:, 2:]):
        assert np.mean(np.sum(block**2, axis=1)) == pytest.approx(1, rel=1e-12)
    assert fuse_features([x.astype(np.float32)])[0].dtype == np.float32


@pytest.mark.parametrize(("call", "message"), [
    (lambda: pooled_statistics([]), "pooled_statistics: expects at least one, got none"),
    (lambda: pooled_statistics([Domain(np.eye(3)), Domain(np.eye(2))]),
     "pooled_statistics: Domains of 3, 2 features, expected the same number"),
    (lambda: fuse_features([np.ones((3, 2)), np.ones((4, 2))]),
     "fuse_features: blocks of 3, 4 samples, expected the same samples"),
    (lambda: fuse_features([np.ones((3, 2)), np.zeros((3, 2))]), "fuse_features: block 1 of 2 is 0 throughout")])
def test_what_does_not_fit_together_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()
