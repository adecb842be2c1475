"""Two losses as the first article writes them, to the letter, and what is wrong with each.

Its formula for knowledge distillation (A4) has no teacher in it. Its code (A8) has a teacher, but passes logarithms of
probabilities to a loss that needs probabilities. The accepted form is `nntransfer.distillation_loss`.

Source: the articles' formulas A4 and A8, which `tutorials/articles.md` quotes.
"""

from nnlite import functional as F
from nntransfer.distill.logits import check_logits


def log_loss(y_hat, y):
    """The article's formula for distillation (A4): binary cross-entropy of the student's output and the true label.

        L = −1/N Σ_i [y_i ln ŷ_i + (1 − y_i) ln(1 − ŷ_i)]

    What is wrong: the labels are the true ones and the outputs are the student's, so no teacher is in the formula. And ŷ is
    one probability, where a classifier has C of them. It is an ordinary training loss.

    y_hat: probabilities, y: labels 0 or 1 of the same shape -> a single number.
    Errors: ValueError for other shapes, and for anything outside [0, 1].

    >>> from nnlite import Tensor
    >>> round(log_loss(Tensor([0.5, 0.25]), [1, 0]).item(), 4)      # (ln 2 + ln 4/3) / 2
    0.4904
    """
    return F.binary_cross_entropy(y_hat, y)


def cross_entropy_with_log_probabilities(student_logits, teacher_logits):
    """The article's code for distillation (A8): `CrossEntropyLoss()(student, log_softmax(teacher))`.

        L = −1/N Σ_n Σ_c t_nc ln softmax(z_s)_nc        t = ln softmax(z_t) ≤ 0
        ∂L/∂z_s = (softmax(z_s) Σ_k t_nk − t) / N

    What is wrong: a target of the cross-entropy has to be a probability, and t is the logarithm of one. Both factors are
    negative, so every term lowers L, and L → −∞ as any ln softmax(z_s)_nc → −∞: there is no minimum. L is concave in z_s.
    Its gradient is 0 only where softmax(z_s) = t / Σ_k t_k, which gives the smallest probability to the class that the
    teacher believes in. This point is a maximum, and gradient descent moves away from it for ever. F.cross_entropy rejects
    such a target, so the formula is written out here. With exp(t) in the place of t it is the accepted form
    (`distillation_loss` with T = 1, α = 1, up to a constant, the teacher's entropy).

    student_logits, teacher_logits (N, C) -> a single number; no gradient flows to the teacher.
    Errors: ValueError where the two are not of one shape (N, C).
    """
    z_s, z_t = check_logits("cross_entropy_with_log_probabilities", student_logits, teacher_logits)
    t = F.log_softmax(z_t)
    return -F.sum(t * F.log_softmax(z_s)) / len(z_s)
