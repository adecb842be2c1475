"""Two more distances between a student and its teacher: the divergence from the student, and one that has no direction."""

import numpy as np


def reverse_divergence(z_s, z_t, temperature):
    """The divergence of the teacher from the softened student, times T², and its gradient -> (l, dz).

        l = T²/N Σ_n KL(s_n ‖ q_n) = T²/N Σ_n Σ_c s_nc (ln s_nc − ln q_nc)      s_n = softmax(z_s,n/T), q_n = softmax(z_t,n/T)

    z_s, z_t (N, C): logits of the student and of the teacher, finite, both float32 or both float64; temperature: T > 0.
    l is a number, dz = ∂l/∂z_s an array (N, C); both have the dtype of z_s. l and dz are finite for all logits up to ±10 000
    at T ≥ 1, also where s or q is too small for a float. z_s and z_t stay as they are.
    Errors: ValueError for logits that are not of one shape (N, C) with N ≥ 1 and C ≥ 1, and for a T that is not above 0 or
    not finite.
    Source: Gu et al. 2024, MiniLLM (arXiv 2306.08543), section 2.1, for whole logits instead of texts.
    """
    check("reverse_divergence", z_s, z_t, temperature)
    T = z_s.dtype.type(temperature)
    log_s, log_q = log_softmax(z_s / T), log_softmax(z_t / T)
    s, N = np.exp(log_s), len(z_s)
    divergence = (s * (log_s - log_q)).sum(axis=1, keepdims=True)
    return T * T * divergence.sum() / N, T / N * s * (log_s - log_q - divergence)


def jensen_shannon(z_s, z_t, temperature):
    """The Jensen-Shannon divergence of student and teacher, times T², and its gradient -> (l, dz).

        l = T²/N Σ_n [½ KL(q_n ‖ m_n) + ½ KL(s_n ‖ m_n)]       m = (s + q) / 2, KL(p ‖ m) = Σ_c p_c (ln p_c − ln m_c)

    s, q, z_s, z_t, temperature, l, dz and the errors are those of `reverse_divergence`; a term with p_c = 0 is 0. Student and
    teacher may be exchanged without a change of l, which is at most T² ln 2.
    l and dz are finite for all logits up to ±10 000 at T ≥ 1, also where s and q are both too small for a float.
    Source: Lin 1991, IEEE Transactions on Information Theory 37(1), section IV.
    """
    check("jensen_shannon", z_s, z_t, temperature)
    T = z_s.dtype.type(temperature)
    log_s, log_q = log_softmax(z_s / T), log_softmax(z_t / T)
    log_m = np.logaddexp(log_s, log_q) - np.log(z_s.dtype.type(2))
    s, q, N = np.exp(log_s), np.exp(log_q), len(z_s)
    of_student = (s * (log_s - log_m)).sum(axis=1, keepdims=True)
    of_teacher = (q * (log_q - log_m)).sum(axis=1, keepdims=True)
    # The derivatives of m cancel: ∂/∂s_c of the bracket is ½ (ln s_c − ln m_c).
    return T * T * (of_student + of_teacher).sum() / (2 * N), T / (2 * N) * s * (log_s - log_m - of_student)


def log_softmax(z):
    """ln softmax of each row of z (N, C), finite for finite z -> an array like z."""
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def check(name, z_s, z_t, temperature):
    """ValueError unless z_s and z_t have one shape (N, C) with N ≥ 1 and C ≥ 1, and T is finite and above 0."""
    if z_s.ndim != 2 or z_s.size == 0 or z_s.shape != z_t.shape:
        raise ValueError(f"{name}: the student's logits are {z_s.shape}, the teacher's {z_t.shape}, expected one shape (N, C)")
    if not 0 < temperature < np.inf:
        raise ValueError(f"{name}: the temperature has to be finite and above 0, got {temperature}")
