"""A package whose names are imported when they are first used.

So `import nnlite` and `nnlite --help` start at once, without Numba, and no order of imports can be the wrong one.
"""

import importlib


def lazily(package, home, rooms=()):
    """(__getattr__, __dir__, __all__) of a package.

    home: {module below the package: the names that a user takes from it}.   rooms: modules below it that a user enters.

        __getattr__, __dir__, __all__ = lazily(__name__, {"checkpoint": ["load", "save"]}, rooms=["nn", "optim"])
    """
    module_of = {name: module for module, names in home.items() for name in names}
    public = [*module_of, *rooms]

    def find(name):
        if name in module_of:
            return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)
        if name in rooms:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find, lambda: sorted({*vars(importlib.import_module(package)), *public}), public
