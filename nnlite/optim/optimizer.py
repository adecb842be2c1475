"""What all optimizers share: groups of parameters with their options, and a state for each parameter."""

from collections.abc import Iterable

import numpy as np

from nnlite.optim.options import checked_options
from nnlite.tensor import FLOATS, Tensor


def is_parameter(p):
    """Whether p has what an optimizer needs: an array `data`, and a `grad`."""
    return isinstance(getattr(p, "data", None), np.ndarray) and hasattr(p, "grad")


def running_average(state, key, w):
    """The array `key` in the state of parameter w: zeros like w the first time."""
    if key not in state:
        state[key] = np.zeros_like(w)
    return state[key]


def restored(where, key, value, w):
    """A saved entry for the state of parameter w: the int `step`, or an array with w's dtype and memory layout."""
    if key == "step":
        return int(value)
    if np.shape(value) != w.shape:
        raise ValueError(f"{where}: {key} has the shape {np.shape(value)}, the parameter {w.shape}")
    array = np.empty_like(w)
    array[...] = value
    return array


def check_arrays(where, p, state):
    """TypeError or ValueError unless the parameter can be updated, and the gradient and the state have its shape."""
    w = p.data
    if w.dtype not in FLOATS:
        raise TypeError(f"{where} is {w.dtype}, expects float32 or float64")
    if not w.flags.writeable:
        raise ValueError(f"{where} is a read-only array, expects one that can be changed in place, such as its copy")
    if np.shape(p.grad) != w.shape:
        raise ValueError(f"{where}: its gradient has the shape {np.shape(p.grad)}, the parameter {w.shape}")
    for key, value in state.items():
        if isinstance(value, np.ndarray) and value.shape != w.shape:
            raise ValueError(
                f"{where}: its {key} has the shape {value.shape}, the parameter {w.shape}: "
                "make a new optimizer when a parameter has changed its shape"
            )


def apply_rules(passes):
    """Apply each rule once to all parameters that need it with the same numbers: {(rule, numbers, dtype): their arrays}."""
    from nnlite import kernels  # here, because it loads Numba

    for (rule, numbers, _), parameters in passes.items():
        kernels.in_one_pass(rule, parameters, numbers)


class Optimizer:
    """Change parameters in place from their gradients; a subclass says in `update` what happens to one of them.

    params      iterable of Parameters, or of groups {"params": [...], "lr": ...}
    defaults    the rule's options (lr, weight_decay, ...), for the groups that do not set their own

    `param_groups` is a list of dicts as in PyTorch: `optimizer.param_groups[0]["lr"] = 0.01` acts from the next step.
    `state[i]` is what the rule remembers of parameter i, counted through all groups: arrays of the parameter's shape,
    and the int `step` if the rule counts its steps.

    Errors: TypeError for what is not a Parameter or a group; ValueError for no parameter at all, a parameter given
    twice, an unknown option, an option out of its range.
    """

    added_options = {}  # options that older state dicts do not have, with the value by which the rule stays what it was

    def __init__(self, params, **defaults):
        name = type(self).__name__
        if isinstance(params, dict) or is_parameter(params) or not isinstance(params, Iterable):
            raise TypeError(f"{name}: params is one {type(params).__name__}, expects a list of Parameters or of groups")
        self.defaults = defaults
        self.param_groups = []
        self.state = {}
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        for group in groups:
            self.add_param_group(group)
        if not self.parameters():
            raise ValueError(f"{name}: there are no parameters (a generator that was already read is empty)")

    def parameters(self):
        """All parameters, in the order that numbers them."""
        return [p for group in self.param_groups for p in group["params"]]

    def zero_grad(self):
        """Forget the gradients: every `grad` becomes None."""
        for p in self.parameters():
            p.grad = None

    def update(self, w, g, state, options):
        """What happens to the parameter w in this step: (rule, averages, numbers), or None where w has been changed in place.

        g its gradient (not to be changed), state its dict, options its group's.
        rule(w, g, *averages, *numbers) is the formula: a function that returns the new w and the new averages, as a tuple (the
        new w alone where there are no averages). It works on arrays, and is compiled to run on single numbers: + − * / and
        NumPy's functions, no Python objects. averages: up to two arrays out of `state`, shaped like w. numbers: a tuple, not
        empty.
        Parameters with the same rule and numbers are updated in one call.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def step(self):
        """Update every parameter once; one without a gradient keeps its value and its state.

        Errors: ValueError for a gradient or a state of another shape than its parameter, as after pruning, for a parameter
        that is read-only, and for an option out of its range; TypeError for a parameter that is neither float32 nor float64.
        All of this is checked before any parameter changes.
        """
        name = type(self).__name__
        parameters = []
        i = 0
        for group in self.param_groups:
            options = checked_options(name, group)
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.setdefault(i, {})
                    check_arrays(f"{name}: parameter {i}", p, state)
                    parameters.append((p, state, options))
                i += 1
        passes = {}
        for p, state, options in parameters:
            w, g = p.data, p.grad
            work = self.update(w, g, state, options)
            if work is not None:
                rule, averages, numbers = work
                passes.setdefault((rule, numbers, w.dtype), []).append([w, g, *averages])
        apply_rules(passes)
        by = f"{name}.step"
        for p, _, _ in parameters:
            if isinstance(p, Tensor):  # another object with `data` and `grad` is on no tape
                p.changed(by)

    def add_param_group(self, group):
        """Append a group {"params": [...], "lr": ...}; the options that it leaves out are the optimizer's."""
        name = type(self).__name__
        if not isinstance(group, dict):
            raise TypeError(f"{name}: a group is a {type(group).__name__}, expects a dict like {{'params': [...]}}")
        known = ["params", *self.defaults]
        for key in group:
            if key not in known:
                raise ValueError(f"{name}: a group has the unknown key {key!r}, expects some of {', '.join(known)}")
        if "params" not in group:
            raise ValueError(f"{name}: a group has the keys {list(group)}, 'params' is missing")
        if is_parameter(group["params"]):
            raise TypeError(f"{name}: a group's 'params' is one Parameter, expects a list of them")

        params = list(group["params"])
        seen = {id(p) for p in self.parameters()}
        for p in params:
            if not is_parameter(p):
                raise TypeError(f"{name}: params holds a {type(p).__name__}, expects Parameters")
            if id(p) in seen:
                raise ValueError(f"{name}: a parameter of shape {p.data.shape} is given twice")
            seen.add(id(p))
        options = {key: group.get(key, default) for key, default in self.defaults.items()}
        self.param_groups.append({"params": params, **checked_options(name, options)})

    def state_dict(self):
        """A copy of the state and the options; the groups hold their parameters' numbers.

        {"state": {0: {"momentum_buffer": array}, ...}, "param_groups": [{"params": [0, 1], "lr": 0.1, ...}, ...]}
        """
        state = {}
        for i, entry in self.state.items():
            if entry:
                state[i] = {key: value if key == "step" else value.copy() for key, value in entry.items()}
        groups = []
        first = 0
        for group in self.param_groups:
            last = first + len(group["params"])
            groups.append({**group, "params": list(range(first, last))})
            first = last
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Restore what `state_dict` returned, bit for bit: training goes on as if it had not stopped.

        A state dict may be older than an option (`dampening` of SGD): the rule goes on as it was before there was the option.
        Errors: ValueError if it belongs to other groups, to another rule or to parameters of other shapes; nothing has
        changed then.
        """
        name = type(self).__name__
        if not {"state", "param_groups"} <= state_dict.keys():
            raise ValueError(f"{name}: the state dict has the keys {list(state_dict)}, expects 'state', 'param_groups'")
        saved_groups = state_dict["param_groups"]
        saved_sizes = [len(group["params"]) for group in saved_groups]
        sizes = [len(group["params"]) for group in self.param_groups]
        if saved_sizes != sizes:
            raise ValueError(f"{name}: the state dict has groups of {saved_sizes} parameters, the optimizer of {sizes}")

        options = []
        for saved in saved_groups:
            # .tolist(): out of an .npz, numbers come as arrays
            saved = {key: np.asarray(value).tolist() for key, value in saved.items() if key != "params"}
            saved = self.added_options | saved
            if saved.keys() - {"initial_lr"} != self.defaults.keys():
                raise ValueError(f"{name}: the state dict has the options {list(saved)}, expects {list(self.defaults)}")
            options.append(checked_options(name, saved))

        params = self.parameters()
        state = {}
        for i, entry in state_dict["state"].items():
            i = int(i)  # in a state dict that went through JSON, 0 has become "0"
            if not 0 <= i < len(params):
                raise ValueError(f"{name}: the state dict has a parameter {i}, the optimizer 0 to {len(params) - 1}")
            where = f"{name}: the state dict's parameter {i}"
            state[i] = {key: restored(where, key, value, params[i].data) for key, value in entry.items()}

        self.state = state
        for group, saved in zip(self.param_groups, options, strict=True):
            group.pop("initial_lr", None)
            group.update(saved)
