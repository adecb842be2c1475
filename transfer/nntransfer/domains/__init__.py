"""Domains: what a domain is for a network, how far two domains are apart, and how to move into one.

AdaBN, new BatchNorm statistics with the old weights, is `nntransfer.finetune.reestimate_statistics`.

Read in this order:
    domain         the features of a layer for the samples of a domain; mean, covariance
    mmd            distance and loss: means of kernels
    coral          distance and loss: covariances; features recoloured      (matrices: powers of a covariance)
    frechet        distance: two Gaussians
    separability   distance: how well a classifier tells the domains apart
    cka            how alike two layers or two networks are
    reversal       the gradient that comes back with the other sign
    adversary      DANN: a network that tells the domains apart, and that the features learn to deceive
    loop           `adapt`: source labels and target images, with any of the losses
    leep           which source suits: from its class probabilities
    hscore         which source suits: how far apart the classes lie in its features
    logme          which source suits: the evidence of a linear model on its features
    few_shot       prototypes: new classes from a few examples
    several        several domains taken as one; several networks' features side by side
    shifts         transforms that make a domain: inverted, rotated, faded, on a photograph, enlarged
    pictures       samples in their two main directions; CKA of layers with layers
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "adversary": ["Adversary"],
    "cka": ["cka_between_layers", "linear_cka", "minibatch_cka", "rbf_cka"],
    "coral": ["coral_distance", "coral_loss", "recoloured"],
    "domain": ["Domain", "features_of"],
    "few_shot": ["class_prototypes", "prototype_logits"],
    "frechet": ["frechet_distance"],
    "hscore": ["h_score"],
    "leep": ["leep_score"],
    "logme": ["log_evidence", "logme_score"],
    "loop": ["adapt"],
    "mmd": ["cubic_kernel", "gaussian_kernels", "linear_kernel", "squared_mmd"],
    "pictures": ["cka_heat_map", "domains_by_class", "principal_components"],
    "reversal": ["ramp", "reverse_gradient"],
    "separability": ["proxy_a_distance"],
    "several": ["fuse_features", "pooled_statistics"],
    "shifts": ["Enlarged", "Faded", "Inverted", "OnPhotograph", "Rotated", "shifted"],
})
