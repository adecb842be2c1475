"""What the tests ask of your code: they send arrays, and get arrays back."""

from nncompress.quantization import clusters


def look_up(C, codes):
    return clusters.look_up(C, codes)


def codebook_gradient(dw, codes, k):
    return clusters.codebook_gradient(dw, codes, k)


def first_values(w, k, init, rng=None):
    return clusters.first_values(w, k, init, rng)


def nearest(w, values):
    return clusters.nearest(w, values)


def lloyd(w, values):
    return clusters.lloyd(w, values)


def kmeans(w, k, init="linear", rng=None):
    """values and codes"""
    return tuple(clusters.kmeans(w, k, init, rng))
