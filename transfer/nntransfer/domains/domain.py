"""A domain as a network sees it: the features of its samples, their mean and their covariance.

MNIST and photographs of house numbers have the same ten classes, and yet a network that was trained on MNIST fails on the
photographs, because their features lie elsewhere. The distances in this room say how far apart two such clouds of features are.
"""

from functools import cached_property

import numpy as np

from nnlite import Tensor
from nnlite.nn.module import inference_mode
from nntransfer.taps import tap


class Domain:
    """The features of one layer for the samples of one domain, with their number n, their size d, mean and covariance.

        μ = 1/n Σ_i x_i        C = 1/(n − 1) Σ_i (x_i − μ)(x_i − μ)ᵀ

    features: (n, d), or (n, …), which is flattened to it.   labels: (n,) or None.
    mean (d,) and covariance (d, d) are float64; each is computed when it is first read.
    Errors: ValueError for fewer than two samples, for which there is no covariance, for features that are not finite, and for
    another number of labels.
    Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 2.121 and 2.125 (the estimate without bias).

    >>> domain = Domain([[0.0, 0.0], [2.0, 4.0]])
    >>> domain.mean, domain.covariance.tolist()
    (array([1., 2.]), [[2.0, 4.0], [4.0, 8.0]])
    """

    def __init__(self, features, labels=None):
        features = features.data if isinstance(features, Tensor) else np.asarray(features)
        (self.features,) = check_features("Domain", features.reshape(len(features), -1) if features.ndim > 2 else features)
        self.labels = None if labels is None else np.asarray(labels)
        self.n, self.d = self.features.shape
        if labels is not None and self.labels.shape != (self.n,):
            raise ValueError(f"Domain: {self.n} samples, labels of shape {self.labels.shape}")

    @classmethod
    def of(cls, model, loader, layer):
        """The Domain of a loader's images, with the features of one layer of a model.

        model, loader, layer: as in `features_of`, with one name in the place of a list.
        """
        features, labels = features_of(model, loader, [layer])
        return cls(features[layer], labels)

    @cached_property
    def mean(self):
        """μ (d,), float64."""
        return self.features.mean(axis=0, dtype=np.float64)

    @cached_property
    def covariance(self):
        """C (d, d), float64."""
        centred = self.features - self.mean
        return centred.T @ centred / (self.n - 1)

    def __repr__(self):
        return f"Domain({self.n} samples of {self.d} features)"


def features_of(model, loader, layers):
    """The outputs of named layers for all images of a loader -> ({name: features (n, d)}, labels (n,)).

    model: a Module; it infers, and keeps its mode.   layers: a list of names, as `nntransfer.tap` takes them.
    loader: yields (images, labels, …); features and labels have its order. Features (n, C, H, W) are flattened to d = C·H·W.
    Errors: those of `tap`; ValueError for a loader without a batch.
    """
    collected, labels = {name: [] for name in layers}, []
    with tap(model, layers) as features, inference_mode(model):
        for images, batch_labels, *_ in loader:
            model(images)
            labels.append(batch_labels)
            for name in layers:
                collected[name].append(features[name].data.reshape(len(images), -1))
    if not labels:
        raise ValueError("features_of: the loader gives no batch")
    return {name: np.concatenate(parts) for name, parts in collected.items()}, np.concatenate(labels)


def check_features(name, *features, least=2):
    """The features as float arrays (n, d).

    Errors, which begin with `name`: ValueError for other shapes, for fewer than `least` samples, for NaN and infinity.
    """
    arrays = [x.data if isinstance(x, Tensor) else np.asarray(x) for x in features]
    for x in arrays:
        if x.ndim != 2 or x.shape[1] == 0:
            raise ValueError(f"{name}: features have shape {x.shape}, expected (n, d)")
        if len(x) < least:
            raise ValueError(f"{name}: a domain of {len(x)} sample{'s' * (len(x) != 1)}, at least {least} are needed")
        if not np.isfinite(x).all():
            n, k = np.argwhere(~np.isfinite(x))[0]
            raise ValueError(f"{name}: feature {k} of sample {n} is {x[n, k]}")
    return [x if x.dtype.kind == "f" else x.astype(np.float64) for x in arrays]


def check_two_domains(name, x, y, least=2):
    """The features of two domains as Tensors (n, d) and (m, d).

    Errors: those of `check_features`; ValueError for two different d.
    """
    a, b = check_features(name, x, y, least=least)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{name}: the one domain has {a.shape[1]} features, the other {b.shape[1]}")
    return x if isinstance(x, Tensor) else Tensor(a), y if isinstance(y, Tensor) else Tensor(b)
