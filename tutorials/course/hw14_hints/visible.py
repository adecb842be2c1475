"""The tests that students have. student: scenarios.py, or the grader's link to it."""

import numpy as np
from checking import same, stored

MLP = (("fc1", (4, 3)), ("relu1", ()), ("fc2", (3, 5)))
MAPS = (("conv1", (2, 3, 2, 2)), ("relu1", ()), ("conv2", (3, 4, 1, 3)))


def slope(f, x, h=1e-5):
    """The gradient of a number f(x), by central differences."""
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        dx[i] = (f(x + step) - f(x - step)) / (2 * h)
    return dx


def hint_by_hand(student, rng):
    """Two examples: ½ (1 + 4) and ½ (9 + 0), and their mean."""
    r, u = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0, 4.0], [0.0, 5.0]])
    loss, dr, _ = student.hint_loss(r, u)
    same(loss, (0.5 * 5 + 0.5 * 9) / 2, within=1e-12)
    same(dr, [[0.5, -1.0], [1.5, 0.0]], within=1e-12)
    r, u = rng.normal(size=(3, 2, 4, 5)), rng.normal(size=(3, 2, 4, 5))
    loss, dr, _ = student.hint_loss(r, u)
    same(loss, sum(float(a - b) ** 2 for a, b in zip(r.flat, u.flat, strict=True)) / 6, within=1e-9)
    same(dr, (r - u) / 3, within=1e-12)


def what_layers_give(student, rng):
    images = rng.normal(size=(6, 4))
    for names in (("relu1",), ("fc2", "fc1")):
        found, arrays, _, _ = student.layer_outputs(MLP, names, images)
        assert found == tuple(sorted(names)), f"features of {found}, expected those of {names}"
        for got, want in zip(arrays, student.model_features(MLP, names, images), strict=True):
            same(got, want, within=1e-12)


def regressors(student, rng):
    """A Linear between vectors; between maps a convolution whose kernel takes off what is too much."""
    for v, u, kind, weight in (((7,), (5,), "Linear", (5, 7)), ((2, 6, 7), (3, 6, 7), "Conv2d", (3, 2, 1, 1)),
                               ((2, 6, 7), (4, 3, 6), "Conv2d", (4, 2, 4, 2))):
        got, w, b = student.regressor(v, u)
        assert got == kind, f"a {got} from {v} to {u}, expected a {kind}"
        same(np.shape(w), weight)
        same(np.shape(b), u[:1])


def pairs_of_layers(student, rng):
    """Two pairs: the parameters come pair by pair, weight before bias."""
    images = rng.normal(size=(2, 4))
    student_net, teacher_net = (("fc1", (4, 2)), ("relu1", ()), ("fc2", (2, 3))), (("fc1", (4, 6)), ("relu1", ()))
    shapes, _ = student.made((("relu1", "relu1"), ("fc2", "fc1")), student_net, teacher_net, images)
    assert shapes == ((6, 2), (6,), (6, 3), (6,)), f"parameters of the shapes {shapes}"
    shapes, _ = student.made((("relu1", "conv2"),), MAPS, MAPS, rng.normal(size=(1, 2, 6, 6)))
    assert shapes == ((4, 3, 1, 3), (4,)), f"parameters of the shapes {shapes}"


def loss_of_two_pairs(student, rng):
    """Both losses added up, with regressors whose weights are given. Only the pair with a ReLU of the teacher has a ReLU."""
    nets = (("fc1", (4, 2)), ("relu1", ()), ("fc2", (2, 3))), (("fc1", (4, 6)), ("relu1", ()))
    parameters = [rng.normal(size=s) for s in ((6, 2), (6,), (6, 3), (6,))]
    v = {"relu1": rng.normal(size=(5, 2)), "fc2": rng.normal(size=(5, 3))}
    u = {"relu1": rng.normal(size=(5, 6)), "fc1": rng.normal(size=(5, 6))}

    def wanted(v1, v2, parameters):
        w1, b1, w2, b2 = parameters
        first, second = np.maximum(v1 @ w1.T + b1, 0) - u["relu1"], v2 @ w2.T + b2 - u["fc1"]
        return ((first**2).sum() + (second**2).sum()) / (2 * 5)

    loss, dv, dp = student.loss_of_hints((("relu1", "relu1"), ("fc2", "fc1")), *nets, np.zeros((1, 4)), parameters,
                                         tuple(v.items()), tuple(u.items()))
    same(loss, wanted(*v.values(), parameters), within=1e-9)
    same(dv[0], slope(lambda x: wanted(x, v["fc2"], parameters), v["relu1"]), within=1e-7)
    same(dv[1], slope(lambda x: wanted(v["relu1"], x, parameters), v["fc2"]), within=1e-7)
    for i, got in enumerate(dp):
        same(got, slope(lambda x: wanted(*v.values(), [*parameters[:i], x, *parameters[i + 1 :]]), parameters[i]),  # noqa: B023
             within=1e-6)


def attention_by_hand(student, rng):
    """Two channels of one row with two pixels: squares 9 + 16 and 0, then length 1; and 9, 16 of length 25."""
    same(student.attention_map(np.array([[[[3.0, 0.0]], [[-4.0, 0.0]]], [[[3.0, 4.0]], [[0.0, 0.0]]]])),
         [[1, 0], [9 / np.hypot(9, 16), 16 / np.hypot(9, 16)]], within=1e-12)
    A = rng.normal(size=(3, 4, 2, 5))
    q = np.array([[sum(A[n, c, i, j] ** 2 for c in range(4)) for i in range(2) for j in range(5)] for n in range(3)])
    same(student.attention_map(A), q / np.sqrt((q**2).sum(axis=1, keepdims=True)), within=1e-12)


def attention_and_gradient(student, rng):
    """The channels may differ, and a factor changes nothing."""
    A, B = rng.normal(size=(3, 2, 2, 3)), rng.normal(size=(3, 5, 2, 3))

    def unit(A):
        q = (A**2).sum(axis=1).reshape(len(A), -1)
        return q / np.sqrt((q**2).sum(axis=1, keepdims=True))

    loss, dA, _ = student.attention_loss(A, B)
    same(loss, ((unit(A) - unit(B)) ** 2).sum() / 3, within=1e-12)
    same(dA, slope(lambda A: ((unit(A) - unit(B)) ** 2).sum() / 3, A), within=1e-7)
    same(student.attention_loss(7 * A, A)[0], 0, within=1e-12)


def digits(student, rng):
    """Twelve neurons learn, without a label, to say what 48 neurons say that were trained on digits. Then they know digits.

    A layer above the twelve is fitted by least squares, to 200 images; the other 160 images are the test.
    """
    net = stored("network")
    x, y = (net["images"] / 255 - 0.3055) / 0.376, net["labels"].astype(int)
    u = np.maximum(x @ net["w1"].T + net["b1"], 0).astype(np.float64)
    start = rng.normal(size=(12, 64)) / 8, np.zeros(12)
    batches = np.concatenate([rng.permutation(200).reshape(8, 25) for _ in range(25)])

    def right(w, b):
        h = np.concatenate([np.maximum(x @ w.T + b, 0), np.ones((len(x), 1))], axis=1)
        above = np.linalg.lstsq(h[:200], np.eye(10)[y[:200]], rcond=None)[0]
        return int((np.argmax(h[200:] @ above, axis=1) == y[200:]).sum())

    w, b, losses = student.learn_hints(x, u, start, batches, 0.01)
    first, last = np.mean(losses[:8]), np.mean(losses[-8:])
    assert last < 0.6 * first, f"the loss fell from {first:.1f} to {last:.1f} only"
    before, after = right(*start), right(w, b)
    assert after > before, f"{after} of 160 right with the learned features, {before} with those of the start"
