"""Movement: a weight matters if training drives it away from 0, however small it is."""

from nncompress.pruning.evidence import needed


def movement_scores(w, evidence):
    """score = S = −Σ_t g_t · w_t,   g_t = ∂L/∂w in step t of a training

    −g is the direction in which w goes. So S grows where w moves away from 0, and falls where it moves towards 0.

    w any shape; evidence.movement S of that shape, from `MovementScores` -> scores of that shape, of either sign.
    Errors: ValueError for evidence without a movement.
    Source: Sanh, Wolf, Rush 2020 (arXiv 2005.07683), eq. 3, without its constant factor α_S.
    """
    return needed("movement_scores", evidence, "movement")
