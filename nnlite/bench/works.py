"""The pieces of work that are timed. Each is a dict that describes it completely, so that it can be sent to another process:

    {"do": "train", "model": "cnn", "optimizer": "SGD", "batch": 64}             one step: forward, backward, update
    {"do": "infer", "model": "cnn", "arithmetic": "int8", "batch": 1}            one batch of images
    {"do": "matmul", "rung": "tile", "arithmetic": "int8", "M": 64, "K": 100, "N": 256}           (M, K) · (K, N)
    {"do": "conv", "rung": "tile", "arithmetic": "float32", "N": 64, "C": 16, "O": 32, "size": 16}     3×3, padding 1

A rung is one way to compute the same: see `ladder`.
"""

import numpy as np

IMAGES = {"cnn": (3, 32, 32), "mlp": (1, 28, 28), "lenet-300-100": (1, 28, 28), "lenet-5": (1, 28, 28), "resnet": (3, 32, 32)}
BATCHES = (1, 64, 256)
RUNGS = {"float32": ("formula", "BLAS", "loops", "tile"), "int8": ("formula", "loops", "tile")}
FORMULA_MOST = 2**24  # multiply-adds: broadcasting keeps every product in memory
CONV1, CONV2 = {"do": "conv", "N": 64, "C": 3, "O": 16, "size": 32}, {"do": "conv", "N": 64, "C": 16, "O": 32, "size": 16}
FC1 = {"do": "matmul", "M": 64, "K": 2048, "N": 128}  # these three: the layers of cnn at batch 64


def images_for(work):
    """Random images and labels for a training step or an inference; the same work, the same numbers."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((work["batch"], *IMAGES[work["model"]])).astype(np.float32)
    return images, rng.integers(0, 10, len(images))


def matrices_for(work):
    """a (M, K) and b (K, N): float32, or uint8 and int8."""
    return random_pair(work["arithmetic"], (work["M"], work["K"]), (work["K"], work["N"]))


def convolution_for(work):
    """x (N, size + 2, size + 2, C), padded, and w (1, 3, 3, C, O): float32, or uint8 and int8."""
    padded = work["size"] + 2
    return random_pair(work["arithmetic"], (work["N"], padded, padded, work["C"]), (1, 3, 3, work["C"], work["O"]))


def random_pair(arithmetic, x_shape, w_shape):
    """Two random arrays: float32, or uint8 and int8; the same shapes, the same numbers."""
    rng = np.random.default_rng(0)
    if arithmetic == "int8":
        return rng.integers(0, 256, x_shape, np.uint8), rng.integers(-128, 128, w_shape, np.int8)
    return rng.standard_normal(x_shape).astype(np.float32), rng.standard_normal(w_shape).astype(np.float32)


def multiply_adds(work):
    """The number of multiply-adds of a matrix product or a convolution.

    >>> multiply_adds({"do": "matmul", "M": 2, "K": 3, "N": 5}), multiply_adds(CONV2)
    (30, 75497472)
    """
    if work["do"] == "matmul":
        return work["M"] * work["K"] * work["N"]
    return work["N"] * work["size"] ** 2 * 9 * work["C"] * work["O"]


def bytes_moved(work):
    """Bytes of the arrays that it reads and writes, each counted once; sums are 4 bytes in both arithmetics."""
    item = {"float32": 4, "int8": 1}[work["arithmetic"]]
    if work["do"] == "matmul":
        read, written = work["M"] * work["K"] + work["K"] * work["N"], work["M"] * work["N"]
    else:
        pixels = work["N"] * work["size"] ** 2
        read, written = pixels * work["C"] + 9 * work["C"] * work["O"], pixels * work["O"]
    return item * read + 4 * written


def shape(work):
    """The sizes of a product or a convolution, as text.

    >>> shape(CONV2)
    '64 images 16×16, 16 → 32 channels'
    """
    if work["do"] == "matmul":
        return f"M {work['M']}, K {work['K']}, N {work['N']}"
    return f"{work['N']} images {work['size']}×{work['size']}, {work['C']} → {work['O']} channels"


def square(size):
    return {"do": "matmul", "M": size, "K": size, "N": size}


def training(models):
    """The training steps at batch 64: SGD for all models, and Adam for lenet-300-100, which has many parameters to update."""
    pairs = [(model, "SGD") for model in models] + [("lenet-300-100", "Adam")] * ("lenet-300-100" in models)
    return [{"do": "train", "model": model, "optimizer": optimizer, "batch": 64} for model, optimizer in pairs]


def inference(models, batches=BATCHES):
    """For each model and batch: the same inference in float32 and in int8."""
    return [[{"do": "infer", "model": model, "arithmetic": arithmetic, "batch": batch} for arithmetic in ("float32", "int8")]
            for model in models for batch in batches]


def ladder():
    """The kernel ladder: each product on all its rungs, from the formula in NumPy to the tile, float32 and int8.

    Of cnn's other layers the tile alone.
    """
    products = [square(64), square(256), square(1024), CONV2]
    steps = [[{**product, "rung": rung, "arithmetic": arithmetic} for arithmetic, rungs in RUNGS.items() for rung in rungs
              if _can_stand_on(rung, product)] for product in products]
    return [*steps, on_the_tile(CONV1), on_the_tile(FC1)]


def _can_stand_on(rung, product):
    if rung == "formula":
        return product["do"] == "conv" or multiply_adds(product) <= FORMULA_MOST
    return rung != "BLAS" or product["do"] == "matmul"


def on_the_tile(product):
    """The last rung of a product, in both arithmetics."""
    return [{**product, "rung": "tile", "arithmetic": arithmetic} for arithmetic in ("float32", "int8")]
