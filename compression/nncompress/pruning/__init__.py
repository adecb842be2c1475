"""Pruning: fewer weights, fewer filters. A mask is an array of booleans, True where a weight is kept.

Read in this order:
    scores      from scores to what is kept: exactly so many, ties decided by position
    masks       masks on a model: zero the removed weights, count what is left
    magnitude   unstructured pruning: the smallest weights go
    schedule    how sparse to be at which step
    groups      which slices of which arrays have to be removed together
    structured  structured pruning: whole filters and neurons go, and the arrays become smaller

Masks leave zeros in arrays of the old shape: smaller once coded, not faster. Only `shrink` makes a dense model faster.
The articles' own formulas, as they are written, are in `nncompress.articles`.
"""

from nncompress.pruning.groups import Group, Member, dependency_groups
from nncompress.pruning.magnitude import magnitude_masks, std_masks
from nncompress.pruning.masks import apply_masks, count_nonzero, nonzero_masks, prunable_weights, sparsity
from nncompress.pruning.schedule import agp_sparsity, one_shot_sparsity
from nncompress.pruning.scores import keep_highest, masks_from_scores
from nncompress.pruning.structured import l1_scores, shrink, shrink_to

__all__ = [
    "Group", "Member", "agp_sparsity", "apply_masks", "count_nonzero", "dependency_groups", "keep_highest", "l1_scores",
    "magnitude_masks", "masks_from_scores", "nonzero_masks", "one_shot_sparsity", "prunable_weights", "shrink", "shrink_to",
    "sparsity", "std_masks",
]
