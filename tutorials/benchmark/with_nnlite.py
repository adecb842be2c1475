"""The pieces of work as nnlite does them: those of its own bench, and those of the comparison alone."""

import numpy as np
from benchmark.works import layer_for

from nncompress.pruning import shrink
from nncompress.sparse import CSR
from nnlite import kernels
from nnlite.bench import ours
from nnlite.bench.works import images_for


def set_threads(n):
    ours.set_threads(n)


def prepare(work):
    """A piece of work as a function without arguments, that returns its result."""
    if work["do"] == "layer":
        return layer(work)
    if work.get("shrunk"):
        return ours.inference_of(shrunk(work), work)
    return ours.prepare(work)


def shrunk(work):
    """The model of a work without half of each layer's filters and neurons."""
    model = ours.build(work)
    shrink(model, images_for(work)[0][:1], 0.5)
    return model


def layer(work):
    """y = x wᵀ for a pruned w, by the dense tile or from CSR."""
    x, w = layer_for(work)
    if work["form"] == "sparse":
        w = CSR.from_dense(w)
        return lambda: w.matmul(x)
    w = np.ascontiguousarray(w.T)
    return lambda: kernels.matmul(x, w)
