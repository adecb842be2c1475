"""What an optimizer does to all its parameters in one step: its rule, on whole arrays.

    rule(w, g, *averages, *numbers) -> (the new w, *the new averages)            the new w alone, if there are no averages

A rule is a plain function in `nnlite/optim`, such as `adam`: w a parameter, g its gradient, averages of w's shape. On arrays it
is its formula in NumPy, so no loop is needed here.
"""

import numpy as np


def in_one_pass(rule, parameters, numbers):
    """Apply a rule to many parameters.

    parameters: [w, g, averages …] of each, in the rule's order; w and the averages change, g does not. numbers: the rule's, the
    same for all parameters. All w have one dtype, float32 or float64; the rule calculates in it.

    Numbers below the smallest normal one, 1e-38 in float32, become 0: an average that shrinks by a factor in each step would
    reach them, and many processors take up to a hundred times as long for each operation on one (`tutorials/denormals.py`).
    """
    for w, g, *averages in parameters:
        g = g.astype(w.dtype, copy=False)
        new = rule(w, g, *averages, *np.array(numbers, w.dtype))
        for array, value in zip([w, *averages], new if averages else [new], strict=True):
            array[...] = np.where(np.abs(value) < np.finfo(w.dtype).tiny, w.dtype.type(0), value)
