"""Pruning: fewer weights, fewer filters. A mask is an array of booleans, True where a weight is kept.

Read in this order:
    masks       Masks on a model: zero the removed weights, count what is left
    criteria    how much each weight matters, one criterion a file
    evidence    what a criterion has to know beside the weight, gathered from data
    scores      from scores to what is kept: exactly so many, ties decided by position
    magnitude   unstructured pruning: the weights of the lowest scores go
    schedule    how sparse to be at which step
    groups      which slices of which arrays have to be removed together
    structured  structured pruning: whole filters and neurons go, and the arrays become smaller

Masks leave zeros in arrays of the old shape: smaller once coded, not faster. Only `shrink` makes a dense model faster.
The articles' own formulas, as they are written, are in `nncompress.articles`.
"""

from nncompress.pruning.criteria import magnitude_scores, random_scores, squared_scores, taylor_scores, wanda_scores
from nncompress.pruning.evidence import Evidence, collect
from nncompress.pruning.groups import Group, Member, dependency_groups
from nncompress.pruning.magnitude import criterion_masks, magnitude_masks, std_masks
from nncompress.pruning.masks import Masks, nonzero_masks, prunable_weights
from nncompress.pruning.schedule import agp_sparsity, one_shot_sparsity
from nncompress.pruning.scores import keep_highest, masks_from_scores
from nncompress.pruning.structured import group_scores, shrink, shrink_to

__all__ = [
    "Evidence", "Group", "Masks", "Member", "agp_sparsity", "collect", "criterion_masks", "dependency_groups", "group_scores",
    "keep_highest", "magnitude_masks", "magnitude_scores", "masks_from_scores", "nonzero_masks", "one_shot_sparsity",
    "prunable_weights", "random_scores", "shrink", "shrink_to", "squared_scores", "std_masks", "taylor_scores", "wanda_scores",
]
