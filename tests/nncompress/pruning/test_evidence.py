import numpy as np
import pytest

from nncompress.pruning.evidence import GATHERED, collect
from nnlite import functional as F
from nnlite import nn


def batches(sizes=(5, 2), shape=(2, 7, 6), classes=3):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, *shape)).astype(np.float32), rng.integers(0, classes, n)) for n in sizes]


def small_network():
    return nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5, rng=0),
                         nn.Flatten(), nn.Linear(48, 3, rng=1))


def test_the_gradient_is_that_of_the_mean_over_all_examples():
    model, loader = small_network(), batches()
    found = collect(model, loader, what=["gradient"])
    model.eval()
    x, y = (np.concatenate(parts) for parts in zip(*loader, strict=True))
    F.cross_entropy(model(x), y).backward()
    assert list(found) == ["0.weight", "5.weight"]
    for name, parameter in model.named_parameters():
        if name in found:
            np.testing.assert_allclose(found[name].gradient, parameter.grad, rtol=1e-4, atol=1e-6)
            assert found[name].input_norm is None


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"padding": (2, 0), "dilation": (1, 2)},
                                     {"groups": 2, "padding": 1}])
def test_the_norm_of_a_convolutions_input_is_over_all_images_and_positions(options):
    layer, loader = nn.Conv2d(2, 4, 3, rng=0, **options), batches()
    found = collect(layer, loader, what=["input_norm"])["weight"].input_norm
    x = np.concatenate([images for images, _ in loader]).astype(float)
    (s, t), (p, q), (d, e) = ((v, v) if isinstance(v, int) else v for v in
                              (options.get("stride", 1), options.get("padding", 0), options.get("dilation", 1)))
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    H, W = layer(loader[0][0]).shape[2:]
    groups = options.get("groups", 1)
    for o, c, u, v in np.ndindex(layer.weight.shape):
        channel = o // (4 // groups) * (2 // groups) + c
        met = [x[n, channel, i * s + u * d, j * t + v * e] for n in range(len(x)) for i in range(H) for j in range(W)]
        assert found[o, c, u, v] == pytest.approx(np.linalg.norm(met), rel=1e-5)


def test_layers_inside_get_the_norm_of_what_reaches_them():
    model, loader = small_network(), batches()
    found = collect(model, loader)
    model.eval()
    features = np.concatenate([model[4](model[2](model[1](model[0](x)))).data for x, _ in loader])
    expected = np.broadcast_to(np.linalg.norm(features, axis=0), (3, 48))
    np.testing.assert_allclose(found["5.weight"].input_norm, expected, rtol=1e-5)
    assert found["5.weight"].gradient.any()


def test_a_layer_that_is_used_twice_adds_both_up():
    layer = nn.Linear(3, 3, rng=0)
    model, x = nn.Sequential(layer, layer), np.float32([[1, 2, 3]])
    found = collect(model, [(x, None)], what=["input_norm"])["0.weight"].input_norm
    np.testing.assert_allclose(found[0] ** 2, x[0] ** 2 + layer(x).data[0] ** 2, rtol=1e-5)


def test_the_model_is_as_before():
    model = small_network()
    model[0].eval()
    model[5].weight.requires_grad = False
    model[0].weight.grad = np.full((4, 2, 3, 3), 7, np.float32)
    before, modes = model.state_dict(), [module.training for _, module in model.named_modules()]
    found = collect(model, batches())
    assert found["5.weight"].gradient.any()                                 # a frozen weight has evidence too
    assert [module.training for _, module in model.named_modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == [True] * 4 + [False, True]
    assert (model[0].weight.grad == 7).all() and model[5].bias.grad is None
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    calls = model[0].__dict__.get("forward_hooks") or []
    assert not calls


def test_all_of_it_at_once_and_the_biases_too():
    model, loader = small_network(), batches((3,))
    found = collect(model, loader, what=["gradient", "fisher", "curvature", "input_norm", "input_moments"], biases=True)
    assert list(found) == ["0.weight", "0.bias", "5.weight", "5.bias"]
    for name, parameter in model.named_parameters():
        if name in found:
            evidence = found[name]._asdict()
            moments = evidence.pop("input_moments")
            assert evidence.pop("movement") is None
            assert {array.shape for array in evidence.values()} == {parameter.shape}, name
            assert (moments is None) == name.endswith("bias")
    assert found["0.weight"].input_moments.shape == (1, 19, 19) and found["5.weight"].input_moments.shape == (1, 49, 49)


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match=r"there is no evidence \['hessian'\], only gradient, fisher, curvature, input_norm"):
        collect(small_network(), batches(), what=["hessian"])
    with pytest.raises(ValueError, match=r"there is no evidence \['movement'\]"):
        collect(small_network(), batches(), what=["movement"])
    for what in GATHERED:
        with pytest.raises(ValueError, match="collect: the loader gives no batch"):
            collect(small_network(), [], what=[what])
