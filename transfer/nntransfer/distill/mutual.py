"""Deep mutual learning: no teacher, but students that learn from the labels and from each other.

    cohort = Cohort([models.cnn(width=0.25, seed=k) for k in range(2)])
    fit(cohort, loader, optim.SGD(cohort.parameters(), lr=0.02, momentum=0.9), epochs=20, loss=mutual_loss)
    student = cohort.students[0]

Source: Zhang, Xiang, Hospedales & Lu 2018 (arXiv 1706.00384), §2.
"""

from nnlite import functional as F
from nnlite import nn
from nnlite.nn.lists import list_of_models
from nntransfer.distill.logits import check_logits
from nntransfer.distill.losses import divergence


class Cohort(nn.Module):
    """Students side by side, as one model: images -> a tuple of the logits of each.

    `evaluate` and `fit` count what the first student gets right.
    Errors: ValueError for fewer than two students, and for the same student twice, which could not learn from itself; TypeError
    for one Module in the list's place.
    """

    def __init__(self, students):
        students = list_of_models("Cohort", students)
        if len(students) < 2 or len({id(student) for student in students}) < len(students):
            raise ValueError(f"Cohort: expects two or more different models, got {len(students)}, "
                             f"{len({id(student) for student in students})} of them different")
        self.students = nn.ModuleList(students)

    def forward(self, images):
        return tuple(student(images) for student in self.students)


def mutual_loss(logits, target):
    """Each student's cross-entropy with the labels, and its mean divergence from the others.

        L = Σ_k [CE(y, p_k) + 1/(K − 1) Σ_{j≠k} KL(p_j ‖ p_k)]        p_k = softmax(z_k)

    In KL(p_j ‖ p_k) the other student's p_j is a constant. All students take a step at the same time; in the paper's algorithm
    1 each student sees the latest step of the others. The divergences make L steeper where students differ. So a learning rate
    that suits each student alone may be too high for all together, and they then drift apart.

    logits: a tuple of K ≥ 2 Tensors z_k (N, C).   target y: as `cross_entropy` takes it -> a single number.
    Errors: ValueError for logits of different shapes, or of one student only.
    Source: Zhang et al. 2018 (arXiv 1706.00384), eq. 2, 5 and 8.
    """
    if not isinstance(logits, tuple) or len(logits) < 2:
        raise ValueError(f"mutual_loss: expects the logits of two or more students, got "
                         f"{len(logits) if isinstance(logits, tuple) else 1}")
    K, terms = len(logits), []
    for k, z_k in enumerate(logits):
        terms.append(F.cross_entropy(z_k, target))
        for j, z_j in enumerate(logits):
            if j != k:
                own, other = check_logits("mutual_loss", z_k, z_j.data)
                terms.append(divergence(own, other, 1) / (K - 1))
    return sum(terms[1:], terms[0])
