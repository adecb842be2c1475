"""How the tape notices that an array was changed in place between the forward and the backward pass.

An operation keeps arrays for its backward formula: y = x·x keeps x. If somebody writes other numbers into x before
`backward`, the formula gives the gradient of a function that was never computed. So the tape notes two things about each array
that an operation keeps, and compares them before it computes any gradient:

* how often the array's memory was changed. Optimizers, assignments to `.data`, in-place operators and running statistics count;
* the first and the last of its numbers. They show writes that are not counted, such as those through NumPy's array in
  `a = x.data; a *= 2`.

A write to a few other numbers of a large array, as in `x.data[5] = 0`, is not noticed (nor is it by PyTorch): call
`x.changed("…")` after it.
"""

from numpy import array_equal, ndarray


class Memory:
    """One piece of memory as the Tensors that share it see it.

    owner: the array at the bottom of all views; changes: how often it was changed in place; by: what changed it last;
    shared: whether several Tensors read it.
    """

    __slots__ = ("by", "changes", "owner", "shared")

    def __init__(self, array):
        self.owner, self.changes, self.by, self.shared = owner(array), 0, "", False


def owner(array):
    """The array that owns the memory of a view; of any other array, the array itself."""
    base = array.base
    while isinstance(base, ndarray):
        array, base = base, base.base
    return array


def two_numbers(array):
    """The first and the last number."""
    return (array.item(0), array.item(-1)) if array.size else ()


def kept_arrays(attributes, options, tensors):
    """The arrays that must not change until backward: [(which of the tensors, array, its Memory, changes so far, two numbers)].

    attributes: those of an operation after forward; options: those before it. The new ones are what the operation keeps, also
    inside of lists and tuples. tensors: its inputs (or None) and its result. The array of a tensor is kept if a new attribute
    is this array or a view of the same memory.
    """
    owners = set()
    for name, value in attributes.items():
        if name in options:
            continue
        if isinstance(value, ndarray):
            owners.add(id(owner(value)))
        elif isinstance(value, (list, tuple)):
            owners.update([id(owner(array)) for array in value if isinstance(array, ndarray)])
    kept = []
    for i, x in enumerate(tensors):
        if x is not None and id(x.memory.owner) in owners:
            array, memory = x.data, x.memory
            kept.append((i, array, memory, memory.changes, two_numbers(array)))
    return kept


def what_changed(kept):
    """(which tensor, array, by what) of the first kept array that was changed, or None."""
    for i, array, memory, changes, numbers in kept:
        if memory.changes != changes:
            return i, array, memory.by
        now = two_numbers(array)
        if now != numbers and not array_equal(now, numbers, equal_nan=True):
            return i, array, "a write into its array"
    return None
