"""Optimal Brain Surgeon's score, layer by layer: how much the layer's output changes if its other weights make up for one."""

import numpy as np

from nncompress.pruning.evidence import needed
from nncompress.pruning.surgeon import damped_inverse


def obs_scores(w, evidence):
    """score[o, i] = w[o, i]² / (2 [H⁻¹]_ii),   H = mean x xᵀ of the layer's inputs

    This is the first step of `surgeon_masks` alone, which also changes the other weights: a weight scores low if it is small,
    or if its input can be guessed from the layer's other inputs. H is damped (`damped_inverse`).

    w (O, …); evidence.input_moments (groups, K, K) of the same layer, a bias's 1 at the end or not -> scores of w's shape.
    Errors: ValueError for evidence without input_moments, or for those of another layer.
    Source: Dong, Chen, Pan 2017 (arXiv 1705.07565), eq. 5.
    """
    moments = needed("obs_scores", evidence, "input_moments")
    K = w[0].size
    if len(w) % len(moments) or moments.shape[1] not in (K, K + 1):
        raise ValueError(f"obs_scores: moments {moments.shape} do not fit the weight {w.shape}, which has {K} inputs")
    diagonals = np.stack([np.diag(damped_inverse(H))[:K] for H in moments])  # (groups, K)
    rows = np.square(w, dtype=np.float64).reshape(len(moments), -1, K)
    return (rows / (2 * diagonals[:, None])).reshape(w.shape)
