import copy
import re

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


def test_children_and_modules_are_listed_once():
    model = Model()
    model.again = model.head
    assert [name for name, _ in model.named_children()] == ["body", "head"]
    assert list(model.children()) == [model.body, model.head]
    assert list(model.modules()) == [module for _, module in model.named_modules()]


def test_a_module_that_holds_itself_is_found_once():
    model = Model()
    model.me = model.body.owner = model
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [name for name, _ in model.named_modules()] == ["", "body", "body.0", "body.1", "body.2", "head"]
    model.eval()
    assert list(model.state_dict()) == list(Model().state_dict())
    assert copy.deepcopy(model).me.body.training is False
    assert repr(model).count("(me): ...") == repr(model).count("(owner): ...") == 1
    assert model.apply(lambda module: None) is model


def test_apply_calls_the_modules_below_first_and_each_once():
    model, names = Model(), []
    model.again = model.head
    assert model.apply(lambda module: names.append(type(module).__name__)) is model
    assert names == ["Linear", "BatchNorm1d", "Dropout", "Sequential", "Linear", "Model"]


# ---- what cannot be a child ----


@pytest.mark.parametrize("make", [
    lambda p: p * 1.0, lambda p: p.data, lambda p: Tensor(p.data), lambda p: nn.Buffer(p.data), lambda p: nn.ReLU(),
    lambda p: 0.0,
])
def test_only_a_parameter_or_none_takes_the_place_of_a_parameter(make):
    model = Model()
    with pytest.raises(TypeError, match=r"^Linear: cannot assign a \w+ as parameter 'weight' \(nn.Parameter or None"):
        model.head.weight = make(model.head.weight)
    assert [name for name, _ in model.named_parameters()] == NAMES
    model.head.weight = new = nn.Parameter(np.zeros((2, 3), np.float32))
    assert model.parameters()[-2] is new


def test_an_operator_that_assigns_is_refused_in_the_place_of_a_parameter():
    model = Model()
    with pytest.raises(TypeError, match="Model: cannot assign a Tensor as parameter 'scale'"):
        model.scale = model.scale - 1
    with pytest.raises(RuntimeError, match="-=: a leaf that requires a gradient"):
        model.scale -= 1
    assert model.scale.data.tolist() == [1, 1, 1]


@pytest.mark.parametrize("layer", [nn.Linear(3, 2, bias=False), nn.Conv2d(1, 2, 3, bias=False), nn.Linear(3, 2)])
@pytest.mark.parametrize("value", [Tensor(np.zeros(2, np.float32)), np.zeros(2, np.float32), nn.Buffer(np.zeros(2)), 0.0])
def test_only_a_parameter_takes_the_place_of_a_bias_that_is_none(layer, value):
    layer.bias = None
    with pytest.raises(TypeError, match=rf"cannot assign a {type(value).__name__} as parameter 'bias' \(nn.Parameter or None"):
        layer.bias = value
    assert layer.bias is None
    layer.bias = bias = nn.Parameter(np.zeros(2, np.float32))
    assert layer.parameters()[-1] is bias


def test_only_a_buffer_or_none_takes_the_place_of_a_buffer():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(TypeError, match="BatchNorm1d: cannot assign a ndarray as buffer 'running_mean'"):
        layer.running_mean = np.zeros(3)
    layer.running_mean = nn.Buffer(np.ones(3, np.float32))
    assert layer.state_dict()["running_mean"].tolist() == [1, 1, 1]


def test_only_a_module_or_none_takes_the_place_of_a_module():
    model = Model()
    with pytest.raises(TypeError, match="Model: cannot assign a function as module 'head'"):
        model.head = lambda x: x
    model.head = None
    assert [name for name, _ in model.named_parameters()] == NAMES[:-2]


def test_a_deleted_layer_is_gone():
    model = Model()
    del model.head
    assert [name for name, _ in model.named_parameters()] == NAMES[:-2]
    assert not hasattr(model, "head")


@pytest.mark.parametrize(("value", "message"), [
    ([nn.ReLU(), nn.Linear(2, 2, rng=0)], r"Model.parts: a ReLU in a list is neither trained nor saved: use nn.ModuleList$"),
    ((nn.ReLU(),), "a ReLU in a tuple .* nn.ModuleList"),
    ({"a": nn.ReLU()}, "a ReLU in a dict .* nn.ModuleDict"),
    ([1, {"a": [nn.Linear(2, 2, rng=0)]}], "a Linear in a list .* nn.ModuleList"),
    ([nn.Parameter([1.0])], "a Parameter in a list .* nn.ParameterList"),
    ({"a": nn.Parameter([1.0])}, "a Parameter in a dict .* nn.ParameterList"),
])
def test_a_collection_that_hides_layers_or_parameters_is_refused(value, message):
    with pytest.raises(TypeError, match=message):
        Model().parts = value


@pytest.mark.parametrize("use", [
    lambda model: model.parameters(), lambda model: model.state_dict(), lambda model: model.eval(),
    lambda model: model.generators(),
])
def test_a_list_that_is_filled_later_is_refused_when_it_would_be_missed(use):
    model = Model()
    model.parts = []
    model.parts.append(nn.Linear(2, 2, rng=0))
    with pytest.raises(TypeError, match="Model.parts: a Linear in a list is neither trained nor saved: use nn.ModuleList"):
        use(model)


def test_a_collection_of_other_things_is_an_ordinary_attribute():
    model = Model()
    model.sizes = [1, (2, 3), {"a": "b"}]
    model.sizes.append(model.sizes)  # a list that holds itself
    assert [name for name, _ in model.named_parameters()] == NAMES


@pytest.mark.parametrize("name", ["", "a.b"])
def test_a_name_that_would_be_taken_for_a_path_is_refused(name):
    with pytest.raises(TypeError, match=f"Model: a ReLU needs a name without a dot, got '{name}'"):
        setattr(Model(), name, nn.ReLU())


def test_a_child_that_would_hide_a_method_is_refused():
    with pytest.raises(TypeError, match="Model: a ReLU cannot be named 'train', which is a method"):
        Model().train = nn.ReLU()


def test_a_layer_of_the_class_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match="Net.fc: a Linear of the class would be shared .* assign it in __init__, to self.fc"):
        class Net(nn.Module):
            fc = nn.Linear(2, 2, rng=0)


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="ModuleList has no forward, so it cannot be called"):
        nn.ModuleList([nn.ReLU()])(1)


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


@pytest.mark.parametrize(("dtype", "value"), [(np.float32, 1e300), (np.int64, 2.5), (np.int8, 300), (bool, 2)])
def test_a_number_that_the_dtype_cannot_hold_is_refused(dtype, value):
    layer = nn.ReLU()
    layer.count = nn.Buffer(np.ones(2, dtype))
    with pytest.raises(ValueError, match=f"count holds {re.escape(str(value))} .*, which the model's {np.dtype(dtype)} cannot"):
        layer.load_state_dict({"count": np.array([1, value])})
    assert layer.count.data.tolist() == [1, 1]


def test_masks_of_infinities_and_of_booleans_are_loaded_as_they_are():
    layer = nn.ReLU()
    layer.bound, layer.mask = nn.Buffer(np.full(2, -np.inf, np.float32)), nn.Buffer(np.array([True, False]))
    layer.load_state_dict({"bound": np.array([0, -np.inf]), "mask": np.array([False, True])})
    np.testing.assert_array_equal(layer.bound.data, np.array([0, -np.inf], np.float32))
    assert layer.mask.data.tolist() == [False, True] and layer.mask.dtype == bool


@pytest.mark.parametrize("damage, message", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_state_that_does_not_fit_changes_nothing(damage, message):
    model = Model(rng=1)
    state = Model(rng=2).state_dict()  # head.bias is the last to be set
    damage(state)
    before = bits(model)
    with pytest.raises(ValueError, match=f"load_state_dict: {message}"):
        model.load_state_dict(state)
    assert bits(model) == before


def test_loading_reports_that_no_name_was_missing():
    assert Model(rng=1).load_state_dict(Model(rng=2).state_dict()) == ([], [])


def test_what_both_sides_have_is_loaded_where_loading_is_not_strict():
    model, other = Model(rng=1), Model(rng=2)
    state = other.state_dict()
    del state["head.bias"], state["body.1.running_var"]
    state |= {"tail": np.ones(1), "extra": np.ones(1)}
    kept = model.head.bias.data.tobytes()
    result = model.load_state_dict(state, strict=False)
    assert result.missing_keys == ["body.1.running_var", "head.bias"]
    assert result.unexpected_keys == ["extra", "tail"]
    assert model.head.bias.data.tobytes() == kept
    assert model.head.weight.data.tobytes() == other.head.weight.data.tobytes()


def test_the_count_of_batches_that_pytorch_writes_is_passed_over_in_a_batchnorm_and_nowhere_else():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = model.state_dict() | {"1.num_batches_tracked": np.int64(7), "1.running_mean": np.array([3.0, 4.0])}
    assert model.load_state_dict(state) == ([], [])
    assert model.state_dict()["1.running_mean"].tolist() == [3, 4]
    for name in ("0.num_batches_tracked", "num_batches_tracked"):
        with pytest.raises(ValueError, match=f"missing \\[\\], unexpected \\['{name}'\\]"):
            model.load_state_dict(state | {name: np.int64(7)})


def test_a_shape_that_does_not_fit_is_refused_even_where_loading_is_not_strict():
    model = Model(rng=1)
    before = bits(model)
    with pytest.raises(ValueError, match=r"head.bias has shape \(3,\), the model expects \(2,\)"):
        model.load_state_dict({"scale": np.zeros(3), "head.bias": np.ones(3)}, strict=False)
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


def test_what_a_hook_returns_replaces_the_output_unless_it_is_none():
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, inputs, y: y * 10)
    layer.register_forward_hook(lambda module, inputs, y: None)
    layer.register_forward_hook(lambda module, inputs, y: y + 1)
    assert layer(np.array([2.0])).data == 21


def test_a_gradient_goes_through_what_a_hook_returns():
    layer, x = nn.ReLU(), Tensor([2.0, -3.0], requires_grad=True)
    layer.register_forward_hook(lambda module, inputs, y: y * y)
    layer(x).sum().backward()
    assert x.grad.tolist() == [4, 0]


def test_in_a_sequential_the_next_layer_gets_what_a_hook_returns():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU())
    model[0].register_forward_hook(lambda module, inputs, y: Tensor([[-7.0, 5.0]]))
    assert model(np.ones((1, 2), np.float32)).data.tolist() == [[0, 5]]


def test_a_hook_can_be_removed_twice_and_takes_no_other_one_along():
    layer, calls = nn.ReLU(), []
    hook = lambda *call: calls.append("hook")  # noqa: E731
    first, second = layer.register_forward_hook(hook), layer.register_forward_hook(hook)
    first.remove()
    first.remove()
    layer(np.ones(1))
    assert calls == ["hook"]
    second.remove()
    layer(np.ones(1))
    assert calls == ["hook"]


def test_a_module_may_be_a_hook_and_is_not_a_child():
    layer = nn.ReLU()
    layer.register_forward_hook(HookModule())
    assert layer(np.ones(1)).data == 1
    assert [name for name, _ in layer.named_modules()] == [""]


class HookModule(nn.Module):
    def forward(self, module, inputs, y):
        return None


def test_hooks_are_called_in_order_until_they_are_removed():
    layer, calls = nn.ReLU(), []
    first = layer.register_forward_hook(lambda *call: calls.append("first"))
    second = layer.register_forward_hook(lambda *call: calls.append("second"))
    layer(np.ones(1))
    first.remove()
    layer(np.ones(1))
    second.remove()
    layer(np.ones(1))
    assert calls == ["first", "second", "second"]


def test_a_hook_that_removes_itself_does_not_hide_the_next_one():
    layer, calls = nn.ReLU(), []

    def once(*call):
        calls.append("once")
        handle.remove()

    handle = layer.register_forward_hook(once)
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


def test_a_deep_copy_draws_other_dropout_masks_and_the_same_program_the_same_ones():
    x = np.ones((8, 4), np.float32)

    def draws():
        dropout = nn.Dropout(0.5, rng=3)
        return [layer(x).data.tobytes() for layer in (dropout, copy.deepcopy(dropout), copy.deepcopy(dropout))]

    assert len(set(draws())) == 3
    assert draws() == draws()


def test_a_deep_copy_does_not_change_what_the_original_draws():
    x, copied, alone = np.ones((8, 4), np.float32), nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3)
    copy.deepcopy(copied)
    assert copied(x).data.tobytes() == alone(x).data.tobytes()


def test_layers_that_share_a_generator_share_one_in_a_deep_copy():
    shared = np.random.default_rng(0)
    twin = copy.deepcopy(nn.Sequential(nn.Dropout(0.5, rng=shared), nn.Dropout(0.5, rng=shared)))
    assert twin[0].rng is twin[1].rng
    assert twin[0].rng is not shared


def test_a_generator_in_a_list_is_listed_and_copied_afresh():
    layer = nn.ReLU()
    layer.rngs = {"some": [np.random.default_rng(0)]}
    assert layer.generators() == [layer.rngs["some"][0]]
    assert copy.deepcopy(layer).rngs["some"][0].random() != layer.rngs["some"][0].random()


def test_a_deep_copy_has_no_hooks():
    model, calls = Model().eval(), []
    model.body[0].register_forward_hook(lambda *call: calls.append(call))
    copy.deepcopy(model)(np.ones((2, 4), np.float32))
    assert calls == []
    model(np.ones((2, 4), np.float32))
    assert len(calls) == 1


def test_a_deep_copy_keeps_modes_and_layers_in_two_places():
    model = Model()
    model.tied = model.body[0]
    model.body[1].eval()
    twin = copy.deepcopy(model)
    assert twin.tied is twin.body[0] is not model.tied
    assert [module.training for module in twin.modules()] == [module.training for module in model.modules()]


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
