import numpy as np
import pytest

from nncompress.pruning.dense_again import dense_sparse_dense
from nncompress.pruning.masks import nonzero_masks
from nnlite import nn


def add(model, amount, seen):
    """A training that adds a number to every weight and keeps the masks."""
    def train(masks):
        seen.append((dict(masks), model[0].weight.data.copy()))
        model[0].weight.data = model[0].weight.data + np.float32(amount)
        masks.apply()
        return [amount]

    return train


def test_the_three_phases_are_dense_then_sparse_then_dense_from_zero():
    model, seen = nn.Sequential(nn.Linear(4, 1, rng=0)), []
    model[0].weight.data = np.float32([[-1, 2, 3, 4]])
    masks, history = dense_sparse_dense(model, add(model, 1, seen), add(model, 2, seen), add(model, 3, seen), sparsity=0.5)
    assert masks["0.weight"].tolist() == [[False, False, True, True]]         # of the trained weights 0, 3, 4, 5
    assert [began.tolist() for _, began in seen] == [[[-1, 2, 3, 4]], [[0, 0, 4, 5]], [[0, 0, 6, 7]]]
    assert [list(given) for given, _ in seen] == [[], ["0.weight"], []]
    assert model[0].weight.data.tolist() == [[3, 3, 9, 10]] and nonzero_masks(model).count == 4
    assert history == {"dense": [1], "sparse": [2], "again": [3]}


def test_evidence_is_gathered_after_the_dense_phase():
    model, seen = nn.Sequential(nn.Linear(4, 1, rng=0)), []
    model[0].weight.data = np.float32([[1, 2, 3, 4]])
    step = add(model, 10, seen)
    masks, _ = dense_sparse_dense(model, step, step, step, sparsity=0.25, criterion=lambda w, e: e - w,
                                  evidence=lambda: {"0.weight": model[0].weight.data.sum()})
    assert masks["0.weight"].tolist() == [[True, True, True, False]]
    with pytest.raises(ValueError, match="the sparsity has to be a number from 0 to 1, got 2"):
        dense_sparse_dense(model, step, step, step, sparsity=2)
