"""Schedules: functions from a training step to a sparsity.

Gradual pruning is a training loop with new masks after every step (or every hundredth; weights that are removed are zero,
hence the smallest, and stay removed):

    steps = itertools.count(1)

    def prune():
        magnitude_masks(model, agp_sparsity(next(steps), start=100, steps=1000, final=0.9)).apply()

    fit(model, loader, optimizer, epochs=5, after_step=prune)

Source: Han et al. 2015 (arXiv 1506.02626), §3, prunes at once; the letters are those of Zhu & Gupta 2017 (arXiv 1710.01878).
"""

from nncompress.pruning.scores import check_fraction


def one_shot_sparsity(step, *, start, initial=0.0, final):
    """Sparsity at a training step if all weights go at once.

        s_t = s_i  before t_0,   s_f  from t_0 on

    step t, start t_0, initial s_i, final s_f.   Errors: ValueError for a sparsity outside [0, 1].

    >>> [one_shot_sparsity(step, start=2, final=0.9) for step in range(4)]
    [0.0, 0.0, 0.9, 0.9]
    """
    check_fraction("one_shot_sparsity: initial", initial)
    check_fraction("one_shot_sparsity: final", final)
    return final if step >= start else initial


def agp_sparsity(step, *, start, steps, initial=0.0, final):
    """Sparsity at a training step: fast at first, when redundancy is plentiful, then slower.

        s_t = s_f + (s_i − s_f) (1 − (t − t_0) / T)³,   clipped to t_0 ≤ t ≤ t_0 + T

    step t, start t_0, steps T > 0 (the paper's n Δt), initial s_i, final s_f.
    Errors: ValueError for a sparsity outside [0, 1], or steps ≤ 0.
    Source: Zhu & Gupta 2017 (arXiv 1710.01878), eq. 1.

    >>> round(agp_sparsity(50, start=0, steps=100, final=0.8), 3)
    0.7
    """
    check_fraction("agp_sparsity: initial", initial)
    check_fraction("agp_sparsity: final", final)
    if not steps > 0:
        raise ValueError(f"agp_sparsity: steps has to be above 0, got {steps}")
    progress = min(max((step - start) / steps, 0.0), 1.0)
    return final + (initial - final) * (1.0 - progress) ** 3
