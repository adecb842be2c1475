"""The tests that students have. lora: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored

NET = (("conv1", (2, 5, 3, 3)), ("fc1", (6, 4)), ("fc2", (4, 3)))


def slope(f, x, h=1e-5):
    """The gradient of a number f(x), by central differences."""
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        dx[i] = (f(x + step) - f(x - step)) / (2 * h)
    return dx


def changed(W, A, B, scaling):
    """W' by loops; the inputs of an output are counted in the order in which they lie in memory."""
    new = W.astype(np.float64).reshape(len(W), -1).copy()
    for o, i in np.ndindex(new.shape):
        new[o, i] += scaling * sum(float(B[o, k]) * float(A[k, i]) for k in range(len(A)))
    return new.reshape(W.shape)


def by_hand(lora, rng):
    """B A = [[3, 6], [0, 0], [−1, −2]] of rank 1, times ½."""
    W, A, B = np.eye(3, 2), np.array([[1.0, 2.0]]), np.array([[3.0], [0.0], [-1.0]])
    new, dA, dB = lora.low_rank(W, A, B, 0.5, np.ones((3, 2)))
    same(new, [[2.5, 3], [0, 1], [-0.5, -1]], within=1e-12)
    same(dA, [[1, 1]], within=1e-12)                           # ½ (3 + 0 − 1), for both columns
    same(dB, [[1.5], [1.5], [1.5]], within=1e-12)              # ½ (1 + 2), for each row


def matrices_and_kernels(lora, rng):
    for size in ((5, 7), (4, 2, 3, 2)):
        W, dW, I = rng.normal(size=size), rng.normal(size=size), int(np.prod(size[1:]))
        A, B = rng.normal(size=(2, I)), rng.normal(size=(size[0], 2))
        new, dA, dB = lora.low_rank(W, A, B, 1.5, dW)
        same(new, changed(W, A, B, 1.5), within=1e-12)
        same(dA, slope(lambda A: (dW * changed(W, A, B, 1.5)).sum(), A), within=1e-7)                  # noqa: B023
        same(dB, slope(lambda B: (dW * changed(W, A, B, 1.5)).sum(), B), within=1e-7)                  # noqa: B023


def beside_integers(lora, rng):
    """One scale for all, and one for each output."""
    for size in ((4, 3), (4, 2, 3, 1)):
        q, dW, I = rng.integers(-127, 128, size).astype(np.int8), rng.normal(size=size), int(np.prod(size[1:]))
        A, B = rng.normal(size=(2, I)), rng.normal(size=(4, 2))
        for S in (np.float32([0.25]), np.float32([0.5, 1, 2, 0.25])):
            W = q * S.reshape(-1, *[1] * (len(size) - 1)).astype(np.float64)
            new, dA, dB = lora.on_int8(q, S, A, B, 0.75, dW)
            same(new, changed(W, A, B, 0.75), within=1e-9)
            same(dA, slope(lambda A: (dW * changed(W, A, B, 0.75)).sum(), A), within=1e-6)             # noqa: B023
            same(dB, slope(lambda B: (dW * changed(W, A, B, 0.75)).sum(), B), within=1e-6)             # noqa: B023
        same(lora.start_on_int8(q, S, A, W), np.zeros((4, 2)))


def an_adapter_for_each_layer(lora, rng):
    """All layers but the head; A has numbers and B zeros, so that the weights are those from before."""
    names, arrays, trains = lora.added(NET, 2)
    assert names == ("conv1", "fc1"), f"adapters for {names}, expected conv1 and fc1"
    for (A, B, scaling, before, after), O, I in zip(arrays, (5, 4), (18, 6), strict=True):
        same(np.shape(A), (2, I))
        same(B, np.zeros((O, 2)))
        same(scaling, 1.0)
        same(after, before)
        assert np.any(A), "A is zero, so B gets no gradient"
    assert trains == tuple(f"{n}.parametrizations.weight.0.{x}" for n in ("conv1", "fc1") for x in "AB"), f"{trains} train"


def chosen_layers(lora, rng):
    """Patterns; the order is the model's."""
    net = (("conv1", (1, 2, 3, 3)), ("conv2", (2, 3, 3, 3)), ("fc1", (3, 4)), ("fc2", (4, 2)))
    for patterns, want in ((["conv*"], ("conv1", "conv2")), (["fc2", "conv1"], ("conv1", "fc2")), (["*2"], ("conv2", "fc2"))):
        names, _, trains = lora.added(net, 1, patterns)
        assert names == want, f"layers {patterns}: adapters for {names}, expected {want}"
        assert len(trains) == 2 * len(want), f"layers {patterns}: {trains} train"


def merged(lora, rng):
    """The weights are plain again, with the numbers that the adapters gave."""
    net = (("fc1", (5, 4)), ("fc2", (4, 6)), ("fc3", (6, 3)))
    for base in (None, "rounded"):
        images = rng.normal(size=(3, 5)).astype(np.float32)
        names, before, after, state, _, computed, plain = lora.merged(net, 2, base, images, 1)
        assert names == ("fc1", "fc2"), f"merged {names}, expected fc1 and fc2"
        assert sorted(state) == sorted(f"{n}.{p}" for n in ("fc1", "fc2", "fc3") for p in ("weight", "bias")), f"state {state}"
        same(after, before)
        for got, want in zip(plain, computed, strict=True):
            same(got, want)


def digits(lora, rng):
    """A network that knows digits learns them in the mirror: 4·(64 + 48) numbers beside 64·48 that stay, and its head."""
    net = stored("network")
    x, y = ((net["images"] / 255 - 0.3055) / 0.376).astype(np.float32), net["labels"].astype(int)
    x = x.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)

    def right(w1, b1, w2, b2):
        return int((np.argmax(np.maximum(x[240:] @ w1.T + b1, 0) @ w2.T + b2, axis=1) == y[240:]).sum())

    weights = tuple(net[name] for name in ("w1", "b1", "w2", "b2"))
    batches = np.concatenate([rng.permutation(240).reshape(8, 30) for _ in range(15)])
    new = lora.adapt(x[:240], y[:240], weights, 4, None, batches, 0.1)
    before, after = right(*weights), right(*new)
    assert after >= before + 25, f"{after} of 120 right in the mirror, {before} before"
    rank = np.linalg.matrix_rank(new[0] - weights[0], tol=1e-4)
    assert 1 <= rank <= 4, f"the change of fc1 has rank {rank}, expected 1 to 4"
    same(new[1], weights[1])
