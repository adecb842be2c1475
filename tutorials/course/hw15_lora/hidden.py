"""The tests that only the grader has."""

from pathlib import Path

import numpy as np
from checking import dtype, same, stored, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
NET = visible["NET"]


def rank_and_alpha(lora, rng):
    """α/r, also where a layer is smaller than the rank."""
    for rank, alpha, want in ((2, 8, 4.0), (4, 1.0, 0.25), (3, None, 1.0)):
        for _, _, scaling, _, _ in lora.added(NET, rank, alpha=alpha)[1]:
            same(scaling, want, within=1e-12)
    _, ((A, B, scaling, _, _), (A1, B1, scaling1, _, _)), _ = lora.added(NET, 5, alpha=10)
    same(np.shape(A), (5, 18))
    same(np.shape(A1), (4, 6))                                # fc1 has four outputs
    same(np.shape(B1), (4, 4))
    same([scaling, scaling1], [2.0, 2.0], within=1e-12)
    same(np.shape(lora.added((("fc1", (2, 9)), ("fc2", (9, 3))), 7)[1][0][0]), (2, 2))       # fc1 has two inputs


def the_first_numbers(lora, rng):
    """A is from U(−1/√I, 1/√I); the same seed gives the same numbers, and layers get different ones."""
    net = (("fc1", (100, 60)), ("fc2", (100, 60)), ("fc3", (60, 2)))
    _, ((A, *_), (C, *_)), _ = lora.added(net, 20, seed=5)
    for array in (A, C):
        size = np.abs(array)
        assert 0.098 < size.max() <= 0.1, f"the largest number of A is {size.max()}, expected nearly 1/√100"
        assert abs(size.mean() - 0.05) < 0.004, f"the mean of |A| is {size.mean()}, expected 0.05"
        assert abs(array.mean()) < 0.005, f"the mean of A is {array.mean()}, expected 0"
    assert not np.array_equal(A, C), "two layers have the same numbers"
    same(lora.added(net, 20, seed=5)[1][0][0], A)
    assert not np.array_equal(lora.added(net, 20, seed=6)[1][0][0], A), "another seed gives the same numbers"
    assert not np.array_equal(lora.added(net, 20, seed=5, twice=True)[1][0][0], A), "a Generator gave the same numbers twice"


def integers_as_base(lora, rng):
    """The weights are S q at first, B trains under the name of the weight, and nothing is kept of the old weights."""
    names, arrays, trains = lora.added(NET, 2, base="halves", alpha=6)
    assert names == ("conv1", "fc1"), f"adapters for {names}"
    for A, B, scaling, before, after in arrays:
        same(after, np.rint(2 * before) / 2, within=1e-6)
        same(B, np.zeros((len(before), 2)))
        same(scaling, 3.0)
        for array in (A, B, after):
            dtype(array, np.float32)
    assert trains == tuple(f"{n}.parametrizations.weight.{x}" for n in ("conv1", "fc1") for x in ("0.A", "original")), trains


def merged_is_frozen(lora, rng):
    net = (("fc1", (5, 4)), ("fc2", (4, 6)), ("fc3", (6, 3)))
    for base in (None, "halves"):
        flags = lora.merged(net, 3, base, rng.normal(size=(3, 5)).astype(np.float32), 2)[4]
        same(flags, [False, False])
    still_there, refused = lora.merge_another_kind(net, "fc2")
    assert still_there, "merge_lora removed a parametrization that is no adapter"
    assert refused, "a model without an adapter is to be refused"


def float64(lora, rng):
    for A, B, _, _, after in lora.added(NET, 2, float64=True)[1]:
        for array in (A, B, after):
            dtype(array, np.float64)
    W, A, B = rng.normal(size=(3, 4)).astype(np.float32), *(rng.normal(size=s).astype(np.float32) for s in ((2, 4), (3, 2)))
    for array in lora.low_rank(W, A, B, 1 / 3, W):
        dtype(array, np.float32)


def refused(lora, rng):
    """Each time with a ValueError, and with the model as it was."""
    for name, options in (("rank 0", {"rank": 0}), ("rank −1", {"rank": -1}), ("alpha 0", {"alpha": 0.0}),
                          ("alpha −2", {"alpha": -2.0}), ("alpha NaN", {"alpha": np.nan}), ("alpha ∞", {"alpha": np.inf}),
                          ("layers fc9", {"patterns": ("fc1", "fc9")}), ("layers conv?x", {"patterns": ("conv?x",)}),
                          ("no layer", {"patterns": ()}), ("a base of floats", {"base": "floats"}),
                          ("a base of another shape", {"base": "shape"}), ("a base with a scale too many", {"base": "scales"}),
                          ("a weight that is computed already", {"parametrized": "fc1"})):
        assert lora.refused_and_unchanged(NET, **{"rank": 2} | options), f"{name}: to be refused, with the model as it was"
    assert lora.refused_and_unchanged((("fc1", (3, 2)),), 1), "a model with a head alone: to be refused"
    assert not lora.refused_and_unchanged(NET, 2, parametrized="fc2"), "fc2 gets no adapter, so it may be computed"


def digits_in_integers(lora, rng):
    """The same beside 8-bit integers: only the integers' scale and the change of rank 4 are left of fc1."""
    net = stored("network")
    x, y = ((net["images"] / 255 - 0.3055) / 0.376).astype(np.float32), net["labels"].astype(int)
    x = x.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    weights = tuple(net[name] for name in ("w1", "b1", "w2", "b2"))
    batches = np.concatenate([rng.permutation(240).reshape(8, 30) for _ in range(15)])
    w1, b1, w2, b2 = lora.adapt(x[:240], y[:240], weights, 4, "rounded", batches, 0.1)
    h = np.maximum(x[240:] @ w1.T + b1, 0)
    right = int((np.argmax(h @ w2.T + b2, axis=1) == y[240:]).sum())
    assert right >= 85, f"{right} of 120 right in the mirror, expected at least 85"
    S = np.abs(weights[0]).max(axis=1, keepdims=True) / 127
    rank = np.linalg.matrix_rank(w1 - np.rint(weights[0] / S) * S, tol=1e-4)
    assert 1 <= rank <= 4, f"the change of fc1's integers has rank {rank}, expected 1 to 4"
