import json
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from support import fast_only

from nnlite import kernels
from nnlite.optim import SGD, Adam, AdamW, Optimizer, RMSprop, StepLR


@dataclass(eq=False)
class Parameter:
    data: np.ndarray
    grad: np.ndarray | None = None


OPTIMIZERS = {
    "sgd": lambda params: SGD(params, lr=0.1),
    "heavy ball": lambda params: SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: Adam(params, lr=0.1, weight_decay=0.01),
    "adamw": lambda params: AdamW(params, lr=0.1),
    "rmsprop": lambda params: RMSprop(params, weight_decay=0.01),
    "rmsprop with momentum": lambda params: RMSprop(params, momentum=0.9),
}
each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def parameters(dtype=np.float32):
    """A matrix, a vector, a scalar and a transposed view."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in [(4, 3), (5,), ()]]
    return [
        Parameter(np.asarray(a)) for a in [*arrays, rng.standard_normal((2, 3, 4)).astype(dtype).transpose(0, 2, 1)]
    ]


def take_steps(optimizer, params, seed, steps):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        for p in params:
            p.grad = np.asarray(rng.standard_normal(p.data.shape).astype(p.data.dtype))
        optimizer.step()


def bits(params):
    return [p.data.tobytes() for p in params]


def through_npz(state_dict, path):
    """The state dict as it comes back from a file of arrays and a JSON text."""
    arrays = {f"{i}/{key}": value for i, entry in state_dict["state"].items() for key, value in entry.items()}
    np.savez(path, groups=json.dumps(state_dict["param_groups"]), **arrays)
    with np.load(path, allow_pickle=False) as file:
        state = {}
        for name in arrays:
            i, key = name.split("/")
            state.setdefault(i, {})[key] = file[name]
        return {"state": state, "param_groups": json.loads(file["groups"].item())}


@each_optimizer
def test_a_step_changes_the_arrays_in_place_and_keeps_their_dtype(make):
    params = parameters()
    arrays, before = [p.data for p in params], bits(params)
    take_steps(make(params), params, seed=1, steps=2)
    for p, array, old in zip(params, arrays, before, strict=True):
        assert p.data is array
        assert p.data.dtype == np.float32
        assert p.data.tobytes() != old


@each_optimizer
def test_a_step_gives_the_same_bits_whatever_the_memory_layout(make):
    params = parameters()
    copies = [Parameter(np.array(p.data, order="C")) for p in params]
    assert not params[3].data.flags.c_contiguous
    take_steps(make(params), params, seed=1, steps=3)
    take_steps(make(copies), copies, seed=1, steps=3)
    assert bits(params) == bits(copies)


@each_optimizer
def test_a_step_does_not_change_the_gradient(make):
    p = Parameter(np.ones(3), np.arange(3.0))
    make([p]).step()
    assert p.grad.tolist() == [0.0, 1.0, 2.0]


@fast_only("on loops a rule works on whole arrays")
@each_optimizer
def test_a_step_needs_memory_for_at_most_two_temporary_arrays_of_the_parameters_dtype(make):
    p = Parameter(np.ones(2**18, np.float32), np.ones(2**18, np.float32))
    optimizer = make([p])
    optimizer.step()  # makes the state
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.1 * p.data.nbytes


@each_optimizer
def test_numbers_of_numpy_as_options_give_the_same_bits_as_pythons(make):
    params, twins = parameters(), parameters()
    optimizer, twin_optimizer = make(params), make(twins)
    optimizer.param_groups[0]["lr"] = 0.037
    twin_optimizer.param_groups[0]["lr"] = np.float64(0.037)
    take_steps(optimizer, params, seed=1, steps=3)
    take_steps(twin_optimizer, twins, seed=1, steps=3)
    assert bits(params) == bits(twins)


@each_optimizer
def test_training_continued_from_a_saved_state_is_bit_identical(make, tmp_path):
    params = parameters()
    optimizer = make(params)
    take_steps(optimizer, params, seed=1, steps=3)
    saved = through_npz(optimizer.state_dict(), tmp_path / "state.npz")

    copies = [Parameter(p.data.copy()) for p in params]
    restored = make(copies)
    restored.load_state_dict(saved)
    take_steps(optimizer, params, seed=2, steps=3)
    take_steps(restored, copies, seed=2, steps=3)
    assert bits(params) == bits(copies)


def test_a_saved_state_restores_learning_rates_and_what_the_schedule_needs():
    p = Parameter(np.ones(2), np.ones(2))
    optimizer = SGD([{"params": [p], "lr": 0.5}], momentum=0.9)
    StepLR(optimizer, step_size=1, gamma=0.5).step()
    restored = SGD([p], lr=7.0)
    restored.load_state_dict(optimizer.state_dict())
    expected = {"lr": 0.25, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "initial_lr": 0.5}
    assert restored.param_groups == [{"params": [p], **expected}]


def test_options_that_come_as_arrays_become_plain_numbers_again():
    p = Parameter(np.ones(2))
    saved = Adam([p], lr=0.25, betas=(0.5, 0.75)).state_dict()
    saved["param_groups"] = [{key: np.array(value) for key, value in saved["param_groups"][0].items()}]
    restored = Adam([p])
    restored.load_state_dict(saved)
    assert repr(restored.param_groups[0]["lr"]) == "0.25"
    assert repr(restored.param_groups[0]["betas"]) == "(0.5, 0.75)"


def test_a_state_saved_before_any_schedule_forgets_the_schedules_base():
    p = Parameter(np.ones(2))
    saved = SGD([p], lr=0.5).state_dict()
    optimizer = SGD([p], lr=8.0)
    schedule = StepLR(optimizer, step_size=1, gamma=0.5)
    optimizer.load_state_dict(saved)
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_a_rule_without_memory_has_an_empty_state():
    optimizer = SGD([Parameter(np.ones(2), np.ones(2))])
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


def test_the_state_dict_numbers_the_parameters_and_is_a_copy():
    a, b, c = (Parameter(np.zeros(n), np.ones(n)) for n in (1, 2, 3))
    b.grad = None
    optimizer = SGD([{"params": [a, b]}, {"params": [c], "momentum": 0.5}], lr=0.25, momentum=0.75)
    optimizer.step()
    saved = optimizer.state_dict()
    optimizer.step()
    assert saved["state"].keys() == {0, 2}  # b had no gradient
    assert saved["state"][2]["momentum_buffer"].tolist() == [1.0, 1.0, 1.0]
    assert [(group["params"], group["momentum"]) for group in saved["param_groups"]] == [([0, 1], 0.75), ([2], 0.5)]


def test_each_group_has_its_own_options_and_the_defaults_for_the_rest():
    a, b = Parameter(np.zeros(1), np.ones(1)), Parameter(np.ones(1), np.ones(1))
    SGD([{"params": [a]}, {"params": (p for p in [b]), "lr": 0.5, "weight_decay": 0.5}], lr=0.25).step()
    assert a.data.item() == -0.25  # 0 − 0.25 · 1
    assert b.data.item() == 0.25  # 1 − 0.5 · (1 + 0.5 · 1)


def test_a_group_can_be_added_later():
    a, b = Parameter(np.zeros(1), np.ones(1)), Parameter(np.zeros(1), np.ones(1))
    optimizer = SGD([a], lr=1.0, momentum=0.5)
    optimizer.step()
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    optimizer.step()
    assert a.data.item() == -2.5  # −1 − (1 + ½)
    assert b.data.item() == -0.5


def test_a_parameter_without_a_gradient_keeps_its_value_and_has_no_state():
    a, b = Parameter(np.ones(1), np.ones(1)), Parameter(np.ones(1))
    optimizer = AdamW([a, b], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert a.data.item() != 1.0
    assert b.data.item() == 1.0
    assert 1 not in optimizer.state


def test_zero_grad_forgets_the_gradients():
    params = [Parameter(np.ones(2), np.ones(2)) for _ in range(3)]
    SGD([{"params": params[:1]}, {"params": params[1:]}]).zero_grad()
    assert [p.grad for p in params] == [None, None, None]


def test_a_gradient_of_another_shape_is_an_error_and_no_parameter_changes():
    a, b = Parameter(np.ones(2), np.ones(2)), Parameter(np.ones((2, 3)), np.ones((4, 3)))
    message = r"SGD: parameter 1: its gradient has the shape \(4, 3\), the parameter \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        SGD([a, b], lr=0.1).step()
    assert a.data.tolist() == [1.0, 1.0]


def test_a_parameter_that_cannot_be_updated_is_an_error_and_no_other_changes():
    a, read_only, half = (Parameter(np.ones(2, dtype), np.ones(2)) for dtype in (np.float32, np.float32, np.float16))
    read_only.data.flags.writeable = False
    with pytest.raises(ValueError, match="SGD: parameter 1 is a read-only array"):
        SGD([a, read_only], lr=0.1).step()
    with pytest.raises(TypeError, match="SGD: parameter 1 is float16, expects float32 or float64"):
        SGD([a, half], lr=0.1).step()
    assert a.data.tolist() == [1.0, 1.0]


def test_a_state_of_another_shape_is_an_error_that_says_what_to_do():
    p = Parameter(np.ones((4, 3)), np.ones((4, 3)))
    optimizer = Adam([p])
    optimizer.step()
    p.data, p.grad = p.data[:2], p.grad[:2]  # as when half of the neurons are pruned
    message = r"Adam: parameter 0: its exp_avg has the shape \(4, 3\), the parameter \(2, 3\): make a new optimizer"
    with pytest.raises(ValueError, match=message):
        optimizer.step()


@pytest.mark.parametrize("key", ["lr", "momentum", "weight_decay"])
@pytest.mark.parametrize("value", [-0.5, float("nan"), float("inf")])
def test_an_option_out_of_its_range_is_an_error(key, value):
    p = Parameter(np.ones(2), np.ones(2))
    message = f"SGD: {key} is {value}, expects a finite number >= 0"
    with pytest.raises(ValueError, match=message):
        SGD([p], **{key: value})
    with pytest.raises(ValueError, match=message):
        SGD([{"params": [p], key: value}])
    optimizer = SGD([p])
    optimizer.param_groups[0][key] = value
    with pytest.raises(ValueError, match=message):
        optimizer.step()
    assert p.data.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: Adam([p], betas=(0.9, 1.0)), "Adam: beta2 is 1.0, expects 0 <= beta2 < 1"),
        (lambda p: AdamW([p], betas=(-0.1, 0.9)), "AdamW: beta1 is -0.1, expects a finite number >= 0"),
        (lambda p: Adam([p], betas=0.9), "Adam: betas is 0.9, expects two numbers"),
        (lambda p: Adam([p], eps=-1), "Adam: eps is -1, expects a finite number >= 0"),
        (lambda p: RMSprop([p], alpha=1.5), "RMSprop: alpha is 1.5, expects 0 <= alpha < 1"),
        (lambda p: SGD([p], dampening=1.5), "SGD: dampening is 1.5, expects 0 <= dampening <= 1"),
        (lambda p: SGD([p], momentum=0.9, dampening=0.1, nesterov=True), "SGD: nesterov=True expects no dampening"),
        (lambda p: SGD([]), "SGD: there are no parameters"),
        (lambda p: SGD([p, p]), r"SGD: a parameter of shape \(2,\) is given twice"),
        (lambda p: SGD([{"params": [p]}, {"params": [p]}]), r"SGD: a parameter of shape \(2,\) is given twice"),
        (
            lambda p: SGD([{"params": [p], "rate": 1}]),
            "SGD: a group has the unknown key 'rate', .* params, lr, momentum",
        ),
        (lambda p: SGD([{"lr": 1}]), r"SGD: a group has the keys \['lr'\], 'params' is missing"),
    ],
)
def test_what_cannot_be_meant_is_a_value_error(make, message):
    with pytest.raises(ValueError, match=message):
        make(Parameter(np.ones(2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p), "SGD: params is one Parameter, expects a list of Parameters or of groups"),
        (lambda p: SGD({"params": [p]}), "SGD: params is one dict, expects a list of Parameters or of groups"),
        (lambda p: SGD(3), "SGD: params is one int, expects a list of Parameters or of groups"),
        (lambda p: SGD([("w", p)]), "SGD: params holds a tuple, expects Parameters"),
        (lambda p: SGD([p.data]), "SGD: params holds a ndarray, expects Parameters"),
        (lambda p: SGD([{"params": p}]), "SGD: a group's 'params' is one Parameter, expects a list"),
        (lambda p: SGD([{"params": [p]}, p]), "SGD: a group is a Parameter, expects a dict"),
        (lambda p: SGD([p], lr="fast"), "SGD: lr is 'fast', expects a number"),
    ],
)
def test_what_has_the_wrong_type_is_a_type_error(make, message):
    with pytest.raises(TypeError, match=message):
        make(Parameter(np.ones(2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state"), "SGD: the state dict has the keys"),
        (lambda s: s["param_groups"][0]["params"].append(1), r"has groups of \[2\] parameters, the optimizer of \[1\]"),
        (lambda s: s["param_groups"][0].pop("momentum"), "SGD: the state dict has the options .*'nesterov'.*, expects"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "SGD: lr is -1.0"),
        (lambda s: s["state"].update({5: {}}), "SGD: the state dict has a parameter 5, the optimizer 0 to 0"),
        (lambda s: s["state"][0].update(momentum_buffer=np.ones(3)), r"has the shape \(3,\), the parameter \(2,\)"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_an_error_and_changes_nothing(change, message):
    p = Parameter(np.ones(2), np.ones(2))
    saved_by, optimizer = SGD([p], lr=0.5, momentum=0.5), SGD([p], lr=0.1, momentum=0.1)
    saved_by.step()
    saved = saved_by.state_dict()
    change(saved)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved)
    assert optimizer.state == {}
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_state_dict_from_before_dampening_goes_on_without_it():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    before, after = SGD([p], lr=0.5, momentum=0.5), SGD([q], lr=0.1, momentum=0.1, dampening=0.75)
    p.grad = np.ones(2)
    before.step()
    saved = before.state_dict()
    del saved["param_groups"][0]["dampening"]
    after.load_state_dict(saved)
    assert after.param_groups[0]["dampening"] == 0.0
    q.grad = np.ones(2)
    after.step()
    assert after.state[0]["momentum_buffer"].tolist() == [1.5, 1.5]  # 0.5·1 + 1
    assert q.data.tolist() == [0.25, 0.25]  # 1 − 0.5·1.5


def calls_of_kernels(monkeypatch, optimizer):
    """What one step calls: (rule, shapes of the parameters, numbers)."""
    calls = []
    one_pass = kernels.in_one_pass

    def noted(rule, parameters, numbers):
        calls.append((rule.__name__, [w.shape for w, *_ in parameters], numbers))
        one_pass(rule, parameters, numbers)

    monkeypatch.setattr(kernels, "in_one_pass", noted)
    optimizer.step()
    return calls


def test_a_step_is_one_call_for_all_parameters_of_like_dtype_and_options(monkeypatch):
    shapes = [(3, 4), (4,), (2,), (5,)]
    dtypes = [np.float32, np.float32, np.float64, np.float32]
    params = [Parameter(np.ones(s, dtype), np.ones(s, dtype)) for s, dtype in zip(shapes, dtypes, strict=True)]
    optimizer = SGD([{"params": params[:3]}, {"params": params[3:], "lr": 0.5}], lr=0.25)
    assert calls_of_kernels(monkeypatch, optimizer) == [
        ("sgd", [(3, 4), (4,)], (0.25, 0.0)), ("sgd", [(2,)], (0.25, 0.0)), ("sgd", [(5,)], (0.5, 0.0))]
    assert [p.data.max() for p in params] == [0.75, 0.75, 0.75, 0.5]


def test_a_parameter_that_has_missed_a_step_counts_its_own(monkeypatch):
    params = [Parameter(np.ones(2), np.ones(2)), Parameter(np.ones(3), None)]
    optimizer = Adam(params, lr=0.1)
    optimizer.step()
    params[1].grad = np.ones(3)
    assert [shapes for _, shapes, _ in calls_of_kernels(monkeypatch, optimizer)] == [[(2,)], [(3,)]]


def test_a_rule_may_change_the_parameter_itself():
    class SignDescent(Optimizer):
        def update(self, w, g, state, options):
            w -= options["lr"] * np.sign(g)

    p = Parameter(np.ones(2), np.array([3.0, -3.0]))
    SignDescent([p], lr=0.25).step()
    assert p.data.tolist() == [0.75, 1.25]


def test_a_rule_may_be_a_formula_that_is_compiled():
    def lion(w, g, m, lr, beta):
        return w - lr * np.sign(beta * m + (1 - beta) * g), beta * m + (1 - beta) * g

    class Lion(Optimizer):
        def update(self, w, g, state, options):
            return lion, [state.setdefault("m", np.zeros_like(w))], (options["lr"], 0.5)

    params = [Parameter(np.ones(n), np.full(n, 3.0)) for n in (2, 3)]
    optimizer = Lion(params, lr=0.25)
    optimizer.step()
    assert [p.data.tolist() for p in params] == [[0.75] * 2, [0.75] * 3]
    assert optimizer.state[1]["m"].tolist() == [1.5] * 3


def test_an_optimizer_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="Optimizer has no update rule"):
        Optimizer([Parameter(np.ones(2), np.ones(2))], lr=0.1).step()


def test_importing_the_package_imports_neither_numba_nor_matplotlib():
    code = "import sys, nnlite.optim; sys.exit('numba' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
