"""Dense, sparse, dense: pruning as a detour that ends with the whole network, better trained.

The sparse phase forces the large weights to do the work alone; then the others start again from zero.

    def train_it(lr):
        return lambda masks: fit(model, loader, optim.SGD(model.parameters(), lr, momentum=0.9), 10, after_step=masks.apply)

    history = dense_sparse_dense(model, train_it(0.1), train_it(0.1), train_it(0.01), sparsity=0.3)
"""

from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.magnitude import criterion_masks
from nncompress.pruning.masks import Masks


def dense_sparse_dense(model, dense, sparse, again, *, sparsity, criterion=magnitude_scores, evidence=None, scope="layer"):
    """Train three times: with all weights, without those of the lowest scores, and with all again; removed ones start from 0.

    model       it ends with all of its weights
    dense, sparse, again   each gets Masks, trains the model, keeps the masks, and returns a history. The masks of `dense` and
                `again` are empty: they keep everything. The paper lets `again` have a tenth of the learning rate
    sparsity    how many of the trained weights go; the paper: 0.25 to 0.5
    criterion, scope   as in `criterion_masks`
    evidence    a function without arguments that gathers it after the dense phase, `lambda: collect(model, loader)`; or None

    -> (the Masks of the sparse phase, {"dense": history, "sparse": history, "again": history}).   Errors: as `criterion_masks`.
    Source: Han et al. 2017 (arXiv 1607.04381), §2, algorithm 1.
    """
    history = {"dense": dense(Masks(model, {}))}
    masks = criterion_masks(model, criterion, sparsity, None if evidence is None else evidence(), scope)
    masks.apply()
    history["sparse"] = sparse(masks)
    masks.apply()
    history["again"] = again(Masks(model, {}))
    return masks, history
