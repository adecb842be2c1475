"""Prototypes: classes that a network has never seen, told apart from a few examples of each without any training."""

import numpy as np

from nntransfer.domains.domain import check_features


def class_prototypes(features, labels, classes):
    """The mean of each class's features: one point that stands for the class.

        c_k = mean of the x_i with y_i = k

    features (n, d), labels (n,) whole numbers in [0, classes) -> (classes, d), in the features' dtype.
    Errors: ValueError for another number of labels, a label out of range, a class without an example.
    Source: Snell, Swersky & Zemel 2017 (arXiv 1703.05175), eq. 1.

    >>> class_prototypes([[0.0, 0.0], [2.0, 4.0], [9.0, 9.0]], [0, 0, 1], classes=2).tolist()
    [[1.0, 2.0], [9.0, 9.0]]
    """
    (x,) = check_features("class_prototypes", features, least=1)
    labels = np.asarray(labels)
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu":
        raise ValueError(f"class_prototypes: {len(x)} samples, labels {labels.dtype} {labels.shape}, expected one whole number "
                         "for each")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"class_prototypes: labels from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    counts = np.bincount(labels.astype(np.intp), minlength=classes)
    if not counts.all():
        raise ValueError(f"class_prototypes: class {int(counts.argmin())} of {classes} has no example")
    return np.stack([x[labels == k].mean(axis=0) for k in range(classes)])


def prototype_logits(features, prototypes):
    """Logits of a classifier that takes the nearest prototype.

        z_ik = −|x_i − c_k|²        p(k | x_i) = softmax(z_i)_k

    features (n, d), prototypes (K, d) -> (n, K), in their dtype.
    Errors: ValueError for different d.
    Source: Snell, Swersky & Zemel 2017 (arXiv 1703.05175), eq. 2, with the squared Euclidean distance.

    >>> prototype_logits([[0.0, 0.0]], [[1.0, 2.0], [3.0, 0.0]]).tolist()
    [[-5.0, -9.0]]
    """
    x, c = check_features("prototype_logits", features, prototypes, least=1)
    if x.shape[1] != c.shape[1]:
        raise ValueError(f"prototype_logits: samples of {x.shape[1]} features, prototypes of {c.shape[1]}")
    return np.stack([-np.sum((x - c_k) ** 2, axis=1) for c_k in c], axis=1)
