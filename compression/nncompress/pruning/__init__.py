"""Pruning: fewer weights, fewer filters. A mask is an array of booleans, True where a weight is kept.

Read in this order:
    masks        Masks on a model: zero the removed weights, count what is left
    criteria     how much each weight matters, one criterion a file
    evidence     what a criterion has to know besides the weight, gathered from data (by `gradients` and `inputs`)
    scores       from scores to what is kept: exactly so many, ties decided by position
    magnitude    unstructured pruning: the weights of the lowest scores go
    granularity  patterns such as 2:4, whole rows and columns, dead inputs
    surgeon      the other weights make up for a removed one (Optimal Brain Surgeon); `layerwise` does it in every layer
    movement     scores that are learned while the network trains
    schedule     how sparse to be at which step
    rounds       prune a little, retrain, and again
    lottery      go back to the first weights after each round; and the controls
    dense_again  dense, sparse, dense: pruning as a detour
    regrowth     the smallest weights go, others grow by their gradients (RigL)
    surgery      removed weights keep learning and may return
    variational  learned sparsity: weights that are mostly noise go
    l0           learned sparsity: gates that training closes
    layer_curves  sensitivity: how much the accuracy falls when one layer alone is pruned
    ratios       a sparsity for each layer, so that all fit a budget
    blocks       whole blocks go, those that change least what passes through them
    groups       slices of arrays that have to be removed together
    structured   structured pruning: whole filters and neurons go, and the arrays become smaller
    slimming     the channels that matter, by BatchNorm's scales
    thinet       channels that the next layer needs least go, and its weights are fitted to the others

Masks leave zeros in arrays of the old shape: the coded file becomes smaller, the model not faster. `shrink` makes the arrays
smaller and the model faster.
The articles' own formulas, as they are written, are in `nncompress.articles`.
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "blocks": ["block_influence", "drop_blocks", "find_blocks", "lowest_blocks"],
    "criteria": ["fisher_scores", "geometric_median_scores", "loss_per_bit_scores", "magnitude_scores",
                 "movement_scores", "obd_scores", "obs_scores", "random_scores", "snip_scores", "squared_scores",
                 "taylor_scores", "wanda_scores"],
    "dense_again": ["dense_sparse_dense"],
    "evidence": ["Evidence", "collect"],
    "granularity": ["dead_input_masks", "keep_n_of_m", "pattern_masks", "slice_masks"],
    "groups": ["Group", "Member", "dependency_groups"],
    "l0": ["Gated", "GateLoss", "add_gates", "expected_gate", "gated_layers", "hard_concrete", "open_probability",
           "remove_gates"],
    "layerwise": ["surgeon_masks"],
    "layer_curves": ["Curves", "sensitivity"],
    "lottery": ["find_tickets", "shuffled_masks", "train_from"],
    "magnitude": ["criterion_masks", "magnitude_masks", "std_masks", "threshold_masks"],
    "masks": ["Masks", "nonzero_masks", "prunable_weights"],
    "movement": ["MovementScores"],
    "ratios": ["layer_costs", "sparsities_for_budget", "tolerated_sparsity"],
    "regrowth": ["Regrowth", "regrown_fraction", "regrown_mask"],
    "rounds": ["Round", "prune_in_rounds", "prune_remaining"],
    "schedule": ["agp_sparsity", "one_shot_sparsity"],
    "scores": ["keep_highest", "masks_from_scores"],
    "slimming": ["scale_scores", "shrink_scales"],
    "structured": ["channels_to_keep", "group_scores", "shrink", "shrink_to"],
    "surgeon": ["compensation", "damped_inverse", "least_squares", "remove_one_by_one", "saliencies", "without_index"],
    "surgery": ["Surgery", "surgery_mask", "surgery_thresholds"],
    "thinet": ["shrink_by_reconstruction"],
    "variational": ["Noisy", "VariationalLoss", "add_noise", "kl_of_noise", "log_alpha", "noisy_layers", "remove_noise"],
}, rooms=("criteria",))
