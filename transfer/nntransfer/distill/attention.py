"""Attention transfer: the student looks where its teacher looks.

Source: Zagoruyko & Komodakis 2017 (arXiv 1612.03928), §3.1.
"""

from nnlite import Tensor
from nnlite import functional as F

EPS = 1e-12  # the least length that is divided by


def attention_map(features):
    """Where a layer is active: the squares of its channels added up, as a vector of length 1.

        Q_n = q_n / |q_n|        q_n = vec(Σ_c A_nc²)

    features A (N, C, H, W) -> Q (N, H·W), all ≥ 0. An image without any activity has Q = 0.
    Errors: ValueError for features that do not have four axes.
    """
    A = features if isinstance(features, Tensor) else Tensor(features)
    if A.ndim != 4:
        raise ValueError(f"attention_map: expects features (N, C, H, W), got {A.shape}")
    q = F.flatten(F.sum(A * A, dim=1), 1)
    return q / F.maximum(F.norm(q, dim=1, keepdim=True), EPS)


def attention_loss(student, teacher):
    """How far the student's attention is from the teacher's.

        L = 1/N Σ_n |Q(student)_n − Q(teacher)_n|²

    Equation 2 of the paper has the length |…| itself; its authors' program squares it, as here, so that the gradient goes to 0
    where the two agree. Only the places have to be as many on both sides, not the channels.

    student, teacher (N, C, H, W) -> a number from 0 to 2. No gradient flows to the teacher.
    Errors: ValueError for features of another form, and for maps of different sizes.
    """
    Q_s, Q_t = attention_map(student), attention_map(Tensor(teacher))
    if Q_s.shape != Q_t.shape:
        raise ValueError(f"attention_loss: the student's features are {tuple(student.shape)}, the teacher's "
                         f"{tuple(teacher.shape)}; N, H and W have to be the same")
    return F.sum((Q_s - Q_t) ** 2) / len(Q_s)
