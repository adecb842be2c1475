"""All weights and biases of a plan as one arithmetic code, which the C decoder in `c/packed_rows.c` reads row by row.

For each layer, with contexts that know nothing yet: which inputs have any weight; then for each output its bias and its row.
The models are those of `.nnz` files (`nncompress.coding.layer`); there all biases come first, here a row finds its own beside
it, so that the decoder needs no memory for them.
"""

from typing import NamedTuple

import numpy as np

from nncompress.coding.arithmetic import Coder
from nncompress.coding.layer import (
    COUNTS,
    DENSITIES,
    FINE,
    FINE_UNARY,
    MOST_BITS,
    MOST_DECISIONS,
    NEAR,
    PARTS,
    TREE,
    UNARY,
    Columns,
    code_bias,
    code_columns,
    code_row,
    new_models,
)
from nncompress.coding.mixing import LIMIT
from nncompress.nnz.layers import map_of
from nncompress.quantization.post_training import BIAS_LIMIT

GAMMA = TREE + MOST_BITS  # contexts of a γ code


def largest_size(step):
    """The largest size of a layer's weights."""
    return int(np.abs(step.w.astype(np.int64)).max())


def row_map(plan, step):
    """(W, H) of the maps that a row's inputs lie in."""
    return map_of(step, step.w.shape, plan.steps)


class Room(NamedTuple):
    """How much memory the decoder needs.

    questions: "is it more than k?" is asked of a weight's size at most so often; gamma: whether a γ code may follow;
    row: the weights of the longest row; rows, weights: of all layers, which -DNNLITE_UNPACK keeps in memory.
    """

    questions: int
    gamma: bool
    row: int
    rows: int
    weights: int

    @property
    def bytes(self):
        """The static arrays of `c/packed_rows.c`, in its order."""
        sizes = self.questions * (1 + (NEAR + 1) ** 2 + 13) + self.gamma * GAMMA
        contexts = 16 + DENSITIES * COUNTS + 32 + 93 + sizes + FINE_UNARY + GAMMA + 1
        mixers = 2 + 3 + 3 * self.questions + FINE_UNARY
        return 2 * (LIMIT + 1) + (4 + 2) * contexts + 4 * mixers + (4 + 1) * self.row + 4 * 4

    @property
    def kept_bytes(self):
        """What -DNNLITE_UNPACK adds."""
        return self.weights + 4 * self.rows + 3 * 4 - self.row


def room(plan):
    """The Room for all layers of a plan."""
    layers = [step for step in plan.steps if step.w is not None]
    tops = [largest_size(step) for step in layers]
    asked = [min(top - 1, UNARY if top <= FINE else FINE_UNARY) for top in tops]
    gamma = any(top - 1 > questions for top, questions in zip(tops, asked, strict=True))
    return Room(max(1, *asked), gamma, max(step.w[0].size for step in layers), sum(len(step.w) for step in layers),
                sum(step.w.size for step in layers))


def pack(plan):
    """The bytes of the code."""
    coder = Coder(parts=PARTS)
    for step in plan.steps:
        if step.w is not None:
            _pack_layer(coder, step, *row_map(plan, step))
    return coder.finish()


def _pack_layer(coder, step, W, H):
    w, models = step.w.reshape(len(step.w), -1).astype(np.int64), new_models()
    J = w.shape[1]
    columns = Columns(w.any(axis=0).astype(np.int64), np.zeros(J, np.int64), np.zeros(J, np.int64))
    coder.reserve(J)
    code_columns(coder.tape, models.columns, columns.used, W, H)
    for row, b in zip(w, step.b.astype(np.int64), strict=True):
        coder.reserve((J + 1) * MOST_DECISIONS)
        code_bias(coder.tape, models.biases, models.bias_signs, b, BIAS_LIMIT)
        code_row(coder.tape, models, columns, row, largest_size(step), W, H)
