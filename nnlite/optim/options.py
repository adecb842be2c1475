"""The ranges in which the options of optimizers and schedules make sense.

Each check returns a plain Python number: a np.float64 would turn float32 arithmetic into float64.
"""

from math import inf
from numbers import Real


def not_negative(owner, key, value):
    """The value as a float, if it is a finite number >= 0."""
    if not isinstance(value, Real):
        raise TypeError(f"{owner}: {key} is {value!r}, expects a number")
    if not 0 <= value < inf:
        raise ValueError(f"{owner}: {key} is {value}, expects a finite number >= 0")
    return float(value)


def positive(owner, key, value):
    """The value as a float, if it is a finite number > 0."""
    if not_negative(owner, key, value) == 0:
        raise ValueError(f"{owner}: {key} is {value}, expects a number > 0")
    return float(value)


def below_one(owner, key, value):
    """The value as a float, if it is in [0, 1)."""
    if not_negative(owner, key, value) >= 1:
        raise ValueError(f"{owner}: {key} is {value}, expects 0 <= {key} < 1")
    return float(value)


def whole_positive(owner, key, value):
    """The value as an int, if it is a whole number >= 1."""
    if not_negative(owner, key, value) < 1 or value != int(value):
        raise ValueError(f"{owner}: {key} is {value}, expects a whole number >= 1")
    return int(value)


def checked_options(owner, options):
    """The options of a parameter group with plain Python numbers, or an error that names the one out of range."""
    options = dict(options)
    for key in ("lr", "initial_lr", "momentum", "dampening", "weight_decay", "eps"):
        if key in options:
            options[key] = not_negative(owner, key, options[key])
    if "alpha" in options:
        options["alpha"] = below_one(owner, "alpha", options["alpha"])
    if "betas" in options:
        if not isinstance(options["betas"], tuple | list) or len(options["betas"]) != 2:
            raise ValueError(f"{owner}: betas is {options['betas']!r}, expects two numbers")
        beta1, beta2 = options["betas"]
        options["betas"] = below_one(owner, "beta1", beta1), below_one(owner, "beta2", beta2)
    if options.get("dampening", 0) > 1:
        raise ValueError(f"{owner}: dampening is {options['dampening']}, expects 0 <= dampening <= 1")
    if options.get("nesterov") and options["momentum"] == 0:
        raise ValueError(f"{owner}: nesterov=True expects a momentum > 0, momentum is 0")
    if options.get("nesterov") and options["dampening"] != 0:
        raise ValueError(f"{owner}: nesterov=True expects no dampening, dampening is {options['dampening']}")
    return options
