"""Pruning: fewer weights, fewer filters. A mask is an array of booleans, True where a weight is kept.

Read in this order:
    masks       Masks on a model: zero the removed weights, count what is left
    criteria    how much each weight matters, one criterion a file
    evidence    what a criterion has to know beside the weight, gathered from data: out of `gradients` and `inputs`
    scores      from scores to what is kept: exactly so many, ties decided by position
    magnitude   unstructured pruning: the weights of the lowest scores go
    movement    scores that are learned while the network trains
    schedule    how sparse to be at which step
    rounds      prune a little, retrain, and again
    lottery     go back to the first weights after each round; and the controls
    dense_again  dense, sparse, dense: pruning as a detour
    regrowth    the smallest weights go, others grow by their gradients (RigL)
    surgery     removed weights go on learning and may return
    layer_curves  sensitivity: how much the accuracy falls when one layer alone is pruned
    ratios      a sparsity for each layer, so that all fit a budget
    groups      which slices of which arrays have to be removed together
    structured  structured pruning: whole filters and neurons go, and the arrays become smaller

Masks leave zeros in arrays of the old shape: smaller once coded, not faster. Only `shrink` makes a dense model faster.
The articles' own formulas, as they are written, are in `nncompress.articles`.
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "dense_again": ["dense_sparse_dense"],
    "layer_curves": ["Curves", "sensitivity"],
    "ratios": ["layer_costs", "sparsities_for_budget", "tolerated_sparsity"],
    "lottery": ["find_tickets", "shuffled_masks", "train_from"],
    "regrowth": ["Regrowth", "regrown_fraction", "regrown_mask"],
    "rounds": ["Round", "prune_in_rounds", "prune_remaining"],
    "surgery": ["Surgery", "surgery_mask", "surgery_thresholds"],
    "criteria": ["fisher_scores", "magnitude_scores", "movement_scores", "obd_scores", "random_scores", "snip_scores",
                 "squared_scores", "taylor_scores", "wanda_scores"],
    "evidence": ["Evidence", "collect"],
    "groups": ["Group", "Member", "dependency_groups"],
    "magnitude": ["criterion_masks", "magnitude_masks", "std_masks"],
    "masks": ["Masks", "nonzero_masks", "prunable_weights"],
    "movement": ["MovementScores"],
    "schedule": ["agp_sparsity", "one_shot_sparsity"],
    "scores": ["keep_highest", "masks_from_scores"],
    "structured": ["group_scores", "shrink", "shrink_to"],
}, rooms=("criteria",))
