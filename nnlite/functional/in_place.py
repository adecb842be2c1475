"""The operators that change a Tensor in place: +=, -=, *=, /=, **=, as in PyTorch.

Off the tape an operator writes into the array, so that every Tensor with the same memory changes. On the tape the Tensor
becomes the result of an operation, and its old array stays for the gradient. If another reader needs the old Tensor, the
operator raises a RuntimeError.
"""

import numpy as np

from nnlite.tensor import Tensor, is_recording_gradients


def in_place(symbol, function, x, y):
    """x becomes function(x, y).

    symbol: the operator for errors, such as "+=".   function: the operation on Tensors.   x: a Tensor, returned.   y: what
    function takes as its second argument.
    Errors: RuntimeError for a leaf that requires a gradient, outside of `no_grad`; on the tape also for a Tensor that an
    operation has read, or that shares its memory with another Tensor. ValueError if the result has not x's shape. TypeError if
    x's dtype cannot hold the result.
    """
    if x.requires_grad and x.operation is None and is_recording_gradients():
        raise RuntimeError(f"{symbol}: a leaf that requires a gradient, of shape {x.shape}, cannot be changed in place while "
                           f"operations are recorded: do it inside no_grad(), or write x = x {symbol[:-1]} … for a new Tensor")
    before = Tensor(x.data)
    before.requires_grad, before.operation = x.requires_grad, x.operation
    z = function(before, y)
    if z.shape != x.shape:
        raise ValueError(f"{symbol}: the result has shape {z.shape}, it does not fit into shape {x.shape}")
    if not np.can_cast(z.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{symbol}: the result is {z.dtype}, a Tensor of {x.dtype} cannot hold it")
    if z.operation is None:
        x.data[...] = z.data
        x.changed(f"the operator {symbol}")
    elif x.is_read or x.memory.shared:
        raise RuntimeError(f"{symbol}: this Tensor of shape {x.shape} cannot be changed in place, because "
                           f"{'an operation on the tape has read it' if x.is_read else 'another Tensor shares its memory'}: "
                           f"write x = x {symbol[:-1]} … for a new Tensor")
    else:
        x.data, x.memory = z.data, z.memory
        x.operation, x.requires_grad = z.operation, z.requires_grad
    return x
