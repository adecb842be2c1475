"""Knowledge distillation: a small student learns from the outputs of a large teacher beside the labels.

A teacher that is nearly sure of a 2 still says whether it looks more like a 3 or like a 7. Divided by a temperature T > 1,
its logits give these small probabilities a weight in the loss.
"""

from nnlite import Tensor
from nnlite import functional as F
from nnlite.nn.module import inference_mode


def check_logits(name, student_logits, teacher_logits):
    """Both logits as Tensors, the teacher's cut off from the tape; ValueError unless both have one shape (N, C), N > 0."""
    z_s = student_logits if isinstance(student_logits, Tensor) else Tensor(student_logits)
    z_t = Tensor(teacher_logits)
    if z_s.ndim != 2 or len(z_s) == 0 or z_s.shape != z_t.shape:
        raise ValueError(f"{name}: the student's logits have shape {z_s.shape}, the teacher's {z_t.shape}, "
                         "expected one shape (N, C) with N ≥ 1 for both")
    return z_s, z_t


def check_options(name, temperature, alpha):
    """ValueError unless T is positive, T² finite, and α in [0, 1]."""
    if not 0 < temperature < 1e150:
        raise ValueError(f"{name}: the temperature has to be above 0 and its square finite, got {temperature}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"{name}: alpha, the teacher's share of the loss, has to be in [0, 1], got {alpha}")


def distillation_loss(student_logits, teacher_logits, target, *, temperature, alpha):
    """The cross-entropy with the labels and the divergence from the softened teacher, in the shares 1 − α and α.

        L = (1 − α) CE(y, softmax(z_s)) + α T² KL(softmax(z_t/T) ‖ softmax(z_s/T))
        ∂L/∂z_s = [(1 − α) (softmax(z_s) − y) + α T (softmax(z_s/T) − softmax(z_t/T))] / N

    Both parts are means over the N examples. The gradient of the divergence shrinks like 1/T² as T grows (one 1/T from
    z_s/T, one from the two distributions, which approach each other); T² undoes that, so that α means the same at every T.
    Far from the teacher, the gradient of α T² KL is up to T times as long as that of the labels' part, so a learning rate that
    suits the labels may be too high.

    student_logits z_s, teacher_logits z_t (N, C); target y: class indices (N,) or probabilities (N, C) -> a single number.
    No gradient flows to the teacher. A class with z = −∞ adds nothing where its target, the label's or the teacher's, is 0.
    A share of 0 leaves its part out, also where that part is infinite.
    Errors: ValueError for T ≤ 0, α outside [0, 1], logits that are not of one shape (N, C), and a target that does not fit.
    Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2, eq. 1 to 4.

    >>> z_s, z_t = Tensor([[0.0, 0.0]]), Tensor([[2.0, 0.0]])
    >>> loss = distillation_loss(z_s, z_t, [0], temperature=2.0, alpha=0.5)
    >>> round(loss.item(), 4)       # ½ ln 2 + ½ · 4 · KL((0.7311, 0.2689) ‖ (½, ½))
    0.5685
    """
    check_options("distillation_loss", temperature, alpha)
    z_s, z_t = check_logits("distillation_loss", student_logits, teacher_logits)
    T = temperature
    hard = F.cross_entropy(z_s, target)
    soft = F.kl_div(F.log_softmax(z_s / T), F.softmax(z_t / T), reduction="batchmean")
    if alpha in (0, 1):
        return T**2 * soft if alpha else hard  # the other part may be infinite
    return (1 - alpha) * hard + alpha * T**2 * soft


def distillation(temperature, alpha):
    """`distillation_loss` as `nnlite.train.fit` calls a loss on batches with a teacher: loss(logits, labels, teacher_logits).

        fit(student, WithTeacher(loader, teacher), optimizer, epochs, loss=distillation(temperature=4, alpha=0.9))

    Errors: ValueError for T ≤ 0 and α outside [0, 1], before anything is trained.
    """
    check_options("distillation", temperature, alpha)

    def loss(logits, labels, teacher_logits):
        return distillation_loss(logits, teacher_logits, labels, temperature=temperature, alpha=alpha)

    return loss


class WithTeacher:
    """The batches of a loader, each with a teacher's logits for its images: (images, labels, teacher_logits).

    The teacher sees the very images that the student gets, augmentation included. It infers: no dropout, BatchNorm by its
    running statistics, nothing on the tape.

    loader: a DataLoader.   teacher: a Module, or a plan or any other function, images (n, C, H, W) -> logits (n, classes).
    """

    def __init__(self, loader, teacher):
        self.loader, self.teacher = loader, teacher

    @property
    def rng(self):
        """The loader's generator, so that a checkpoint can keep its state."""
        return self.loader.rng

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for images, labels, *_ in self.loader:
            with inference_mode(self.teacher):
                z_t = self.teacher(images)
            yield images, labels, z_t.data if isinstance(z_t, Tensor) else z_t
