"""An int8 plan as one C99 file for a small device: integers only, no memory from the heap, no library.

Read in this order:
    calls    which C functions the plan needs, in which order, and where in memory each result lies
    steps    the constants of each kind of step
    pixels   what the file says of images and classes
    packing  the weights as one arithmetic code, for `packed=True`
    source   the whole file
    c        the C functions, one kind of step in each file
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {"source": ["plan_to_c"]})
