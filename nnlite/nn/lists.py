"""Lists and dicts whose layers and parameters a Module finds: ModuleList, ModuleDict, ParameterList."""

import operator

from nnlite.nn.module import Module, Parameter


def check_module(owner, place, value):
    """TypeError, which says what to write instead, for a value that is not a Module."""
    if isinstance(value, Module):
        return
    if isinstance(value, type):
        what, instead = f"the class {value.__name__}", f"make a layer of it, {value.__name__}(…)"
    elif isinstance(value, (list, tuple)):
        what, instead = f"a {type(value).__name__}", f"write {owner}(*layers) for the layers in it, or nn.Sequential(*layers)"
    elif callable(value):
        what = f"the function {getattr(value, '__name__', type(value).__name__)}"
        instead = "a layer is a Module, such as nn.ReLU()"
    else:
        what, instead = f"a {type(value).__name__}", "a layer is a Module, such as nn.ReLU()"
    raise TypeError(f"{owner}: {place!r} is {what}: {instead}")


def list_of_models(owner, models):
    """The models as a list.   TypeError for one Module: a Sequential's layers would be taken for models."""
    if isinstance(models, Module):
        raise TypeError(f"{owner}: expects a list of models, got one {type(models).__name__}")
    return list(models)


def name_at(names, i, owner):
    """The i-th of the names, counted from the end where i is negative.   Errors: TypeError, IndexError."""
    try:
        return list(names)[operator.index(i)]
    except TypeError:
        raise TypeError(f"{owner}: an index has to be a whole number, got {i!r}") from None
    except IndexError:
        raise IndexError(f"{owner}: there is no [{i}], it has {len(names)} entries") from None


def free_name(module):
    """The first number from len(module) on that is not an attribute's name yet."""
    number = len(module)
    while hasattr(module, str(number)):
        number += 1
    return str(number)


class _List(Module):
    """What ModuleList and ParameterList share: entry i is the attribute named "i"."""

    kind = None  # of the entries

    def __init__(self, entries=()):
        self.extend(entries)

    def _check(self, place, entry):
        raise NotImplementedError

    def _entries(self):
        return {name: value for name, value in vars(self).items() if isinstance(value, self.kind)}

    def append(self, entry):
        """Add an entry at the end; returns the list."""
        self._check("append", entry)
        setattr(self, free_name(self), entry)
        return self

    def extend(self, entries):
        """Append each of the entries; returns the list."""
        if isinstance(entries, Parameter):  # Tensors can be gone through, row by row
            raise TypeError(f"{type(self).__name__}: takes a list of entries, got one {type(entries).__name__}")
        for entry in list(entries):
            self.append(entry)
        return self

    def insert(self, i, entry):
        """Put an entry before the i-th; those after it get the next number as their name."""
        self._check("insert", entry)
        entries = list(self)
        entries.insert(i, entry)
        self._replace(entries)

    def _replace(self, entries):
        for name in self._entries():
            delattr(self, name)
        self.extend(entries)

    def __len__(self):
        return len(self._entries())

    def __iter__(self):
        return iter(self._entries().values())

    def __getitem__(self, i):
        entries = self._entries()
        if isinstance(i, slice):
            return type(self)(list(entries.values())[i])
        return entries[name_at(entries, i, type(self).__name__)]

    def __setitem__(self, i, entry):
        self._check(i, entry)
        setattr(self, name_at(self._entries(), i, type(self).__name__), entry)

    def __delitem__(self, i):
        entries = list(self)
        name_at(entries, i, type(self).__name__)
        del entries[i]
        self._replace(entries)


class ModuleList(_List):
    """A list of layers, which training, saving and `eval()` find: layer i is named "i".

    layers: Modules. `len`, `for`, `[i]` (also negative), slices (a ModuleList), `[i] = layer`, `del`, append, extend and
    insert work as in a list. It has no forward: the module that owns it says what happens to the layers.
    Errors: TypeError for what is not a Module; IndexError where there is no such layer.

    >>> from nnlite import nn
    >>> layers = nn.ModuleList([nn.Linear(2, 3), nn.ReLU()])
    >>> [name for name, _ in layers.named_parameters()], len(layers[:1])
    (['0.weight', '0.bias'], 1)
    """

    kind = Module

    def _check(self, place, entry):
        check_module(type(self).__name__, place, entry)


class ParameterList(_List):
    """A list of Parameters, which training and saving find: parameter i is named "i".

    It works like `ModuleList`.   Errors: TypeError for what is not a Parameter; IndexError where there is no such one.
    """

    kind = Parameter

    def _check(self, place, entry):
        if not isinstance(entry, Parameter):
            raise TypeError(f"{type(self).__name__}: {place!r} is a {type(entry).__name__}, expected an nn.Parameter")

    def extra_repr(self):
        return ", ".join(f"{parameter.dtype} {parameter.shape}" for parameter in self)


class ModuleDict(Module):
    """A dict of layers, which training, saving and `eval()` find: the layer under a key is named by the key.

    layers: {key: Module}. Keys are strings without a dot, other than the names of methods (such as "train" or "keys"). `len`,
    `in`, `for` (over the keys), `[key]`, `[key] = layer`, `del`, keys, values, items and update work as in a dict. It has no
    forward: the module that owns it says what happens to the layers.
    Errors: TypeError for what is not a Module, and for such keys; KeyError where there is no such layer.
    """

    def __init__(self, layers=None):
        self.update(layers or {})

    def update(self, layers):
        """Set each of {key: layer}."""
        for key, layer in dict(layers).items():
            self[key] = layer

    def keys(self):
        """The names of the layers, in the order in which they were set first."""
        return self._layers().keys()

    def values(self):
        """The layers."""
        return self._layers().values()

    def items(self):
        """(name, layer) of each."""
        return self._layers().items()

    def _layers(self):
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def __len__(self):
        return len(self._layers())

    def __iter__(self):
        return iter(self._layers())

    def __contains__(self, key):
        return key in self._layers()

    def __getitem__(self, key):
        return self._layers()[key]

    def __setitem__(self, key, layer):
        check_module(type(self).__name__, key, layer)
        if not isinstance(key, str):
            raise TypeError(f"{type(self).__name__}: keys are strings, got {key!r}")
        setattr(self, key, layer)

    def __delitem__(self, key):
        self._layers()[key]  # KeyError for another attribute
        delattr(self, key)
