"""What an option's text stands for: a number in its range, a list, a data set, a model.   Errors: one sentence each."""

import argparse
from pathlib import Path

from nnlite.cli.choices import DATA, MODELS


def number(text):
    """A float; NaN for what is not one."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def positive(text):
    """A finite number above 0."""
    if not 0 < number(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"has to be a number above 0, got {text}")
    return float(text)


def between(least, most):
    """A converter for numbers from `least` to `most`."""
    def convert(text):
        if not least <= number(text) <= most:
            raise argparse.ArgumentTypeError(f"has to be a number from {least:g} to {most:g}, got {text}")
        return float(text)

    return convert


def fraction(text):
    """A number from 0 to 1."""
    if not 0 <= number(text) <= 1:
        raise argparse.ArgumentTypeError(f"has to be a number from 0 to 1, got {text}")
    return float(text)


def pattern(text):
    """N:M as (N, M)."""
    n, _, m = text.partition(":")
    if not (n.isdecimal() and m.isdecimal() and len(text) < 20 and 0 < int(n) < int(m)):
        raise argparse.ArgumentTypeError(f"keeps N of every M weights, 0 < N < M, as in 2:4, got {text[:40]}")
    return int(n), int(m)


def whole(least, most=None, limit=10**9):
    """A converter for whole numbers from `least` to `most`; without a `most`, up to `limit`."""
    def convert(text):
        try:
            value = int(text)
        except ValueError:  # also for more than 4300 digits
            value = limit + 1 if text.isdecimal() else least - 1
        if not least <= value <= (limit if most is None else most):
            limits = f"{least} or more" if value < least else f"at most {limit}"
            limits = limits if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"has to be a whole number, {limits}, got {text[:40]}")
        return value

    return convert


def data(text, others=""):
    """A data set's name, or the path of the user's own data."""
    if text not in DATA and Path(text).suffix.lower() not in (".npz", ".csv") and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"has to be {others}one of {', '.join(DATA)}, or a .npz file, a .csv file or a "
                                         f"folder, got {text[:80]!r}")
    return text


def model(text):
    """A function of nnlite.models, or a class in a file."""
    if text not in MODELS:
        return own(text, f"one of {', '.join(MODELS)}, or ")
    return text


def own(text, others=""):
    """A class in a file.   others: what else could stand there, in words."""
    file, _, name = text.rpartition(":")
    if not (file.endswith(".py") and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"has to be {others}a class in a Python file, as in my_net.py:Net, got {text[:80]!r}")
    return text


def names(text):
    """Two or more different names."""
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names) or len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(f"has to be two or more different names with commas between, got {text[:80]!r}")
    return names


def numbers(text):
    """Numbers with commas between."""
    numbers = [number(part) for part in text.split(",")]
    if not all(abs(number) < 1e30 for number in numbers):
        raise argparse.ArgumentTypeError(f"has to be numbers with commas between, as in 0.49,0.48,0.45, got {text[:80]!r}")
    return numbers


def sizes(text):
    """The shape of an image, C,H,W, or of a row, F."""
    sizes = text.split(",")
    if len(sizes) not in (1, 3) or not all(size.isdecimal() and 0 < int(size[:9]) < 2**20 for size in sizes):
        raise argparse.ArgumentTypeError("has to be C,H,W, as in 1,28,28, or one number for rows of a table, got "
                                         f"{text[:80]!r}")
    return tuple(map(int, sizes))


def seed(text):
    """A whole number that NumPy's generators take."""
    return whole(0, limit=2**64 - 1)(text)


def layers(text):
    """{student's layer: teacher's layer}."""
    pairs = [pair.split(":") for pair in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError("has to be pairs of layers, the student's first, as in relu1:relu1,relu2:relu3, got "
                                         f"{text[:40]}")
    if len({student for student, _ in pairs}) < len(pairs):
        raise argparse.ArgumentTypeError(f"has a layer of the student twice: {text[:40]}")
    return dict(pairs)


def transfer_set(text):
    return text if text == "noise" else data(text, "noise or ")


def class_numbers(least):
    def convert(text):
        try:
            classes = [int(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"has to be class numbers with commas between, as in 5,6,7, got {text}") from None
        if len(set(classes)) != len(classes) or len(classes) < least:
            raise argparse.ArgumentTypeError(f"has to be {('one', 'two')[least - 1]} or more different classes, got {text}")
        return classes

    return convert
