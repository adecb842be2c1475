import copy

import numpy as np
import pytest

from nnlite import Tensor, models, nn


class Model(nn.Module):
    def __init__(self, rng=0):
        rng = np.random.default_rng(rng)
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.body = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.BatchNorm1d(3), nn.Dropout(0.5, rng=rng))
        self.constant = Tensor(np.ones(3))  # neither parameter nor buffer
        self.nothing = None
        self.head = nn.Linear(3, 2, rng=rng)

    def forward(self, x):
        return self.head(self.body(x) * self.scale)


NAMES = ["scale", "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "head.weight", "head.bias"]
BUFFERS = ["body.1.running_mean", "body.1.running_var"]


def bits(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


# ---- names ----


def test_parameters_are_named_by_their_path_in_the_order_of_assignment():
    model = Model()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert dict(model.named_parameters())["body.0.weight"] is model.body[0].weight
    assert [id(p) for p in model.parameters()] == [id(p) for _, p in model.named_parameters()]


def test_buffers_are_no_parameters():
    model = Model()
    assert [name for name, _ in model.named_buffers()] == BUFFERS
    assert not any(buffer.requires_grad for _, buffer in model.named_buffers())
    assert all(p.requires_grad for p in model.parameters())


def test_modules_are_named_from_the_outside_in():
    names = ["", "body", "body.0", "body.1", "body.2", "head"]
    assert [name for name, _ in Model().named_modules()] == names


def test_a_parameter_in_two_places_has_one_name():
    model = Model()
    model.tied = model.body[0]
    model.also = model.scale
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert len(model.parameters()) == len(NAMES)
    assert "tied.weight" not in model.state_dict()


def test_a_replaced_parameter_or_module_is_found_in_its_old_place():
    model = Model()
    model.head = nn.Linear(3, 5, rng=0)
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert dict(model.named_parameters())["head.weight"].shape == (5, 3)


def test_an_attribute_set_to_none_is_no_parameter_any_more():
    model = Model()
    model.head.bias = None
    assert [name for name, _ in model.named_parameters()] == NAMES[:-1]


@pytest.mark.parametrize("data", [[1, 2], np.ones(2, np.uint8)])
def test_a_parameter_has_to_be_of_floats(data):
    with pytest.raises(TypeError, match="only floats can require a gradient"):
        nn.Parameter(data)


# ---- state_dict ----


def test_the_state_goes_into_another_model_and_comes_back_bit_for_bit():
    first, second = Model(rng=1), Model(rng=2)
    first(np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32))  # moves the running statistics
    assert bits(first) != bits(second)
    second.load_state_dict(first.state_dict())
    assert bits(second) == bits(first)
    assert list(first.state_dict()) == NAMES[:3] + ["body.1.weight", "body.1.bias", *BUFFERS] + NAMES[5:]


def test_the_state_is_a_copy_both_ways():
    model = Model()
    state = model.state_dict()
    state["head.bias"] += 1
    assert not np.array_equal(model.head.bias.data, state["head.bias"])
    model.load_state_dict(state)
    before = bits(model)
    state["head.bias"] += 1
    assert bits(model) == before


def test_loading_keeps_the_parameters_and_their_dtype():
    model = Model()
    parameters = model.parameters()
    model.load_state_dict({name: array.astype(np.float64) for name, array in model.state_dict().items()})
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))  # an optimizer still holds them
    assert {p.dtype for p in parameters} == {np.dtype(np.float32)}
    assert {b.dtype for _, b in model.named_buffers()} == {np.dtype(np.float32)}


DAMAGES = {
    "missing": (lambda s: s.pop("head.bias"), r"missing \['head.bias'\], unexpected \[\]"),
    "unexpected": (lambda s: s.update(other=np.ones(1)), r"missing \[\], unexpected \['other'\]"),
    "both": (lambda s: s.update(other=s.pop("scale")), r"missing \['scale'\], unexpected \['other'\]"),
    "shape": (lambda s: s.update({"head.bias": np.ones(3)}), r"head.bias has shape \(3,\), the model expects \(2,\)"),
    "broadcast": (lambda s: s.update({"head.bias": np.ones(1)}), r"head.bias has shape \(1,\), the model expects \(2,\)"),
    "text": (lambda s: s.update({"head.bias": np.array(["a", "b"])}), "head.bias holds <U1, the model expects numbers"),
    "objects": (lambda s: s.update({"head.bias": np.array([None, {}])}), "head.bias holds object, the model expects numbers"),
    "complex": (lambda s: s.update({"head.bias": np.ones(2) * 1j}), "head.bias holds complex128, the model expects numbers"),
}


@pytest.mark.parametrize("damage, message", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_state_that_does_not_fit_changes_nothing(damage, message):
    model = Model(rng=1)
    state = Model(rng=2).state_dict()  # head.bias is the last to be set
    damage(state)
    before = bits(model)
    with pytest.raises(ValueError, match=f"load_state_dict: {message}"):
        model.load_state_dict(state)
    assert bits(model) == before


# ---- training and inference ----


def test_train_and_eval_reach_every_module_below():
    model = Model()
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert model.train() is model
    assert all(module.training for _, module in model.named_modules())
    assert nn.ReLU().training  # of its own


def test_a_part_can_be_switched_alone():
    model = Model()
    model.body[1].eval()
    assert [module.training for _, module in model.named_modules()] == [True, True, True, False, True, True]


def test_dropout_and_batch_norm_follow_the_mode():
    model, x = Model(), np.eye(6, 4, dtype=np.float32)
    model.body[1].running_mean.data[:] = 1
    assert model(x).data.tobytes() != model(x).data.tobytes()
    model.eval()
    assert model(x).data.tobytes() == model(x).data.tobytes()


def test_zero_grad_forgets_every_gradient():
    model = Model()
    model(np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_frozen_parameter_gets_no_gradient_and_the_others_do():
    model = Model().eval()
    for p in model.body.parameters():
        p.requires_grad = False
    model(np.ones((2, 4), np.float32)).sum().backward()
    trained = [name for name, p in model.named_parameters() if p.grad is not None]
    assert trained == ["scale", "head.weight", "head.bias"]


# ---- hooks ----


def test_a_hook_sees_the_module_its_inputs_and_its_output():
    model, seen = Model().eval(), []
    model.body[0].register_forward_hook(lambda *call: seen.append(call))
    x = np.ones((2, 4), np.float32)
    model(x)
    ((module, inputs, y),) = seen
    assert module is model.body[0]
    assert inputs[0] is x
    np.testing.assert_array_equal(y.data, model.body[0](x).data)


def test_a_hook_leaves_the_output_as_it_is():
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, inputs, y: y * 0)
    assert layer(np.ones(1)).data == 1


def test_hooks_are_called_in_order_until_they_are_removed():
    layer, calls = nn.ReLU(), []
    remove_first = layer.register_forward_hook(lambda *call: calls.append("first"))
    remove_second = layer.register_forward_hook(lambda *call: calls.append("second"))
    layer(np.ones(1))
    remove_first()
    layer(np.ones(1))
    remove_second()
    layer(np.ones(1))
    assert calls == ["first", "second", "second"]


def test_a_hook_that_removes_itself_does_not_hide_the_next_one():
    layer, calls = nn.ReLU(), []

    def once(*call):
        calls.append("once")
        remove()

    remove = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda *call: calls.append("always"))
    layer(np.ones(1))
    layer(np.ones(1))
    assert calls == ["once", "always", "always"]


def test_a_hook_belongs_to_one_module():
    first, second, calls = nn.ReLU(), nn.ReLU(), []
    first.register_forward_hook(lambda *call: calls.append(call))
    second(np.ones(1))
    assert calls == []


# ---- copies, generators ----


def test_a_deep_copy_is_the_same_model_with_its_own_arrays():
    model = Model()
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    model(x).sum().backward()
    twin = copy.deepcopy(model)
    assert bits(twin) == bits(model)
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    before = bits(model)
    for p in twin.parameters():
        p.data += 1
        p.grad += 1
    twin(x)
    assert bits(model) == before
    assert all(not np.array_equal(p.grad, q.grad) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_deep_copy_draws_the_same_dropout_independently():
    model = Model()
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    twin = copy.deepcopy(model)
    assert twin(x).data.tobytes() == model(x).data.tobytes()
    assert twin.generators()[0] is not model.generators()[0]


def test_a_deep_copy_of_a_built_model_remembers_its_architecture():
    model = models.cnn(image_size=8)
    assert copy.deepcopy(model).architecture == model.architecture


def test_each_generator_is_listed_once():
    shared = np.random.default_rng(0)
    model = nn.Sequential(nn.Dropout(0.5, rng=shared), nn.Dropout(0.5, rng=shared), nn.Dropout(0.5, rng=1), nn.ReLU())
    assert [id(g) for g in model.generators()] == [id(shared), id(model[2].rng)]
    assert models.cnn().generators() == []  # what draws the first weights is not in use any more


# ---- calls ----


def test_a_module_takes_several_inputs():
    class Sum(nn.Module):
        def forward(self, x, y):
            return x + y

    assert Sum()(1, 2) == 3
