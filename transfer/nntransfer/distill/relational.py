"""Relational distillation: the student learns the distances and angles between the features of a batch, not the features.

So the student's features may have another size than the teacher's.

Source: Park, Kim, Lu & Cho 2019 (arXiv 1904.05068), §3.2.
"""

from nnlite import Tensor
from nnlite import functional as F

EPS = 1e-12  # the least length that is divided by


def differences(features):
    """t_i − t_j of all pairs of examples, and its length: (N, …) -> (N, N, D), (N, N)."""
    t = features if isinstance(features, Tensor) else Tensor(features)
    t = F.flatten(t, 1)
    between = t[:, None] - t[None]
    return between, F.norm(between, dim=2)


def distance_loss(student, teacher):
    """The distances between examples, each divided by the mean distance, compared by Huber's loss h with δ = 1.

        L = 1/(N(N − 1)) Σ_{i≠j} h(ψ_ij(student) − ψ_ij(teacher))        ψ_ij = |t_i − t_j| / μ

    with μ = 1/(N(N − 1)) Σ_{i≠j} |t_i − t_j|, of the student and of the teacher each.

    student, teacher (N, …), features or logits -> a single number; 0 for N = 1. No gradient flows to the teacher. It takes
    memory for N² D numbers. Errors: ValueError for different N.
    Source: Park et al. 2019 (arXiv 1904.05068), eq. 5 to 8; they add up over pairs, which is N(N − 1) times as much.
    """
    N = _check("distance_loss", student, teacher)
    if N < 2:
        return 0 * F.sum(student)
    potentials = []
    for features in (student, Tensor(teacher)):
        _, lengths = differences(features)
        mu = F.sum(lengths) / (N * (N - 1))
        potentials.append(lengths / F.maximum(mu, EPS))
    return F.huber_loss(*potentials, reduction="sum") / (N * (N - 1))


def angle_loss(student, teacher):
    """The angles in all triangles of examples, compared by Huber's loss h with δ = 1.

        L = 1/(N(N − 1)(N − 2)) Σ_{i≠j≠k} h(cos_ijk(student) − cos_ijk(teacher))

        cos_ijk = ⟨e_ij, e_kj⟩        e_ij = (t_i − t_j) / |t_i − t_j|

    cos_ijk is the cosine of the angle at example j; e = 0 between equal features.

    student, teacher (N, …), features or logits -> a single number; 0 for N < 3. No gradient flows to the teacher. It takes
    memory for N² D and N³ numbers. Errors: ValueError for different N.
    Source: Park et al. 2019 (arXiv 1904.05068), eq. 9 and 10; they add up over triples.
    """
    N = _check("angle_loss", student, teacher)
    if N < 3:
        return 0 * F.sum(student)
    cosines = []
    for features in (student, Tensor(teacher)):
        between, lengths = differences(features)
        e = F.permute(between / F.maximum(lengths, EPS)[:, :, None], (1, 0, 2))  # (j, i, D)
        cosines.append(e @ F.transpose(e, 1, 2))  # (j, i, k)
    return F.huber_loss(*cosines, reduction="sum") / (N * (N - 1) * (N - 2))


def _check(name, student, teacher):
    if len(student) != len(teacher):
        raise ValueError(f"{name}: the student has features of {len(student)} examples, the teacher of {len(teacher)}")
    return len(student)
