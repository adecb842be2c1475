"""Criteria say how much each weight matters. One criterion a file.

    scores = criterion(w, evidence)        w any shape -> scores of that shape, float; the lowest go

`evidence` is an `Evidence` of this weight, such as its gradient, which `evidence.collect` gathers once from a model, a loader
and a loss; None for a criterion that looks at the weight only. `criterion_masks` prunes single weights by a criterion. `shrink`
removes whole filters and neurons, whose score is the sum of their weights' scores.
"""

from nncompress.pruning.criteria.bits import loss_per_bit_scores
from nncompress.pruning.criteria.fisher import fisher_scores
from nncompress.pruning.criteria.geometric_median import geometric_median_scores
from nncompress.pruning.criteria.magnitude import magnitude_scores
from nncompress.pruning.criteria.movement import movement_scores
from nncompress.pruning.criteria.obd import obd_scores
from nncompress.pruning.criteria.obs import obs_scores
from nncompress.pruning.criteria.random import random_scores
from nncompress.pruning.criteria.snip import snip_scores
from nncompress.pruning.criteria.squared import squared_scores
from nncompress.pruning.criteria.taylor import taylor_scores
from nncompress.pruning.criteria.wanda import wanda_scores

__all__ = ["fisher_scores", "geometric_median_scores", "loss_per_bit_scores", "magnitude_scores", "movement_scores",
           "obd_scores", "obs_scores", "random_scores", "snip_scores", "squared_scores", "taylor_scores", "wanda_scores"]
