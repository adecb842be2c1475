"""Functions on Tensors. Each operation is a class with its forward and backward formula; a function records it on the tape.

The names and their meaning are those of `torch.nn.functional`. Every function takes Tensors, arrays or numbers and returns
a Tensor; an operation's own `forward` and `backward` take and return plain arrays.
"""

from nnlite.functional import methods
from nnlite.functional.activation import gelu, leaky_relu, relu, sigmoid, softplus, tanh
from nnlite.functional.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from nnlite.functional.choice import clamp, maximum, minimum, where
from nnlite.functional.classification import cross_entropy, nll_loss
from nnlite.functional.convolution import conv2d
from nnlite.functional.divergence import kl_div
from nnlite.functional.dropout import dropout
from nnlite.functional.elementary import absolute, exp, log, log1p, sqrt
from nnlite.functional.elementwise import add, divide, multiply, negative, subtract
from nnlite.functional.indexing import index
from nnlite.functional.linear import embedding, linear, matmul
from nnlite.functional.normalization import batch_norm, layer_norm
from nnlite.functional.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from nnlite.functional.power import power
from nnlite.functional.reduction import max, mean, min, norm, std, sum, var
from nnlite.functional.regression import huber_loss, l1_loss, mse_loss
from nnlite.functional.rounding import round, sign, straight_through
from nnlite.functional.shape import clone, concatenate, flatten, pad, permute, reshape, stack, transpose
from nnlite.functional.similarity import cosine_similarity
from nnlite.functional.softmax import log_softmax, logsumexp, softmax

methods.attach()

__all__ = [
    "absolute", "adaptive_avg_pool2d", "add", "avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "clamp", "clone", "concatenate", "conv2d", "cosine_similarity", "cross_entropy",
    "divide", "dropout", "embedding", "exp", "flatten", "gelu", "huber_loss", "index", "kl_div", "l1_loss", "layer_norm",
    "leaky_relu", "linear", "log", "log1p", "log_softmax", "logsumexp", "matmul", "max", "max_pool2d", "maximum", "mean", "min",
    "minimum", "mse_loss", "multiply", "negative", "nll_loss", "norm", "pad", "permute", "power", "relu", "reshape", "round",
    "sigmoid", "sign", "softmax", "softplus", "sqrt", "stack", "std", "straight_through", "subtract", "sum", "tanh",
    "transpose", "var", "where",
]
