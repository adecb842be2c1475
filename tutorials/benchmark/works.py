"""The pieces of work of the comparison alone, as dicts like those of `nnlite.bench.works`:

    {"do": "layer", "form": "sparse", "O": 300, "I": 784, "sparsity": 0.92, "batch": 1}                y = x wᵀ, w (O, I)

and an inference with "shrunk": True, by a model without half of each layer's filters and neurons.
"""

import itertools

import numpy as np

from nnlite.bench.works import random_pair

MATMUL_SIZES = (64, 100, 256, 1000, 1024)


def layer_for(work):
    """x (batch, I) and w (O, I), float32, with that share of zeros in w at random places."""
    x, w = random_pair("float32", (work["batch"], work["I"]), (work["O"], work["I"]))
    zeros = np.random.default_rng(1).permutation(w.size)[: round(work["sparsity"] * w.size)]
    w.reshape(-1)[zeros] = 0
    return x, w


def int8_products():
    """All products with M, K, N among MATMUL_SIZES, on the tile."""
    return [{"do": "matmul", "M": M, "K": K, "N": N, "rung": "tile", "arithmetic": "int8"}
            for M, K, N in itertools.product(MATMUL_SIZES, repeat=3)]


def pruned_layer():
    """The first layer of lenet-300-100 as Deep Compression leaves it, from its dense array and from its sparse form."""
    layer = {"do": "layer", "O": 300, "I": 784, "sparsity": 0.92, "batch": 1}
    return [{**layer, "form": form} for form in ("dense", "sparse")]
